"""What the five documents that the API comes from ask and promise: a table for each, of every request that it shows and
every field of every answer. An answer may have more fields than its document; those shown must be there, with their types
and, where the program decides them, their values."""

import re

import pytest

from client import check_error, check_timestamp
from service import ROOT, wait_until

ID = re.compile(r"[a-z][a-z0-9]{0,15}-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def job_id(value):
    return isinstance(value, str) and ID.fullmatch(value) is not None


def time(value):
    check_timestamp(value)
    return True


def count(value):
    return type(value) is int and value >= 0


def milliseconds(value):
    return count(value) and value < 60_000


def seconds(value):
    return isinstance(value, float) and 0 < value < 60


def text(value):
    return isinstance(value, str)


def check(value, shape, where="answer"):
    """shape: a predicate; a dict of the fields that must be there; a list of its elements' shapes; or the value itself."""
    if callable(shape):
        assert shape(value), (where, shape.__name__, value)
    elif isinstance(shape, dict):
        for key, part in shape.items():
            assert key in value, f"{where} has no {key}: {value}"
            check(value[key], part, f"{where}.{key}")
    elif isinstance(shape, list):
        assert len(value) == len(shape), (where, value)
        for number, part in enumerate(shape):
            check(value[number], part, f"{where}[{number}]")
    else:
        assert value == shape and type(value) is type(shape), (where, value, shape)


# ---- 000 and 004: the answer is the program's end --------------------------------------------------------------------

SYNCHRONOUS = {
    "000's request": ({"language": "python", "code": "print('Hello, World!')", "stdin": "", "timeout": 10},
                      {"status": "success", "stdout": "Hello, World!\n", "stderr": "", "execution_time": seconds}),
    "000 from the shell": ({"language": "python", "code": 'print("Hello, World!")', "timeout": 10},
                           {"status": "success", "stdout": "Hello, World!\n", "execution_time": seconds}),
    "stdin is read": ({"language": "python", "code": "print(input() + '!')", "stdin": "Alice\n", "timeout": 5},
                      {"status": "success", "stdout": "Alice!\n"}),
    "000's C++": ({"language": "cpp", "code": "#include <iostream>\nint main() { std::cout << 42 << std::endl; }"},
                  {"status": "success", "stdout": "42\n", "stderr": ""}),
    "004: error output and exit code": (
        {"language": "python", "code": "import sys\nsys.stderr.write('no\\n')\nsys.exit(3)"},
        {"status": "error", "stdout": "", "stderr": "no\n", "exitCode": 3, "verdict": "runtime_error"}),
    "004: a time-out": ({"language": "python", "code": "while True: pass", "timeout": 0.3},
                        {"status": "timeout", "stdout": "", "execution_time": seconds}),
}


@pytest.fixture(scope="module")
def synchronous(estate):
    """A service for clients of 000 and 004: it waits without being asked."""
    service = estate.start(languages=("python", "cpp"), execute_wait=60)
    yield service.client
    problems = service.close()
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", SYNCHRONOUS)
def test_synchronous_execute(synchronous, name):
    request, shape = SYNCHRONOUS[name]
    response = synchronous.post("/execute", request)
    assert response.status_code == 200, response.text
    check(response.json(), shape)


def test_synchronous_when_asked(client):
    """On any service, by the name stdin and a wait; what is asked as 003 asks is answered as 003 answers."""
    asked = {"language": "python", "code": "print(input())"}
    check(client.post("/execute?wait=60", {**asked, "stdin": "1", "timeout": 10}).json(),
          {"status": "success", "stdout": "1\n", "stderr": "", "execution_time": seconds})
    check(client.post("/execute?wait=60", {**asked, "input": "1"}).json(), {"status": "completed", "stdout": "1\n"})
    assert client.post("/execute", {**asked, "stdin": "1"}).status_code == 202


def test_synchronous_runs_out_of_time(make_service):
    client = make_service(execute_wait=1).client
    response = client.post("/execute", {"language": "python", "code": "print(1)"})
    assert response.status_code == 504
    check(response.json(), {"error": {"code": "timed_out", "message": text, "field": None}, "id": job_id})
    assert response.headers["Location"] == "/job/" + response.json()["id"]
    assert client.job(response.json()["id"])["status"] == "queued"


# ---- 001: POST /api/v1/execute, one run --------------------------------------------------------------------------------

HELLO_GO = 'package main\nimport "fmt"\nfunc main() {\n    fmt.Println("Hello, World!")\n}'

ONE_RUN = {
    "all fields": ({"language": "python", "code": "print('Hello, World!')", "input": "", "timeout_seconds": 30,
                    "memory_limit_mb": 128, "cpu_limit": 0.5},
                   {"stdout": "Hello, World!\n", "stderr": "", "exit_code": 0, "timeout": False, "memory_exceeded": False,
                    "execution_time_ms": milliseconds, "memory_used_mb": count}),
    "python": ({"language": "python",
                "code": 'import sys\nprint(f"Python version: {sys.version}")\nprint("Hello, World!")'},
               {"stdout": lambda out: out.startswith("Python version: 3.") and out.endswith("\nHello, World!\n"),
                "exit_code": 0}),
    "with input": ({"language": "python", "code": 'name = input("Enter your name: ")\nprint(f"Hello, {name}!")',
                    "input": "Alice\n"}, {"stdout": "Enter your name: Hello, Alice!\n", "exit_code": 0}),
    "exit code": ({"language": "python", "code": "import sys\nprint('out')\nsys.exit(7)"},
                  {"stdout": "out\n", "exit_code": 7, "timeout": False, "verdict": "runtime_error"}),
    "killed": ({"language": "python", "code": "import os\nos.kill(os.getpid(), 15)"}, {"exit_code": 128 + 15}),
    "error output": ({"language": "python", "code": "1/0"},
                     {"stdout": "", "stderr": lambda err: "ZeroDivisionError" in err, "exit_code": 1}),
    "timeout": ({"language": "python", "code": "while True: pass", "timeout_seconds": 0.3},
                {"timeout": True, "memory_exceeded": False, "execution_time_ms": lambda ms: 250 <= ms < 30_000}),
    "memory": ({"language": "python", "code": "x = bytearray(200 << 20)\nprint(len(x))", "memory_limit_mb": 64},
               {"timeout": False, "memory_exceeded": True, "stdout": ""}),
    "a compiler's refusal": ({"language": "c", "code": "int main(void) { return nonsense; }"},
                             {"verdict": "compile_error", "stdout": "", "exit_code": 1,
                              "stderr": lambda err: "nonsense" in err}),
    "compiled": ({"language": "c", "code": '#include <stdio.h>\nint main(void) { puts("Hello"); }'},
                 {"stdout": "Hello\n", "exit_code": 0, "language": "c", "id": job_id, "status": "completed"}),
}


@pytest.mark.parametrize("name", ONE_RUN)
def test_v1_one_run(client, name):
    request, shape = ONE_RUN[name]
    response = client.post("/api/v1/execute", request)
    assert response.status_code == 200, response.text
    check(response.json(), {"stdout": text, "stderr": text, "timeout": bool_value, "memory_exceeded": bool_value,
                            "execution_time_ms": milliseconds, "memory_used_mb": count, **shape})
    assert "test_results" not in response.json()


def bool_value(value):
    return isinstance(value, bool)


def test_v1_defaults_of_001(client):
    """30 s, 128 MB and half a processor, where the request says nothing."""
    done = client.post("/api/v1/execute", {"language": "python", "code": "print(1)"}).json()
    limits = client.job(done["id"])["limits"]
    assert (limits["cpuTimeMs"], limits["wallTimeMs"], limits["memoryMb"], limits["cpus"]) == (30_000, 30_000, 128, 0.5)


def test_v1_defaults_suffice_each_language(client):
    """128 MB and half a processor: virtual machines have their own overhead beside it."""
    served = {row["language"] for row in client.get("/load").json()["containers"] if row["containerId"] != row["language"]}
    for row in client.get("/api/v1/languages").json()["languages"]:
        if row["name"] in served:
            answer = client.post("/api/v1/execute", {"language": row["name"], "code": row["example"]}).json()
            check(answer, {"stdout": "Hello, World!\n", "exit_code": 0, "timeout": False, "memory_exceeded": False})


# ---- 002: POST /api/v1/execute, test cases ------------------------------------------------------------------------------

ADD = "def add(a, b):\n    return a + b\n\nprint(add(2, 3))"
SUM = "print(sum(map(int, input().split())))"


def case(given, expected, hidden=False):
    return {"input": given, "expected_output": expected, "is_hidden": hidden}


def passed(given, expected, **more):
    return {"input": given, "expected_output": expected, "passed": True, "verdict": "accepted", "is_hidden": False,
            "execution_time_ms": milliseconds, "memory_used_mb": count, **more}


TEST_CASES = {
    "002's request": ({"code": ADD, "language": "python", "test_cases": [case("", "5")], "time_limit": 5,
                       "memory_limit": 128, "user_id": "optional_user_id"},
                      {"success": True, "status": "completed", "user_id": "optional_user_id", "passed_tests": 1,
                       "total_tests": 1, "execution_time_ms": milliseconds, "memory_used_mb": count,
                       "compile_error": None, "test_results": [passed("", "5", actual_output="5", exit_code=0)]}),
    "one is wrong": ({"code": SUM, "language": "python", "test_cases": [case("1 2", "3"), case("2 2", "5")]},
                     {"success": False, "verdict": "wrong_answer", "passed_tests": 1, "total_tests": 2, "user_id": None,
                      "test_results": [passed("1 2", "3", actual_output="3"),
                                       {"passed": False, "verdict": "wrong_answer", "actual_output": "4"}]}),
    "no user": ({"code": SUM, "language": "python", "test_cases": [case("1 2", "3")], "user_id": None},
                {"success": True, "user_id": None}),
    "a compiler's refusal": ({"code": "int main(void) { return nonsense; }", "language": "c",
                              "test_cases": [case("", "")]},
                             {"success": False, "verdict": "compile_error", "passed_tests": 0, "total_tests": 1,
                              "test_results": [], "compile_error": lambda err: "nonsense" in err}),
}


@pytest.mark.parametrize("name", TEST_CASES)
def test_v1_test_cases(client, name):
    request, shape = TEST_CASES[name]
    response = client.post("/api/v1/execute", request)
    assert response.status_code == 200, response.text
    check(response.json(), shape)
    assert "stdout" not in response.json()


def test_v1_hidden_tests_show_no_data(client):
    request = {"code": SUM, "language": "python", "test_cases": [case("40 2", "42", True), case("40 3", "44", True)]}
    answer = client.post("/api/v1/execute", request).json()
    for result, verdict in zip(answer["test_results"], ("accepted", "wrong_answer")):
        assert set(result) == {"passed", "verdict", "is_hidden", "execution_time_ms", "memory_used_mb"}
        assert (result["is_hidden"], result["verdict"]) == (True, verdict)


def test_v1_bounds_of_002(client):
    done = client.post("/api/v1/execute", {"code": "print(1)", "language": "python", "test_cases": [case("", "1")],
                                           "time_limit": 30, "memory_limit": 512}).json()
    limits = client.job(done["id"])["limits"]
    assert (limits["cpuTimeMs"], limits["memoryMb"], limits["fileKb"], limits["cpus"]) == (30_000, 512, 1024, 0.5)


WRONG = {
    "no code": ({"code": None}, "code"), "code of another type": ({"code": 1}, "code"),
    "an unknown language": ({"language": "cobol"}, "language"), "no language": ({"language": None}, "language"),
    "001: too long": ({"timeout_seconds": 121}, "timeout_seconds"), "001: no time": ({"timeout_seconds": 0}, "timeout_seconds"),
    "001: time as text": ({"timeout_seconds": "1"}, "timeout_seconds"),
    "001: too much memory": ({"memory_limit_mb": 1025}, "memory_limit_mb"),
    "001: more than one processor": ({"cpu_limit": 1.1}, "cpu_limit"),
    "002: too long": ({"time_limit": 31}, "time_limit"), "002: too short": ({"time_limit": 0.5}, "time_limit"),
    "002: too much memory": ({"memory_limit": 513}, "memory_limit"), "002: too little memory": ({"memory_limit": 31}, "memory_limit"),
    "002: no test": ({"test_cases": []}, "test_cases"), "002: 101 tests": ({"test_cases": [case("", "")] * 101}, "test_cases"),
    "002: nothing expected": ({"test_cases": [case("", ""), {"input": ""}]}, "test_cases[1].expected_output"),
    "002: a misspelt field": ({"test_cases": [{**case("", ""), "hidden": True}]}, "test_cases[0].hidden"),
    "002: hidden as text": ({"test_cases": [{**case("", ""), "is_hidden": "no"}]}, "test_cases[0].is_hidden"),
    "002: user as number": ({"user_id": 7}, "user_id"),
    "both inputs": ({"input": "", "test_cases": [case("", "")]}, "input"),
    "both times": ({"timeout_seconds": 1, "time_limit": 1}, "time_limit"),
    "both memories": ({"memory_limit_mb": 64, "memory_limit": 64}, "memory_limit"),
    "the native name": ({"testCases": []}, "testCases"),
    "002: 50,001 bytes": ({"code": "#" * 50_001}, "code"),
}


@pytest.mark.parametrize("name", WRONG)
def test_v1_refuses(client, name):
    change, field = WRONG[name]
    request = {"language": "python", "code": "print(1)", **change}
    if name in ("no code", "no language"):
        del request[field]
    check_error(client.post("/api/v1/execute", request), 422, "invalid_request", field)


def test_v1_refuses_what_is_no_object(client):
    check_error(client.post("/api/v1/execute", []), 422, "invalid_request", None)
    check_error(client.post("/api/v1/execute", data="{", headers={"Content-Type": "application/json"}), 400,
                "malformed_json", None)
    check_error(client.post("/api/v1/execute", data="{}"), 415, "unsupported_media_type", "Content-Type")


def test_v1_runs_out_of_time(make_service):
    client = make_service().client
    response = client.post("/api/v1/execute?wait=1", {"language": "python", "code": "print(1)"})
    assert response.status_code == 504
    check(response.json(), {"error": {"code": "timed_out", "message": text, "field": None}, "id": job_id})


def test_v1_of_a_job_that_fails(make_service):
    """The service's fault is no verdict: an HTTP error."""
    service = make_service()
    service.settings["queue_ttl_s"] = 1
    service.master.stop()
    service.start_master()
    error = check_error(service.client.post("/api/v1/execute", {"language": "python", "code": "print(1)"}), 504, "job_expired")
    assert "claimed" in error["message"]


def test_v1_timeout_is_a_setting(make_service):
    client = make_service(v1_timeout_s=7, languages=("python",)).client
    done = client.post("/api/v1/execute", {"language": "python", "code": "print(1)"}).json()
    assert client.job(done["id"])["limits"]["wallTimeMs"] == 7000


@pytest.mark.parametrize("path,same", [("/api/v1/languages", "/languages"), ("/api/languages", "/languages")])
def test_other_names_of_languages(client, path, same):
    assert client.get(path).json() == client.get(same).json()


# ---- 003: the queue -------------------------------------------------------------------------------------------------------

DOUBLE = {"code": "n = int(input())\nprint(n * 2)", "language": "python",
          "testCases": [{"input": "5", "expected": "10"}, {"input": "3", "expected": "6"}, {"input": "0", "expected": "0"}]}
GREETING = {"code": "console.log('Hello, World!');", "language": "javascript", "input": "optional input"}


def test_003_execute(client):
    for path in ("/execute", "/api/execute"):
        response = client.post(path, DOUBLE)
        assert response.status_code == 202
        check(response.json(), {"id": job_id, "status": "queued", "timestamp": time, "message": "Job queued on python"})
        client.finish(response.json()["id"])


def test_003_test_cases_result(client):
    result = client.run(DOUBLE)
    rows = [{"input": given, "expected": out, "actualOutput": out, "passed": True, "executionTime": milliseconds}
            for given, out in (("5", "10"), ("3", "6"), ("0", "0"))]
    shape = {"id": job_id, "status": "completed", "timestamp": time, "output": "10\n6\n0", "error": "",
             "executionTime": milliseconds, "testCases": rows}
    check(result, shape)
    check(client.get(f"/api/result/{result['id']}").json(), shape)
    check(client.get(f"/api/status/{result['id']}").json(), {"id": result["id"], "status": "completed", "progress": 100})


def test_003_single_input_result(client):
    if not any(row["containerId"] == "javascript-1" for row in client.get("/load").json()["containers"]):
        return  # there is no executor for javascript here; the others show the same form
    result = client.run(GREETING)
    check(client.get(f"/api/result/{result['id']}").json(),
          {"id": result["id"], "status": "completed", "output": "Hello, World!", "error": "", "executionTime": milliseconds,
           "timestamp": time})


def test_003_health(client):
    wait_until(lambda: client.get("/health").json()["status"] == "healthy", "every executor has all its slots")
    for path in ("/health", "/api/v1/health"):
        answer = client.get(path).json()
        check(answer, {"status": "healthy", "timestamp": time, "redis": "connected", "version": text,
                       "queues": lambda queues: queues["python-1"] == "healthy"})


def test_003_load(client):
    answer = client.get("/load").json()
    check(answer, {"timestamp": time, "totalWaiting": count, "totalActive": count})
    row = {"containerId": text, "language": text, "waiting": count, "active": count, "completed": count, "failed": count,
           "totalJobs": count}
    assert answer["containers"]
    for container in answer["containers"]:
        check(container, row)
        assert container["totalJobs"] == sum(container[key] for key in ("waiting", "active", "completed", "failed"))


def test_003_languages(client):
    answer = client.get("/api/languages").json()
    assert answer["count"] == len(answer["languages"])
    by_name = {row["name"]: row for row in answer["languages"]}
    check(by_name["python"], {"name": "python", "displayName": "Python", "description": "Execute Python code using Python 3",
                              "example": lambda code: "Hello, World!" in code})
    assert {"javascript", "python", "java", "cpp", "go"} <= set(by_name), "003's languages"
    assert {"c", "rust", "ruby", "php"} <= set(by_name), "001's"


# ---- variables that the documents name --------------------------------------------------------------------------------------


def test_redis_by_host_and_port(make_service):
    """002's REDIS_HOST and REDIS_PORT: the service is unreachable there, and says where it looked."""
    service = make_service()
    service.master.stop()
    service.master.env = {k: v for k, v in service.master.env.items() if k != "SENTINEL_REDIS_URL"}
    service.master.env.update(REDIS_HOST="127.0.0.1", REDIS_PORT="1")
    service.master.start()
    answer = wait_until(lambda: service.client.answers("/health"), "it answers")
    assert answer == 503


def test_env_example(make_service):
    """A master takes every line of .env.example, and each is a name that docs/SETTINGS.md knows."""
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]
    example = dict(line.split("=", 1) for line in lines)
    known = (ROOT / "docs/SETTINGS.md").read_text()
    for name in example:
        assert re.search(rf"`{name}\b", known), name
    service = make_service()
    service.master.stop()
    service.master.env.pop("SENTINEL_LOG_LEVEL")
    service.master.env.update({name: value for name, value in example.items() if name not in ("REDIS_HOST", "REDIS_PORT")})
    service.master.start()
    wait_until(service.ready, "the master serves with it")
    assert "LOG_LEVEL" in example and '"level":"debug"' not in service.master.log_text().rsplit('"listening"', 1)[1]
