"""A service under mixed load for a while: every answer is right, and neither memory nor descriptors grow.

SENTINEL_SOAK_S is how long (a minute unless set). With SENTINEL_SOAK_REPORT, a folder, it writes soak.svg there, and its part of OPERATIONS.md.
Growth is held against the process's own figures after its warm-up: medians of two windows, so that one moment decides
nothing. What must be flat within 5 % in twenty minutes may grow by 10 % and 2 MB in one: caches fill once."""

import os
import platform
import random
import statistics
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import requests

import plot

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import service as harness  # noqa: E402
from service import wait_until  # noqa: E402

SECONDS = float(os.environ.get("SENTINEL_SOAK_S", "60"))
REPORT = os.environ.get("SENTINEL_SOAK_REPORT")
LONG = SECONDS >= 600
WARM_S = SECONDS / 5
CLIENTS = 4
FDS_SLACK = 2

# ---- the load ------------------------------------------------------------------------------------------------------


def python(code, **more):
    return {"language": "python", "code": code, **more}


def c(code, **more):
    return {"language": "c", "code": "#include <stdio.h>\nint main(void) { int x; " + code + " }", **more}


def cases(n):
    return [{"input": str(k), "expected": str(k + n)} for k in range(3)]


KINDS = {
    "right": lambda n: (python(f"print(int(input()) + {n})", testCases=cases(n)), "accepted"),
    "wrong": lambda n: (python("print('no')", testCases=cases(n)), "wrong_answer"),
    "raises": lambda n: (python(f"raise ValueError({n})"), "runtime_error"),
    "spins": lambda n: (python("while True: pass", limits={"cpuTimeMs": 100, "wallTimeMs": 30000}), "cpu_time_exceeded"),
    "hoards": lambda n: (python("x = 'x' * (1 << 29)", limits={"memoryMb": 64}), None),
    "floods": lambda n: (python("while True: print('x' * 4096)", limits={"outputKb": 64}), "output_exceeded"),
    # A dozen, all run before the time begins: the executor remembers 512 programs, with a descriptor each.
    "compiled": lambda n: (c(f'scanf("%d", &x); printf("%d", x + {n % 12});', testCases=cases(n % 12)), "accepted"),
    "no program": lambda n: (c(f"return y{n};"), "compile_error"),
}


class Customer(threading.Thread):
    """Does one thing after another until the time is over. `done` counts, `error` is what went wrong."""

    def __init__(self, client, number, deadline):
        super().__init__(daemon=True)
        self.client, self.rng, self.deadline = client.another(), random.Random(number), deadline
        self.done, self.error = Counter(), None

    def run(self):
        deeds = [self.wait_for_one] * 12 + [self.poll_one, self.batch, self.cancel, self.follow, self.err, self.leave]
        try:
            while time.monotonic() < self.deadline:
                deed = self.rng.choice(deeds)
                deed()
                self.done[deed.__name__] += 1
        except Exception as error:
            self.error = error
        self.client.close()

    def some(self):
        kind = self.rng.choice(list(KINDS))
        submission, verdict = KINDS[kind](self.rng.randrange(10**6))
        return kind, submission, verdict

    def check(self, kind, job, verdict):
        assert job["status"] == "completed" and verdict in (None, job["verdict"]), (kind, job)
        self.done[f"{kind}: {job['verdict']}"] += 1

    def wait_for_one(self):
        kind, submission, verdict = self.some()
        job = self.client.post("/execute?wait=30", submission).json()
        self.check(kind, job if job["status"] == "completed" else self.client.finish(job["id"]), verdict)

    def poll_one(self):
        kind, submission, verdict = self.some()
        job_id = self.client.submit(submission)
        wait_until(lambda: self.client.get(f"/api/status/{job_id}").json()["progress"] == 100, "a job ends", 60)
        self.check(kind, self.client.job(job_id), verdict)

    def batch(self):
        some = [self.some() for _ in range(5)]
        replies = self.client.post("/execute/batch", {"submissions": [submission for _, submission, _ in some]}).json()["replies"]
        for (kind, _, verdict), reply in zip(some, replies):
            self.check(kind, self.client.finish(reply["id"]), verdict)

    def cancel(self):
        job_id = self.client.submit(python("import time\ntime.sleep(20)"))
        if self.rng.random() < 0.5:
            wait_until(lambda: self.client.job(job_id)["status"] == "running", "it runs", 60)
        self.client.delete(f"/job/{job_id}")
        assert self.client.finish(job_id)["status"] == "cancelled"

    def follow(self):
        job_id = self.client.submit(python("print(input())", testCases=[{"input": "1", "expected": "1"}] * 3))
        with self.client.get(f"/job/{job_id}/events", stream=True) as response:
            assert response.status_code == 200 and b"accepted" in response.content

    def err(self):
        assert self.client.post("/execute", {"language": "python", "code": 1}).status_code == 422
        assert self.client.get("/job/python-nonsense").status_code == 404

    def leave(self):
        """A client that does not stay for its answer."""
        try:
            requests.post(f"{self.client.url}/execute?wait=30", json=python("import time\ntime.sleep(0.3)"), timeout=0.1)
        except requests.RequestException:
            pass


