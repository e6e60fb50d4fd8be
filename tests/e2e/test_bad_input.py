"""What must be refused, how it is said, and that the service answers on afterwards."""

import json
import socket
import uuid

import pytest

from client import Raw, check_error
from service import wait_until

pytestmark = pytest.mark.security

MIB = 1024 * 1024
ID = "python-" + str(uuid.UUID(int=7, version=4))
ONE_TEST = {"input": "", "expected": ""}


def body(**more):
    return {"language": "python", "code": "print(1)", **more}


def files(*names):
    return {"language": "python", "files": [{"name": name, "content": ""} for name in names]}


def file(**more):
    return {"language": "python", "files": [{"name": "main.py", "content": "", **more}]}


def case(**more):
    return body(testCases=[{**ONE_TEST, **more}])


def nested(depth):
    return '{"language":"python","code":"","metadata":' + '{"a":' * depth + "1" + "}" * depth + "}"


# ---- 400: not JSON as we take it -----------------------------------------------------------------------------------

MALFORMED = {
    "empty": "",
    "blank": "  \n ",
    "cut short": '{"language":"python","code":"prin',
    "no value": '{"language":}',
    "comma at the end": '{"language":"python","code":"",}',
    "no quotes": "{language:'python'}",
    "single quotes": "{'language':'python','code':''}",
    "trailing bytes": '{"language":"python","code":""}x',
    "two values": '{"language":"python","code":""}{"language":"python","code":""}',
    "trailing NUL": '{"language":"python","code":""}\0',
    "leading NUL": '\0{"language":"python","code":""}',
    "a comment": '{"language":"python"/* no */,"code":""}',
    "a bare word": '{"language":"python","code":"","stopOnFailure":TRUE}',
    "NaN": '{"language":"python","code":"","timeout":NaN}',
    "a leading zero": '{"language":"python","code":"","timeout":01}',
    "a plus sign": '{"language":"python","code":"","timeout":+1}',
    "a raw newline in a string": '{"language":"python","code":"a\nb"}',
    "an unknown escape": '{"language":"python","code":"\\x41"}',
    "half a surrogate pair": '{"language":"python","code":"\\ud83d"}',
    "not UTF-8": b'{"language":"python","code":"\xff\xfe"}',
    "overlong UTF-8": b'{"language":"python","code":"\xc0\xaf"}',
    "UTF-16": '{"language":"python","code":""}'.encode("utf-16"),
    "depth 1000": nested(1000),
    "depth 100,000": "[" * 100_000,
    "a million brackets": "[[" * 500_000,
    "form fields": "language=python&code=1",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_json(client, name):
    data = MALFORMED[name]
    data = data.encode() if isinstance(data, str) else data
    response = client.post("/execute", data=data, headers={"Content-Type": "application/json"})
    error = check_error(response, 400, "malformed_json", None)
    assert any(c.isdigit() for c in error["message"]), "the message has the position"


@pytest.mark.parametrize("text,key", [
    ('{"language":"python","code":"","code":"print(1)"}', "code"),
    ('{"language":"python","code":"","c\\u006fde":"print(1)"}', "code"),
    ('{"language":"python","code":"","limits":{"cpus":1,"cpus":2}}', "cpus"),
    ('{"language":"python","code":"","testCases":[{"input":"","expected":"1","expected":"2"}]}', "expected"),
    ('{"language":"python","code":"","metadata":[[{"deep":1,"x":2,"deep":1}]]}', "deep"),
], ids=range(5))
def test_duplicate_key(client, text, key):
    response = client.post("/execute", data=text, headers={"Content-Type": "application/json"})
    assert f'"{key}"' in check_error(response, 400, "malformed_json", key)["message"]


def test_position_of_the_mistake(client):
    text = '{"language":"python","code":!}'
    response = client.post("/execute", data=text, headers={"Content-Type": "application/json"})
    message = check_error(response, 400, "malformed_json", None)["message"]
    assert str(text.index("!")) in message or str(text.index("!") + 1) in message, message


# ---- 422: JSON, but not a submission. (what is sent, the field that is named) --------------------------------------

INVALID = [
    ([], None), ("text", None), (None, None), (17, None), (True, None), ([body()], None),
    # required, and one of
    ({}, "language"), ({"code": ""}, "language"), ({"language": "python"}, "code"),
    (body(files=[{"name": "main.py", "content": ""}]), "code"), (body(input="", testCases=[ONE_TEST]), "input"),
    # wrong types
    (body(language=1), "language"), (body(language=None), "language"), (body(language=["python"]), "language"),
    (body(code=1), "code"), (body(code=None), "code"), (body(code=["print(1)"]), "code"), (body(code={}), "code"),
    (body(input=5), "input"), (body(input=[""]), "input"), (body(testCases={}), "testCases"),
    (body(testCases="5"), "testCases"), (body(testCases=["5"]), "testCases[0]"), (body(testCases=[[]]), "testCases[0]"),
    (case(input=5), "testCases[0].input"), (case(expected=5), "testCases[0].expected"),
    (case(expected=None), "testCases[0].expected"), (case(hidden="yes"), "testCases[0].hidden"),
    (case(hidden=1), "testCases[0].hidden"), (case(name=1), "testCases[0].name"),
    (body(testCases=[{"input": "1"}]), "testCases[0].expected"),
    (body(testCases=[ONE_TEST, ONE_TEST, {"input": 1, "expected": ""}]), "testCases[2].input"),
    ({"language": "python", "files": {}}, "files"), ({"language": "python", "files": "x"}, "files"),
    ({"language": "python", "files": ["x"]}, "files[0]"), (file(name=1), "files[0].name"),
    (file(content=1), "files[0].content"), (file(encoding=64), "files[0].encoding"),
    ({"language": "python", "files": [{"content": ""}]}, "files[0].name"),
    ({"language": "python", "files": [{"name": "main.py"}]}, "files[0].content"),
    (body(limits=1), "limits"), (body(limits=[]), "limits"), (body(limits={"cpuTimeMs": "500"}), "limits.cpuTimeMs"),
    (body(limits={"memoryMb": True}), "limits.memoryMb"), (body(limits={"cpus": "1"}), "limits.cpus"),
    (body(timeout="1"), "timeout"), (body(timeout=[]), "timeout"), (body(args="x"), "args"),
    (body(args=[1]), "args[0]"),
    (body(args=["a", None]), "args[1]"), (body(compileFlags="-O2"), "compileFlags"),
    (body(compileFlags=[1]), "compileFlags[0]"), (body(compare=1), "compare"), (body(compare=["trim"]), "compare"),
    (body(stopOnFailure="true"), "stopOnFailure"), (body(stopOnFailure=1), "stopOnFailure"),
    (body(priority="high"), "priority"), (body(priority=1), "priority"), (body(userId=7), "userId"),
    # out of range
    (body(language=""), "language"), (body(language="cobol"), "language"), (body(language="Python\n"), "language"),
    (body(language="../python"), "language"), (body(language="p" * 1000), "language"),
    (body(limits={"cpuTimeMs": 49}), "limits.cpuTimeMs"), (body(limits={"cpuTimeMs": 120001}), "limits.cpuTimeMs"),
    (body(limits={"cpuTimeMs": 0}), "limits.cpuTimeMs"), (body(limits={"cpuTimeMs": -1}), "limits.cpuTimeMs"),
    (body(limits={"cpuTimeMs": 100.5}), "limits.cpuTimeMs"), (body(limits={"wallTimeMs": 300001}), "limits.wallTimeMs"),
    (body(limits={"wallTimeMs": 0}), "limits.wallTimeMs"), (body(limits={"memoryMb": 1025}), "limits.memoryMb"),
    (body(limits={"memoryMb": 0}), "limits.memoryMb"), (body(limits={"memoryMb": -64}), "limits.memoryMb"),
    (body(limits={"processes": 0}), "limits.processes"), (body(limits={"processes": 100000}), "limits.processes"),
    (body(limits={"outputKb": 0}), "limits.outputKb"), (body(limits={"outputKb": 4097}), "limits.outputKb"),
    (body(limits={"fileKb": -1}), "limits.fileKb"), (body(limits={"fileKb": 10**9}), "limits.fileKb"),
    (body(limits={"cpus": 0}), "limits.cpus"), (body(limits={"cpus": -0.5}), "limits.cpus"),
    (body(limits={"cpus": 1000}), "limits.cpus"), (body(limits={"cpuTimeMs": 10**19}), "limits.cpuTimeMs"),
    (body(limits={"cpuTimeMs": 2**63}), "limits.cpuTimeMs"), (body(limits={"memoryMb": 2**32 + 64}), "limits.memoryMb"),
    (body(timeout=0), "timeout"), (body(timeout=-1), "timeout"), (body(timeout=1000000), "timeout"),
    (body(testCases=[]), "testCases"), (body(testCases=[ONE_TEST] * 101), "testCases"),
    (body(compare="fuzzy"), "compare"), (body(compare=""), "compare"), (body(compare="float:"), "compare"),
    (body(compare="float:x"), "compare"), (body(compare="float:-1"), "compare"), (body(compare="float:nan"), "compare"),
    (body(compare="float:inf"), "compare"), (body(compare="float:1e-6 "), "compare"), (body(compare="TRIM"), "compare"),
    (body(code="#" * 50_001), "code"), (body(code="é" * 25_001), "code"), (body(args=["x" * 2_000_000]), "args[0]"),
    (body(args=["x"] * 100_000), "args"), (body(metadata={"x": "y" * 8200}), "metadata"),
    (body(userId="u" * 10_000), "userId"), (case(name="n" * 100_000), "testCases[0].name"),
    # file names
    ({"language": "python", "files": []}, "files"), (files(""), "files[0].name"), (files("."), "files[0].name"),
    (files(".."), "files[0].name"), (files("../main.py"), "files[0].name"), (files("a/../../b"), "files[0].name"),
    (files("a/.."), "files[0].name"), (files("/etc/passwd"), "files[0].name"), (files("//x"), "files[0].name"),
    (files("a//b"), "files[0].name"), (files("a/"), "files[0].name"), (files("./a"), "files[0].name"),
    (files("main.py", "main.py"), "files"), (files("a", "a/b"), "files"),
    (files("a/b", "a"), "files"), (files("n" * 5000), "files[0].name"), (files("main.py", "a\nb"), "files[1].name"),
    (files("d/" * 3000 + "x"), "files[0].name"), (files(*(f"f{n}" for n in range(10_000))), "files"),
    (files("main.py", *(f"f{n}" for n in range(64))), "files"), (files("-o"), "files[0].name"),
    (files("main.py", "@options"), "files[1].name"), (file(encoding="rot13"), "files[0].encoding"),
    (file(content="%%%", encoding="base64"), "files[0].content"),
    (file(content="YQ", encoding="base64"), "files[0].content"), (file(content="#" * 50_001), "files"),
    # U+0000
    (body(code="a\0b"), "code"), (body(language="python\0"), "language"), (body(input="\0"), "input"),
    (body(args=["x", "\0"]), "args[1]"), (body(userId="\0"), "userId"), (case(input="a\0"), "testCases[0].input"),
    (case(expected="\0"), "testCases[0].expected"), (files("main.py", "a\0b"), "files[1].name"),
    (file(content="\0"), "files[0].content"), (body(metadata={"a": {"b": "\0"}}), "metadata.a.b"),
    # unknown fields, at each level; and one that is known but not there yet, which must not be ignored
    (body(callbackUrl="http://127.0.0.1/"), "callbackUrl"),
    (body(lang="c"), "lang"), (body(Code=""), "Code"), (body(limits={"cpuTime": 1}), "limits.cpuTime"),
    (case(output=""), "testCases[0].output"), (file(path="x"), "files[0].path"), (body(__proto__={}), "__proto__"),
]


def label(value):
    return json.dumps(value, ensure_ascii=True)[:60]


@pytest.mark.parametrize("sent,field", INVALID, ids=[f"{n}-{field}-{label(sent)}" for n, (sent, field) in
                                                     enumerate(INVALID)])
def test_invalid_submission(client, sent, field):
    response = client.post("/execute", data=json.dumps(sent), headers={"Content-Type": "application/json"})
    check_error(response, 422, "invalid_request", field)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400, "1e-400", "0.1e1000"], ids=range(5))
