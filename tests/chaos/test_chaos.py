"""Whatever is killed, each accepted job has one right result, and nothing is left behind.

Two masters, two executors and a Redis that syncs each write serve a flow of jobs, while a saboteur kills and stops them,
their keepers and their launchers at random. What dies whole is started again, as a supervisor would. Seeds and jobs come
from SENTINEL_CHAOS_SEEDS and SENTINEL_CHAOS_JOBS."""

import itertools
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import redis
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import service as harness  # noqa: E402
from client import FINAL  # noqa: E402
from service import wait_until  # noqa: E402

JOBS = int(os.environ.get("SENTINEL_CHAOS_JOBS", "2000"))
SEEDS = int(os.environ.get("SENTINEL_CHAOS_SEEDS", "5"))
CLIENTS = 6
JOBS_PER_BLOW = 12
STOPPED_MOST_S = 2.0  # twice the lease
SECONDS = 60 + JOBS / 2

CODE = {
    "python": "print(int(input()) + {n})",
    "c": '#include <stdio.h>\nint main(void)\n{{\n    int x;\n    return scanf("%d", &x) != 1 || '
         'printf("%d\\n", x + {n}) < 0;\n}}\n',
}


def submission(n):
    language = "c" if n % 4 == 0 else "python"
    tests = [{"input": str(k), "expected": str(k + n)} for k in range(2)]
    return {"language": language, "code": CODE[language].format(n=n), "testCases": tests}


class Customer(threading.Thread):
    """Submits its share of the jobs one after another, and waits for each; asks again whenever it hears nothing."""

    def __init__(self, chaos, number):
        super().__init__(daemon=True)
        self.chaos, self.rng = chaos, random.Random(number)
        self.numbers = range(number, JOBS, CLIENTS)
        self.results, self.error = {}, None

    def run(self):
        try:
            for n in self.numbers:
                job_id = self.ask(lambda url: self.post(url, n))
                self.results[n] = job_id, self.ask(lambda url: self.get(url, job_id))
        except Exception as error:
            self.error = error

    def ask(self, question):
        """What the question brings, from either master, once there is one that answers."""
        while time.monotonic() < self.chaos.deadline:
            try:
                answer = question(self.rng.choice(self.chaos.urls))
            except requests.RequestException:
                answer = None
            if answer:
                return answer
            self.chaos.over.wait(0.05)  # so that a master that is down is not asked a thousand times a second
        raise AssertionError(f"no answer within {SECONDS} s")

    def post(self, url, n):
        response = requests.post(f"{url}/execute", json=submission(n), timeout=3,
                                 headers={"Idempotency-Key": f"job-{n}"})
        if response.status_code >= 500:
            return None
        assert response.status_code in (200, 202), response.text[:1000]
        return response.json()["id"]

    def get(self, url, job_id):
        response = requests.get(f"{url}/job/{job_id}?wait=2", timeout=5)
        if response.status_code >= 500:
            return None
        assert response.status_code == 200, f"{job_id} was accepted: {response.text[:1000]}"
        job = response.json()
        return job if job["status"] in FINAL else None


def boxes_of(executor):
    """Its keepers, and their launchers."""
    parents = {pid: parent for pid, (_, _, parent) in harness.living_processes().items()}
    keepers = {pid for pid, parent in parents.items() if parent == executor.pid}
    return sorted(keepers | {pid for pid, parent in parents.items() if parent in keepers})


class Chaos:
    def __init__(self, service, seed):
        self.service, self.rng = service, random.Random(seed)
        self.masters, self.urls = [service.master], [service.client.url]
        service.port = harness.free_port()
        service.start_master()
        self.masters.append(service.master)
        self.urls.append(f"http://127.0.0.1:{service.port}")
        self.over = threading.Event()
        self.deadline = time.monotonic() + SECONDS
        self.customers = [Customer(self, number) for number in range(CLIENTS)]
        self.blows = Counter()

    def done(self):
        return sum(len(customer.results) for customer in self.customers)

    def going(self):
        return any(customer.is_alive() for customer in self.customers)

    def run(self):
        for customer in self.customers:
            customer.start()
        for blow in itertools.count(1):
            wait_until(lambda: not self.going() or self.done() >= blow * JOBS_PER_BLOW, "jobs go on", SECONDS)
            if not self.going():
                break
            self.strike()
        self.over.set()
        for customer in self.customers:
            customer.join()
            if customer.error:
                raise customer.error
        return {n: result for customer in self.customers for n, result in customer.results.items()}

    def strike(self):
        victim = self.rng.choice(["master", "executor", "box", "box", "redis"])
        how = self.rng.choice([signal.SIGKILL, signal.SIGSTOP])
        self.blows[f"{how.name} {victim}"] += 1
        if victim == "box":
            self.strike_box(how)
            return
        child = self.service.redis if victim == "redis" else self.rng.choice(
            self.masters if victim == "master" else list(self.service.executors.values()))
        child.signal(how)
        if how == signal.SIGKILL:
            child.wait()
            child.start()
        else:
            self.stay_stopped()
            child.signal(signal.SIGCONT)

    def strike_box(self, how):
        """A keeper or a launcher, through a descriptor: its pid may be another's by then. Not a run's own processes:
        whoever kills those from outside has made a program that was killed, and the verdict says so."""
        executor = self.rng.choice(list(self.service.executors.values()))
        below = boxes_of(executor)
        if not below:
            return
        pid = self.rng.choice(below)
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if pid in boxes_of(executor):
                signal.pidfd_send_signal(fd, how)
                if how == signal.SIGSTOP:
                    self.stay_stopped()
                    signal.pidfd_send_signal(fd, signal.SIGCONT)
        except ProcessLookupError:
            pass
        finally:
            os.close(fd)

    def stay_stopped(self):
        """How long is the blow's own strength: some shorter than a lease, some longer."""
        self.over.wait(self.rng.uniform(0.1, STOPPED_MOST_S))


