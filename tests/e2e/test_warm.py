"""Runs in forks of an interpreter that stands ready: what a client sees of them, and how they are turned off."""

import json

import pytest

from test_program_cache import ROOT


def explained(client, **more):
    """Whether each test ran warm."""
    submission = {"language": "python", "code": "print(input())", "testCases": [{"input": "a", "expected": "a"}] * 3}
    job = client.post("/execute?wait=60&explain=1", submission | more).json()
    assert job["verdict"] == "accepted", job
    return [test["warm"] for test in job["explain"]["tests"]]


def test_python_runs_warm(client):
    assert explained(client) == [True] * 3


@pytest.mark.parametrize("more", [
    {"args": ["a"]},
    {"code": None, "files": [{"name": "other.py", "content": "print(input())"}]},
    {"code": None, "files": [{"name": "main.py", "content": "print(input())"}, {"name": ".local/x", "content": ""}]},
])
def test_what_the_interpreter_was_not_started_for_runs_cold(client, more):
    submission = {k: v for k, v in {"code": "print(input())", **more}.items() if v is not None}
    job = client.post("/execute?wait=60&explain=1", {"language": "python", "input": "a", **submission}).json()
    assert (job["verdict"], job["output"]) == ("accepted", "a")
    assert [test["warm"] for test in job["explain"]["tests"]] == [False]


def test_it_can_be_off(estate, make_service, tmp_path):
    language = json.loads((ROOT / "languages/python.json").read_text())
    tmp_path.chmod(0o755)
    for off in (False, None):
        language["run"]["warm"] = off
        if off is None:
            del language["run"]["warm"]
        (tmp_path / "python.json").write_text(json.dumps(language))
        assert explained(make_service(languages=("python",), languages_dir=tmp_path).client) == [False] * 3
    language["run"]["warm"] = "yes"
    (tmp_path / "python.json").write_text(json.dumps(language))
    with pytest.raises(AssertionError, match='warm.*must be \\\\?"fork\\\\?", \\\\?"hold\\\\?" or false'):
        estate.start(languages=("python",), languages_dir=tmp_path)
