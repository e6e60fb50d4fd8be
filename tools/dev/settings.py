"""The settings as documents have them: docs/SETTINGS.md holds the table that `sentinel-master --settings` prints, README.md the
names. `./dev fmt` writes both; tests/unit/test_docs.py holds them to it."""

import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]


def names(table):
    """README's form: a row for each program, its settings' names with their aliases."""
    of = {}
    for line in table.splitlines()[2:]:
        variable, program = [cell.strip() for cell in line.strip("|").split("|")][:2]
        of.setdefault(program, []).append(variable)
    return "".join(["| of | variables (aliases) |\n|---|---|\n",
                    *(f"| {program} | {', '.join(variables)} |\n" for program, variables in of.items())])


def documents(program):
    """[(path, what stands between its marks)]."""
    table = subprocess.run([program, "--settings"], capture_output=True, text=True, check=True).stdout
    return [(TOP / "docs/SETTINGS.md", table), (TOP / "README.md", names(table))]


MARKED = re.compile(r"(<!-- settings: .*?-->\n)(.*?)(<!-- end of settings -->)", re.DOTALL)


def is_current(path, content):
    block = MARKED.search(path.read_text())
    return bool(block) and block[2] == content


def write(program):
    for path, content in documents(program):
        path.write_text(MARKED.sub(lambda block: block[1] + content + block[3], path.read_text()))
