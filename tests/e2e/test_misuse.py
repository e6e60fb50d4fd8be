"""What a service on a public address is to answer to misuse: a table, each row with its expected answer. All rows call
one service with keys and limits, each from an address of its own behind a trusted proxy."""

import hashlib
import itertools
import os
import signal
import time

import pytest
import requests

from client import check_error
from keys import Keys
from service import wait_until

pytestmark = pytest.mark.security

CODE = {"language": "python", "code": "print(1)"}
BURST_IP, BURST_KEY = 40, 150
NOWHERE = "/job/python-00000000-0000-4000-8000-000000000000"
addresses = (f"198.18.{i // 250}.{i % 250 + 1}" for i in itertools.count())


class World:
    def __init__(self, service, tokens, revoked):
        self.service, self.tokens, self.revoked = service, tokens, revoked
        self.job = self.call("POST", "/execute", "alice", json=CODE, headers={"Idempotency-Key": "alices"}).json()["id"]

    def call(self, method, path, key=None, address=None, headers=None, **more):
        """One call from an address that nobody else has, with a key's token."""
        headers = {"X-Forwarded-For": address or next(addresses), **(headers or {})}
        if key:
            headers["Authorization"] = f"Bearer {self.tokens.get(key, key)}"
        return self.service.client.request(method, path, headers=headers, **more)


@pytest.fixture(scope="module")
def world(request, tmp_path_factory):
    if os.environ.get("SENTINEL_URL"):
        pytest.skip("needs a service of its own")
    keys = Keys(tmp_path_factory.mktemp("misuse") / "keys")
    tokens = {name: keys.add(name, role) for name, role in
              (("alice", "user"), ("bob", "user"), ("flooder", "user"), ("watch", "monitor"), ("root", "admin"))}
    revoked = keys.add("revoked")
    service = request.getfixturevalue("estate").start(
        keys_file=keys.path, trusted_proxies="127.0.0.1", rate_ip=1, rate_ip_burst=BURST_IP, rate_key=1,
        rate_key_burst=BURST_KEY)
    world = World(service, tokens, revoked)
    assert world.call("GET", "/load", revoked).status_code == 200
    keys.command("revoke", "revoked")
    service.master.signal(signal.SIGHUP)
    wait_until(lambda: world.call("GET", "/load", revoked).status_code == 401, "the revoked key is forgotten")
    yield world
    problems = service.close()
    assert not problems, "\n".join(problems)


def post(world, body, key="alice", **more):
    return world.call("POST", "/execute", key, json=body, **more)


# name, the misuse, status, the error's code
TABLE = [
    ("no key", lambda w: post(w, CODE, key=None), 401, "key_required"),
    ("a wrong key", lambda w: post(w, CODE, key="sk_" + "x" * 43), 401, "invalid_key"),
    ("an empty key", lambda w: post(w, CODE, key=None, headers={"X-Auth-Token": ""}), 401, "invalid_key"),
    ("a key of 10 KB", lambda w: post(w, CODE, key="x" * 10_000), 401, "invalid_key"),
    ("a key with more behind it", lambda w: post(w, CODE, key=w.tokens["alice"] + "x"), 401, "invalid_key"),
    ("a key's hash as the key", lambda w: post(w, CODE, key=hashlib.sha256(w.tokens["root"].encode()).hexdigest()), 401,
     "invalid_key"),
    ("a key's id as the key", lambda w: post(w, CODE, key="root "), 401, "invalid_key"),
    ("a revoked key", lambda w: post(w, CODE, key=w.revoked), 401, "invalid_key"),
    ("a key in the query", lambda w: w.call("GET", f"/load?key={w.tokens['root']}"), 401, "key_required"),
    ("a key in a cookie", lambda w: w.call("GET", "/load", headers={"Cookie": w.tokens["root"]}), 401, "key_required"),
    ("Basic instead of Bearer", lambda w: w.call("GET", "/load", headers={"Authorization": "Basic cm9vdDo="}), 401,
     "key_required"),
    ("another's job read", lambda w: w.call("GET", f"/job/{w.job}", "bob"), 404, "not_found"),
    ("another's job awaited", lambda w: w.call("GET", f"/job/{w.job}?wait=1", "bob"), 404, "not_found"),
    ("another's result", lambda w: w.call("GET", f"/api/result/{w.job}", "bob"), 404, "not_found"),
    ("another's status", lambda w: w.call("GET", f"/api/status/{w.job}", "bob"), 404, "not_found"),
    ("another's events", lambda w: w.call("GET", f"/job/{w.job}/events", "bob"), 404, "not_found"),
    ("another's job cancelled", lambda w: w.call("DELETE", f"/job/{w.job}", "bob"), 404, "not_found"),
    ("a job that was guessed", lambda w: w.call("GET", NOWHERE, "bob"), 404, "not_found"),
    ("the admin's route without a key", lambda w: w.call("POST", "/api/v1/admin/cleanup"), 401, "key_required"),
    ("the admin's route with a user's key", lambda w: w.call("POST", "/api/v1/admin/cleanup", "alice"), 403,
     "admin_key_required"),
    ("the keys read by a monitor", lambda w: w.call("GET", "/api/v1/admin/keys", "watch"), 403, "admin_key_required"),
    ("a monitor that submits", lambda w: post(w, CODE, key="watch"), 403, "key_not_allowed"),
    ("a monitor that reads a job", lambda w: w.call("GET", f"/job/{w.job}", "watch"), 403, "key_not_allowed"),
    ("the metrics read by a user", lambda w: w.call("GET", "/metrics", "alice"), 403, "key_not_allowed"),
    ("a body of 9 MB", lambda w: w.call("POST", "/execute", "alice", data=b"x" * (9 << 20),
                                        headers={"Content-Type": "application/json"}), 413, "body_too_large"),
    ("code of 60 KB", lambda w: post(w, {**CODE, "code": "#" * 60_000}), 422, "invalid_request"),
    ("a thousand test cases", lambda w: post(w, {**CODE, "testCases": [{"input": "", "expected": ""}] * 1000}), 422,
     "invalid_request"),
    ("limits above the ceiling", lambda w: post(w, {**CODE, "limits": {"memoryMb": 1 << 20}}), 422, "invalid_request"),
    ("a file outside the box", lambda w: post(w, {"language": "python", "files": [
        {"name": "../../etc/passwd", "content": ""}]}), 422, "invalid_request"),
    ("a form instead of JSON", lambda w: w.call("POST", "/execute", "alice", data={"language": "python"}), 415,
     "unsupported_media_type"),
    ("JSON of a thousand levels", lambda w: w.call("POST", "/execute", "alice", data="[" * 1000 + "]" * 1000, headers={
        "Content-Type": "application/json"}), 400, "malformed_json"),
    ("an unknown language", lambda w: post(w, {**CODE, "language": "../python"}), 422, "invalid_request"),
    ("a line break in a path", lambda w: w.call("GET", "/job/a%0d%0aSet-Cookie:x", "alice"), 404, "not_found"),
    ("a batch of ten thousand", lambda w: w.call("POST", "/execute/batch", "alice", json={
        "submissions": [CODE] * 10_000}), 422, "invalid_request"),
]


