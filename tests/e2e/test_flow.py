"""Jobs on their way: many at once, apart from each other, and through the death of every part."""

import json
import os
import signal
import socket
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

import service as harness
from client import Raw, check_error
from service import wait_until

JOBS = int(os.environ.get("SENTINEL_TEST_JOBS", "500"))
MIB = 1024 * 1024


def slow(seconds, text="done"):
    return {"language": "python", "code": f"import time\ntime.sleep({seconds})\nprint({text!r})"}


def in_parallel(client, work, items, threads=16):
    """work(client, item) for each, in order of the items; each thread has connections of its own."""
    clients = [client.another() for _ in range(threads)]

    def share(number):
        return [(index, work(clients[number], items[index])) for index in range(number, len(items), threads)]

    with ThreadPoolExecutor(threads) as pool:
        done = dict(pair for pairs in pool.map(share, range(threads)) for pair in pairs)
    for one in clients:
        one.close()
    return [done[index] for index in range(len(items))]


def wait_running(client, job_id):
    wait_until(lambda: client.job(job_id)["status"] == "running", f"{job_id} runs")


# ---- many jobs -----------------------------------------------------------------------------------------------------


def sums_job(number):
    """Ten tests whose right answers only this job has."""
    tests = [{"input": f"{number} {k}", "expected": str(number * 1000 + k)} for k in range(10)]
    return {"language": "python", "code": "a, b = map(int, input().split())\nprint(a * 1000 + b)", "testCases": tests}


def test_many_jobs_at_once(client):
    ids = in_parallel(client, lambda c, n: c.submit(sums_job(n)), range(JOBS))
    assert len(set(ids)) == JOBS
    jobs = in_parallel(client, lambda c, job_id: c.finish(job_id, 280), ids)
    for number, job in enumerate(jobs):
        assert (job["id"], job["status"], job["verdict"]) == (ids[number], "completed", "accepted"), job
        assert [run["actualOutput"] for run in job["testCases"]] == [str(number * 1000 + k) for k in range(10)], job


ADDERS = {
    "python": "print(int(input()) + {n})",
    "c": "#include <stdio.h>\nint main(void)\n{{\n    int x;\n    return scanf(\"%d\", &x) != 1 || "
         "printf(\"%d\\n\", x + {n}) < 0;\n}}\n",
    "cpp": "#include <iostream>\nint main()\n{{\n    int x;\n    std::cin >> x;\n    "
           "std::cout << x + {n} << std::endl;\n}}\n",
}


def test_interleaved_languages(client):
    wanted = [(language, n) for n in range(8) for language in ADDERS]
    sent = [{"language": language, "code": ADDERS[language].format(n=n),
             "testCases": [{"input": str(k), "expected": str(k + n)} for k in range(5)]} for language, n in wanted]
    jobs = in_parallel(client, lambda c, submission: c.run(submission, 200), sent)
    for (language, n), job in zip(wanted, jobs):
        assert job["id"].startswith(language + "-")
        assert (job["verdict"], job["output"]) == ("accepted", "\n".join(str(k + n) for k in range(5))), job


# ---- apart from each other -----------------------------------------------------------------------------------------

LEAVE_AND_LOOK = """
import os
places = [".", "/tmp", "/dev/shm", os.environ.get("HOME", "/tmp")]
found = [p for p in places if os.path.exists(os.path.join(p, "left-behind"))]
for place in places:
    try:
        open(os.path.join(place, "left-behind"), "w").write("x" * 1000)
    except OSError:
        pass
print("found", found)
"""


@pytest.mark.security
def test_nothing_is_left_for_the_next_test(client):
    job = client.python(LEAVE_AND_LOOK, testCases=[{"input": "", "expected": ""}] * 12)
    assert {run["stdout"].splitlines()[0] for run in job["testCases"]} == {"found []"}, job
    assert {run["stderr"] for run in job["testCases"]} == {""}, job
    again = client.python(LEAVE_AND_LOOK, testCases=[{"input": "", "expected": ""}] * 4)
    assert {run["stdout"].splitlines()[0] for run in again["testCases"]} == {"found []"}, again


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(0.05)
    os._exit(0)
