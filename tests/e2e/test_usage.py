"""/api/v1/metrics: who executed how much, from Redis' buckets of an hour."""

import pytest
import redis

from client import Client, check_error
from keys import Keys
from service import wait_until

GOOD = {"language": "python", "code": "print(1)", "testCases": [{"input": "", "expected": "1"}]}
BAD = {"language": "python", "code": "print(2)", "testCases": [{"input": "", "expected": "1"}]}


def executions(client, count, path="/api/v1/metrics", **query):
    """The figures, once `count` executions are in them: they are written right after the result."""
    def figures():
        answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.json()["executions"] == count else None

    return wait_until(figures, f"{path} shows {count} executions")


def test_executions_are_summed_up(make_service):
    client = make_service(languages=("python", "c")).client
    assert executions(client, 0)["languages"] == {}
    for submission in (GOOD, {**GOOD, "userId": "u 1/ü"}, {**BAD, "userId": "u 1/ü"}, {**BAD, "userId": "other"}):
        client.run(submission)
    client.run({"language": "c", "code": "int main(void) { return 0; }"})
    figures = executions(client, 5, hours=1)
    assert figures["hours"] == 1 and set(figures["languages"]) == {"python", "c"}
    python = figures["languages"]["python"]
    assert (python["executions"], python["accepted"], python["completed"], python["failed"]) == (4, 2, 4, 0)
    assert python["success_rate"] == 0.5 and python["average_time_ms"] > 0 and python["peak_memory_kb"] > 1000
    assert sum(python["time_histogram"].values()) == 4
    user = executions(client, 2, "/api/v1/metrics/user/u%201%2F%C3%BC")
    assert user["user_id"] == "u 1/ü" and user["accepted"] == 1 and user["languages"]["python"]["executions"] == 2
    assert executions(client, 0, "/api/v1/metrics/user/nobody")["languages"] == {}
    assert executions(client, 5, hours=168)["hours"] == 168
    for hours in ("0", "169", "x", "-1", "1.5", ""):
        check_error(client.get(f"/api/v1/metrics?hours={hours}"), 422, field="hours")
    check_error(client.get("/api/v1/metrics/user/%ff"), 422, field="id")
    check_error(client.get("/api/v1/metrics/user/a%00b"), 422, field="id")


@pytest.mark.security
def test_a_key_sees_its_own(make_service, tmp_path):
    keys = Keys(tmp_path / "keys")
    alice, bob, root = keys.add("alice"), keys.add("bob"), keys.add("root", "admin")
    service = make_service(languages=("python",), keys_file=keys.path, token=alice)
    service.client.run({**GOOD, "userId": "same"})
    bobs, roots = Client(service.client.url, bob), Client(service.client.url, root)
    for _ in range(2):
        bobs.run({**BAD, "userId": "same"})
    assert executions(service.client, 1)["accepted"] == 1 and executions(bobs, 2)["accepted"] == 0
    assert executions(service.client, 1, "/api/v1/metrics/user/same")["accepted"] == 1
    assert executions(bobs, 2, "/api/v1/metrics/user/same")["accepted"] == 0
    assert executions(roots, 3)["accepted"] == 1
    assert executions(roots, 3, "/api/v1/metrics/user/same")["accepted"] == 1


def test_a_bucket_takes_only_so_many_users(make_service):
    service = make_service(languages=("python",))
    client = service.client
    client.run({**GOOD, "userId": "early"})
    executions(client, 1, "/api/v1/metrics/user/early")
    with redis.Redis(unix_socket_path=str(service.redis_socket)) as connection:
        bucket, = connection.scan_iter("sentinel:{python}:hour:*")
        assert 0 < connection.ttl(bucket) <= 169 * 3600
        known = {subject: "0 0 0 0 0 0 0 0 0 0" for subject in connection.hkeys(bucket)}
        others = {f"u:{i}": "1" for i in range(10_000)}
        connection.hset(bucket, mapping=others)
        head, hour = bucket.decode().rsplit(":", 1)
        connection.hset(f"{head}:{int(hour) + 1}", mapping=known | others)  # should the hour end meanwhile
    client.run({**GOOD, "userId": "late"})
    client.run({**GOOD, "userId": "early"})
    assert executions(client, 2, "/api/v1/metrics/user/early") and executions(client, 3)
    assert executions(client, 0, "/api/v1/metrics/user/late")
