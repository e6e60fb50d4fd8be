"""What the documents say is what the programs do: the settings, language files against their schema, and every
file that a document names."""

import json
import pathlib
import re
import subprocess
import sys

import jsonschema
import yaml

from tap import done, ok

TOP = pathlib.Path(__file__).resolve().parents[2]
MONITORING = TOP / "k8s/components/monitoring"
sys.path.insert(0, str(TOP / "tools/dev"))
import settings  # noqa: E402 (it is found by the line above)

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


def unknown_metrics(expressions):
    """(how many of our metrics the expressions name, those that there are not)."""
    source = "".join((TOP / name).read_text() for name in ("master/figures.c", "executor/figures.c", "common/store.c"))
    known = set(re.findall(r'"(sentinel_[a-z_]+)"', source))
    used = {name for expression in expressions for name in re.findall(r"sentinel_[a-z_]+", expression)}
    return len(used), {name for name in used if not {name, re.sub(r"_(bucket|count|sum)$", "", name)} & known}


def check_suites():
    """`./dev help` lists each suite."""
    known = re.findall(r'^    "([a-z0-9-]+)": ', (TOP / "tools/dev/suites.py").read_text(), re.M)
    listed = re.search(r"Suites: (.*?) ARGUMENTs", (TOP / "tools/dev/__main__.py").read_text(), re.S)[1]
    missing = set(known) - set(re.findall(r"[a-z0-9-]+", listed))
    ok(len(known) > 20 and not missing, "./dev help lists each suite", missing)


def check_alerts():
    """Each metric in a rule is one of ours, each alert has its row in OPERATIONS.md, and Prometheus takes the file."""
    path = MONITORING / "alerts.yml"
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
    ok(done.returncode == 0, "promtool takes alerts.yml", done.stdout + done.stderr)
    done = subprocess.run(["promtool", "test", "rules", TOP / "tests/unit/alerts.yml"], capture_output=True, text=True)
    ok(done.returncode == 0, "alerts fire when they should", done.stdout + done.stderr)
    rules = [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
    used, unknown = unknown_metrics(rule["expr"] for rule in rules)
    ok(used > 10 and not unknown, "each metric in a rule is there", unknown)
    text = (TOP / "docs/OPERATIONS.md").read_text()
    missing = [rule["alert"] for rule in rules if f"`{rule['alert']}`" not in text]
    ok(not missing, "OPERATIONS.md says of each alert what to do", missing)


def tables(text, column):
    """The rows of each table that has this column: {column: cell}."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.M):
        head, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        if column in head:
            yield [dict(zip(head, row)) for row in rows]


def check_what_is_ill():
    """Each row of the handbook's tables of symptoms names a metric and a log line that there are, and an act; and every setting
    and program that the page names exists."""
    text = (TOP / "docs/OPERATIONS.md").read_text()
    source = "".join(path.read_text() for folder in ("master", "executor", "common") for path in sorted((TOP / folder).rglob("*.c")))
    events = {event for call in re.findall(r"\b(?:log_(?:event|audit|held|write\w*)|audit)\((.*?);", source, re.S)
              for event in re.findall(r'"([^"]+)"', call)}
    found = list(tables(text, "log line"))
    ok([len(rows) > 10 for rows in found] == [True, True], "both tables of symptoms are read", [len(rows) for rows in found])
    for row in (row for rows in found for row in rows):
        name = next(iter(row.values()))
        _, unknown = unknown_metrics([row["metric"]])
        named = re.findall(r"`([^`]+)`", row["log line"])
        ok("sentinel_" in row["metric"] and not unknown, f"its metric is there: {name}", unknown or row)
        ok(events & set(named), f"its log line is there: {name}", named)
        ok(row["do"], f"it says what to do: {name}")
    settings_there = set(re.findall(r"`(SENTINEL_\w+)`", (TOP / "docs/SETTINGS.md").read_text()))
    missing = {name for name in re.findall(r"SENTINEL_[A-Z0-9_]+", text) if name not in settings_there}
    ok(not missing, "each setting that OPERATIONS.md names is there", missing)


def check_named_tests():
    """Each row of PROTOCOL.md's table of what is killed names tests that there are."""
    found, = tables((TOP / "docs/PROTOCOL.md").read_text(), "shown by")
    ok(len(found) > 12, "the table of what is killed is read")
    for row in found:
        names, path, missing = re.findall(r"`([^`]+)`", row["shown by"]), None, []
        for name in names:
            file, _, test = name.partition("::")
            path = path if file == "…" else TOP / "tests" / file
            if not path.exists() or (test and not re.search(rf"\b{re.escape(test)}\(", path.read_text())):
                missing.append(name)
        ok(names and not missing, f"shown by a test: {row['what']}, {row['when']}", missing)


def check_dashboard():
    """Each metric in it is one of ours, and Prometheus takes each expression, Grafana's variables filled in."""
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    used, unknown = unknown_metrics(expressions)
    ok(used > 15 and not unknown, "each metric in the dashboard is there", unknown)
    rules = [{"record": f"panel:{number}", "expr": expression.replace("$language", ".*")}
             for number, expression in enumerate(expressions)]
    done = subprocess.run(["promtool", "check", "rules", "/dev/stdin"], capture_output=True, text=True,
                          input=yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    ok(done.returncode == 0, "Prometheus takes the dashboard's expressions", done.stdout + done.stderr)
    places = [tuple(panel["gridPos"].values()) for panel in panels]
    ok(len(set(places)) == len(panels), "no two panels have one place", places)


check_settings(sys.argv[1])
check_languages()
check_links()
check_suites()
check_alerts()
check_what_is_ill()
check_named_tests()
check_dashboard()
done()