@pytest.mark.parametrize("misuse, status, code", [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_misuse_is_refused(world, misuse, status, code):
    answer = misuse(world)
    assert answer.status_code == status and answer.json()["error"]["code"] == code, answer.text[:500]


def flood(burst, calls):
    """Makes the calls and returns their answers, of which no more may have come through than the bucket held: `burst`,
    and one for each minute that it took."""
    started = time.monotonic()
    answers = [call() for call in calls]
    passed = sum(answer.status_code != 429 for answer in answers)
    assert burst <= passed <= burst + (time.monotonic() - started) / 60 + 1, passed
    return answers


def test_a_flood_from_one_address(world):
    address = next(addresses)
    answers = flood(BURST_IP, [lambda: world.call("GET", NOWHERE, "root", address)] * (BURST_IP + 20))
    refused = [answer for answer in answers if answer.status_code == 429]
    check_error(refused[0], 429, "rate_limited")
    assert int(refused[0].headers["Retry-After"]) >= 1


def test_a_flood_behind_spoofed_addresses(world):
    address = next(addresses)
    spoofed = (f"203.0.113.{i}, {address}" for i in itertools.count())
    flood(BURST_IP, [lambda: world.call("GET", NOWHERE, "root", next(spoofed))] * (BURST_IP + 20))


def test_a_flood_from_a_thousand_addresses(world):
    flood(BURST_KEY, [lambda: world.call("GET", NOWHERE, "flooder")] * 1000)
    assert world.call("GET", NOWHERE, "bob").status_code == 404, "another key is not touched by it"


def test_a_flood_of_wrong_keys(world):
    address = next(addresses)
    guesses = (f"guess-{i}" for i in itertools.count())
    answers = flood(BURST_IP, [lambda: world.call("GET", NOWHERE, next(guesses), address)] * (BURST_IP + 20))
    assert {answer.status_code for answer in answers} == {401, 429}


def test_anothers_idempotency_key(world):
    mine = post(world, CODE, key="bob", headers={"Idempotency-Key": "alices"})
    assert mine.status_code == 202 and mine.json()["id"] != world.job


def test_anothers_figures(world):
    figures = world.call("GET", "/api/v1/metrics", "bob").json()
    assert figures["executions"] == 0 and figures["languages"] == {}
    seen = world.call("GET", "/status", "watch")
    check_error(seen, 403, "key_not_allowed", "Authorization")
    ids = [row["id"] for row in world.call("GET", "/status", "bob").json()["executions"]]
    assert world.job not in ids


def test_a_page_of_a_stranger(world):
    answer = requests.options(world.service.client.url + "/execute", timeout=30, headers={
        "Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 405 and "Access-Control-Allow-Origin" not in answer.headers


def test_none_of_it_shows_in_the_log(world):
    log = world.service.master.log_text()
    assert not [name for name, token in world.tokens.items() if token in log]
    assert '"why":"invalid_key"' in log and '"why":"admin_key_required"' in log


def test_who_behaves_is_served(world):
    assert world.call("GET", f"/job/{world.job}", "alice").json()["status"] == "queued"
    assert world.call("DELETE", f"/job/{world.job}", "alice").json()["status"] == "cancelled"
