"""Logs: one JSON line an event, requests only when asked for, files that are rotated, and no secret in any of it."""

import json
import signal

import pytest

from client import Client
from keys import Keys
from service import wait_until

SUBMISSION = {"language": "python", "code": "print('a-users-code')"}


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_every_line_is_json_with_its_event(client, shared, make_service):
    service = shared or make_service()
    service.client.submit(SUBMISSION)
    service.client.get("/job/\x01%22")
    for line in lines(service.master.log_text()):
        assert {"time", "level", "program", "event"} <= set(line), line


def test_requests_are_logged_when_asked_for(make_service):
    quiet = make_service(log_level="info")
    quiet.client.submit(SUBMISSION)
    assert "answered" not in quiet.master.log_text()

    lined = make_service(log_level="info", log_requests="line")
    lined.client.submit(SUBMISSION, headers={"X-Secret": "in-a-header"})
    wait_until(lambda: '"path":"/execute"' in lined.master.log_text(), "it is logged")
    line = next(line for line in lines(lined.master.log_text()) if line.get("path") == "/execute")
    assert (line["method"], line["status"], line["client"]) == ("POST", 202, "127.0.0.1")
    assert line["requestBytes"] > 0 and "request" not in line
    assert "a-users-code" not in lined.master.log_text() and "in-a-header" not in lined.master.log_text()

    full = make_service(log_level="info", log_requests="bodies")
    job_id = full.client.submit({**SUBMISSION, "metadata": {"long": "x" * 5000}})
    wait_until(lambda: "a-users-code" in full.master.log_text(), "bodies are logged")
    line = next(line for line in lines(full.master.log_text()) if line.get("path") == "/execute")
    assert job_id in line["answer"] and len(line["request"]) == 2048


def test_log_files_are_opened_again(make_service, tmp_path):
    log, moved = tmp_path / "log", tmp_path / "log.1"
    service = make_service(log_file=log, log_requests="line")
    service.client.get("/languages")
    wait_until(lambda: "/languages" in log.read_text(), "it goes to the file")
    log.rename(moved)
    service.master.signal(signal.SIGHUP)
    wait_until(log.exists, "the file is made anew")
    service.client.get("/load")
    wait_until(lambda: "/load" in log.read_text(), "and written to")
    assert "/load" not in moved.read_text() and not service.master.log_text()

    executors = tmp_path / "executor.log"
    executor = service.start_executor("python", log_file=executors)
    service.wait_for_executors()
    executors.rename(moved)
    executor.signal(signal.SIGHUP)
    wait_until(executors.exists, "the executor's too")
    assert executor.alive() and service.client.python("print(1)")["output"] == "1"


@pytest.mark.security
def test_no_secret_is_told_anywhere(make_service, tmp_path):
    keys = Keys(tmp_path / "keys")
    user, root = keys.add("alice"), keys.add("root", "admin")
    secrets = ["redis-password", "callback-secret-of-32-characters", user, root]
    secrets += [word for word in keys.path.read_text().split() if len(word) == 64]
    service = make_service(keys_file=keys.path, log_requests="bodies", token=user,
                           callback_secret="callback-secret-of-32-characters")
    redis_url = f"unix://:redis-password@{service.redis_socket}"
    service.start_executor("python", redis_url=redis_url, number=7)
    wait_until(lambda: "Redis" in service.executors["python-7"].log_text(), "it says something of Redis")
    admin = Client(service.client.url, root)
    told = [service.client.post("/execute", SUBMISSION).text, Client(service.client.url, user + "x").get("/load").text]
    told += [admin.get(path).text for path in ("/health", "/load", "/metrics", "/status", "/api/v1/admin/keys")]
    told += [child.log_text() for child in service.children if child.name != "redis"]
    for secret in secrets:
        assert secret not in "".join(told)
