"""HTTP from those who mean harm: requests that two readers would read differently, connections and memory held for nothing."""

import json
import resource
import select
import socket
import uuid
from contextlib import ExitStack

import pytest

from client import Raw, check_error
from service import wait_until

pytestmark = pytest.mark.security

MIB = 1024 * 1024
LARGE = 7 * MIB


def refused(response, code="overloaded"):
    """Asserts one of our own 503s."""
    status, headers, body = response
    error = json.loads(body)["error"]
    assert (status, error["code"], error["field"]) == (503, code, None), response
    assert int(headers["retry-after"]) >= 1
    return error


def head(headers, path="/livez", method="GET", version="1.1"):
    return f"{method} {path} HTTP/{version}\r\nHost: x\r\n{headers}\r\n"


# ---- one request, one reading --------------------------------------------------------------------------------------

SECOND = "GET /languages HTTP/1.1\r\nHost: x\r\n\r\n"
JSON_BODY = '{"language":"python","code":""}'
AMBIGUOUS = {
    "two lengths": head(f"Content-Length: {len(JSON_BODY)}\r\nContent-Length: 0\r\n", "/execute", "POST") + JSON_BODY,
    "a length twice": head(f"Content-Length: {len(JSON_BODY)}\r\nContent-Length: {len(JSON_BODY)}\r\n", "/execute",
                           "POST") + JSON_BODY,
    "a list of lengths": head("Content-Length: 0, 0\r\n"),
    "a signed length": head("Content-Length: +0\r\n"),
    "a hexadecimal length": head("Content-Length: 0x0\r\n"),
    "length, then chunks": head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "/execute", "POST") + "0\r\n\r\n",
    "chunks, then length": head("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "/execute", "POST") + "0\r\n\r\n",
    "chunked twice": head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "/execute", "POST") + "0\r\n\r\n",
    "another coding": head("Transfer-Encoding: gzip, chunked\r\n", "/execute", "POST") + "0\r\n\r\n",
    "a name with a space": head("Content-Length : 0\r\n"),
    "a folded header": head("X: a\r\n Content-Length: 0\r\n"),
    "a bare LF": "GET /livez HTTP/1.1\nHost: x\r\n\r\n",
    "LF alone everywhere": "GET /livez HTTP/1.1\nHost: x\n\n",
    "a bare CR": head("X: a\rContent-Length: 0\r\n"),
    "no host": "GET /livez HTTP/1.1\r\n\r\n",
    "two hosts": head("Host: y\r\n"),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_can_be_read_twice_is_refused(client, name):
    """And nothing behind it is taken for a request."""
    with Raw(client) as raw:
        raw.send(AMBIGUOUS[name] + SECOND)
        raw.end()
        first = raw.response()
        assert first is None or 400 <= first[0] < 500, first
        assert raw.response() is None
    assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("size", [70_000, 1_000_000])
