"""POST /execute/batch, and GET /status, which shows what was posted."""

import uuid

import pytest

from client import check_error, check_timestamp
from service import wait_until

HELLO = {"language": "python", "code": "print('hello')"}


def batch(client, submissions, status=202, **more):
    response = client.post("/execute/batch", {"submissions": submissions}, **more)
    assert response.status_code == status, response.text[:2000]
    return response.json()


def test_replies_are_in_order_and_apart(client):
    sent = [{"language": "python", "code": f"print({n})"} for n in range(5)]
    sent[1] = {"language": "python", "code": "print(1)", "testCases": [{"input": ""}]}
    sent[3] = {"language": "cobol", "code": ""}
    sent.append("not an object")
    answer = batch(client, sent)
    assert set(answer) == {"count", "accepted", "replies"}
    assert (answer["count"], answer["accepted"]) == (6, 3)
    for number in (0, 2, 4):
        reply = answer["replies"][number]
        assert set(reply) == {"id", "status", "timestamp", "message"}
        assert (reply["status"], reply["message"]) == ("queued", "Job queued on python")
        check_timestamp(reply["timestamp"])
        assert client.finish(reply["id"])["output"] == str(number)
    for number, field in ((1, "testCases[0].expected"), (3, "language"), (5, None)):
        reply = answer["replies"][number]
        assert set(reply) == {"httpStatus", "error"} and reply["httpStatus"] == 422
        assert (reply["error"]["code"], reply["error"]["field"]) == ("invalid_request", field)


def test_a_hundred_at_once(client):
    sent = [{"language": "python", "code": f"print({n})"} for n in range(100)]
    answer = batch(client, sent)
    ids = [reply["id"] for reply in answer["replies"]]
    assert answer["accepted"] == 100 and len(set(ids)) == 100
    assert [client.finish(job_id)["output"] for job_id in ids] == [str(n) for n in range(100)]


@pytest.mark.parametrize("body,field", [
    ({}, "submissions"), ([], None), ({"submissions": []}, "submissions"), ({"submissions": {}}, "submissions"),
    ({"submissions": [HELLO] * 101}, "submissions"), ({"submissions": [HELLO], "wait": 1}, "wait")])
def test_what_is_no_batch_is_refused_whole(client, body, field):
    check_error(client.post("/execute/batch", body), 422, "invalid_request", field)


def test_a_repeated_key_gives_the_same_jobs(client):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = batch(client, [HELLO, HELLO], headers=headers)
    again = batch(client, [HELLO, HELLO], headers=headers)
    assert [r["id"] for r in first["replies"]] == [r["id"] for r in again["replies"]]
    assert first["replies"][0]["id"] != first["replies"][1]["id"]
    changed = batch(client, [HELLO, {**HELLO, "code": "print('other')"}], headers=headers)
    assert changed["replies"][0]["id"] == first["replies"][0]["id"]
    assert changed["replies"][1]["httpStatus"] == 422
    assert changed["replies"][1]["error"]["code"] == "idempotency_conflict"


def test_a_full_queue_refuses_the_rest(make_service):
    service = make_service(languages=(), queue_cap=3)
    answer = batch(service.client, [HELLO] * 5)
    assert answer["accepted"] == 3
    for reply in answer["replies"][3:]:
        assert (reply["httpStatus"], reply["error"]["code"]) == (503, "queue_full") and reply["retryAfter"] >= 1


def test_status_shows_recent_executions(client):
    ids = [client.run({"language": "python", "code": code})["id"] for code in ("print(1)", "1/0")]
    answer = client.get("/status").json()
    assert set(answer) == {"status", "timestamp", "version", "executions"} and answer["status"] == "healthy"
    check_timestamp(answer["timestamp"])
    times = [row["createdAt"] for row in answer["executions"]]
    assert times == sorted(times, reverse=True) and len(times) <= 50
    rows = {row["id"]: row for row in answer["executions"]}
    for job_id, verdict in zip(ids, ("accepted", "runtime_error")):
        row = rows[job_id]
        assert set(row) == {"id", "language", "status", "verdict", "testsDone", "testsTotal", "attempts", "executor",
                            "createdAt", "startedAt", "finishedAt"}
        assert (row["language"], row["status"], row["verdict"]) == ("python", "completed", verdict)
        assert (row["testsDone"], row["testsTotal"], row["attempts"]) == (1, 1, 1)
        assert row["executor"].startswith("python-")
        check_timestamp(row["finishedAt"])
    assert len(client.get("/status?limit=1").json()["executions"]) == 1


def test_status_shows_what_waits(make_service):
    service = make_service(languages=())
    job_id = service.client.submit(HELLO)
    (row,) = service.client.get("/status").json()["executions"]
    assert (row["id"], row["status"], row["verdict"], row["executor"]) == (job_id, "queued", None, None)
    assert (row["startedAt"], row["finishedAt"]) == (None, None)


def test_status_remembers_a_hundred(make_service):
    service = make_service(languages=())
    for _ in range(2):
        batch(service.client, [HELLO] * 70)
    assert len(service.client.get("/status?limit=100").json()["executions"]) == 100
    wait_until(lambda: service.redis_command("LLEN", "sentinel:{python}:recent") == ":100", "the list is trimmed")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", ""])
def test_status_limit_is_checked(client, limit):
    check_error(client.get(f"/status?limit={limit}"), 422, "invalid_request", "limit")
