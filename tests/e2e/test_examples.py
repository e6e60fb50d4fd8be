"""The programs of examples/: what a newcomer runs first gives what stands beside it."""

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAMS = sorted(path for path in EXAMPLES.glob("*/*") if path.suffix not in (".in", ".out"))


def text_beside(program, suffix):
    path = program.with_suffix(suffix)
    return path.read_text() if path.exists() else ""


def test_there_are_examples():
    assert {path.parent.name for path in PROGRAMS} >= {"python", "c", "cpp"}


@pytest.mark.parametrize("program", PROGRAMS, ids=[f"{path.parent.name}-{path.stem}" for path in PROGRAMS])
def test_example(client, program):
    assert program.with_suffix(".out").exists(), "an example's output stands beside it"
    case = {"input": text_beside(program, ".in"), "expected": text_beside(program, ".out")}
    job = client.run({"language": program.parent.name, "code": program.read_text(), "testCases": [case],
                      "compare": "exact"})
    assert job["verdict"] == "accepted", job
    alone = client.run({"language": program.parent.name, "code": program.read_text(), "input": case["input"]})
    assert alone["output"] == case["expected"].rstrip("\n")
