"""SENTINEL_MIN_TIER: an executor whose machine gives less takes no job, is never ready, and ends with a failure."""

import pytest


@pytest.mark.security
def test_below_the_least_tier_no_job_is_taken(make_service):
    service = make_service()
    job_id = service.client.submit({"language": "python", "code": "print('in A-')"})
    executor = service.start_executor("python", min_tier="A", cgroup="off")  # without control groups: A- at best
    executor.may_die = True
    assert executor.wait(60) == 1
    assert "isolation is below min-tier: no job is taken" in executor.log_text()
    assert "memoryCgroup" in executor.log_text(), "and what is missing is told"
    assert service.client.job(job_id)["status"] == "queued"
    load = service.client.get("/load").json()
    assert (load["totalWaiting"], load["totalActive"]) == (1, 0)
    assert "python-1" not in {row["containerId"] for row in load["containers"]}, "it never registered"

    service.start_executor("python", number=2, min_tier="A-", cgroup="off")
    done = service.client.finish(job_id)
    assert (done["output"], done["isolation"]) == ("in A-", "A-")
