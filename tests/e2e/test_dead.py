"""sentinel-master dead list|retry: jobs that were given up on, seen and sent again by an operator."""

import json
import signal
import subprocess

from service import wait_until


def dead(service, *arguments):
    """(status, JSON objects, what was said on stderr)."""
    done = subprocess.run([service.build / "master/sentinel-master", "dead", *arguments], env=service.environment(),
                          capture_output=True, text=True, timeout=30)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def give_up(service, number):
    """A job whose only executor dies with it."""
    job_id = service.client.submit({"language": "python", "code": "import time\ntime.sleep(60)"})
    executor = service.start_executor("python", number=number, slots=1)
    wait_until(lambda: service.client.job(job_id)["status"] == "running", "it runs")
    executor.signal(signal.SIGKILL)
    executor.wait()
    job = service.client.finish(job_id)
    assert job["status"] == "failed", job
    return job_id


def test_dead_jobs_are_listed_and_retried(make_service):
    service = make_service(languages=(), lease_ms=500, max_attempts=1)
    assert dead(service, "list") == (0, [], "")
    first, second = give_up(service, 1), give_up(service, 2)
    status, rows, _ = dead(service, "list", "--language", "python")
    assert status == 0 and [row["id"] for row in rows] == [first, second]
    assert rows[0]["attempts"] == 1 and "lost" in rows[0]["reason"] and rows[0]["finishedAt"].endswith("Z"), rows
    assert dead(service, "list", "--language", "c") == (0, [], "")

    assert dead(service, "retry", first) == (0, [{"id": first, "status": "queued"}], "")
    job = service.client.job(first)
    assert (job["status"], job["attempts"], job["reason"], job["finishedAt"]) == ("queued", 0, None, None), job
    assert dead(service, "retry", first) == (1, [{"id": first, "status": "none"}], ""), "it is not dead any more"
    assert dead(service, "retry", "--all") == (0, [{"id": second, "status": "queued"}], "")
    assert dead(service, "list") == (0, [], "")
    for job_id in (first, second):
        service.client.delete(f"/job/{job_id}")


def test_dead_wants_to_know_what_to_do(make_service):
    service = make_service()
    for arguments in ([], ["bury"], ["retry"], ["retry", "--all", "python-x"], ["list", "python-x"],
                      ["list", "--language", "cobol"], ["list", "--nonsense", "1"]):
        status, rows, words = dead(service, *arguments)
        assert status == 1 and not rows and words.startswith("sentinel-master: "), arguments
    service.redis.signal(signal.SIGKILL)
    service.redis.wait()
    status, rows, words = dead(service, "list", "--redis-deadline-ms", "300")
    assert status == 1 and "Redis is not ready" in words
