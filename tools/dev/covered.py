"""`./dev coverage`: which of our lines and branches the suites run, counted by gcov and shown by gcovr.

A process writes its counts as it exits: what only processes ran that a test killed is not counted. The box and the probe are
not counted at all (common/meson.build), nor the self-test, which is itself a test of the box, and what protoc-c made."""

import json
import shutil

import packages
from build import build
from paths import GCOV, TOP
from progress import run, say
from suites import check_names, e2e, meson_suite, run_suites

REPORT = TOP / "build/coverage"
FOLDERS = ("common", "executor", "master")

# What runs users' programs in every language: minutes of theirs, and few lines of ours that the others do not run.
BY_LANGUAGE = [f"tests/e2e/test_{name}.py" for name in ("examples", "languages", "load", "programs")]

SUITES = {
    "unit": lambda: meson_suite("unit", [], GCOV),
    "integration": lambda: meson_suite("integration", [], GCOV),
    "fuzz": lambda: meson_suite("fuzz", [], GCOV),
    "e2e": lambda: e2e(["tests/e2e", *(f"--ignore={path}" for path in BY_LANGUAGE)], "coverage-e2e", directory=GCOV),
}
DEFAULT = list(SUITES)


def gcovr(title):
    """Writes the pages; what gcovr says of each file. A process that is killed as it writes leaves counts that cannot be, and
    gcovr would stop at their first: they are left out, and said."""
    summary = REPORT / "summary.json"
    _, output = run("writing the report", ["/usr/bin/gcovr", "--gcov-executable", "/usr/bin/gcov", "--root", TOP,
                                           *(f"--filter={TOP / folder}/" for folder in FOLDERS),
                                           f"--exclude={TOP}/executor/(box|selftest)/", "--gcov-ignore-parse-errors",
                                           "--html-title", title, "--html-details", REPORT / "index.html",
                                           "--json-summary", summary, GCOV], cwd=TOP)
    for line in output.splitlines():
        if "WARNING" in line or "ERROR" in line:
            say(f"  gcovr: {line}")
    return json.loads(summary.read_text())["files"]


def by_folder(files):
    """Rows of (folder, lines run, lines, branches taken, branches), the last of all together."""
    keys = ("line_covered", "line_total", "branch_covered", "branch_total")
    sums = {folder: [0] * len(keys) for folder in [*FOLDERS, "all"]}
    for file in files:
        for folder in (file["filename"].split("/")[0], "all"):
            sums[folder] = [total + file[key] for total, key in zip(sums[folder], keys)]
    return [(folder, *numbers) for folder, numbers in sums.items()]


def share(part, whole):
    """Rounded down, so that 100 % is all of it."""
    return f"{1000 * part // whole / 10:.1f} %" if whole else "-"


def table(rows):
    yield f"{'folder':<10}{'lines':>8}{'run':>8}{'':>9}{'branches':>11}{'taken':>8}"
    for folder, lines_run, lines, taken, branches in rows:
        yield (f"{folder:<10}{lines:>8}{lines_run:>8}{share(lines_run, lines):>9}"
               f"{branches:>11}{taken:>8}{share(taken, branches):>9}")


def coverage(arguments):
    chosen = arguments or DEFAULT
    check_names(chosen, SUITES, DEFAULT)
    packages.install(packages.COVERAGE, "coverage")
    # Anew each time: else counts of earlier runs, and sources that are gone, would be in the figures.
    for folder in (GCOV, REPORT):
        shutil.rmtree(folder, ignore_errors=True)
    REPORT.mkdir(parents=True)
    build(GCOV)
    status = run_suites({name: SUITES[name] for name in chosen})
    for line in table(by_folder(gcovr(f"Sentinel: what {', '.join(chosen)} ran"))):
        say(line)
    say("build/coverage/index.html has every line; without the box, whose processes end by _exit and share memory")
    return status
