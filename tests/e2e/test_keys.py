"""API keys: who may call, whose a job is, keys that come and go while the master runs."""

import hashlib
import json
import signal
import stat
import subprocess

import pytest

import service as harness
from client import Client, check_error
from keys import Keys
from service import wait_until

pytestmark = pytest.mark.security

CODE = {"language": "python", "code": "print(1)"}


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "keys")


def as_key(service, token):
    return Client(service.client.url, token)


def test_a_job_is_its_keys_own(make_service, keys):
    alice, bob, root = keys.add("alice"), keys.add("bob"), keys.add("root", "admin")
    service = make_service(keys_file=keys.path, token=alice)
    job_id = service.client.submit(CODE)
    assert service.client.job(job_id)["status"] == "queued"
    for path in (f"/job/{job_id}", f"/job/{job_id}?wait=1", f"/api/result/{job_id}", f"/api/status/{job_id}"):
        others, nobodys = as_key(service, bob).get(path), as_key(service, bob).get(path.replace(job_id[-4:], "0000"))
        check_error(others, 404)
        assert others.text == nobodys.text, "as if it were not there"
        assert as_key(service, root).get(path).status_code == 200, "the admin sees all"
    check_error(as_key(service, bob).delete(f"/job/{job_id}"), 404)
    assert service.client.job(job_id)["status"] == "queued"
    assert as_key(service, root).delete(f"/job/{job_id}").json()["status"] == "cancelled"


def test_idempotency_keys_are_each_keys_own(make_service, keys):
    alice, bob = keys.add("alice"), keys.add("bob")
    service = make_service(keys_file=keys.path, token=alice)
    header = {"Idempotency-Key": "the-same"}
    first = service.client.submit(CODE, headers=header)
    assert service.client.submit(CODE, headers=header) == first
    assert as_key(service, bob).submit(CODE, headers=header) != first


def test_both_headers_carry_a_key(make_service, keys):
    token = keys.add("alice")
    service = make_service(keys_file=keys.path)
    for headers in ({"Authorization": f"Bearer {token}"}, {"authorization": f"bearer  {token}"}, {"X-Auth-Token": token},
                    {"X-Auth-Token": token, "Authorization": "Basic YTpi"}):
        assert service.client.post("/execute", CODE, headers=headers).status_code == 202, headers
    for headers in ({"Authorization": token}, {"Authorization": "Bearer"}, {"X-Auth-Token": ""}, {"Cookie": token},
                    {"Authorization": f"Bearer {token}x"}, {"X-Auth-Token": hashlib.sha256(token.encode()).hexdigest()},
                    {"X-Auth-Token": token, "Authorization": "Bearer wrong"}):
        refused = service.client.post("/execute", CODE, headers=headers)
        check_error(refused, 401, field="Authorization")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    check_error(service.client.post(f"/execute?token={token}&api_key={token}", CODE), 401, "key_required", "Authorization")


def test_what_is_open_and_what_is_not(make_service, keys):
    user, monitor = keys.add("alice"), keys.add("watch", "monitor")
    service = make_service(keys_file=keys.path)
    for path in ("/livez", "/readyz", "/health", "/languages"):
        assert service.client.get(path).status_code == 200, path
    check_error(service.client.get("/load"), 401, "key_required", "Authorization")
    assert as_key(service, user).get("/load").status_code == 200
    assert as_key(service, monitor).get("/load").status_code == 200
    check_error(as_key(service, monitor).post("/execute", CODE), 403, "key_not_allowed", "Authorization")

    narrow = make_service(keys_file=keys.path, open_routes="load")
    assert narrow.client.get("/load").status_code == 200
    assert narrow.client.get("/livez").status_code == 200, "probes never want a key"
    check_error(narrow.client.get("/health"), 401, "key_required", "Authorization")
    check_error(narrow.client.get("/languages"), 401, "key_required", "Authorization")


def test_keys_come_and_go_on_hangup(make_service, keys):
    alice = keys.add("alice")
    service = make_service(keys_file=keys.path, token=alice)
    bob = keys.add("bob")
    check_error(as_key(service, bob).get("/load"), 401, "invalid_key", "Authorization")
    service.master.signal(signal.SIGHUP)
    wait_until(lambda: as_key(service, bob).get("/load").status_code == 200, "the new key is known")
    assert keys.command("revoke", "alice")[0] == 0
    service.master.signal(signal.SIGHUP)
    wait_until(lambda: service.client.get("/load").status_code == 401, "the revoked one is not")

    good = keys.path.read_text()
    for bad in ("", "nonsense\n", good + good):
        seen = service.master.log_text().count("keys not reloaded")
        keys.path.write_text(bad)
        service.master.signal(signal.SIGHUP)
        wait_until(lambda: service.master.log_text().count("keys not reloaded") > seen, "the master complains")
        assert as_key(service, bob).get("/load").status_code == 200, "the old keys stay"
        assert service.client.get("/load").status_code == 401


