"""Many clients that wait in ?wait= on one master: what they cost, that each gets its own job, and how soon.

The jobs are ended by the scripts themselves, some at a time: the next come when these clients have their answers. Their
number comes from SENTINEL_WAITERS; the figures of ten thousand are asserted when that many are asked for, because a
second is short on a machine that does other things."""

import json
import os
import resource
import selectors
import socket
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
import redis

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "common/scripts")]
import embed  # noqa: E402
import service as harness  # noqa: E402
from service import wait_until  # noqa: E402

WAITERS = int(os.environ.get("SENTINEL_WAITERS", "1000"))
MASTER_MOST_MB = 200
ANSWER_MOST_S = 0.25
AT_ONCE = 25
SCRIPTS = ROOT / "common/scripts"
BASE = "sentinel:{python}"


@pytest.fixture
def service():
    """A master and its Redis, without an executor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < WAITERS + 200:
        pytest.fail(f"{WAITERS} clients need as many descriptors, and ulimit -Hn is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    service = harness.Service(None, log_level="info", max_wait_s=600, queue_cap=0)
    try:
        service.start((), slots=0)
        yield service
        problems = service.close()
        assert not problems, "\n".join(problems)
        service.remove()
    finally:
        for child in service.children:
            child.kill_group()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def submit_all(client):
    ids = []
    while len(ids) < WAITERS:
        batch = [{"language": "python", "code": ""}] * min(100, WAITERS - len(ids))
        response = client.post("/execute/batch", {"submissions": batch})
        assert response.status_code in (200, 202), response.text[:1000]
        ids += [job["id"] for job in response.json()["replies"]]
    assert len(set(ids)) == WAITERS
    return ids


class Crowd:
    """A connection a job, each with its question asked. `answers` has when and what came."""

    def __init__(self, port, ids):
        self.selector, self.answers, self.text, self.sockets = selectors.DefaultSelector(), {}, {}, []
        for job_id in ids:
            s = socket.create_connection(("127.0.0.1", port), timeout=30)
            s.sendall(f"GET /job/{job_id}?wait=600 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ, job_id)
            self.sockets.append(s)

    def listen(self, seconds):
        for key, _ in self.selector.select(seconds):
            data, now = key.fileobj.recv(1 << 16), time.time()
            assert data, f"{key.data}: the connection was closed"
            text = self.text[key.data] = self.text.get(key.data, b"") + data
            head, _, body = text.partition(b"\r\n\r\n")
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if length and len(body) >= int(length[0].split(b":")[1]):
                assert key.data not in self.answers
                self.answers[key.data] = now, head.split(b"\r\n")[0], json.loads(body)

    def close(self):
        for s in self.sockets:
            s.close()
        self.selector.close()


class Worker:
    """What an executor tells Redis, without running anything."""

    def __init__(self, path):
        self.client = redis.Redis(unix_socket_path=str(path), decode_responses=True)
        self.shas = {name: self.client.script_load(embed.text(SCRIPTS / f"{name}.lua", SCRIPTS / "prelude.lua"))
                     for name in ("claim", "complete")}

    def end_some(self):
        """The ids of the next jobs, which have failed now, each for a reason of its own."""
        claims, ends = self.client.pipeline(transaction=False), self.client.pipeline(transaction=False)
        for _ in range(AT_ONCE):
            claims.evalsha(self.shas["claim"], 1, BASE, "worker", "token", 10**6, 1)
        ids = [job[0] for job in claims.execute() if job]
        for job_id in ids:
            ends.evalsha(self.shas["complete"], 1, BASE, job_id, "token", "failed", "", "", f"reason of {job_id}")
        assert all(kept == "kept" for kept in ends.execute())
        return ids


def memory_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def wait_for_all(service, crowd, before):
    """Until the master has taken and read every question."""
    fds = Path(f"/proc/{service.master.pid}/fd")
    wait_until(lambda: len(os.listdir(fds)) >= before + WAITERS, "the master takes all connections", 60)
    for _ in range(3):
        assert service.client.another().answers("/livez") == 200
    crowd.listen(0)
    assert not crowd.answers, "nobody is answered before his job has ended"


def check_answers(crowd, ids):
    delays = []
    for job_id in ids:
        at, status, job = crowd.answers[job_id]
        assert status.endswith(b"200 OK") and (job["id"], job["status"]) == (job_id, "failed"), job
        assert job["reason"] == f"reason of {job_id}"
        finished = datetime.fromisoformat(job["finishedAt"].replace("Z", "+00:00")).timestamp()
        delays.append(at - finished)
    return sorted(delays)


def test_many_clients_wait(service):
    ids = submit_all(service.client)
    empty_mb, fds = memory_mb(service.master.pid), len(os.listdir(f"/proc/{service.master.pid}/fd"))
    crowd = Crowd(service.port, ids)
    try:
        wait_for_all(service, crowd, fds)
        full_mb = memory_mb(service.master.pid)
        worker, ended = Worker(service.redis_socket), []
        while len(ended) < WAITERS:
            now_ended = worker.end_some()
            assert now_ended, "there is a job for each"
            ended += now_ended
            deadline = time.monotonic() + 30
            while not crowd.answers.keys() >= set(now_ended):
                assert time.monotonic() < deadline, "each is answered"
                crowd.listen(1)
    finally:
        crowd.close()
    delays = check_answers(crowd, ids)
    each_kb = (full_mb - empty_mb) * 1024 / WAITERS
    most_mb = memory_mb(service.master.pid)
    print(f"{WAITERS} clients: {each_kb:.1f} KB each, {full_mb:.0f} MB in all, {most_mb:.0f} MB at the end; answered "
          f"after {delays[len(delays) // 2] * 1000:.1f} ms (median), {delays[-1] * 1000:.1f} ms (the last)")
    assert each_kb * 10_000 / 1024 + empty_mb < MASTER_MOST_MB, "ten thousand fit"
    if WAITERS >= 10_000:
        assert max(full_mb, most_mb) < MASTER_MOST_MB
        assert delays[-1] < ANSWER_MOST_S
    # The table's slow tick would find an ended job after half of its ten seconds: hints wake them.
    assert delays[len(delays) // 2] < 1
