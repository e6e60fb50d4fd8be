"""The admin's routes: toolchains, cleaning up, dead jobs, keys; and that each call of them is in the audit log."""

import json
import signal

import pytest
import redis

from client import Client, check_error
from keys import Keys
from service import wait_until

ROUTES = [("POST", "/api/v1/admin/pull-images"), ("POST", "/api/v1/admin/cleanup"), ("GET", "/api/v1/admin/dead"),
          ("POST", "/api/v1/admin/retry/python-00000000-0000-4000-8000-000000000000"), ("GET", "/api/v1/admin/keys")]


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "keys")


def audited(service, **fields):
    """Audit lines with all of these."""
    lines = [json.loads(line) for line in service.master.log_text().splitlines() if '"audit":true' in line]
    return [line for line in lines if fields.items() <= line.items()]


def test_only_an_admin_may(make_service, keys):
    user, monitor = keys.add("alice"), keys.add("watch", "monitor")
    keys.add("root", "admin")
    service = make_service(keys_file=keys.path, log_level="error")
    for method, path in ROUTES:
        check_error(service.client.request(method, path), 401, "key_required", "Authorization")
        for token in (user, monitor):
            refused = Client(service.client.url, token).request(method, path)
            check_error(refused, 403, "admin_key_required", "Authorization")
    wait_until(lambda: len(audited(service, event="refused", why="admin_key_required")) == 2 * len(ROUTES),
               "all are in the audit log, at any log level")
    assert audited(service, key="alice", client="127.0.0.1", method="POST", path="/api/v1/admin/cleanup")


def test_without_keys_nobody_is_admin(client):
    for method, path in ROUTES:
        check_error(client.request(method, path), 403, "no_admin_key", "Authorization")


def test_toolchains_are_looked_at_again(make_service, keys):
    root = keys.add("root", "admin")
    service = make_service(languages=("python", "c"), keys_file=keys.path, token=root)
    answer = service.client.post("/api/v1/admin/pull-images")
    assert answer.status_code == 202 and answer.json()["status"] == "requested"
    heard = answer.json()["executors"]
    assert heard["python"] == 1 and heard["c"] == 1 and heard["java"] == 0
    for name, language in (("python-1", "python"), ("c-1", "c")):
        log = service.executors[name].log_text
        wait_until(lambda: log().count(f'"event":"language","language":"{language}"') == 2, f"{name} looked again")
    assert service.client.python("print(1)")["output"] == "1"
    assert audited(service, event="admin call", key="root", path="/api/v1/admin/pull-images")


def test_cleanup_gives_jobs_back_and_forgets_executors(make_service, keys):
    root = keys.add("root", "admin")
    service = make_service(keys_file=keys.path, token=root)
    with redis.Redis(unix_socket_path=str(service.redis_socket)) as connection:
        connection.hset("sentinel:executors", "ancient", "{}")
        connection.zadd("sentinel:executors:seen", {"ancient": 1})
    answer = service.client.post("/api/v1/admin/cleanup")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"status": "ok", "executorsForgotten": 1, "workDirectories": 0,
                             "jobs": {"requeued": 0, "failed": 0, "cancelled": 0, "expired": 0}}
    assert service.client.post("/api/v1/admin/cleanup").json()["executorsForgotten"] == 0


def test_dead_jobs_are_listed_and_sent_again(make_service, keys):
    root, alice = keys.add("root", "admin"), keys.add("alice")
    service = make_service(keys_file=keys.path, token=root, lease_ms=500, max_attempts=1)
    assert service.client.get("/api/v1/admin/dead").json() == {"jobs": []}
    owner = Client(service.client.url, alice)
    job_id = owner.submit({"language": "python", "code": "import time\ntime.sleep(60)"})
    executor = service.start_executor("python", slots=1)
    wait_until(lambda: owner.job(job_id)["status"] == "running", "it runs")
    executor.signal(signal.SIGKILL)
    executor.wait()
    assert owner.finish(job_id)["status"] == "failed"
    dead, = service.client.get("/api/v1/admin/dead").json()["jobs"]
    assert (dead["id"], dead["owner"], dead["attempts"]) == (job_id, "alice", 1) and "lost" in dead["reason"]
    assert service.client.post(f"/api/v1/admin/retry/{job_id}").json() == {"id": job_id, "status": "queued"}
    assert owner.job(job_id)["status"] == "queued"
    check_error(service.client.post(f"/api/v1/admin/retry/{job_id}"), 404)
    check_error(service.client.post("/api/v1/admin/retry/nonsense"), 404)


def test_keys_are_listed_without_their_hashes(make_service, keys):
    root = keys.add("root", "admin")
    keys.add("alice")
    service = make_service(keys_file=keys.path, token=root)
    answer = service.client.get("/api/v1/admin/keys")
    assert answer.json() == {"keys": [{"id": "root", "role": "admin"}, {"id": "alice", "role": "user"}]}
