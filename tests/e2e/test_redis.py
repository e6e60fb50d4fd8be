"""Redis behind something: a name that moves to another server, and TLS by stunnel4 as docs/OPERATIONS.md has it."""

import re
import signal
import socket
import subprocess
import threading

import pytest
import redis

import service as harness
from certificates import Authority
from service import ROOT, wait_until

SLOW = {"language": "python", "code": "import time\ntime.sleep(1.5)\nprint(input())"}


def python_job(n):
    return {**SLOW, "input": str(n)}


class Name:
    """A port that leads to whatever server it is told to: what a failover moves."""

    def __init__(self, target):
        self.target, self.ends = target, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            self.ends += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def carry(source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def move(self, target):
        self.target = target
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        self.move(0)
        for end in self.ends:
            end.close()


def info(port):
    with redis.Redis(port=port, decode_responses=True) as client:
        return client.info("replication")


@pytest.fixture
def beside():
    """Start what stands between the service and Redis; it ends after them (so the fixture comes first)."""
    things = []
    yield things.append
    for thing in things:
        thing.close()


def test_failover_behind_one_name(beside, make_service):
    """What the replica had is there, scripts are loaded where they were never seen, and leases go on."""
    first, second = harness.free_port(), harness.free_port()
    name = Name(first)
    beside(name)
    service = make_service(languages=("python",), slots=1, lease_ms=1000, max_attempts=100,
                           redis_options=("--port", first, "--bind", "127.0.0.1"), redis_url=f"redis://127.0.0.1:{name.port}")
    service._child("replica", ["redis-server", "--port", second, "--bind", "127.0.0.1", "--dir", service.directory, "--save", "",
                               "--replicaof", "127.0.0.1", first, "--dbfilename", "replica.rdb"], service.environment())
    before = service.client.python("print('before')")
    ids = [service.client.submit(python_job(n)) for n in range(3)]
    wait_until(lambda: service.client.job(ids[0])["status"] == "running", "one runs")

    def caught_up():
        replica = info(first).get("slave0")
        return replica and replica["state"] == "online" and replica["offset"] == info(first)["master_repl_offset"]

    wait_until(caught_up, "the replica has what was accepted")
    service.redis.signal(signal.SIGKILL)
    service.redis.wait()
    with redis.Redis(port=second) as client:
        client.replicaof("NO", "ONE")
    name.move(second)
    wait_until(service.ready, "the master takes the new server")
    for n, job_id in enumerate(ids):
        job = service.client.finish(job_id)
        assert (job["status"], job["output"]) == ("completed", str(n)), job
    assert service.client.job(before["id"]) == before
    assert service.client.python("print('after')")["output"] == "after"


def recipe(folder, near, far, host):
    """The configuration that the handbook gives, for these ports, files and this name."""
    text = re.search(r"```ini\n(foreground.*?)```", (ROOT / "docs/OPERATIONS.md").read_text(), re.S).group(1)
    for given, ours in (("127.0.0.1:6379", f"127.0.0.1:{near}"), ("redis.example:6380", f"127.0.0.1:{far}"),
                        ("/etc/sentinel/redis-ca.pem", folder / "ca.pem"), ("checkHost = redis.example", f"checkHost = {host}")):
        assert given in text, given
        text = text.replace(given, str(ours))
    path = folder / f"stunnel-{host}.conf"
    path.write_text(text)
    return path


class Tunnel:
    def __init__(self, configuration, port):
        self.process = subprocess.Popen(["stunnel4", configuration], stderr=subprocess.DEVNULL)
        wait_until(lambda: self.listens(port), "the tunnel listens")

    @staticmethod
    def listens(port):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except OSError:
            return False

    def close(self):
        self.process.terminate()
        self.process.wait()


def answers_ping(port):
    try:
        with redis.Redis(port=port, socket_timeout=5) as client:
            return client.ping()
    except redis.RedisError:
        return False


def test_redis_over_tls(beside, make_service, tmp_path):
    authority = Authority(tmp_path)
    pem, key = authority.certificate("redis")
    secret, near, stranger = harness.free_port(), harness.free_port(), harness.free_port()
    tls = ("--tls-port", secret, "--bind", "127.0.0.1", "--tls-cert-file", pem, "--tls-key-file", key,
           "--tls-ca-cert-file", authority.file, "--tls-auth-clients", "no")
    for port, host in ((near, "redis.example"), (stranger, "other.example")):
        beside(Tunnel(recipe(tmp_path, port, secret, host), port))
    service = make_service(languages=("python",), redis_options=tls, redis_url=f"redis://127.0.0.1:{near}")
    assert service.client.python("print('over TLS')")["output"] == "over TLS"
    assert answers_ping(near) and not answers_ping(secret), "the server speaks TLS alone"
    assert not answers_ping(stranger), "a server of another name than is wanted is refused"


@pytest.mark.parametrize("program", ["executor", "master"])
def test_tls_that_cannot_be_had_stops_the_start(make_service, program):
    """Built in (Debian 13) or not, nobody goes on without what was asked for; test_redis_tls.py has the rest."""
    service = make_service()
    argv = harness.executor() if program == "executor" else [service.build / "master/sentinel-master", "--port", harness.free_port()]
    status, words = service.outcome(argv, redis_url="rediss://user:secret@redis.example:6380", redis_ca_file="/nonexistent/ca.pem")
    assert status == 1 and ("stunnel" in words or "/nonexistent/ca.pem" in words) and "secret" not in words, words
    status, words = service.outcome(argv, redis_ca_file="/etc/ca.pem")
    assert status == 1 and "not rediss://" in words, "who sets an authority believes that nobody can listen"