def test_huge_numbers(client, number):
    text = '{"language":"python","code":"","limits":{"cpuTimeMs":' + number + "}}"
    response = client.post("/execute", data=text, headers={"Content-Type": "application/json"})
    check_error(response, 422, "invalid_request", "limits.cpuTimeMs")


@pytest.mark.parametrize("sent", [
    {"code": ""}, {"code": "#" * 50_000}, {"testCases": [ONE_TEST] * 100}, {"limits": {"cpuTimeMs": 50}},
    {"limits": {}}, {"limits": {"cpuTimeMs": 120000, "wallTimeMs": 300000, "memoryMb": 1024, "outputKb": 4096}},
    {"limits": {"cpuTimeMs": 1e3, "cpus": 0.5}}, {"args": []}, {"metadata": None}, {"compare": "float:1e-6"},
    {"metadata": {"x": "y" * 8000}}, {"timeout": 2.5},
], ids=label)
def test_edges_that_are_allowed(client, sent):
    job_id = client.submit({"language": "python", "code": "", **sent})
    assert client.finish(job_id)["status"] == "completed"


# ---- wait, ids, routes, methods, types, sizes ----------------------------------------------------------------------


@pytest.mark.parametrize("value", ["x", "-1", "61", "1e9", "99999999999999999999", "1%00", "%2B1x", "nan"])
def test_bad_wait(client, value):
    check_error(client.post(f"/execute?wait={value}", body()), 422, "invalid_request", "wait")
    check_error(client.get(f"/job/{ID}?wait={value}"), 422, "invalid_request", "wait")