# ---- the figures ---------------------------------------------------------------------------------------------------


def memory_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def sample(service):
    """name → (unit, value)."""
    figures = {}
    for child in [service.master, *service.executors.values()]:
        figures[f"{child.name}: memory"] = "MB", memory_mb(child.pid)
        figures[f"{child.name}: descriptors"] = "", len(os.listdir(f"/proc/{child.pid}/fd"))
    for name, executor in service.executors.items():
        boxes = [pid for pid, comm in harness.descendants(executor.pid).items() if comm == "sentinel-box"]
        try:
            figures[f"{name}: its boxes"] = "MB", sum(memory_mb(pid) for pid in boxes)
        except (OSError, IndexError):
            pass  # one ended meanwhile
    return figures


def watch(service, customers):
    """name → (unit, [(second, value)…]) while the customers are busy."""
    series, started = {}, time.monotonic()
    pause = threading.Event()
    while any(customer.is_alive() for customer in customers):
        now = time.monotonic() - started
        for name, (unit, value) in sample(service).items():
            series.setdefault(name, (unit, []))[1].append((now, value))
        if any(customer.error for customer in customers):
            break
        pause.wait(max(0.5, SECONDS / 600))
    return series


def windows(points):
    """Medians of the first and of the last quarter after the warm-up."""
    quarter = (SECONDS - WARM_S) / 4
    first = [value for second, value in points if WARM_S <= second < WARM_S + quarter]
    last = [value for second, value in points if second >= SECONDS - quarter]
    return statistics.median(first), statistics.median(last)


def allowed(unit, first):
    """(least, most) that the last window may have."""
    if unit == "":
        return (first * 0.95 - FDS_SLACK if LONG else 0), first * 1.05 + FDS_SLACK
    return (first * 0.95, first * 1.05) if LONG else (0, first * 1.1 + 2)


def report(folder, series, jobs):
    rows = []
    shown = {}
    for name, (unit, points) in series.items():
        first, last = windows(points)
        change = f"{(last - first) / first * 100 if first else 0:+.1f} %"
        shown[name] = unit, points, change
        rows.append(f"| {name} | {first:.1f} {unit} | {last:.1f} {unit} | {change} | {max(v for _, v in points):.1f} {unit} |")
    plot.lines(folder / "soak.svg", shown, SECONDS, WARM_S)
    text = [f"Made by `./dev soak`: {SECONDS / 60:.0f} minutes of mixed load ({CLIENTS} clients: right, wrong, endless,",
            "greedy and broken programs, cancels, events, batches, bad requests, clients that leave) on one master, an executor",
            f"for Python and one for C with two slots each, {os.cpu_count()} processors, Linux {platform.release().split('-')[0]}.",
            f"{jobs} jobs, each with the right end. Medians of the first and the last quarter after a fifth of the time to warm up;",
            "each must be within 5 %.", "", "| | first | last | change | most |", "|---|---|---|---|---|", *rows, "",
            "![memory and descriptors over time](soak.svg)", ""]
    handbook = folder / "OPERATIONS.md"
    before, mark, rest = handbook.read_text().partition("<!-- soak: written by `./dev soak` -->\n")
    assert mark, "the handbook has a place for it"
    handbook.write_text(before + mark + "\n".join(text) + rest[rest.index("<!-- end of soak -->"):])


@pytest.fixture
def service():
    harness.adopt_orphans()
    cgroups = harness.Cgroups()
    service = harness.Service(cgroups, log_level="info")
    try:
        service.start(("python", "c"), slots=2)
        yield service
        problems = service.close()
        assert not problems, "\n".join(problems)
        wait_until(lambda: not harness.orphans([service]), "no process is left behind", 10)
        assert not cgroups.leftovers()
        service.remove()
    finally:
        for child in service.children:
            child.kill_group()
        wait_until(lambda: not harness.orphans([service]), "all is gone", 10)
        cgroups.remove()


def test_nothing_grows(service):
    for n in range(12):
        assert service.client.run(KINDS["compiled"](n)[0])["verdict"] == "accepted"
    deadline = time.monotonic() + SECONDS
    customers = [Customer(service.client, number, deadline) for number in range(CLIENTS)]
    for customer in customers:
        customer.start()
    series = watch(service, customers)
    for customer in customers:
        if customer.error:
            raise customer.error
        customer.join()
    done = sum((customer.done for customer in customers), Counter())
    print(dict(done))
    wait_until(lambda: service.client.get("/load").json()["totalActive"] == 0, "all is done")
    if REPORT:
        report(Path(REPORT), series, sum(count for name, count in done.items() if ": " in name))
    grown = []
    for name, (unit, points) in series.items():
        first, last = windows(points)
        least, most = allowed(unit, first)
        print(f"{name}: {first:.1f} then {last:.1f} {unit}")
        if not least <= last <= most:
            grown.append(f"{name}: {first:.2f} {unit}, then {last:.2f}")
    assert not grown, "; ".join(grown)