def test_long_headers_are_refused(client, size):
    for data in (head("X: " + "y" * size + "\r\n"), head("X: y\r\n" * (size // 6)),
                 f"GET /{'y' * size} HTTP/1.1\r\nHost: x\r\n\r\n"):
        with Raw(client) as raw:
            raw.send(data)
            response = raw.response()
            assert response is None or response[0] == 400, response
    assert client.get("/livez").status_code == 200


def test_a_thousand_pipelined_requests(client):
    with Raw(client) as raw:
        raw.send(b"".join(b"GET /job/python-%s HTTP/1.1\r\nHost: x\r\n\r\n" % str(uuid.uuid4()).encode() for _ in range(1000)))
        raw.send(SECOND)
        assert [raw.response()[0] for _ in range(1001)] == [404] * 1000 + [200]


def test_head_has_neither_body_nor_length(client):
    job_id = client.submit({"language": "python", "code": "print('x' * 1000)"})
    client.finish(job_id)
    for path in (f"/job/{job_id}", f"/api/status/{job_id}", "/languages", "/health", "/openapi.json"):
        with Raw(client) as raw:
            raw.send(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n")
            status, headers, body = raw.response()
            assert (status, body) == (200, b"") and "content-length" not in headers and "transfer-encoding" not in headers
            assert raw.get("/livez")[0] == 200, "the next answer follows at once"
    assert client.request("HEAD", f"/job/python-{uuid.uuid4()}").status_code == 404


# ---- slow ones -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [head("X: " + "y" * 5000 + "\r\n"),
                                  head("Content-Length: 5000\r\n", "/execute", "POST") + " " * 5000],
                         ids=["head", "body"])
def test_a_drip_is_not_a_request(make_service, data):
    """A byte now and then keeps no connection: the whole request has its time."""
    client = make_service(request_timeout_s=1).client
    with Raw(client) as raw:
        raw.socket.settimeout(0.05)
        sent = 0

        def ended():
            nonlocal sent
            raw.send(data[sent])
            sent += 1
            try:
                return raw.socket.recv(100) == b""
            except TimeoutError:
                return False
            except ConnectionResetError:
                return True

        wait_until(ended, "the connection is closed", 30)
        assert sent < len(data)
    assert client.get("/livez").status_code == 200


# ---- many ----------------------------------------------------------------------------------------------------------


def test_connections_are_bounded(make_service):
    service = make_service(max_connections=20)
    with ExitStack() as stack:
        held = [wait_until(lambda: open_and_served(stack, service.client), "there is room") for _ in range(20)]
        for _ in range(5):
            with Raw(service.client) as late:
                refused(late.response())
                assert late.response() is None, "it is closed"
        assert all(raw.get("/livez")[0] == 200 for raw in held), "who was there is served"
        held.pop().close()
        wait_until(lambda: open_and_served(stack, service.client), "there is room again")


def open_and_served(stack, client):
    """A connection, or None when it was refused."""
    raw = stack.enter_context(Raw(client))
    return raw if raw.get("/livez")[0] == 200 else None


def test_ten_thousand_idle_connections(make_service):
    """Or as many as this machine's limit of descriptors allows to both sides."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, hard - 400)
    client = make_service(languages=("python",), max_connections=count + 100, request_timeout_s=600).client
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 200)), hard))
    idle = []
    try:
        address = client.url.removeprefix("http://").split(":")
        for _ in range(count):
            idle.append(socket.create_connection((address[0], int(address[1])), timeout=20))
        assert client.python("print(1)")["output"] == "1"
        for connection in idle[::count // 20]:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: client.answers("/livez") == 200, "it serves on")


# ---- memory --------------------------------------------------------------------------------------------------------


def post_head(length, query=""):
    return head(f"Content-Type: application/json\r\nContent-Length: {length}\r\n", "/execute" + query, "POST")


def test_half_received_bodies_are_bounded(make_service):
    """The oldest go first: who sends at once what it has is served while others hold all they can."""
    service = make_service(max_held_mb=32)
    with ExitStack() as stack:
        halves = []
        for _ in range(8):
            halves.append(stack.enter_context(Raw(service.client)))
            halves[-1].send(post_head(LARGE) + " " * (LARGE - 1))
        refused(halves[0].response())
        assert service.client.submit({"language": "python", "code": "print(1)"})
        large = {"language": "python", "code": "", "testCases": [{"input": "x" * LARGE, "expected": ""}]}
        assert service.client.submit(large)
        assert "too much is held at once" in service.master.log_text()


def answered(raw):
    return select.select([raw.socket], [], [], 0)[0]


def test_bodies_that_wait_are_bounded(make_service):
    service = make_service(max_held_mb=36, max_wait_s=600)  # of 8 MB each; and no executor: whoever waits, waits
    large = json.dumps({"language": "python", "code": "", "testCases": [{"input": "x" * LARGE, "expected": ""}]})
    with ExitStack() as stack:
        for number in range(1, 9):
            raw = stack.enter_context(Raw(service.client))
            raw.send(post_head(len(large), "?wait=600") + large)
            wait_until(lambda: answered(raw) or service.client.get("/load").json()["totalWaiting"] == number,
                       "it waits, or is refused")
            if answered(raw):
                break
        refused(raw.response())
        assert number > 2, "what may be held is held"
        answer = service.client.post("/execute", data=large, headers={"Content-Type": "application/json"})
        check_error(answer, 503, "overloaded")
        assert service.client.submit({"language": "python", "code": "print(1)"}), "a small one is taken"
    wait_until(lambda: service.client.post("/execute", data=large, headers={"Content-Type": "application/json"})
               .status_code == 202, "they left, and there is room")


def test_unread_answers_are_bounded(make_service):
    service = make_service(languages=("python",), max_held_mb=48, redis_deadline_ms=60_000)
    tests = [{"input": "x" * 40_000, "expected": "x" * 40_000}] * 100
    job_id = service.client.python("print(input())", testCases=tests)["id"]
    with Raw(service.client) as unread:
        unread.send(f"GET /job/{job_id} HTTP/1.1\r\nHost: x\r\n\r\n")
        assert unread.socket.recv(12) == b"HTTP/1.1 200"
        check_error(service.client.get(f"/job/{job_id}"), 503, "overloaded")
        assert service.client.get(f"/api/status/{job_id}").status_code == 200, "small answers go on"
    wait_until(lambda: service.client.get(f"/job/{job_id}").status_code == 200, "who did not read has left")


def test_large_jobs_are_read_at_once(make_service):
    """In threads of their own, each answer whole and no one else's."""
    client = make_service(languages=("python",), redis_deadline_ms=60_000).client
    ids = [client.submit({"language": "python", "code": "print(input())", "testCases":
                          [{"input": letter * 10_000, "expected": letter * 10_000}] * 40}) for letter in "abc"]
    for job_id in ids:
        client.finish(job_id)
    with ExitStack() as stack:
        readers = [(stack.enter_context(Raw(client, timeout=90)), position) for position in range(3) for _ in range(3)]
        for raw, position in readers:
            raw.send(f"GET /job/{ids[position]}?trace=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.get("/livez").status_code == 200
        for raw, position in readers:
            status, _, body = raw.response()
            job = json.loads(body)
            assert (status, job["id"], job["verdict"], len(job["testCases"])) == (200, ids[position], "accepted", 40)
            assert job["testCases"][39]["actualOutput"] == "abc"[position] * 10_000 and job["trace"]["events"]