@pytest.mark.parametrize("job_id", [ID, "x", "python", "python-", "python-x", ID + "0", ID.upper(), "-",
                                    "%00", "%2e%2e%2f", "*", "python-%0d%0aX: 1", "p" * 5000, ID[7:],
                                    "cobol-" + ID[7:]],
                         ids=range(15))
def test_unknown_jobs(client, job_id):
    for method, path in (("GET", "/job/"), ("DELETE", "/job/"), ("GET", "/api/result/"), ("GET", "/api/status/")):
        check_error(client.request(method, path + job_id), 404, "not_found", None)


@pytest.mark.parametrize("path", ["/nothing", "/api", "/job", "/job/", "/execute/", "/execute/x", "/api/load2",
                                  "/job/a/b", "/LOAD", "//load", "/languages/python", "/.git/config"])
def test_unknown_routes(client, path):
    check_error(client.get(path), 404, "not_found", None)


@pytest.mark.parametrize("method,path,allowed", [
    ("GET", "/execute", {"POST"}), ("PUT", "/execute", {"POST"}), ("DELETE", "/execute", {"POST"}),
    ("GET", "/api/execute", {"POST"}), ("POST", f"/job/{ID}", {"GET", "DELETE"}),
    ("PUT", f"/job/{ID}", {"GET", "DELETE"}), ("POST", f"/api/result/{ID}", {"GET"}),
    ("DELETE", f"/api/status/{ID}", {"GET"}), ("POST", "/languages", {"GET"}), ("DELETE", "/load", {"GET"}),
    ("POST", "/health", {"GET"}), ("PATCH", "/livez", {"GET"}), ("POST", "/readyz", {"GET"}),
    ("BREW", "/load", {"GET"}),
])
def test_wrong_method(client, method, path, allowed):
    response = client.request(method, path)
    check_error(response, 405, "method_not_allowed", None)
    assert {name.strip() for name in response.headers["Allow"].split(",")} - {"HEAD", "OPTIONS"} == allowed


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "json",
                                  "application/jsonp", "multipart/form-data; boundary=x", "text/json;application/json"])
