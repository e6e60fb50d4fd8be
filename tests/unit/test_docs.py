"""What the documents say is what the programs do: the settings, language files against their schema, and every
file that a document names."""

import json
import pathlib
import re
import subprocess
import sys

import jsonschema
import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools/dev"))
import settings  # noqa: E402 (it is found by the line above)

count = failed = 0


def ok(good, name, detail=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {name}")
    if not good and detail:
        print("#   " + str(detail).replace("\n", "\n#   "))


def check_settings(program):
    for path, content in settings.documents(program):
        ok(settings.is_current(path, content), f"{path.name}'s settings are the program's", "./dev fmt writes them")


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


def check_alerts():
    """Each metric in a rule is one of ours, each alert has its row in OPERATIONS.md, and Prometheus takes the file."""
    path = TOP / "docs/alerts.yml"
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
    ok(done.returncode == 0, "promtool takes alerts.yml", done.stdout + done.stderr)
    rules = [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
    source = "".join((TOP / name).read_text() for name in ("master/figures.c", "executor/figures.c", "common/store.c"))
    known = set(re.findall(r'"(sentinel_[a-z_]+)"', source))
    used = {name for rule in rules for name in re.findall(r"sentinel_[a-z_]+", rule["expr"])}
    unknown = {name for name in used if not {name, re.sub(r"_(bucket|count|sum)$", "", name)} & known}
    ok(len(used) > 10 and not unknown, "each metric in a rule is there", unknown)
    text = (TOP / "docs/OPERATIONS.md").read_text()
    missing = [rule["alert"] for rule in rules if f"`{rule['alert']}`" not in text]
    ok(not missing, "OPERATIONS.md says of each alert what to do", missing)


check_settings(sys.argv[1])
check_languages()
check_links()
check_alerts()
print(f"1..{count}")
sys.exit(failed > 0)
