"""TLS to Redis without stunnel, where it is built in: ./dev test debian13 runs this (test_redis.py has the refusal of the
others). Master and executor have it from the same code; the executor alone speaks it here: Debian 13 has no master."""

import json
import signal
import subprocess

import pytest

import service as harness
from certificates import Authority
from service import wait_until

# Whether pytest looks into this file.
__test__ = bool(harness.EXECUTOR) or subprocess.run(["pkg-config", "--exists", "hiredis_ssl"]).returncode == 0


class Secret:
    """A service whose Redis speaks TLS too, to which executors go by it."""

    def __init__(self, make_service, folder, clients="no", **certificate):
        self.authority = Authority(folder)
        self.port = harness.free_port()
        pem, key = self.authority.certificate("redis", **certificate)
        self.service = make_service(redis_options=(
            "--tls-port", self.port, "--bind", "127.0.0.1", "--tls-cert-file", pem, "--tls-key-file", key,
            "--tls-ca-cert-file", self.authority.file, "--tls-auth-clients", clients))

    def start(self, host="127.0.0.1", **settings):
        settings = {"redis_ca_file": self.authority.file, "redis_server_name": "redis.example", **settings}
        return self.service.start_executor("python", slots=1, redis_url=f"rediss://{host}:{self.port}",
                                           **{name: value for name, value in settings.items() if value is not None})

    def says(self, child, words):
        """Its log has a line that Redis is away for this reason."""
        def said():
            lines = (json.loads(line) for line in child.log_text().splitlines() if line.endswith("}"))
            return any(line["event"] == "Redis is away" and words in line.get("state", "") for line in lines)
        wait_until(said, f"the executor says: {words}")


def test_jobs_go_over_tls_and_on_after_each_outage(make_service, tmp_path):
    secret = Secret(make_service, tmp_path)
    service = secret.service
    secret.start(redis_deadline_ms=500)
    service.wait_for_executors()
    assert service.client.python("print('over TLS')")["output"] == "over TLS"
    assert service.client.python("print('x' * 60000)")["output"] == "x" * 60000, "more than one record"

    service.redis.signal(signal.SIGKILL)
    service.redis.wait()
    service.redis.start()
    wait_until(service.ready, "the master has Redis again")
    assert service.client.python("print('after a restart')")["output"] == "after a restart"

    log = service.executors["python-1"]
    service.redis.signal(signal.SIGSTOP)
    secret.says(log, "no answer in time")
    secret.says(log, "no connection in time")  # the handshake has a deadline too
    service.redis.signal(signal.SIGCONT)
    wait_until(service.ready, "the master has Redis again")
    assert service.client.python("print('after a hang')")["output"] == "after a hang"


@pytest.mark.parametrize("what", ["another authority", "another name", "expired", "no certificate of ours", "no TLS there"])
def test_who_cannot_be_trusted_is_refused(make_service, tmp_path, what):
    certificate, settings, clients = {}, {}, "no"
    if what == "another authority":
        (tmp_path / "other").mkdir()
        settings, words = {"redis_ca_file": Authority(tmp_path / "other", "other").file}, "TLS: self-signed certificate in"
    elif what == "another name":
        settings, words = {"redis_server_name": None}, "TLS: IP address mismatch"
    elif what == "expired":
        certificate, words = {"expired": True}, "TLS: certificate has expired"
    elif what == "no certificate of ours":
        clients, words = "yes", "TLS: tlsv13 alert certificate required"
    else:
        words = "no connection in time"  # Redis waits for the end of what it takes for a line
    secret = Secret(make_service, tmp_path, clients, **certificate)
    if what == "no TLS there":
        plain = secret.port = harness.free_port()
        secret.service._child("plain", ["redis-server", "--port", plain, "--bind", "127.0.0.1", "--save", ""],
                              secret.service.environment())
    child = secret.start(**settings)
    secret.says(child, words)
    assert not secret.service.client.get("/load").json()["totalActive"]
    assert "python-1" not in {row["containerId"] for row in secret.service.client.get("/load").json()["containers"]}


def test_unverified_and_an_address_and_our_own_certificate(make_service, tmp_path):
    """What the refusals above want, given."""
    secret = Secret(make_service, tmp_path, clients="yes", names="IP:127.0.0.1")
    pem, key = secret.authority.certificate("client")
    secret.start(redis_server_name=None, redis_cert_file=pem, redis_key_file=key)
    secret.service.start_executor("python", number=2, slots=1, redis_url=f"rediss://127.0.0.1:{secret.port}", redis_verify="false",
                                  redis_cert_file=pem, redis_key_file=key)
    secret.service.wait_for_executors()
    assert secret.service.client.python("print('both')")["output"] == "both"


@pytest.mark.parametrize("settings, words", [
    ({"redis_ca_file": "/nonexistent/ca.pem"}, "redis-ca-file \"/nonexistent/ca.pem\": No such file"),
    ({"redis_ca_file": "/dev/null"}, "redis-ca-file"),
    ({"redis_cert_file": "{pem}"}, "redis-key-file"),
    ({"redis_key_file": "{key}"}, "redis-cert-file"),
    ({"redis_cert_file": "{pem}", "redis_key_file": "{other}"}, "redis-key-file"),
])
def test_bad_files_stop_the_start(make_service, tmp_path, settings, words):
    authority = Authority(tmp_path)
    pem, key = authority.certificate("client")
    paths = {"pem": pem, "key": key, "other": authority.key}
    given = {name: value.format(**paths) for name, value in settings.items()}
    status, text = make_service().outcome(harness.executor(), redis_url="rediss://127.0.0.1:1", **given)
    assert status == 1 and words in text.replace("\\", ""), text
