"""GET /job/{id}/events: a job as it goes, read as an EventSource reads it."""

import json
import os
import threading
from contextlib import closing

import pytest
import requests

import contract
from client import Client, Raw, check_error
from keys import Keys
from service import wait_until

GATE = "import sys, time\nn = float(input())\ntime.sleep(n)\nprint(n)"


class Events:
    """The events of a job, one after the other."""

    def __init__(self, client, job_id, last=None, chunk=1):
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
        self.response = client.get(f"/job/{job_id}/events", headers=headers, stream=True)
        assert self.response.status_code == 200, self.response.text
        assert self.response.headers["Content-Type"] == "text/event-stream"
        self.events = contract.read_events(self.response.iter_lines(chunk_size=chunk))
        self.comments = 0

    def __iter__(self):
        return self

    def __next__(self):
        for event in self.events:
            if "" not in event:
                return event["id"], event["event"], contract.check_event(contract.EVENTS, event, "the stream")
            self.comments += 1
        raise StopIteration

    def close(self):
        self.response.close()


def follow(client, job_id, last=None):
    events = Events(client, job_id, last, chunk=512)
    return list(events)


def waiting_job(waits, **more):
    return {"language": "python", "code": GATE,
            "testCases": [{"input": str(wait), "expected": str(float(wait))} for wait in waits], **more}


def kinds(events):
    return [kind for _, kind, _ in events]


def check_whole(events, job, seen=0):
    """Each test once, in the order of its seq, then the result, which is what the job's own route says."""
    tests = [(event_id, data) for event_id, kind, data in events if kind == "test"]
    attempt, count = job["attempts"], job["testsTotal"]
    tests = [(event_id, data) for event_id, data in tests if data["attempt"] == attempt]
    assert [event_id for event_id, _ in tests] == [f"{attempt}.{seq}" for seq in range(seen + 1, count + 1)]
    assert len({data["index"] for _, data in tests}) == count - seen
    for _, data in tests:
        row = job["testCases"][data["index"]]
        for field in ("passed", "verdict", "wallTimeMs", "cpuTimeMs", "memoryKb", "executionTime"):
            assert data[field] == row[field], (field, data, row)
    assert events[-1] == (f"{attempt}.{count + 1}", "result", job)
    assert [data["status"] for _, kind, data in events if kind == "state"][-1] == job["status"]


def test_a_job_from_queue_to_end(make_service):
    service = make_service(languages=())
    job_id = service.client.submit(waiting_job([0, 0, 0]))
    events = Events(service.client, job_id)
    first = next(events)
    assert first[:2] == ("0.0", "state") and (first[2]["status"], first[2]["testsTotal"]) == ("queued", 3)
    service.start_executor("python")
    rest = list(events)
    states = [data["status"] for _, kind, data in rest if kind == "state"]
    assert states in (["running", "completed"], ["completed"]), "a short run may be over before it was seen"
    check_whole([first, *rest], service.client.job(job_id))


def test_tests_come_while_others_run(client):
    """The last test would take a minute: it is ended when the first two have been seen."""
    job_id = client.submit(waiting_job([0, 0, 60], timeout=100))
    events = Events(client, job_id)
    seen = []
    while len(seen) < 2:
        _, kind, data = next(events)
        assert kind != "result", "the first two come before the end"
        if kind == "test":
            seen.append(data["index"])
    assert sorted(seen) == [0, 1]
    assert client.job(job_id)["status"] == "running"
    client.delete(f"/job/{job_id}")
    assert [kind for _, kind, _ in events][-1] == "result"
    assert client.finish(job_id)["status"] == "cancelled"


def test_a_finished_job_tells_all_at_once(client):
    job = client.run(waiting_job([0, 0.001, 0, 0]))
    events = follow(client, job["id"])
    assert kinds(events) == ["test"] * 4 + ["state", "result"]
    check_whole(events, job)


@pytest.mark.parametrize("seen", [0, 1, 3, 4])
def test_last_event_id_resumes(client, seen):
    job = client.run(waiting_job([0, 0, 0, 0]))
    events = follow(client, job["id"], last=f"1.{seen}")
    assert kinds(events) == ["test"] * (4 - seen) + ["state", "result"]
    check_whole(events, job, seen)


def test_every_master_counts_alike(client):
    """Events that were told while the job ran and those that the result adds have the same ids for all who read them."""
    job_id = client.submit(waiting_job([0.001] * 6 + [0.4] + [0.001] * 5))
    live = follow(client, job_id)
    job = client.job(job_id)
    check_whole(live, job)
    later = follow(client, job_id)
    order = lambda events: [(i, d["index"]) for i, kind, d in events if kind == "test"]
    assert order(live) == order(later)


def test_who_has_the_result_is_told_not_to_come_again(client):
    for submission in (waiting_job([0, 0]), {"language": "c", "code": "int main(void) { return nonsense; }"}):
        job = client.run(submission)
        last = follow(client, job["id"])[-1][0]
        response = client.get(f"/job/{job['id']}/events", headers={"Last-Event-ID": last})
        assert (response.status_code, response.content) == (204, b"")
        assert "Content-Length" not in response.headers


