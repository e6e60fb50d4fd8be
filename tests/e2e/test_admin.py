"""The admin's routes: toolchains, cleaning up, dead jobs, keys; and that each call of them is in the audit log."""

import fcntl
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from client import Client, check_error
from keys import Keys
from service import LANGUAGES, wait_until

ROUTES = [("POST", "/api/v1/admin/pull-images"), ("POST", "/api/v1/admin/cleanup"), ("GET", "/api/v1/admin/dead"),
          ("POST", "/api/v1/admin/retry/python-00000000-0000-4000-8000-000000000000"), ("GET", "/api/v1/admin/keys")]


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "keys")


def audited(service, **fields):
    """Audit lines with all of these."""
    lines = [json.loads(line) for line in service.master.log_text().splitlines() if '"audit":true' in line]
    return [line for line in lines if fields.items() <= line.items()]


@pytest.mark.security
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


@pytest.mark.security
def test_without_keys_nobody_is_admin(client):
    for method, path in ROUTES:
        check_error(client.request(method, path), 403, "no_admin_key", "Authorization")


def languages_with(folder, prepare):
    """The language files of today, with this shell text as `prepare`; argument 1 is the language."""
    for path in LANGUAGES.glob("*.json"):
        (folder / path.name).write_text(path.read_text())
    program = folder / "prepare"
    program.write_text(f"#!/bin/sh\nset -eu\ncd '{folder}'\n{prepare}\n")
    program.chmod(0o755)
    return folder


def replace_version(folder, language, text):
    """From the next look on its toolchain is of this version."""
    version = folder / f"{language}-version"
    version.write_text(f"#!/bin/sh\necho '{text}'\n")
    version.chmod(0o755)


def pull(client, wait=60):
    answer = client.post(f"/api/v1/admin/pull-images?wait={wait}")
    status = answer.json()["status"]
    assert answer.status_code == (202 if status == "running" else 200) and (status == "running" or not answer.json()["silent"])
    return status, {row["executor"]: row for row in answer.json()["executors"]}


def when_all_listen(service):
    """An executor that has just registered may not hear errands yet."""
    def listen(language):
        with redis.Redis(unix_socket_path=str(service.redis_socket)) as connection:
            return connection.pubsub_numsub(f"sentinel:{{{language}}}:control")[0][1]
    for language in {name.split("-")[0] for name in service.executors}:
        wait_until(lambda: listen(language), f"the executor of {language} listens")
    return service


def test_toolchains_are_prepared_and_looked_at_again(make_service, keys, tmp_path):
    """With a toolchain that is another one afterwards: what prepare made, and the version, are the new one's."""
    root = keys.add("root", "admin")
    folder = languages_with(tmp_path, 'echo "for $1" >> prepared')
    python = json.loads((folder / "python.json").read_text())
    python["version"] = [str(folder / "python-version")]
    (folder / "python.json").write_text(json.dumps(python))
    replace_version(folder, "python", "Python of before")
    service = when_all_listen(make_service(languages=("python", "c"), keys_file=keys.path, token=root, languages_dir=folder))
    replace_version(folder, "python", "Python of today")
    status, rows = pull(service.client)
    assert status == "done" and sorted((folder / "prepared").read_text().split()) == ["c", "for", "for", "python"]
    assert {name: (row["language"], row["state"]) for name, row in rows.items()} == {"python-1": ("python", "done"), "c-1": ("c", "done")}
    assert rows["python-1"]["version"] == "Python of today" and rows["c-1"]["version"].startswith("gcc")
    shown = {row["name"]: row["version"] for row in service.client.get("/languages").json()["languages"]}
    assert shown["python"] == "Python of today", "/languages has it when the call is answered"
    assert service.client.python("print(1)")["output"] == "1"
    assert audited(service, event="admin call", key="root", path="/api/v1/admin/pull-images")


