"""Programs of the release before this one beside today's, over one Redis. SENTINEL_PREVIOUS is that release's source, with
its programs in `build`."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import service as harness  # noqa: E402
from client import Client  # noqa: E402
from service import wait_until  # noqa: E402

PREVIOUS = Path(os.environ["SENTINEL_PREVIOUS"])
OTHER = {"today": "previous", "previous": "today"}
JOBS = 60


class EarlierClient(Client):
    """Of a master that does not answer by today's contract."""

    def another(self):
        return EarlierClient(self.url)

    def request(self, method, path, **more):
        return self.session.request(method, self.url + path, timeout=90, **more)


@pytest.fixture
def service():
    harness.adopt_orphans()
    cgroups = harness.Cgroups()
    service = harness.Service(cgroups, lease_ms=1000, max_attempts=100)
    try:
        service.start_redis()
        yield service
        problems = service.close()
        assert not problems, "\n".join(problems)
        wait_until(lambda: not harness.orphans([service]), "no process is left behind", 10)
        service.remove()
    finally:
        for child in service.children:
            child.kill_group()
        wait_until(lambda: not harness.orphans([service]), "all is gone", 10)
        cgroups.remove()


def take_programs(service, release):
    """What is started from now on is of that release, with its own languages."""
    service.build = PREVIOUS / "build" if release == "previous" else harness.build_dir()
    service.master_options = [] if release == "previous" else ["--mode", "http"]
    service.settings["languages_dir"] = (PREVIOUS if release == "previous" else ROOT) / "languages"


def start_master(service, release):
    take_programs(service, release)
    service.port = harness.free_port()
    service.client = (EarlierClient if release == "previous" else Client)(f"http://127.0.0.1:{service.port}")
    service.start_master()
    return service.client


def start_executors(service, release, number):
    take_programs(service, release)
    for language in ("python", "c"):
        service.start_executor(language, number=number)
    service.wait_for_executors([f"python-{number}", f"c-{number}"])


def sums(n):
    code = "a = int(input())\nprint(a + %d)" if n % 3 else "#include <stdio.h>\nint main(void){int a;scanf(\"%%d\",&a);printf(\"%%d\",a+%d);}"
    return {"language": "python" if n % 3 else "c", "code": code % n, "priority": n % 5 == 0,
            "testCases": [{"input": str(k), "expected": str(k + n)} for k in range(2)]}


def check_sums(job, n):
    assert (job["status"], job["verdict"]) == ("completed", "accepted"), job
    assert [test["actualOutput"] for test in job["testCases"]] == [str(n), str(n + 1)], job


@pytest.mark.parametrize("master", OTHER)
def test_a_master_and_executors_of_different_releases(service, master):
    client = start_master(service, master)
    start_executors(service, OTHER[master], 1)
    for n in range(6):
        check_sums(client.run(sums(n)), n)
    failing = client.run({"language": "python", "code": "print('\\x00\\xff' * 3)\nraise SystemExit(3)"})
    assert failing["verdict"] == "runtime_error" and failing["exitCode"] == 3
    assert client.run({"language": "c", "code": "nonsense"})["verdict"] == "compile_error"
    slow = client.submit({"language": "python", "code": "import time\ntime.sleep(30)"})
    wait_until(lambda: client.job(slow)["status"] == "running", "it runs")
    assert client.delete(f"/job/{slow}").status_code == 202
    assert client.finish(slow)["status"] == "cancelled"
    queue = {row["language"]: row for row in client.get("/load").json()["languages"]}["python"]
    assert (queue["waiting"], queue["active"]) == (0, 0)


@pytest.mark.parametrize("dying", OTHER)
def test_a_roll_while_jobs_flow(service, dying):
    """Two masters and the executors of two releases; those of one are killed in the middle, as a roll-out in haste, or its
    way back, would."""
    first = start_master(service, "previous")
    start_executors(service, "previous", 1)
    second = start_master(service, "today")
    start_executors(service, "today", 2)
    with ThreadPoolExecutor(4) as pool:
        clients = [one.another() for one in (first, second, first, second)]
        ids = list(pool.map(lambda n: clients[n % 4].submit(sums(n)), range(JOBS)))
        gone = 1 if dying == "previous" else 2
        done = lambda: sum(row["completed"] for row in second.get("/load").json()["languages"])
        wait_until(lambda: done() >= JOBS // 4, "a quarter is done")
        for language in ("python", "c"):
            service.executors[f"{language}-{gone}"].signal(signal.SIGKILL)
        jobs = list(pool.map(lambda n: clients[n % 4].finish(ids[n]), range(JOBS)))
    for n, job in enumerate(jobs):
        check_sums(job, n)
        shown = [one.job(ids[n]) for one in (first, second)]
        assert [each["output"] for each in shown] == [job["output"]] * 2
    wait_until(lambda: done() == JOBS, "each is counted once")
    for client in (first, second):
        assert client.get("/load").json()["totalWaiting"] == 0


def test_scripts_of_both_releases_in_every_interleaving():
    done = subprocess.run(["luajit", "-joff", ROOT / "tests/model/explore.lua", ROOT / "common/scripts", "--jobs", "line",
                           "--earlier", PREVIOUS / "common/scripts"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and "nothing found" in done.stdout, done.stdout + done.stderr