print("parent leaves")
"""

COUNT_PROCESSES = """
import os
pids = [p for p in os.listdir("/proc") if p.isdigit()]
print(len(pids))
"""


@pytest.mark.security
def test_a_daemon_does_not_outlive_its_run(client):
    job = client.python(DAEMON, limits={"wallTimeMs": 20000}, testCases=[{"input": "", "expected": "parent leaves"}] * 4)
    assert job["verdict"] == "accepted", f"its output is complete, though a daemon holds it open: {job}"
    counts = client.python(COUNT_PROCESSES, testCases=[{"input": "", "expected": ""}] * 4)
    assert all(int(run["stdout"]) <= 4 for run in counts["testCases"]), counts


# ---- sizes ---------------------------------------------------------------------------------------------------------


def kept(job):
    return sum(len(run["stdout"].encode()) + len(run["stderr"].encode()) for run in job["testCases"])


@pytest.mark.security
def test_whole_jobs_output_is_capped(client):
    """100 tests, each within its own cap, are 6 MB together: all compared in full, 4 MB kept."""
    tests = [{"input": str(k % 10), "expected": str(k % 10) * 60_000} for k in range(100)]
    job = client.python("print(input() * 60_000)", testCases=tests)
    assert job["verdict"] == "accepted", [run["verdict"] for run in job["testCases"]]
    assert 3 * MIB < kept(job) <= 4 * MIB
    assert any(run["truncated"] for run in job["testCases"])
    for run, test in zip(job["testCases"], tests):
        assert run["truncated"] or run["stdout"] == test["expected"] + "\n"


@pytest.mark.security
def test_a_hundred_floods(client):
    tests = [{"input": "", "expected": ""}] * 100
    job = client.python("while True:\n    print('x' * 65536)", testCases=tests, limits={"outputKb": 4096})
    assert {run["verdict"] for run in job["testCases"]} == {"output_exceeded"}
    assert kept(job) <= 4 * MIB and all(run["truncated"] for run in job["testCases"])


# ---- Redis ---------------------------------------------------------------------------------------------------------


def test_redis_restarts(make_service):
    service = make_service(languages=("python",), redis_deadline_ms=1000, lease_ms=1500)
    client = service.client
    earlier = client.python("print('before')")
    service.redis.stop()
    wait_until(lambda: client.answers("/readyz") == 503, "/readyz says that Redis is away")
    refused = client.post("/execute", slow(0))
    assert check_error(refused, 503, "redis_unavailable", None) and int(refused.headers["Retry-After"]) >= 1
    check_error(client.get("/job/" + earlier["id"]), 503, "redis_unavailable", None)
    assert client.answers("/livez") == 200
    health = client.get("/health").json()
    assert health["status"] != "healthy" and health["redis"] != "connected"
    service.start_redis()
    wait_until(service.ready, "the master finds Redis again by itself")
    assert client.job(earlier["id"])["output"] == "before"
    assert client.python("print('after')")["output"] == "after", "the executor found Redis again by itself"
    assert service.master.alive() and service.executors["python-1"].alive()


def test_redis_dies_while_jobs_run(make_service):
    service = make_service(languages=("python",), redis_deadline_ms=1000, lease_ms=1500)
    ids = [service.client.submit(slow(0.5, str(n))) for n in range(6)]
    with Raw(service.client, timeout=60) as waiting:
        waiting.send(f"GET /job/{ids[-1]}?wait=30 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: any(service.client.job(job_id)["status"] == "running" for job_id in ids), "jobs run")
        service.redis.signal(signal.SIGKILL)
        service.redis.wait()
        service.start_redis()
        wait_until(service.ready, "the master finds Redis again")
        status, _, _ = waiting.response()
    assert status in (200, 503), "who waits is told, and not forgotten"
    jobs = [service.client.finish(job_id) for job_id in ids]
    assert [(job["status"], job["output"]) for job in jobs] == [("completed", str(n)) for n in range(6)]


def test_redis_hangs(make_service):
    """A Redis that takes connections and says nothing is away as well, and found again when it goes on."""
    service = make_service(languages=("python",), redis_deadline_ms=500, lease_ms=1500)
    service.redis.signal(signal.SIGSTOP)
    started = time.monotonic()
    check_error(service.client.post("/execute", slow(0)), 503, "redis_unavailable", None)
    assert time.monotonic() - started < 20, "it does not wait for Redis for ever"
    assert service.client.answers("/livez") == 200
    wait_until(lambda: service.client.answers("/readyz") == 503, "/readyz says that Redis is away")
    service.redis.signal(signal.SIGCONT)
    wait_until(service.ready, "the master finds Redis again")
    assert service.client.python("print('after')")["output"] == "after"


def test_redis_that_forgets_is_refused(make_service):
    service = make_service()
    service.redis_command("CONFIG SET maxmemory-policy allkeys-lru")
    service.redis_command("CLIENT KILL TYPE normal")
    wait_until(lambda: service.client.answers("/readyz") == 503, "a master does not trust a Redis that evicts")
    wait_until(lambda: "noeviction" in service.client.get("/health").text, "health says what is wrong with it")


def test_redis_that_is_full(make_service):
    service = make_service(redis_options=("--maxmemory", "8mb"))
    submission = {"language": "python", "code": "", "input": "x" * 500_000}

    def refused():
        response = service.client.post("/execute", submission)
        assert response.status_code in (202, 503), response.text
        return [response] if response.status_code == 503 else None

    response, = wait_until(refused, "jobs are refused before Redis is full")
    check_error(response, 503, "redis_memory", None)
    assert int(response.headers["Retry-After"]) >= 1


# ---- executors -----------------------------------------------------------------------------------------------------


def test_jobs_wait_for_an_executor(make_service):
    service = make_service()
    ids = [service.client.submit(sums_job(n)) for n in range(5)]
    assert {service.client.job(job_id)["status"] for job_id in ids} == {"queued"}
    response = service.client.get(f"/job/{ids[0]}?wait=1")
    assert response.status_code in (200, 202) and response.json()["status"] == "queued"
    service.start_executor("python")
    assert {service.client.finish(job_id)["verdict"] for job_id in ids} == {"accepted"}


def counts(service):
    rows = service.client.get("/load").json()["containers"]
    return sum(row["completed"] for row in rows), sum(row["failed"] for row in rows)


def test_executor_is_killed(make_service):
    """Its jobs are run again by another, and each gives one result."""
    service = make_service(languages=("python",), slots=2, lease_ms=1000)
    ids = [service.client.submit(slow(2, str(n))) for n in range(2)]
    for job_id in ids:
        wait_running(service.client, job_id)
    victim = service.executors["python-1"]
    below = harness.descendants(victim.pid)
    assert below, "it started boxes"
    victim.signal(signal.SIGKILL)
    victim.wait()
    wait_until(lambda: not set(below) & set(harness.living_processes()), "all that it started is dead")
    service.start_executor("python", number=2)
    jobs = [service.client.finish(job_id) for job_id in ids]
    assert [(job["status"], job["output"]) for job in jobs] == [("completed", str(n)) for n in range(2)]
    wait_until(lambda: counts(service) == (2, 0), "each job is counted once")


def test_a_job_tells_its_story(make_service):
    service = make_service(languages=("python",), slots=1, lease_ms=1000)
    job_id = service.client.submit(slow(1))
    wait_running(service.client, job_id)
    victim = service.executors["python-1"]
    victim.signal(signal.SIGKILL)
    victim.wait()
    told = service.client.get(f"/job/{job_id}?trace=1").json()["trace"]
    assert [event["event"] for event in told["events"]][:2] == ["queued", "claimed"] and "box" not in told
    service.start_executor("python", number=2)
    service.client.finish(job_id)
    job = service.client.get(f"/job/{job_id}?trace=1&wait=1").json()
    events = job["trace"]["events"]
    assert [(event["event"], event["attempt"]) for event in events] == [
        ("queued", 0), ("claimed", 1), ("reaped", 1), ("claimed", 2), ("completed", 2)]
    assert [event.get("executor") for event in events] == [None, "python-1", None, "python-2", None]
    assert events[2]["reason"] == "the executor that ran it was lost" and events[4]["renewals"] >= 1
    assert events[0]["time"] == job["createdAt"] and events[-1]["time"] == job["finishedAt"]
    assert job["trace"]["box"]["testsMs"][0] == job["wallTimeMs"] >= 1000
    assert "trace" not in service.client.job(job_id)
    check_error(service.client.get(f"/job/{job_id}?trace=yes"), 422, "invalid_request", "trace")


def test_health_tells_who_was_lost_from_who_left(make_service):
    service = make_service(languages=("python", "c"), slots=1)
    states = lambda: service.client.get("/health").json()["queues"]
    wait_until(lambda: states() == {"python-1": "healthy", "c-1": "healthy"}, "both are there")
    service.executors["python-1"].signal(signal.SIGKILL)
    service.executors["c-1"].signal(signal.SIGTERM)
    wait_until(lambda: states() == {"python-1": "lost"}, "one left, the other was lost", 60)
    health = service.client.get("/health").json()
    assert health["status"] == "degraded" and [one["status"] for one in health["executors"]] == ["lost"]
    service.executors["python-1"].wait()
    service.start_executor("python")
    wait_until(lambda: states() == {"python-1": "healthy"}, "it is back")


def test_executor_that_was_thought_dead(make_service):
    """It is stopped for longer than its lease; when it goes on, what it finished no longer counts."""
    service = make_service(languages=("python",), slots=1, lease_ms=500)
    job_id = service.client.submit({"language": "python", "code": "import time\ntime.sleep(2)\nprint(time.time_ns())"})
    wait_running(service.client, job_id)
    stopped = service.executors["python-1"]
    stopped.signal(signal.SIGSTOP)
    service.start_executor("python", number=2)
    job = service.client.finish(job_id)
    assert (job["status"], job["attempts"], job["executor"]) == ("completed", 2, "python-2")
    stopped.signal(signal.SIGCONT)
    service.wait_for_executors(["python-1"])
    assert service.client.python("print('next')")["output"] == "next"
    assert service.client.job(job_id) == job
    wait_until(lambda: counts(service) == (2, 0), "each job is counted once")


def test_one_executor_for_all_languages(make_service):
    service = make_service()
    service.start_executor("all", slots=2)
    sent = [{"language": language, "code": code.format(n=1), "input": "41"} for language, code in ADDERS.items()]
    for job in in_parallel(service.client, lambda c, submission: c.run(submission), sent * 3):
        assert (job["verdict"], job["output"], job["executor"]) == ("accepted", "42", "all-1"), job


def test_executors_die_while_many_jobs_run(make_service):
    """Whoever is killed, each job comes to one right result."""
    service = make_service(languages=("python",), slots=2, lease_ms=1000, max_attempts=100)
    sent = [{"language": "python", "code": "import time\ntime.sleep(0.1)\nprint(int(input()) + 1)",
             "testCases": [{"input": str(n * 10 + k), "expected": str(n * 10 + k + 1)} for k in range(3)]}
            for n in range(40)]
    ids = [service.client.submit(submission) for submission in sent]
    for number in range(2, 6):
        target = number * 4
        wait_until(lambda: counts(service)[0] >= target, f"{target} jobs are done", 120)
        service.executors[f"python-{number - 1}"].signal(signal.SIGKILL)
        service.start_executor("python", number=number)
    jobs = [service.client.finish(job_id) for job_id in ids]
    assert [(job["status"], job["verdict"]) for job in jobs] == [("completed", "accepted")] * len(sent)
    wait_until(lambda: counts(service) == (len(sent), 0), "each job is counted once")
    assert any(job["attempts"] > 1 for job in jobs), "somebody's job was taken over"


def test_job_is_given_up_on(make_service):
    service = make_service(languages=("python",), lease_ms=500, max_attempts=2)
    job_id = service.client.submit(slow(60))
    for number in (1, 2):
        wait_until(lambda: service.client.job(job_id)["status"] == "running", f"attempt {number} runs")
        executor = service.executors[f"python-{number}"]
        if number == 1:
            service.start_executor("python", number=2)
            service.wait_for_executors(["python-2"])
        executor.signal(signal.SIGKILL)
        executor.wait()
        if number == 1:
            wait_until(lambda: child_programs(service.executors["python-2"]), "the other executor runs it")
    job = service.client.finish(job_id)
    assert job["status"] == "failed" and ("2" in job.get("reason", "") or job["error"]), job
    assert service.client.get("/load").json()["totalWaiting"] == 0


def child_programs(executor):
    """Programs of users beneath an executor: what is neither a box nor the executor."""
    names = harness.descendants(executor.pid).values()
    return [name for name in names if "python" in name]


def test_boxes_are_killed(make_service):
    service = make_service(languages=("python",), slots=1)
    executor = service.executors["python-1"]
    job_id = service.client.submit(slow(2, "whole"))
    wait_running(service.client, job_id)
    wait_until(lambda: child_programs(executor), "the program runs")
    for pid in harness.descendants(executor.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    job = service.client.finish(job_id)
    assert (job["status"], job["output"]) == ("completed", "whole"), job
    assert executor.alive()
    assert service.client.python("print('next')")["output"] == "next"


def test_executor_drains(make_service):
    """SIGTERM: what runs is finished, what waits is left, the end is clean."""
    service = make_service(languages=("python",), slots=1, drain_s=30)
    running = service.client.submit(slow(2))
    wait_running(service.client, running)
    executor = service.executors["python-1"]
    executor.signal(signal.SIGTERM)
    waiting = service.client.submit(slow(0))
    assert executor.wait(20) == 0
    job = service.client.job(running)
    assert (job["status"], job["output"]) == ("completed", "done")
    assert service.client.job(waiting)["status"] == "queued"
    assert "python-1" not in {row["containerId"] for row in service.client.get("/load").json()["containers"]}
    service.start_executor("python", number=2)
    assert service.client.finish(waiting)["output"] == "done"


def test_executor_gives_back_what_it_cannot_finish(make_service):
    service = make_service(languages=("python",), slots=1, drain_s=0, max_attempts=1)
    job_id = service.client.submit(slow(3))
    wait_running(service.client, job_id)
    executor = service.executors["python-1"]
    executor.signal(signal.SIGTERM)
    assert executor.wait(20) == 0
    assert service.client.job(job_id)["status"] == "queued", "a drain is not an attempt"
    service.start_executor("python", number=2)
    assert service.client.finish(job_id)["output"] == "done"


def test_executor_of_one_job(make_service):
    """--max-jobs 1, a Kubernetes Job's executor: it takes one job of two, finishes it and ends by itself."""
    service = make_service()
    jobs = [service.client.submit(slow(0)), service.client.submit(slow(0))]
    executor = service.start_executor("python", slots=2, max_jobs=1)
    assert executor.wait(60) == 0
    assert [service.client.job(job)["status"] for job in jobs] == ["completed", "queued"]
    assert service.client.get("/load").json()["totalActive"] == 0
    service.start_executor("python", number=2)
    assert service.client.finish(jobs[1])["output"] == "done"


