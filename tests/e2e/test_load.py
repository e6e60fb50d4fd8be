"""Verdicts on a busy machine: the matrix beside eight processes that take all the processors they get. SENTINEL_LOAD_ROUNDS
and SENTINEL_LOAD_LANGUAGES say how often and of what (`./dev test load`); by default one round of three languages, one
of each kind: compiled, interpreted, with a virtual machine."""

import contextlib
import ctypes
import os
import signal
import subprocess

import pytest

from programs import matrix

ROUNDS = int(os.environ.get("SENTINEL_LOAD_ROUNDS", "1"))
CHOSEN = os.environ.get("SENTINEL_LOAD_LANGUAGES", "c,java,python")
LANGUAGES = [name for name in matrix.languages() if CHOSEN == "all" or name in CHOSEN.split(",")]
BUSY = 8
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


@pytest.fixture(scope="module", name="client")
def fixture_client(estate):
    """Of a service that compiles each program anew."""
    service = estate.start(languages=LANGUAGES, program_cache_mb=0)
    yield service.client
    problems = service.close()
    assert not problems, "\n".join(problems)


@contextlib.contextmanager
def busy_processes():
    """Each in a session of its own, so that the kernel's autogroups give each its share."""
    def die_with_us():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    busy = [subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"], start_new_session=True, preexec_fn=die_with_us)
            for _ in range(BUSY)]
    try:
        yield
        assert all(process.poll() is None for process in busy)
    finally:
        for process in busy:
            process.kill()
            process.wait()


def verdicts(job):
    return job["status"], job["verdict"], [run["verdict"] for run in job.get("testCases", [])]


def wanted(language, row):
    expected = matrix.row(row, language)["verdicts"]
    if expected == ["compile_error"]:
        return "completed", "compile_error", []
    return "completed", next((v for v in expected if v != "accepted"), "accepted"), expected


@pytest.mark.parametrize("round_number", range(ROUNDS))
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_verdict_changes(client, language, round_number):
    with busy_processes():
        jobs = {row: client.submit(matrix.submission(row, language)) for row in matrix.ROWS}
        ended = {row: client.finish(job, 600) for row, job in jobs.items()}
    wrong = {row: job for row, job in ended.items() if verdicts(job) != wanted(language, row)}
    assert not wrong, wrong


def test_who_is_robbed_of_time_is_run_again(client):
    """300 ms of work in 500 ms of wall time. Who gets less than half of a processor is run again; the cgroups around the
    tests may be such that it gets more, in spite of the others: then the breach is its own."""
    code = "import time\nwhile time.process_time() < 0.3:\n    pass\nprint('done')"
    case = {"input": "", "expected": "done"}
    with busy_processes():
        job = client.python(code, limits={"cpuTimeMs": 2000, "wallTimeMs": 500}, testCases=[case])
    run = job["testCases"][0]
    assert run["verdict"] in ("accepted", "wall_time_exceeded"), run
    assert "contended: run again alone" in (run["reason"] or "") or run["cpuTimeMs"] >= 250, run
