"""What the documents say is what the programs do: README's settings, language files against their schema, and every
file that a document names."""

import json
import pathlib
import re
import subprocess
import sys

import jsonschema

TOP = pathlib.Path(__file__).resolve().parents[2]
count = failed = 0


def ok(good, name, detail=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {name}")
    if not good and detail:
        print("#   " + str(detail).replace("\n", "\n#   "))


def check_settings(program):
    readme = (TOP / "README.md").read_text()
    block = re.search(r"<!-- settings: .*?-->\n(.*?)<!-- end of settings -->", readme, re.DOTALL)
    table = subprocess.run([program, "--settings"], capture_output=True, text=True, check=True).stdout
    ok(block and block[1] == table, "README's settings are the program's",
       f"put the output of {program} --settings between README's marks")


def check_languages():
    schema = json.loads((TOP / "languages/schema.json").read_text())
    checker = jsonschema.Draft202012Validator(schema)
    for path in sorted((TOP / "languages").glob("*.json")):
        if path.name != "schema.json":
            wrong = [error.message for error in checker.iter_errors(json.loads(path.read_text()))]
            ok(not wrong, f"{path.name} fits its schema", wrong)


def check_links():
    for path in sorted([*TOP.glob("*.md"), *(TOP / "docs").glob("*.md")]):
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
        missing = [link for link in links if not (path.parent / link).exists()]
        ok(not missing, f"{path.name}: what it links to is there", missing)


check_settings(sys.argv[1])
check_languages()
check_links()
print(f"1..{count}")
sys.exit(failed > 0)