def test_executor_without_jobs_ends(make_service):
    """--idle-exit-s counts from the last job's end: what runs is never cut off, however long it lasts."""
    service = make_service()
    job = service.client.submit(slow(3))
    executor = service.start_executor("python", slots=1, idle_exit_s=1)
    assert executor.wait(60) == 0
    assert service.client.job(job)["output"] == "done"


def test_whole_job_has_a_bound(make_service):
    """The first test ends at once, the second not before the job's time is over."""
    service = make_service(languages=("python",), slots=1, job_timeout_s=2)
    cases = [{"input": seconds, "expected": "done"} for seconds in ("0", "25", "0", "0")]
    job = service.client.run({"language": "python", "code": "import time\ntime.sleep(int(input()))\nprint('done')",
                              "testCases": cases})
    verdicts = [run["verdict"] for run in job["testCases"]]
    assert verdicts == ["accepted", "skipped", "skipped", "skipped"], verdicts
    assert "reason" in job and any(c.isdigit() for c in job["reason"]), job


# ---- who waits -----------------------------------------------------------------------------------------------------


def test_many_wait_for_one_job(client):
    job_id = client.submit(slow(1))
    waiting = [Raw(client) for _ in range(200)]
    for raw in waiting:
        raw.send(f"GET /job/{job_id}?wait=30 HTTP/1.1\r\nHost: x\r\n\r\n")
    answers = [raw.response() for raw in waiting]
    for raw in waiting:
        raw.close()
    assert {status for status, _, _ in answers} == {200}
    assert {json.loads(body)["output"] for _, _, body in answers} == {"done"}


