"""The matrix: every language of programs/ runs every row, and gets the verdict with its evidence."""

import json
import re

import pytest

from evidence import check_evidence
from programs import matrix

CASES = [(language, row) for language in matrix.languages() for row in matrix.ROWS]


def check_compile_step(job, described, wanted):
    if not described["compiled"]:
        assert not job.get("compile"), job["compile"]
        return
    text = json.dumps(job["compile"], ensure_ascii=False)
    if wanted["verdicts"] == ["compile_error"]:
        assert re.search(wanted["diagnostic"], text), text
        assert re.search(wanted["diagnostic"], job["error"]), job["error"]
        assert job["compile"]["exitCode"] == 1, text
        assert job["compile"]["cpuTimeMs"] > 0, text
    else:
        assert job["compile"]["exitCode"] == 0, text


@pytest.mark.parametrize("language,row", CASES, ids=[f"{language}-{row}" for language, row in CASES])
def test_program(client, language, row):
    wanted, described = matrix.row(row, language), matrix.language(language)
    job = client.run(matrix.submission(row, language))
    first_failure = next((v for v in wanted["verdicts"] if v != "accepted"), "accepted")
    assert job["verdict"] == first_failure, job
    check_compile_step(job, described, wanted)
    runs = job.get("testCases", [])
    if wanted["verdicts"] == ["compile_error"]:
        assert all(run["verdict"] in ("skipped", "compile_error") and not run["passed"] for run in runs), runs
        return
    assert [run["verdict"] for run in runs] == wanted["verdicts"], job
    for run, (given, expected) in zip(runs, wanted["tests"]):
        assert (run["input"], run["expected"]) == (given, expected)
        assert run["passed"] == (run["verdict"] == "accepted")
        check_evidence(run, wanted.get("evidence", {}))
        if run["passed"]:
            assert run["actualOutput"] == expected
        if "kept" in wanted:
            assert len(run["stdout"].encode()) == wanted["kept"]


def test_every_language_of_the_service_has_programs(client):
    offered = {entry["name"] for entry in client.get("/languages").json()["languages"]}
    assert offered == set(matrix.languages())