def test_jobs_without_tests_results(client):
    refused = client.run({"language": "c", "code": "int main(void) { return nonsense; }"})
    events = follow(client, refused["id"])
    assert kinds(events) == ["state", "result"] and events[-1][2] == refused
    single = client.run({"language": "python", "code": "print(7)"})
    events = follow(client, single["id"])
    assert kinds(events) == ["test", "state", "result"]
    assert events[0][2]["stdout"] == "7\n"


def test_cancelled_before_it_ran(make_service):
    client = make_service(languages=()).client
    job_id = client.submit(waiting_job([0]))
    events = Events(client, job_id)
    next(events)
    client.delete(f"/job/{job_id}")
    rest = list(events)
    assert kinds(rest) == ["state", "result"] and rest[-1][2]["status"] == "cancelled"


def test_hidden_tests_show_no_data(client):
    job_id = client.submit({"language": "python", "code": "import sys\nprint('secret ' + input())\nprint('secret', file=sys.stderr)",
                            "testCases": [{"input": "given", "expected": "wanted", "hidden": True, "name": "n"}]})
    events = follow(client, job_id)
    (event,) = [data for _, kind, data in events if kind == "test"]
    assert set(event) == {"attempt", "seq", "index", "name", "hidden", "passed", "executionTime", "verdict", "cpuTimeMs",
                          "wallTimeMs", "memoryKb"}
    text = json.dumps(events)
    assert "secret" not in text and "given" not in text and "wanted" not in text


def test_outputs_are_cut(client):
    job = client.python("print('é' * 5000)", testCases=[{"input": "", "expected": ""}])
    (event,) = [data for _, kind, data in follow(client, job["id"]) if kind == "test"]
    assert event["stdout"] == "é" * 2048 and event["truncated"] and not event["invalidUtf8"]
    assert event["stdoutBytes"] == 10001 and not job["testCases"][0]["truncated"]


