"""What a suite came to, from what meson and pytest leave behind."""

import dataclasses
import os
import re
import xml.etree.ElementTree

from progress import say


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    complaints: list = dataclasses.field(default_factory=list)

    def fail(self, complaint):
        self.failed += 1
        self.complaints.append(complaint)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.complaints += other.complaints


def must_sandbox():
    return os.environ.get("SENTINEL_MUST_SANDBOX") == "1"


def skipped(count, name, why):
    """A test that was skipped: a failure, unless skipping is allowed here."""
    if must_sandbox():
        count.fail(f"{name}: skipped: {why}")
    else:
        say(f"  skipped: {name}: {why}")


def count_tap(count, entry):
    """One of meson's tests. Its points count; an end that the points do not explain is one failure more."""
    name, text, before = entry["name"], entry.get("stdout", ""), (count.passed, count.failed)
    for wrong, what in re.findall(r"^\s*(not )?ok\b(.*)$", text, re.MULTILINE):
        if re.search(r"# *(skip|todo)", what, re.IGNORECASE):
            skipped(count, f"{name}{what}", "by the test itself")
        elif wrong:
            count.fail(f"{name}: not ok{what}")
        else:
            count.passed += 1
    summary = re.search(r"^.*\b\d+ passed.* in [\d.]+s", text, re.MULTILINE)  # pytest's
    for number, outcome in re.findall(r"(\d+) (passed|failed|error|skipped)", summary.group() if summary else ""):
        if outcome == "passed":
            count.passed += int(number)
        for _ in range(int(number) if outcome != "passed" else 0):
            skipped(count, name, "see above") if outcome == "skipped" else count.fail(f"{name}: {outcome}")
    if entry["result"] != "OK" and count.failed == before[1]:
        count.fail(f"{name}: {entry['result']} (status {entry['returncode']})")
    elif (count.passed, count.failed) == before:
        count.passed += 1  # a test that only has an end


def count_junit(count, path):
    if not path.exists():
        count.fail(f"no report in {path}: the run did not get to its end")
        return
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        wrong = [child for child in case if child.tag in ("failure", "error")]
        skips = case.findall("skipped")
        if wrong:
            count.fail(f"{name}: {(wrong[0].get('message') or '').splitlines()[:1]}")
        elif skips:
            skipped(count, name, skips[0].get("message"))
        else:
            count.passed += 1