def check_results(results):
    assert sorted(results) == list(range(JOBS))
    assert len({job_id for job_id, _ in results.values()}) == JOBS
    for n, (job_id, job) in results.items():
        got = job["id"], job["status"], job["verdict"], [test["actualOutput"] for test in job["testCases"]]
        assert got == (job_id, "completed", "accepted", [str(n), str(n + 1)]), job


def check_redis(service, results):
    client = redis.Redis(unix_socket_path=str(service.redis_socket), decode_responses=True)
    for n, (job_id, job) in results.items():
        stored = client.hmget(f"sentinel:{{{job['language']}}}:job:{job_id}", "state", "attempts")
        assert stored == ["completed", str(job["attempts"])], f"{job_id} changed after its end"
    for language in CODE:
        base = f"sentinel:{{{language}}}"
        mine = [job for _, job in results.values() if job["language"] == language]
        assert len(list(client.scan_iter(f"{base}:job:*-*", count=1000))) >= len(mine)
        stats = client.hgetall(f"{base}:stats")
        assert int(stats["enqueued"]) == int(stats["completed"]) == len(mine), "each counted once"
        assert not {"failed", "cancelled", "expired"} & set(stats), stats
        wait_until(lambda: not client.exists(*(f"{base}:{name}" for name in ("queue", "queue:high", "lease", "wake"))),
                   "lists, leases and tokens are gone")
    client.close()


def have_mounts_of_our_own():
    """So that what others mount meanwhile is not taken for ours. Without the right to it nobody's is told apart."""
    clone_newns, ms_rec, ms_private = 0x20000, 0x4000, 0x40000
    if harness.LIBC.unshare(clone_newns) == 0:
        assert harness.LIBC.mount(b"none", b"/", None, ms_rec | ms_private, None) == 0


def mounts():
    return sorted(line.split(" ", 4)[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())


@pytest.fixture
def estate():
    """Makes a service; afterwards neither process, nor cgroup, mount or file of it may be left."""
    harness.adopt_orphans()
    have_mounts_of_our_own()
    cgroups, before = harness.Cgroups(), mounts()
    service = harness.Service(cgroups, lease_ms=1000, max_attempts=100, redis_deadline_ms=1000, log_level="info")
    try:
        service.start(("python", "c"), slots=2)
        yield service
        problems = service.close()
        wait_until(lambda: not harness.orphans([service]), "no process is left behind", 10)
        assert not problems, "\n".join(problems)
        assert not cgroups.leftovers()
        left = set(mounts()) - set(before)  # others' may go: who removes a mount point elsewhere removes it here
        assert not left, f"mounts left behind: {left}"
        made = {path.name for path in service.directory.iterdir()} - {"appendonlydir"}
        assert all(name.endswith((".log", ".sock")) for name in made), f"files left behind: {made}"
        service.remove()
    finally:
        for child in service.children:
            child.kill_group()
        wait_until(lambda: not harness.orphans([service]), "all is gone", 10)
        cgroups.remove()


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_every_job_has_one_right_result(estate, seed, record_property):
    chaos = Chaos(estate, seed)
    results = chaos.run()
    record_property("blows", dict(sorted(chaos.blows.items())))  # build/reports/chaos.xml has them
    record_property("attempts", dict(sorted(Counter(job["attempts"] for _, job in results.values()).items())))
    check_results(results)
    check_redis(estate, results)
    assert sum(chaos.blows.values()) >= JOBS // JOBS_PER_BLOW // 2, "jobs flowed under fire"
