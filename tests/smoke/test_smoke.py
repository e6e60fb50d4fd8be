"""Does a Sentinel that runs somewhere work? SENTINEL_URL says where, SENTINEL_TOKEN is an API key of it (none: it is open).
It runs a few small programs and changes nothing."""

import os
import time
import uuid

import pytest
import requests

URL = os.environ.get("SENTINEL_URL", "").rstrip("/")
TOKEN = os.environ.get("SENTINEL_TOKEN")
PATIENCE_S = int(os.environ.get("SENTINEL_SMOKE_PATIENCE_S", "300"))  # a language at zero starts a pod first
FINAL = {"completed", "failed", "cancelled", "expired"}
TIERS = ["B", "A-", "A"]


@pytest.fixture(scope="session")
def session():
    session = requests.Session()
    if TOKEN:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
    yield session
    session.close()


@pytest.fixture(scope="session")
def languages(session):
    """name → its row; each has an example program."""
    answer = session.get(f"{URL}/languages", timeout=30)
    assert answer.status_code == 200, answer.text[:500]
    rows = {row["name"]: row for row in answer.json()["languages"]}
    assert rows
    return rows


def run(session, submission):
    """The finished job; a submission that was not heard is sent again under its Idempotency-Key."""
    key, deadline, job = uuid.uuid4().hex, time.monotonic() + PATIENCE_S, None
    while time.monotonic() < deadline:
        try:
            if job is None:
                answer = session.post(f"{URL}/execute", json=submission, headers={"Idempotency-Key": key}, timeout=30)
            else:
                answer = session.get(f"{URL}/job/{job}?wait=20", timeout=40)
        except requests.ConnectionError:
            time.sleep(1)
            continue
        if answer.status_code in (429, 503):
            time.sleep(min(5, int(answer.headers.get("Retry-After", "1"))))
            continue
        assert answer.status_code in (200, 202), answer.text[:500]
        job = answer.json()["id"]
        if answer.json()["status"] in FINAL:
            assert answer.json()["status"] == "completed", answer.text[:1000]
            return answer.json()
    raise AssertionError(f"{submission['language']}: no result within {PATIENCE_S} s; is an executor alive?")


def test_it_is_alive_and_ready():
    assert [requests.get(URL + path, timeout=30).status_code for path in ("/livez", "/readyz")] == [200, 200]


def test_strangers_are_kept_out():
    if TOKEN:
        answer = requests.post(f"{URL}/execute", json={"language": "python", "code": "print(1)"}, timeout=30)
        assert answer.status_code == 401


def test_each_language_runs_its_example(session, languages):
    for name, row in languages.items():
        job = run(session, {"language": name, "code": row["example"]})
        assert job["verdict"] == "accepted" and job["output"].strip(), (name, job)
        assert job["isolation"] in TIERS, (name, job["isolation"])


def test_verdicts(session, languages):
    """Right, wrong, and what has no end."""
    if "python" not in languages:
        pytest.skip("no Python here")
    tests = [{"input": "5", "expected": "10"}, {"input": "3", "expected": "7"}]
    job = run(session, {"language": "python", "code": "print(int(input()) * 2)", "testCases": tests})
    assert [test["verdict"] for test in job["testCases"]] == ["accepted", "wrong_answer"]
    job = run(session, {"language": "python", "code": "while True: pass", "limits": {"cpuTimeMs": 300}})
    assert job["verdict"] == "cpu_time_exceeded", job


def test_programs_reach_no_network(session, languages):
    if "python" not in languages:
        pytest.skip("no Python here")
    code = "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 8080), 1)\nexcept OSError as e:\n    print('refused')\n"
    assert run(session, {"language": "python", "code": code})["output"] == "refused"