def test_many_read_one_job(client):
    job_id = client.submit(waiting_job([0.01] * 10))
    results = [None] * 20

    def read(number):
        one = client.another()
        results[number] = follow(one, job_id)
        one.close()

    threads = [threading.Thread(target=read, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    job = client.job(job_id)
    for events in results:
        check_whole(events, job)


def test_an_attempt_that_is_lost_is_told_again(make_service):
    service = make_service(languages=(), lease_ms=1000)
    victim = service.start_executor("python", number=1, slots=2)
    job_id = service.client.submit(waiting_job([0, 0, 2]))
    events = Events(service.client, job_id)
    seen = []
    while kinds(seen).count("test") < 2:
        seen.append(next(events))
    victim.kill_group()
    victim.may_die = True
    service.start_executor("python", number=2, slots=2)
    seen += list(events)
    job = service.client.job(job_id)
    assert job["attempts"] == 2 and job["verdict"] == "accepted"
    check_whole(seen, job)
    assert {data["attempt"] for _, kind, data in seen if kind == "test"} == {1, 2}


def test_a_second_master_goes_on_where_the_first_stopped(make_service):
    service = make_service(languages=("python",))
    job_id = service.client.submit(waiting_job([0, 0, 3]))
    events = Events(service.client, job_id)
    seen = []
    while kinds(seen).count("test") < 2:
        seen.append(next(events))
    service.master.stop()
    list(events)
    service.start_master()
    rest = follow(service.client, job_id, last=seen[-1][0])
    job = service.client.job(job_id)
    assert [data["index"] for _, kind, data in rest if kind == "test"] == [2]
    check_whole(rest, job, seen=2)


def test_heartbeat(make_service):
    service = make_service(languages=(), heartbeat_s=1)
    job_id = service.client.submit(waiting_job([0]))
    events = Events(service.client, job_id)
    next(events)
    reader = threading.Thread(target=lambda: list(events))
    reader.start()
    wait_until(lambda: events.comments >= 2, "two comments came")
    service.client.another().delete(f"/job/{job_id}")
    reader.join()


def test_hints_are_only_hints(make_service):
    """Without its subscriptions a stream still tells the end."""
    service = make_service(languages=("python",))
    service.redis_command("CONFIG", "SET", "client-output-buffer-limit", "'pubsub 1 1 1'")
    job_id = service.client.submit(waiting_job([0.5]))
    assert kinds(follow(service.client, job_id))[-1] == "result"


def test_clients_that_leave_are_forgotten(make_service):
    service = make_service(languages=())
    job_id = service.client.submit(waiting_job([0]))
    descriptors = lambda: len(os.listdir(f"/proc/{service.master.pid}/fd"))
    before = descriptors()
    streams = []
    for _ in range(20):
        one = service.client.another()
        events = Events(one, job_id)
        next(events)
        streams.append((one, events))
    assert descriptors() >= before + 20
    for one, events in streams:
        events.close()
        one.close()
    wait_until(lambda: descriptors() <= before, "their connections are closed")


def is_whole(client, job_id):
    """Whether the stream comes to its result; else it was cut."""
    with closing(client.another()) as one:
        try:
            return b"\nevent: result\n" in one.get(f"/job/{job_id}/events").content
        except requests.RequestException:
            return False


@pytest.mark.security
def test_unread_streams_are_bounded(make_service):
    """While two clients read nothing of their ten megabytes each, another's stream is cut; later it is whole."""
    service = make_service(languages=("python",), max_held_mb=24)
    tests = [{"input": "x" * 60_000, "expected": "x" * 60_000}] * 34
    job_id = service.client.python("print(input())", testCases=tests)["id"]
    with Raw(service.client) as one, Raw(service.client) as two:
        for unread in (one, two):
            unread.send(f"GET /job/{job_id}/events HTTP/1.1\r\nHost: x\r\n\r\n")
            assert unread.socket.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: not is_whole(service.client, job_id), "what is unread leaves no room", 60)
        assert service.client.get(f"/api/status/{job_id}").status_code == 200, "small answers go on"
    wait_until(lambda: is_whole(service.client, job_id), "who did not read has left", 60)


@pytest.mark.security
def test_a_job_is_its_keys_own(make_service, tmp_path):
    keys = Keys(tmp_path / "keys")
    alice, bob, root = keys.add("alice"), keys.add("bob"), keys.add("root", "admin")
    service = make_service(keys_file=keys.path, token=alice, languages=("python",))
    job = service.client.run({"language": "python", "code": "print(7)"})
    other, admin = Client(service.client.url, bob), Client(service.client.url, root)
    check_error(other.get(f"/job/{job['id']}/events"), 404, "not_found")
    assert kinds(follow(admin, job["id"]))[-1] == "result"
    shown = lambda client: [row["id"] for row in client.get("/status").json()["executions"]]
    assert (shown(service.client), shown(other), shown(admin)) == ([job["id"]], [], [job["id"]])
    check_error(Client(service.client.url).get(f"/job/{job['id']}/events"), 401, "key_required", "Authorization")


def test_the_contract_judges_events():
    state = {"id": "python-00000000-0000-4000-8000-000000000000", "status": "queued", "timestamp": "2025-01-15T10:30:00.000Z",
             "attempt": 0, "testsDone": 0, "testsTotal": 1, "executor": None}
    lines = lambda kind, data, number="0.1": [f"id: {number}".encode(), f"event: {kind}".encode(),
                                              f"data: {json.dumps(data)}".encode(), b""]
    event, = contract.read_events([b":", b"", *lines("state", state)][2:])
    assert contract.check_event(contract.EVENTS, event, "it") == state
    for wrong in (lines("status", state), lines("state", state, "1"), lines("state", {**state, "more": 1}),
                  lines("state", {**state, "status": "done"}), lines("test", state), lines("state", state)[1:],
                  [b"retry: 1", *lines("state", state)], [b"id: 0.1", *lines("state", state)], [b"words", b""]):
        with pytest.raises(contract.Broken):
            for event in contract.read_events(wrong):
                contract.check_event(contract.EVENTS, event, "it")


def test_redis_restarts_under_a_stream(make_service):
    service = make_service(languages=("python",))
    job_id = service.client.submit(waiting_job([2]))
    events = Events(service.client, job_id)
    next(events)
    service.redis.signal(9)
    service.redis.wait()
    service.redis.start()
    assert kinds(list(events))[-1] == "result"


@pytest.mark.parametrize("last", ["x", "1", "1.", ".1", "1.2.3", "-1.2", "9999999999.1", "1.x"])
def test_last_event_id_is_checked(client, last):
    job = client.run({"language": "python", "code": "print(7)"})
    check_error(client.get(f"/job/{job['id']}/events", headers={"Last-Event-ID": last}), 422, "invalid_request",
                "Last-Event-ID")


def test_unknown_jobs(client):
    for job_id in ("python-00000000-0000-4000-8000-000000000000", "nonsense"):
        check_error(client.get(f"/job/{job_id}/events"), 404, "not_found")
    for path in ("/job//events", "/job/a/b/events", "/job/a/events/", "/job/a/event"):
        check_error(client.get(path), 404, "not_found")


def test_head_and_other_methods(client):
    job = client.run({"language": "python", "code": "print(7)"})
    response = client.request("HEAD", f"/job/{job['id']}/events")
    assert (response.status_code, response.content) == (200, b"")
    check_error(client.post(f"/job/{job['id']}/events", {}), 405, "method_not_allowed")


def test_http_1_0_gets_it_too(client):
    job = client.run({"language": "python", "code": "print(7)"})
    with Raw(client) as raw:
        raw.send(f"GET /job/{job['id']}/events HTTP/1.0\r\n\r\n")
        text = raw.reader.read().decode()
    assert text.startswith("HTTP/1.") and text.endswith("\n\n") and "event: result\n" in text