def test_wrong_content_type(client, kind):
    response = client.post("/execute", data=json.dumps(body()), headers={"Content-Type": kind})
    check_error(response, 415, "unsupported_media_type", "Content-Type")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON",
                                  "application/json;charset=UTF-8"])
def test_content_types_that_are_json(client, kind):
    response = client.post("/execute?wait=30", data=json.dumps(body()), headers={"Content-Type": kind})
    assert response.status_code == 200 and response.json()["output"] == "1"


def refused_size(status, headers, data):
    error = json.loads(data)["error"]
    assert status == 413 and error["code"] == "body_too_large" and set(error) == {"code", "message", "field"}
    assert headers["content-type"].startswith("application/json")


def test_body_that_is_too_long_is_refused_by_its_length(client):
    with Raw(client) as raw:
        raw.send(f"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 f"Content-Length: {8 * MIB + 1}\r\n\r\n")
        refused_size(*raw.response())


def test_chunked_body_that_grows_too_long(client):
    with Raw(client) as raw:
        raw.send("POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(9):
            raw.send(b"100000\r\n" + b" " * MIB + b"\r\n")
        refused_size(*raw.response())
    assert client.get("/livez").status_code == 200


def test_body_of_almost_eight_megabytes(client):
    tests = [{"input": "x" * 80_000, "expected": "80000"}] * 100
    job = client.python("print(len(input()))", testCases=tests)
    assert job["verdict"] == "accepted" and len(job["testCases"]) == 100


def test_chunked_body(client):
    text = json.dumps(body())
    response = client.post("/execute?wait=30", data=iter([text[:7].encode(), text[7:].encode()]),
                           headers={"Content-Type": "application/json"})
    assert response.status_code == 200 and response.json()["output"] == "1"


def test_expect_continue(client):
    """What curl does before it sends a big body."""
    text = json.dumps(body())
    with Raw(client) as raw:
        raw.send(f"POST /execute?wait=30 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 f"Expect: 100-continue\r\nContent-Length: {len(text)}\r\n\r\n")
        assert raw.response()[0] == 100
        raw.send(text)
        status, _, answer = raw.response()
    assert status == 200 and json.loads(answer)["output"] == "1"


@pytest.mark.parametrize("version,kept", [("1.0", False), ("1.1", True)])
def test_connections_are_kept_by_version(client, version, kept):
    with Raw(client) as raw:
        raw.send(f"GET /livez HTTP/{version}\r\nHost: x\r\n\r\n")
        assert raw.response()[0] == 200
        second = raw.get("/livez")
    assert (second is not None) == kept


def test_long_idempotency_key(client):
    response = client.post("/execute", body(), headers={"Idempotency-Key": "k" * 5000})
    check_error(response, 422, "invalid_request", "Idempotency-Key")


# ---- below HTTP's surface ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [
    b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET /livez\r\n\r\n", b"GET /livez HTTP/9.9\r\n\r\n",
    b"\xff" * 100 + b"\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nno colon\r\n\r\n", b"GET /livez HTTP/1.1\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n", b"GET /livez HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST /execute HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
], ids=range(14))
def test_bytes_that_are_not_http(client, data):
    """Whatever comes back, it is no success and no server error, and others are answered."""
    with Raw(client) as raw:
        raw.send(data)
        raw.end()
        response = raw.response() if not data.startswith(b"\x16") else None
        assert response is None or 400 <= response[0] < 500 or data.startswith(b"GET /livez HTTP/9"), response
    assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("headers", [
    "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5", "Transfer-Encoding: xchunked"])
def test_ambiguous_lengths_are_refused(client, headers):
    with Raw(client) as raw:
        raw.send(f"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}\r\n\r\n"
                 "0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        raw.end()
        response = raw.response()
        assert response is None or 400 <= response[0] < 500, response


def test_half_requests_hold_nobody_up(client):
    halves = [b"", b"P", b"POST /exec", b"POST /execute HTTP/1.1\r\nHost: x\r\n",
              b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"la"]
    open_ones = [Raw(client) for _ in range(10) for _ in halves]
    for raw, data in zip(open_ones, halves * 10):
        raw.send(data)
    assert client.python("print(1)")["output"] == "1"
    for raw in open_ones:
        raw.close()
    assert client.get("/livez").status_code == 200


def test_a_request_sent_byte_by_byte(client):
    with Raw(client) as raw:
        raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n":
            raw.send(bytes([byte]))
        assert raw.response()[0] == 200


def test_idle_connections(client):
    idle = [Raw(client) for _ in range(500)]
    assert client.python("print(1)")["output"] == "1"
    assert [raw.get("/livez")[0] for raw in idle[::50]] == [200] * 10
    for raw in idle:
        raw.close()
    assert client.get("/livez").status_code == 200


def post_text(submission, query=""):
    text = json.dumps(submission)
    return f"POST /execute{query} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" \
           f"Content-Length: {len(text)}\r\n\r\n{text}"


def test_pipelined_requests_are_answered_in_order(client):
    with Raw(client) as raw:
        raw.send(post_text(body(code="print('first')"), "?wait=30") + "GET /languages HTTP/1.1\r\nHost: x\r\n\r\n" +
                 post_text([]) + post_text(body(code="print('last')"), "?wait=30"))
        first, second, third, last = (raw.response() for _ in range(4))
    assert (first[0], json.loads(first[2])["output"]) == (200, "first")
    assert second[0] == 200 and "languages" in json.loads(second[2])
    assert third[0] == 422
    assert (last[0], json.loads(last[2])["output"]) == (200, "last")


def test_client_that_leaves_while_it_waits(client):
    name = str(uuid.uuid4())
    sleepy = body(code="import time\ntime.sleep(1)\nprint('slept')", userId=name)
    key = {"Idempotency-Key": name}
    job_id = client.submit(sleepy, headers=key)
    with Raw(client) as raw:
        raw.send(f"GET /job/{job_id}?wait=30 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: client.job(job_id)["status"] != "queued", "the job runs")
    assert client.finish(job_id)["output"] == "slept"


def test_clients_that_leave_while_they_post(client):
    for _ in range(50):
        with Raw(client) as raw:
            raw.send(post_text(body(), "?wait=30"))
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not a close
    assert client.python("print(1)")["output"] == "1"
    load = wait_until(lambda: idle_load(client), "what they posted is done")
    assert load["totalActive"] == 0


def idle_load(client):
    load = client.get("/load").json()
    return load if load["totalWaiting"] + load["totalActive"] == 0 else None


def test_slow_senders_are_let_go(make_service):
    client = make_service(request_timeout_s=1).client
    for data in (b"", b"GET /li", b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"):
        with Raw(client, timeout=15) as raw:
            raw.send(data)
            response = raw.response()  # it would time out if the connection were kept
            assert response is None or response[0] in (400, 408)
    assert client.answers("/livez") == 200
