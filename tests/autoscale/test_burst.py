"""A burst of a thousand jobs, and executors that come and go as KEDA and the HPA would have it: 0 → N → 0.

Everything is real but the cluster: the ScaledObject is the one that kubectl builds, its numbers are read from Redis as
KEDA's scaler reads them, and a replica is an executor process that is started, and ended by SIGTERM. The clock of the
autoscaler runs SPEED times as fast as ours."""

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import redis

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/k8s"), str(ROOT / "tests/e2e"), str(Path(__file__).parent)]

import manifests  # noqa: E402
import service as harness  # noqa: E402
from keda import HPA_PERIOD_S, Autoscaler, Metric  # noqa: E402
from picture import draw  # noqa: E402

LANGUAGE = "python"
JOBS = int(os.environ.get("SENTINEL_AUTOSCALE_JOBS", "1000"))
SPEED = 30
PATIENCE_S = 600  # of ours: what never comes
LONG = 40  # every so many-th job sleeps: some are in flight alone, when nothing waits any more


def submission(number):
    sleep_s = 2 if number % LONG == 0 else 0.05  # so that a burst lasts, however fast the machine
    return {"language": LANGUAGE, "code": f"import time\ntime.sleep({sleep_s})\nprint(int(input()) + {number})",
            "testCases": [{"input": "1", "expected": str(1 + number)}]}


class Deployment:
    """As many executors as it is told, the eldest ended first: those that are surely at work."""

    def __init__(self, service, slots):
        self.service, self.slots = service, slots
        self.pods, self.ended, self.started = [], [], 0

    def scale(self, replicas):
        while len(self.pods) < replicas:
            self.started += 1
            self.pods.append(self.service.start_executor(LANGUAGE, number=self.started, slots=self.slots))
        while len(self.pods) > replicas:
            pod = self.pods.pop(0)
            pod.signal(signal.SIGTERM)
            self.ended.append(pod)


class Simulation:
    def __init__(self, service, spec, slots):
        self.autoscaler, self.deployment = Autoscaler(spec), Deployment(service, slots)
        self.poll_s, self.next_poll, self.next_hpa = spec["pollingInterval"], 0, 0
        self.redis = redis.Redis(unix_socket_path=str(service.redis_socket))
        self.metric = Metric(self.redis, spec)
        self.began = time.monotonic()
        self.samples = []  # (autoscaler's seconds, trigger's values, replicas)

    def now(self):
        return (time.monotonic() - self.began) * SPEED

    def turn(self):
        """One look at the queue, and what follows of it; then sleeps until the next is due."""
        now, replicas = self.now(), len(self.deployment.pods)
        values, total = self.metric.read()
        self.samples.append((now, values, replicas))
        if now >= self.next_hpa:
            replicas = self.autoscaler.hpa(now, total, replicas)
            self.next_hpa = now + HPA_PERIOD_S
        wanted = self.autoscaler.operator(now, total, replicas)
        assert wanted > 0 or total == 0, f"nobody is left for {values}"
        self.deployment.scale(wanted)
        time.sleep(max(0.0, now + self.poll_s - self.now()) / SPEED)

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}; {self.samples[-1]}"
            self.turn()

    def replicas(self):
        return len(self.deployment.pods)


@pytest.fixture(scope="module")
def burst():
    """(the service, the simulation after it came back to zero, the jobs' ids)."""
    objects = manifests.overlay("dev")
    spec = manifests.named(objects, "ScaledObject", f"sentinel-executor-{LANGUAGE}")["spec"]
    pod = manifests.pods(objects)[f"Deployment/sentinel-executor-{LANGUAGE}"]
    slots = int(manifests.environment(pod, objects)["SENTINEL_SLOTS"])
    harness.adopt_orphans()
    cgroups = harness.Cgroups()
    service = harness.Service(cgroups, drain_s=60)
    try:
        service.start(languages=(), slots=0)
        simulation = Simulation(service, spec, slots)
        simulation.turn()
        assert simulation.replicas() == 0
        ids = post(service.client, range(JOBS))
        simulation.until(lambda: simulation.metric.read()[1] == 0, "all jobs are done")
        simulation.until(lambda: simulation.replicas() == 0, "nobody is needed any more")
        draw(simulation.samples, ROOT / "build/reports/autoscale.svg",
             f"{JOBS} {LANGUAGE} jobs, executors of {slots} slot, ScaledObject of overlay dev")
        yield service, simulation, ids
    finally:
        problems = service.close()
        harness.wait_until(lambda: not harness.orphans([service]), "no process is left behind", 30)
        cgroups.remove()
        service.remove()
    assert not problems, problems


def post(client, numbers):
    """Batches of 100, which is what one request may hold."""
    numbers, ids = list(numbers), []
    for start in range(0, len(numbers), 100):
        answer = client.post("/execute/batch", {"submissions": [submission(n) for n in numbers[start:start + 100]]})
        assert answer.status_code in (200, 202), answer.text[:1000]
        ids += [row["id"] for row in answer.json()["replies"]]
    return ids


def test_it_goes_up_to_the_most_and_back_to_zero(burst):
    _, simulation, _ = burst
    replicas = [sample[2] for sample in simulation.samples]
    assert replicas[0] == 0 and replicas[-1] >= 1 and simulation.replicas() == 0
    assert max(replicas) == simulation.autoscaler.spec["maxReplicaCount"]


def test_no_job_is_lost_or_run_twice(burst):
    service, simulation, ids = burst
    assert len(set(ids)) == JOBS
    jobs = [service.client.job(job_id) for job_id in ids]
    assert Counter((job["status"], job["verdict"]) for job in jobs) == {("completed", "accepted"): JOBS}
    assert [job["testCases"][0]["actualOutput"] for job in jobs] == [str(1 + number) for number in range(JOBS)]
    attempts = Counter(simulation.redis.hget(f"sentinel:{{{LANGUAGE}}}:job:{job_id}", "attempts") for job_id in ids)
    assert attempts == {b"1": JOBS}, "a drain finishes what runs"
    stats = simulation.redis.hgetall(f"sentinel:{{{LANGUAGE}}}:stats")
    assert stats[b"completed"] == str(JOBS).encode() and b"requeued" not in stats, stats


def test_each_executor_that_was_ended_drained(burst):
    _, simulation, _ = burst
    deployment = simulation.deployment
    assert len(deployment.ended) == deployment.started
    assert [pod.wait(60) for pod in deployment.ended] == [0] * deployment.started


def test_from_zero_again(burst):
    service, simulation, _ = burst
    job = post(service.client, [7])[0]
    simulation.until(lambda: simulation.metric.read()[1] == 0, "the job is done")
    assert service.client.job(job)["verdict"] == "accepted"
    assert max(sample[2] for sample in simulation.samples[-5:]) >= 1
    simulation.until(lambda: simulation.replicas() == 0, "nobody is needed any more")
