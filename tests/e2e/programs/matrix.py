"""What each program of the matrix is sent, and which verdict and evidence must come. A language is a folder beside this
file with one program per row (`<row><suffix>`, or a folder `<row>/` of several files) and a language.json:

    suffix     of its programs
    main       what the entry of `two_sources/` is called
    compiled   whether its results tell of a compile step
    rows       what differs from the table below, merged into the row

The time limits and bounds are those of a machine that runs at full speed (scale.py). Evidence is data: a number or null must be equal, a string is a regular expression to be found in the value, [low, high]
are bounds, {"exactly": x} is x. {limit} in a reason stands for that limit."""

import json
import os
from pathlib import Path

from scale import scaled

HERE = Path(__file__).parent
KIB, MIB = 1024, 1024 * 1024


def big_input():
    """1 MiB of numbered lines, and what counting its bytes and lines and adding up the numbers comes to."""
    lines, size = [], 0
    while size < MIB:
        lines.append(f"{len(lines)}\n")
        size += len(lines[-1])
    return "".join(lines), f"{size} {len(lines)} {len(lines) * (len(lines) - 1) // 2}"


ACCEPTED = {"exitCode": 0, "signal": None, "truncated": {"exactly": False}, "memoryKb": [1, 256 * KIB]}

ROWS = {
    "accepted": {
        "tests": [["5", "10"], ["3", "6"], ["0", "0"]],
        "evidence": {**ACCEPTED, "cpuTimeMs": [0, 2000], "wallTimeMs": [0, 10000]},
    },
    "wrong_answer": {  # right for two of three
        "tests": [["5", "10"], ["3", "6"], ["0", "0"]],
        "verdicts": ["accepted", "wrong_answer", "accepted"],
        "evidence": {"exitCode": 0, "signal": None},
    },
    "exit_code": {
        "tests": [["", "before"]],
        "verdicts": ["runtime_error"],
        "evidence": {"exitCode": 42, "signal": None, "stdout": "^before\n$", "stderr": "giving up", "reason": "42"},
    },
    "crash": {  # by a signal or an exception: each language says which
        "tests": [["", "before"]],
        "verdicts": ["runtime_error"],
        "evidence": {"stdout": "^before\n$"},
    },
    "cpu_limit": {
        "tests": [["", ""]],
        "limits": {"cpuTimeMs": 500, "wallTimeMs": 20000},
        "verdicts": ["cpu_time_exceeded"],
        "evidence": {"cpuTimeMs": [490, 900], "wallTimeMs": [400, 19000], "reason": "of {cpuTimeMs} ms of CPU time"},
    },
    "wall_limit": {
        "tests": [["", ""]],
        "limits": {"cpuTimeMs": 5000, "wallTimeMs": 700},
        "verdicts": ["wall_time_exceeded"],
        "evidence": {"wallTimeMs": [690, 9000], "reason": "of {wallTimeMs} ms of wall time"},
    },
    "memory_limit": {
        "tests": [["", ""]],
        "limits": {"memoryMb": 64},
        "verdicts": ["memory_exceeded"],
        "evidence": {"memoryKb": [52 * KIB, 66 * KIB], "reason": "64|65536"},
    },
    "output_limit": {
        "tests": [["", ""]],
        "limits": {"outputKb": 16},
        "verdicts": ["output_exceeded"],
        "evidence": {"stdout": "^line 0\nline 1\n", "truncated": {"exactly": True}, "reason": r"\d"},
        "kept": 16 * KIB,  # bytes of stdout
    },
    "big_stdin": {
        "tests": [list(big_input())],
        "evidence": ACCEPTED,
    },
    "unicode": {  # a program with text in its source that echoes text from its input
        "tests": [["žluťoučký кот 日本語 🎉", "Grüße → žluťoučký кот 日本語 🎉 ✓"], ["", "Grüße →  ✓"]],
        "evidence": {**ACCEPTED, "stdout": "^Grüße → .*✓\n$"},
    },
    "arguments": {
        "tests": [["", "6\n[one]\n[two words]\n[-x]\n[ü→]\n[$HOME;*]\n[]"]],
        "args": ["one", "two words", "-x", "ü→", "$HOME;*", ""],
        "evidence": ACCEPTED,
    },
    "two_sources": {
        "tests": [["20", "42"]],
        "evidence": ACCEPTED,
    },
    "empty": {
        "tests": [["ignored", ""]],
        "evidence": {**ACCEPTED, "stdout": {"exactly": ""}},
    },
    "compile_error": {
        "tests": [["5", "10"], ["3", "6"]],
        "verdicts": ["compile_error"],
    },
}


def languages():
    """All, or those that SENTINEL_TEST_LANGUAGES names."""
    chosen = os.environ.get("SENTINEL_TEST_LANGUAGES")
    return sorted(path.parent.name for path in HERE.glob("*/language.json")
                  if not chosen or path.parent.name in chosen.split(","))


def language(name):
    return json.loads((HERE / name / "language.json").read_text())


def row(name, language_name):
    """The row with what the language changes of it; `verdicts` has one for each test, unless none runs."""
    merged = dict(ROWS[name])
    for key, value in language(language_name).get("rows", {}).get(name, {}).items():
        merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    merged.setdefault("verdicts", ["accepted"] * len(merged["tests"]))
    merged = scaled(merged)
    for limit, value in merged.get("limits", {}).items():
        reason = merged["evidence"].get("reason", "")
        merged["evidence"]["reason"] = reason.replace(f"{{{limit}}}", str(value))
    return merged


def submission(name, language_name):
    wanted, described = row(name, language_name), language(language_name)
    folder = HERE / language_name / name
    sent = {"language": language_name,
            "testCases": [{"input": i, "expected": e} for i, e in wanted["tests"]],
            **{key: wanted[key] for key in ("limits", "args") if key in wanted}}
    if folder.is_dir():
        files = sorted(folder.iterdir(), key=lambda path: (path.name != described["main"], path.name))
        sent["files"] = [{"name": path.name, "content": path.read_text()} for path in files]
    else:
        sent["code"] = folder.with_name(name + described["suffix"]).read_text()
    return sent