def test_keys_from_a_variable(make_service, keys):
    token = "any text will do"
    line = "alice user " + hashlib.sha256(token.encode()).hexdigest()
    service = make_service(api_keys=f"{line};root admin {hashlib.sha256(b'other').hexdigest()}", token=token)
    assert service.client.submit(CODE)


def test_a_token_and_its_hash_are_never_logged(make_service, keys):
    token = keys.add("alice")
    service = make_service(keys_file=keys.path, token=token)
    service.client.submit(CODE)
    as_key(service, token + "x").get("/load")
    wait_until(lambda: "invalid_key" in service.master.log_text(), "the refusal is in the audit log")
    log = service.master.log_text()
    assert token not in log and hashlib.sha256(token.encode()).hexdigest() not in log
    assert any(json.loads(line).get("audit") for line in log.splitlines() if "invalid_key" in line)


def start_master(**settings):
    """(status, stderr) of a master that should refuse to start."""
    env = {"SENTINEL_" + name.upper(): str(value) for name, value in settings.items()}
    env["SENTINEL_LANGUAGES_DIR"] = str(harness.ROOT / "languages")
    env["SENTINEL_REDIS_URL"] = "unix:///nonexistent"
    done = subprocess.run([harness.build_dir() / "master/sentinel-master", "--port", str(harness.free_port()),
                           "--grpc-port", "0"], env=env, capture_output=True, text=True, timeout=30)
    return done.returncode, done.stderr


def test_a_public_address_wants_a_key(keys):
    for host in ("0.0.0.0", "::", ""):
        status, words = start_master(host=host)
        assert status == 1 and "no API key" in words and "allow-open" in words, (host, words)


def test_a_public_address_is_served_with_a_key_or_when_told(make_service, keys):
    token = keys.add("alice")
    assert make_service(host="0.0.0.0", keys_file=keys.path, token=token).client.submit(CODE)
    assert make_service(host="0.0.0.0", allow_open="true").client.submit(CODE)


def test_bad_keys_stop_the_start(keys):
    for text in ("alice user tooshort\n", "alice king " + "0" * 64 + "\n", "Alice user " + "0" * 64 + "\n"):
        keys.path.write_text(text)
        status, words = start_master(keys_file=keys.path)
        assert status == 1 and "line 1" in words and "tooshort" not in words, words
    assert start_master(keys_file=keys.path.parent / "absent")[0] == 1
    assert start_master(open_routes="health,jobs")[0] == 1


def test_the_key_command(keys):
    assert keys.command("list") == (0, [], "")
    first = keys.add("alice")
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    keys.path.write_text(keys.path.read_text() + "# by hand")
    assert keys.add("root", "admin") != first
    assert first not in keys.path.read_text(), "only its hash is kept"
    assert keys.command("list")[1] == [{"id": "alice", "role": "user"}, {"id": "root", "role": "admin"}]
    for arguments in (["add", "alice"], ["revoke", "bob"], ["add", "No"], ["add"], ["list", "alice"], ["lose"], [],
                      ["add", "bob", "--role", "king"]):
        status, rows, words = keys.command(*arguments)
        assert status == 1 and not rows and words.startswith("sentinel-master: "), arguments
    assert keys.command("revoke", "alice") == (0, [{"id": "alice", "role": "user"}], "")
    assert keys.command("list")[1] == [{"id": "root", "role": "admin"}]
    assert "# by hand" in keys.path.read_text()


def test_one_keys_batch_starves_no_other(make_service, keys):
    alice, bob = keys.add("alice"), keys.add("bob")
    service = make_service(keys_file=keys.path, token=alice)
    batch = service.client.post("/execute/batch", {"submissions": [CODE] * 60}).json()["replies"]
    other = as_key(service, bob)
    ids = [other.submit(CODE) for _ in range(5)]
    service.start_executor("python", slots=1)
    started = sorted((one.finish(job_id)["startedAt"], name) for one, name, jobs in (
        (other, "bob", ids), (service.client, "alice", [reply["id"] for reply in batch])) for job_id in jobs)
    turns = [name for _, name in started]
    assert turns.count("bob") == 5 and "bob" not in turns[12:], turns
