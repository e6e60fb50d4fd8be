"""Cancelling what runs: its box is dead at once, by the control channel, and the job ends as cancelled."""

import os
import time

import service as harness
from service import wait_until

SLEEPER = {"language": "python", "code": "import time\nprint('on', flush=True)\ntime.sleep(60)",
           "testCases": [{"input": "", "expected": ""}] * 3}


def programs_of(executor):
    """Each test's init and its program, both forks of an interpreter that lives on."""
    names = harness.descendants(executor.pid)
    stats = {pid: harness.stat_of(pid) for pid, name in names.items() if "python" in name}
    return [pid for pid, stat in stats.items() if stat and "python" in names.get(stat[2], "")]


def test_a_cancelled_program_is_dead_at_once(make_service):
    """The lease is so long that its renewal would tell the executor of the cancel only after the bound."""
    service = make_service(languages=("python",), slots=2, lease_ms=60000)
    executor = service.executors["python-1"]
    took_ms = []
    for _ in range(5):
        job_id = service.client.submit(SLEEPER)
        running = wait_until(lambda: len(programs_of(executor)) >= 4 and programs_of(executor), "two of its tests run")
        asked = time.monotonic()
        assert service.client.delete(f"/job/{job_id}").status_code == 202
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in running), "its programs are dead", 15)
        took_ms.append((time.monotonic() - asked) * 1000)
        job = service.client.finish(job_id)
        assert (job["status"], job["attempts"]) == ("cancelled", 1), job
    print("dead after", ", ".join(f"{ms:.0f}" for ms in sorted(took_ms)), "ms")


def test_without_the_hint_the_next_renewal_tells(make_service):
    """This executor may not listen on the channel of cancels; all else is as always."""
    service = make_service(lease_ms=1500)
    rights = ["on", ">pw", "~*", "resetchannels", "&*:done", "&*:progress", "+@all"]
    assert service.redis_command("ACL", "SETUSER", "deaf", *rights) == "+OK"
    executor = service.start_executor("python", slots=2, redis_url=f"unix://deaf:pw@{service.redis_socket}")
    job_id = service.client.submit(SLEEPER)
    wait_until(lambda: len(programs_of(executor)) >= 2, "two of its tests run")
    assert service.client.delete(f"/job/{job_id}").status_code == 202
    job = service.client.finish(job_id)
    assert (job["status"], job["attempts"]) == ("cancelled", 1), job
    wait_until(lambda: not programs_of(executor), "its programs are dead")
    assert service.client.python("print('on')")["output"] == "on"