def test_waiting_for_what_is_not_there_does_not_wait(client):
    started = time.monotonic()
    response = client.get(f"/job/python-{uuid.uuid4()}?wait=30")
    assert response.status_code == 404 and time.monotonic() - started < 20


# ---- master --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_master_restarts(make_service, number):
    service = make_service(languages=("python",))
    finished = service.client.python("print('kept')")
    running = service.client.submit(slow(1))
    service.master.signal(number)
    code = service.master.wait()
    assert code == (0 if number == signal.SIGTERM else -number)
    service.start_master()
    assert service.client.job(finished["id"]) == finished
    assert service.client.finish(running)["output"] == "done"


def test_master_answers_who_waits_before_it_ends(make_service):
    service = make_service(languages=("python",))
    job_id = service.client.submit(slow(2))
    with Raw(service.client) as waiting:
        waiting.send(f"GET /job/{job_id}?wait=20 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_running(service.client, job_id)
        service.master.signal(signal.SIGTERM)
        response = waiting.response()
    assert response and response[0] in (200, 202), "the connection was cut"
    assert service.master.wait() == 0


def test_two_masters_serve_one_redis(make_service):
    service = make_service(languages=("python",))
    first, first_port = service.client, service.port
    service.port = harness.free_port()
    service.client = harness.Client(f"http://127.0.0.1:{service.port}")
    service.start_master()
    job_id = first.submit(slow(0.5))
    assert service.client.finish(job_id)["output"] == "done"
    assert first.job(job_id) == service.client.job(job_id) and first_port != service.port


# ---- bounds of time and number -------------------------------------------------------------------------------------


def test_queue_has_a_cap(make_service):
    client = make_service(queue_cap=3).client
    ids = [client.submit(slow(0)) for _ in range(3)]
    response = client.post("/execute", slow(0))
    check_error(response, 503, "queue_full", None)
    assert int(response.headers["Retry-After"]) >= 1
    assert client.submit({"language": "c", "code": ""}), "the cap is per language"
    client.delete("/job/" + ids[0])
    assert client.submit(slow(0))


def test_job_that_nobody_claims_expires(make_service):
    client = make_service(queue_ttl_s=1).client
    job = client.finish(client.submit(slow(0)))
    assert job["status"] == "expired" and job["id"] and client.get("/load").json()["totalWaiting"] == 0


def test_results_are_kept_for_a_while(make_service):
    client = make_service(languages=("python",), result_ttl_s=1).client
    job_id = client.submit(slow(0))
    wait_until(lambda: client.get("/job/" + job_id).status_code == 404, "the result is dropped after its time")


# ---- starting ------------------------------------------------------------------------------------------------------


def start_and_end(service, program, *options, **settings):
    """(exit code, all it printed) of a program that should not stay."""
    done = subprocess.run([service.build / program, *options], env=service.environment(**settings), timeout=30,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("program", ["master/sentinel-master", "executor/sentinel-executor"])
def test_bad_settings_stop_the_start(make_service, program):
    service = make_service()
    for setting, value in (("lease_ms", "soon"), ("lease_ms", "1"), ("log_level", "loud"), ("lease", "500")):
        code, text = start_and_end(service, program, **{setting: value})
        assert code != 0 and "SENTINEL_" + setting.upper() in text, text
        assert value in text or setting == "lease", text
    code, text = start_and_end(service, program, "--no-such-option")
    assert code != 0 and "no-such-option" in text
    code, text = start_and_end(service, program, languages="python,cobol")
    assert code != 0 and "cobol" in text


@pytest.mark.parametrize("program", ["master/sentinel-master", "executor/sentinel-executor"])
def test_help_and_version(make_service, program):
    service = make_service()
    code, text = start_and_end(service, program, "--help")
    assert code == 0 and "--redis-url" in text and "--lease-ms" in text
    code, text = start_and_end(service, program, "--version")
    assert code == 0 and text.strip().split()[-1][0].isdigit()


def test_taken_port_says_so(make_service):
    service = make_service()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, text = start_and_end(service, "master/sentinel-master", "--port", port, "--grpc-port", "0")
    assert code != 0 and port in text, text