def test_a_preparation_that_fails_changes_nothing(make_service, keys, tmp_path):
    root = keys.add("root", "admin")
    folder = languages_with(tmp_path, "echo all is well; echo 'no space left' >&2; exit 3")
    service = when_all_listen(make_service(languages=("python",), keys_file=keys.path, token=root, languages_dir=folder))
    before = service.client.get("/languages").json()
    status, rows = pull(service.client)
    assert status == "failed" and rows["python-1"]["state"] == "failed"
    assert "status 3" in rows["python-1"]["error"] and "no space left" in rows["python-1"]["error"]
    assert service.client.get("/languages").json() == before and service.client.python("print(1)")["output"] == "1"
    check_error(service.client.post("/api/v1/admin/pull-images?wait=x"), 422, field="wait")


def test_preparations_at_once_are_one_and_hold_up_no_job(make_service, keys, tmp_path):
    """Of many calls while one is under way all are answered by it; the executor serves on; it dies with its executor's end."""
    root = keys.add("root", "admin")
    folder = languages_with(tmp_path, "echo begun >> begun; while [ ! -e go ]; do sleep 0.05; done")
    service = when_all_listen(make_service(languages=("python",), keys_file=keys.path, token=root, languages_dir=folder))
    status, rows = pull(service.client, wait=0)
    assert status == "running" and rows.get("python-1", {"state": "waiting"})["state"] in ("waiting", "running")
    wait_until((folder / "begun").exists, "it is under way")
    assert service.client.python("print('meanwhile')")["output"] == "meanwhile"
    with ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(pull, Client(service.client.url, root)) for _ in range(5)]
        wait_until(lambda: len(answering(service, "errand:*")) == 6, "the executor has heard all six")
        (folder / "go").touch()
        assert [call.result()[0] for call in calls] == ["done"] * 5
    assert (folder / "begun").read_text() == "begun\n", "once"

    (folder / "go").unlink()
    (folder / "begun").unlink()
    pull(service.client, wait=0)
    wait_until((folder / "begun").exists, "another is under way when the service ends: the fixture looks for what is left")


def answering(service, pattern):
    with redis.Redis(unix_socket_path=str(service.redis_socket)) as connection:
        return list(connection.scan_iter(f"sentinel:{{python}}:{pattern}"))


def test_cleanup_removes_directories_of_dead_executors(make_service, keys, tmp_path):
    """As tier B's boxes leave them when they and their keepers are killed: named after a process that is gone, and full of what
    a hostile program made. What is another's, or in use, stays."""
    root = keys.add("root", "admin")
    for name in ("sentinel-box-999999-0", "sentinel-box-999999-1"):
        deep = tmp_path / name / "work/a/b"
        deep.mkdir(parents=True)
        (deep / "link").symlink_to("/etc")
        (deep / "file").write_text("x")
        deep.chmod(0)
    (tmp_path / "mine").mkdir()
    used = tmp_path / "sentinel-box-1-0"
    used.mkdir()
    lock = os.open(used, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    service = when_all_listen(make_service(languages=("python", "c"), keys_file=keys.path, token=root, scratch_dir=tmp_path))
    for name in ("sentinel-box-999999-0", "sentinel-box-999999-1"):  # a box that started may have found them already
        (tmp_path / name).mkdir(exist_ok=True)
    answer = service.client.post("/api/v1/admin/cleanup?wait=60").json()
    assert answer["workDirectories"] == 2, answer
    assert sorted(path.name for path in tmp_path.glob("*")) == ["keys", "mine", "sentinel-box-1-0"]
    os.close(lock)
    assert service.client.post("/api/v1/admin/cleanup?wait=60").json()["workDirectories"] == 1


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


@pytest.mark.security
def test_keys_are_listed_without_their_hashes(make_service, keys):
    root = keys.add("root", "admin")
    keys.add("alice")
    service = make_service(keys_file=keys.path, token=root)
    answer = service.client.get("/api/v1/admin/keys")
    assert answer.json() == {"keys": [{"id": "root", "role": "admin"}, {"id": "alice", "role": "user"}]}
