"""`"cache": true`: an earlier result of the same submission answers, and says so. It is stored before the job is complete, so
whoever has heard of that meets it."""

import pytest
import redis

CODE = "import random\nprint(random.random())"


def run(client, **more):
    job = client.run({"language": "python", "code": CODE, "input": "", **more})
    assert job["verdict"] == "accepted", job
    return job["output"], job["cached"]


@pytest.fixture(scope="module")
def python(estate):
    service = estate.start(languages=("python",))
    yield service
    problems = service.close()
    assert not problems, "\n".join(problems)


def test_the_same_is_answered_from_before(python):
    first, cached = run(python.client, cache=True)
    assert not cached
    assert run(python.client, cache=True) == (first, True)
    assert run(python.client, cache=True, userId="somebody", metadata={"a": 1}) == (first, True)


def test_what_differs_or_does_not_ask_is_run(python):
    first, _ = run(python.client, cache=True)
    assert run(python.client, cache=True) == (first, True)
    for more in ({"cache": False}, {}, {"cache": True, "args": ["a"]}, {"cache": True, "limits": {"memoryMb": 200}}):
        output, cached = run(python.client, **more)
        assert output != first and not cached, more


def test_what_time_decided_is_run_again(python):
    submission = {"language": "python", "code": "while True: pass", "input": "", "cache": True,
                  "limits": {"cpuTimeMs": 50, "wallTimeMs": 20000}}
    for _ in range(3):
        job = python.client.run(submission)
        assert (job["verdict"], job["cached"]) == ("cpu_time_exceeded", False), job


def test_tests_and_counts_are_as_of_a_run(python):
    submission = {"language": "python", "code": "print(input())", "cache": True,
                  "testCases": [{"input": "1", "expected": "1"}, {"input": "2", "expected": "3", "hidden": True}]}
    first = python.client.run(submission)
    again = python.client.run(submission)
    assert again["cached"] and again["id"] != first["id"] and again["testCases"] == first["testCases"] and again["verdict"] == "wrong_answer"


def test_damage_in_the_cache_is_no_result(python):
    submission = {"language": "python", "code": "print('right')", "input": "", "cache": True}
    python.client.run(submission)
    assert python.client.run(submission)["cached"]
    with redis.Redis(unix_socket_path=str(python.redis_socket)) as server:
        for key in server.scan_iter("sentinel:{python}:cache:*"):
            server.set(key, "{}")
    job = python.client.run(submission)
    assert (job["output"], job["cached"]) == ("right", False), job
