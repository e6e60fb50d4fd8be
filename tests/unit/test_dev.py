"""What ./dev says of its suites is what there is, a suite that there is not is refused, and coverage is added up right."""

import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools/dev"))
import covered  # noqa: E402 (it is found by the line above)
import suites  # noqa: E402
from progress import Failure  # noqa: E402
from tap import done, ok  # noqa: E402


def dev(*arguments):
    """(status, output)"""
    done = subprocess.run([TOP / "dev", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "DEV_IN_SCOPE": "1"})
    return done.returncode, done.stdout


def check_names():
    _, helped = dev("help")
    told = re.search(r"^  test .*?(?=^  \w)", helped, re.MULTILINE | re.DOTALL)[0]
    left_out = set(suites.SUITES) - set(re.findall(r"[\w-]+", told))
    ok(not left_out, "./dev help names every suite", left_out)
    ok(set(suites.DEFAULT) <= set(suites.SUITES), "what ./dev test runs without a name are suites")
    ok(set(covered.SUITES) <= set(suites.SUITES), "what ./dev coverage counts in are suites")
    gone = [path for path in covered.BY_LANGUAGE if not (TOP / path).exists()]
    ok(not gone, "what ./dev coverage leaves out is there", gone)
    for command, known in (("test", suites.SUITES), ("coverage", covered.SUITES)):
        status, output = dev(command, "unit", "nosuch")
        wanted = f"dev: unknown suite nosuch: there are {', '.join(known)} "
        ok(status == 1 and output.startswith(wanted), f"./dev {command} nosuch says which there are", output)
    try:
        suites.security(["-k", "x"])
        ok(False, "security takes no arguments")
    except Failure as failure:
        ok("takes no arguments" in str(failure), "security takes no arguments", failure)


def check_sums():
    def file(name, *numbers):
        keys = ("line_covered", "line_total", "branch_covered", "branch_total")
        return {"filename": name, **dict(zip(keys, numbers))}

    files = [file("common/a.c", 1, 2, 3, 8), file("common/b.h", 1, 1, 0, 0), file("master/c.c", 0, 1999, 0, 0)]
    rows = covered.by_folder(files)
    ok(rows == [("common", 2, 3, 3, 8), ("executor", 0, 0, 0, 0), ("master", 0, 1999, 0, 0), ("all", 2, 2002, 3, 8)],
       "files are added up by folder", rows)
    ok(covered.share(1999, 2000) == "99.9 %" and covered.share(5, 5) == "100.0 %" and covered.share(0, 0) == "-",
       "a share is rounded down")


check_names()
check_sums()
done()
