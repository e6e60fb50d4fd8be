"""Every route, its aliases, and the JSON of document 003 as MISSION extends it."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

from client import FINAL, check_error, check_timestamp
from service import wait_until

DOUBLE = "print(int(input()) * 2)"
SLEEP = "import time\ntime.sleep(30)"
DOUBLE_TESTS = [{"input": "5", "expected": "10"}, {"input": "3", "expected": "6"}, {"input": "0", "expected": "0"}]
FIGURES = {"cpuTimeMs": (int, float), "wallTimeMs": (int, float), "memoryKb": int, "executionTime": (int, float)}


def check_fields(value, fields, exact=False):
    """fields: name → type or types. bool is not taken for a number."""
    for name, kinds in fields.items():
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        assert name in value, f"{name} is missing in {value}"
        assert isinstance(value[name], kinds), f"{name} = {value[name]!r} in {value}"
        assert bool in kinds or not isinstance(value[name], bool), f"{name} is a boolean in {value}"
    if exact:
        assert set(value) == set(fields), value


def submission(**more):
    return {"language": "python", "code": DOUBLE, "testCases": DOUBLE_TESTS, **more}


# ---- POST /execute -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/execute", "/api/execute"])
def test_execute_answers_queued(client, path):
    response = client.post(path, submission())
    assert response.status_code == 202
    reply = response.json()
    check_fields(reply, {"id": str, "status": str, "timestamp": str, "message": str}, exact=True)
    assert reply["status"] == "queued" and reply["message"] == "Job queued on python"
    check_timestamp(reply["timestamp"])
    when = datetime.strptime(reply["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert abs((datetime.now(timezone.utc) - when).total_seconds()) < 30
    language, job_uuid = reply["id"].split("-", 1)
    assert language == "python" and uuid.UUID(job_uuid).version == 4
    assert response.headers["Location"].endswith("/job/" + reply["id"])
    assert client.get(response.headers["Location"]).json()["id"] == reply["id"]
    client.finish(reply["id"])


@pytest.mark.parametrize("path", ["/execute", "/api/execute"])
def test_wait_answers_finished(client, path):
    response = client.post(path + "?wait=30", submission())
    assert response.status_code == 200, response.text
    check_test_case_result(response.json())


def test_prefer_wait_answers_finished(client):
    response = client.post("/execute", submission(), headers={"Prefer": "respond-async, wait=30"})
    assert response.status_code == 200, response.text
    check_test_case_result(response.json())


def test_wait_runs_out(client):
    response = client.post("/execute?wait=1", {"language": "python", "code": SLEEP})
    assert response.status_code == 202
    reply = response.json()
    assert reply["status"] in ("queued", "running")
    assert response.headers["Location"].endswith("/job/" + reply["id"])
    client.delete("/job/" + reply["id"])
    assert client.finish(reply["id"])["status"] == "cancelled"


def check_test_case_result(job):
    check_fields(job, {"id": str, "status": str, "timestamp": str, "output": str, "error": str, "verdict": str,
                       "executionTime": (int, float), "testCases": list})
    assert (job["status"], job["verdict"], job["output"], job["error"]) == ("completed", "accepted", "10\n6\n0", "")
    check_timestamp(job["timestamp"])
    for run, (given, expected) in zip(job["testCases"], [("5", "10"), ("3", "6"), ("0", "0")]):
        check_fields(run, {"input": str, "expected": str, "actualOutput": str, "passed": bool, "verdict": str,
                           "stdout": str, "stderr": str, "exitCode": int, "truncated": bool, **FIGURES})
        assert (run["input"], run["expected"], run["actualOutput"]) == (given, expected, expected)
        assert run["passed"] is True and run["verdict"] == "accepted"
        assert (run["stdout"], run["stderr"], run["exitCode"], run["signal"]) == (expected + "\n", "", 0, None)
    assert len(job["testCases"]) == 3
    assert job["isolation"] in ("A", "A-", "B")


@pytest.mark.parametrize("path", ["/job/", "/api/result/"])
def test_result_routes(client, path):
    job_id = client.submit(submission())
    client.finish(job_id)
    response = client.get(path + job_id)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("application/json")
    check_test_case_result(response.json())


def test_status_route(client):
    job_id = client.submit(submission())
    client.finish(job_id)
    status = client.get("/api/status/" + job_id).json()
    check_fields(status, {"id": str, "status": str, "progress": (int, float)}, exact=True)
    assert status == {"id": job_id, "status": "completed", "progress": 100}


def test_single_input(client):
    job = client.python("name = input()\nprint(f'Hello, {name}!')", input="World")
    check_fields(job, {"id": str, "status": str, "timestamp": str, "output": str, "error": str,
                       "executionTime": (int, float), "verdict": str, "stdout": str, "stderr": str, "exitCode": int})
    assert (job["output"], job["stdout"], job["error"]) == ("Hello, World!", "Hello, World!\n", "")
    assert job["verdict"] == "accepted" and job["exitCode"] == 0
    assert "testCases" not in job


def test_neither_input_nor_tests(client):
    job = client.python("import sys\nprint(repr(sys.stdin.read()))")
    assert job["output"] == "''" and "testCases" not in job


def test_single_input_that_fails(client):
    job = client.python("print('so far')\nraise SystemExit('sorry')")
    assert (job["verdict"], job["status"]) == ("runtime_error", "completed")
    assert job["output"] == "so far" and "sorry" in job["error"] and job["exitCode"] == 1


def test_only_the_final_newline_is_taken_from_output(client):
    job = client.python("print('  a  \\n\\n')", testCases=[{"input": "", "expected": "  a  \n\n\n"}], compare="exact")
    run = job["testCases"][0]
    assert run["verdict"] == "accepted"
    assert (run["stdout"], run["actualOutput"]) == ("  a  \n\n\n", "  a  \n\n")


def test_job_waits(client):
    job_id = client.submit({"language": "python", "code": "import time\ntime.sleep(0.5)\nprint('done')"})
    job = client.job(job_id, wait=30)
    assert (job["status"], job["output"]) == ("completed", "done")


def test_running_job(client):
    job_id = client.submit({"language": "python", "code": SLEEP})
    wait_until(lambda: client.job(job_id)["status"] == "running", "the job runs")
    status = client.get("/api/status/" + job_id).json()
    assert status["status"] == "running" and 0 <= status["progress"] < 100
    job = client.job(job_id)
    assert job["id"] == job_id
    check_timestamp(job["timestamp"])
    client.delete("/job/" + job_id)
    client.finish(job_id)


# ---- what a submission may say -------------------------------------------------------------------------------------


@pytest.mark.parametrize("alias", ["py", "python3"])
def test_language_alias(client, alias):
    job = client.run({"language": alias, "code": "print('x')"})
    assert job["output"] == "x" and job["id"].startswith("python-")


def test_files_with_folders(client):
    job = client.run({"language": "python", "files": [
        {"name": "main.py", "content": "from lib.words import WORD\nprint(WORD, open('data/x.txt').read())"},
        {"name": "lib/words.py", "content": "WORD = 'lib'"},
        {"name": "data/x.txt", "content": "data"}]})
    assert job["output"] == "lib data", job


def test_file_names_with_spaces_and_letters(client):
    job = client.run({"language": "python", "files": [
        {"name": "main.py", "content": "import os\nprint(sorted(n for n in os.listdir('.') if n != 'main.py'))"},
        {"name": "čaj a kafe.txt", "content": ""}, {"name": "..x", "content": ""}]})
    assert job["output"] == "['..x', 'čaj a kafe.txt']", job


def test_files_in_base64(client):
    job = client.run({"language": "python", "files": [
        {"name": "main.py", "content": "cHJpbnQob3BlbigneCcsICdyYicpLnJlYWQoKSk=", "encoding": "base64"},
        {"name": "x", "content": "AP+A", "encoding": "base64"}]})
    assert job["output"] == r"b'\x00\xff\x80'", job


def test_test_case_in_base64(client):
    echo = "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())"
    cases = [{"input": "AP+A", "expected": "AP+A", "encoding": "base64"},
             {"input": "AP+A", "expected": "AP+B", "encoding": "base64"}]
    job = client.python(echo, testCases=cases, compare="exact")
    assert [run["verdict"] for run in job["testCases"]] == ["accepted", "wrong_answer"], job


def test_code_and_input_in_base64(client):
    job = client.python("aW1wb3J0IHN5cwpwcmludChzeXMuc3RkaW4uYnVmZmVyLnJlYWQoKSk=", encoding="base64", input="AP+A",
                        inputEncoding="base64")
    assert job["output"] == r"b'\x00\xff\x80'", job


def test_stdin_is_another_name_for_input(client):
    """As documents 000 and 004 have it, whose reply carries stdout, stderr and execution_time."""
    job = client.python("print(input())", stdin="given")
    assert job["stdout"] == "given\n" and 0 <= job["execution_time"] < 60


def test_nul_bytes_in_output(client):
    job = client.python("print('a\\0b')", testCases=[{"input": "", "expected": "x"}])
    run = job["testCases"][0]
    assert (run["stdout"], run["actualOutput"], run["verdict"]) == ("a\0b\n", "a\0b", "wrong_answer")


def test_invalid_utf8_in_output(client):
    code = "import sys\nsys.stdout.buffer.write(b'a\\xff\\xfeb\\xe2\\x82')\nsys.stderr.buffer.write(b'\\xc0\\x80')"
    case = {"input": "", "expected": "x"}
    run = client.python(code, testCases=[case])["testCases"][0]
    usual = client.python("print('b')", testCases=[case])["testCases"][0]
    assert run["stdout"].startswith("a\ufffd\ufffdb\ufffd") and "\ufffd" in run["stderr"]
    assert run["invalidUtf8"] is True and usual["invalidUtf8"] is False
    assert (run["stdoutBytes"], run["stderrBytes"]) == (6, 2)


def test_output_that_looks_like_a_result(client):
    forged = '{"verdict":"accepted","passed":true,"status":"completed"}'
    case = {"input": "", "expected": "right"}
    job = client.python(f"print('''{forged}''')\nraise SystemExit(0)", testCases=[case])
    run = job["testCases"][0]
    assert (job["verdict"], run["passed"], run["actualOutput"]) == ("wrong_answer", False, forged)


@pytest.mark.parametrize("compare,printed,expected,verdict", [
    (None, "a  \nb\n\n\n", "a\nb", "accepted"),
    ("trim", "a  \nb\n", "a\nb", "accepted"),
    ("trim", "  a\n", "a", "wrong_answer"),
    ("trim", "a  b\n", "a b", "wrong_answer"),
    ("trim", "", "", "accepted"),
    ("trim", "A", "a", "wrong_answer"),
    ("exact", "a\n", "a\n", "accepted"),
    ("exact", "a\n", "a", "wrong_answer"),
    ("exact", "a ", "a", "wrong_answer"),
    ("tokens", " 1\t2\n\n3 \n", "1 2 3", "accepted"),
    ("tokens", "12 3", "1 2 3", "wrong_answer"),
    ("tokens", "1 2 3 4", "1 2 3", "wrong_answer"),
    ("float:1e-6", "3.1415926 x 1e3\n", "3.1415930 x 1000", "accepted"),
    ("float:1e-6", "3.14159 x", "3.1416 x", "wrong_answer"),
    ("float:0.01", "1000001", "1000000", "accepted"),
    ("float:1e-6", "nan", "1", "wrong_answer"),
    ("float:1e-6", "1.0 y", "1.0 x", "wrong_answer"),
    ("float:1e-6", "1.0 1.0", "1.0", "wrong_answer"),
])
def test_compare(client, compare, printed, expected, verdict):
    code = f"import sys\nsys.stdout.write({printed!r})"
    more = {"compare": compare} if compare else {}
    job = client.python(code, testCases=[{"input": "", "expected": expected}], **more)
    run = job["testCases"][0]
    assert (job["verdict"], run["verdict"], run["passed"]) == (verdict, verdict, verdict == "accepted"), run


def test_hidden_tests_show_only_figures(client):
    secret = "s3cr3t"
    cases = [{"input": "shown", "expected": "shown", "name": "first"},
             {"input": secret, "expected": secret + "-expected", "hidden": True},
             {"input": secret, "expected": secret, "hidden": True, "name": "third"}]
    code = "import sys\nx = input()\nprint(x)\nprint('to stderr', x, file=sys.stderr)"
    job_id = client.submit({"language": "python", "code": code, "testCases": cases})
    job = client.finish(job_id)
    assert job["verdict"] == "wrong_answer" and [run["passed"] for run in job["testCases"]] == [True, False, True]
    for path in ("/job/", "/api/result/"):
        assert secret not in client.get(path + job_id).text
    for run in job["testCases"][1:]:
        assert not {"input", "expected", "actualOutput", "stdout", "stderr"} & set(run), run
        check_fields(run, {"passed": bool, "verdict": str, **FIGURES})


def test_test_case_names(client):
    job = client.python("print(1)", testCases=[{"input": "", "expected": "1", "name": "Grüße"}])
    assert job["testCases"][0]["name"] == "Grüße"


def test_stop_on_failure(client):
    code = "import sys\nn = int(input())\nprint(n)\nsys.exit(n == 1)"
    cases = [{"input": str(n), "expected": str(n)} for n in range(6)]
    job = client.python(code, testCases=cases, stopOnFailure=True)
    assert job["verdict"] == "runtime_error"
    assert [run["verdict"] for run in job["testCases"]] == ["accepted", "runtime_error"] + ["skipped"] * 4
    assert [run["passed"] for run in job["testCases"]] == [True] + [False] * 5
    job = client.python(code, testCases=cases)
    assert [run["verdict"] for run in job["testCases"]] == ["accepted", "runtime_error"] + ["accepted"] * 4


def test_timeout_is_seconds_of_wall_time(client):
    job = client.python(SLEEP, timeout=1, testCases=[{"input": "", "expected": ""}])
    run = job["testCases"][0]
    assert run["verdict"] == "wall_time_exceeded" and 990 <= run["wallTimeMs"] < 9000
    assert "of 1000 ms of wall time" in run["reason"]


def test_wall_limit_defaults_to_three_times_cpu(client):
    job = client.python(SLEEP, limits={"cpuTimeMs": 300}, testCases=[{"input": "", "expected": ""}])
    run = job["testCases"][0]
    assert run["verdict"] == "wall_time_exceeded" and 890 <= run["wallTimeMs"] < 9000
    assert "of 900 ms of wall time" in run["reason"]


def test_file_size_limit(client):
    code = "try:\n    with open('big', 'wb') as f:\n        f.write(b'x' * 300_000)\n    print('written')\n" \
           "except OSError as e:\n    print(e.strerror)"
    assert client.python(code)["output"] == "written"
    job = client.python(code, limits={"fileKb": 100})
    assert job["output"] == "File too large" or job["verdict"] == "runtime_error", job


def test_process_limit(client):
    code = "import threading, time\nfor n in range(1, 500):\n    try:\n" \
           "        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n" \
           "    except RuntimeError:\n        break\nprint(n)"
    few = client.python(code, limits={"processes": 8, "memoryMb": 512})
    assert 1 <= int(few["output"]) <= 8, few


def test_compile_flags(client):
    code = '#include <stdio.h>\nint main(void)\n{\n    printf("%d\\n", ANSWER);\n}\n'
    job = client.run({"language": "c", "code": code, "compileFlags": ["-DANSWER=42", "-O0"]})
    assert job["output"] == "42"
    assert client.run({"language": "c", "code": code})["verdict"] == "compile_error"


def test_metadata_and_user(client):
    metadata = {"course": "Грамматика", "nested": [1, None, {"x": 1.5}]}
    job = client.python("print(1)", metadata=metadata, userId="user-7")
    assert job["metadata"] == metadata and job["userId"] == "user-7"


def test_program_that_never_reads_its_input(client):
    job = client.python("print('done')", input="x" * 2_000_000)
    assert (job["verdict"], job["output"]) == ("accepted", "done")


def test_program_that_reads_after_the_end(client):
    code = "import sys\nsys.stdin.read()\nprint(repr(sys.stdin.read()))\nimport os\nprint(os.read(0, 5))"
    assert client.python(code, input="abc")["output"] == "''\nb''"


# ---- idempotency, cancelling ---------------------------------------------------------------------------------------


def test_idempotency_key(client):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = client.post("/execute", submission(), headers=headers)
    again = client.post("/execute", submission(), headers=headers)
    assert (first.status_code, again.status_code) == (202, 202), again.text
    assert first.json()["id"] == again.json()["id"]
    other = client.post("/execute", submission(stopOnFailure=True), headers=headers)
    check_error(other, 422, "idempotency_conflict", "Idempotency-Key")
    finished = client.finish(first.json()["id"])
    late = client.post("/execute?wait=30", submission(), headers=headers)
    assert late.status_code == 200 and late.json()["id"] == finished["id"]
    other_id = client.submit(submission(), headers={"Idempotency-Key": str(uuid.uuid4())})
    assert other_id != finished["id"] and client.finish(other_id)["verdict"] == "accepted"


def test_idempotency_key_in_a_race(client):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    clients = [client.another() for _ in range(12)]

    def submit(one):
        response = one.post("/execute", submission(), headers=headers)
        assert response.status_code in (200, 202), "the last of them may find it finished"
        return response.json()["id"]

    with ThreadPoolExecutor(len(clients)) as pool:
        ids = set(pool.map(submit, clients))
    for one in clients:
        one.close()
    assert len(ids) == 1 and client.finish(ids.pop())["verdict"] == "accepted"


def test_delete_running_job(client):
    job_id = client.submit({"language": "python", "code": SLEEP})
    wait_until(lambda: client.job(job_id)["status"] == "running", "the job runs")
    response = client.delete("/job/" + job_id)
    assert (response.status_code, response.json()["id"]) == (202, job_id), response.text
    job = client.finish(job_id, 10)
    assert (job["status"], job["id"], job["verdict"]) == ("cancelled", job_id, None)
    assert client.get("/api/status/" + job_id).json()["status"] == "cancelled"


def test_delete_finished_job_changes_nothing(client):
    job_id = client.submit(submission())
    before = client.finish(job_id)
    check_error(client.delete("/job/" + job_id), 409, "already_finished", None)
    assert client.job(job_id) == before


def test_delete_unknown_job(client):
    check_error(client.delete(f"/job/python-{uuid.uuid4()}"), 404, "not_found", None)


# ---- what the service tells of itself ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/languages", "/api/languages"])
def test_languages(client, path):
    listing = client.get(path).json()
    check_fields(listing, {"languages": list, "count": int})
    assert listing["count"] == len(listing["languages"]) >= 3
    for entry in listing["languages"]:
        check_fields(entry, {"name": str, "displayName": str, "description": str, "example": str, "version": str,
                             "limits": dict})
    by_name = {entry["name"]: entry for entry in listing["languages"]}
    assert by_name["python"]["displayName"] == "Python" and "3." in by_name["python"]["version"]
    assert by_name["cpp"]["displayName"] == "C++"
    assert sorted(by_name) == [entry["name"] for entry in listing["languages"]]


def test_language_examples_run(client):
    for entry in client.get("/languages").json()["languages"]:
        job = client.run({"language": entry["name"], "code": entry["example"]})
        assert (job["verdict"], job["output"]) == ("accepted", "Hello, World!"), job


def check_load(load):
    check_fields(load, {"timestamp": str, "totalWaiting": int, "totalActive": int, "containers": list})
    check_timestamp(load["timestamp"])
    for row in load["containers"]:
        check_fields(row, {"containerId": str, "language": str, "waiting": int, "active": int, "completed": int,
                           "failed": int, "totalJobs": int}, exact=True)
        assert row["totalJobs"] == row["waiting"] + row["active"] + row["completed"] + row["failed"], row
    assert load["totalWaiting"] == sum(row["waiting"] for row in load["containers"])
    assert load["totalActive"] == sum(row["active"] for row in load["containers"])


def rows_of(load, language):
    return [row for row in load["containers"] if row["language"] == language]


def idle_load(client):
    load = client.get("/load").json()
    check_load(load)
    return None if load["totalWaiting"] or load["totalActive"] else load


def test_load(client):
    before = wait_until(lambda: idle_load(client), "what other tests posted is done")
    client.run(submission())
    client.run(submission(code="raise SystemExit(1)"))

    def completed(load):
        return sum(row["completed"] for row in rows_of(load, "python"))

    def counted():
        load = client.get("/load").json()
        check_load(load)
        return completed(load) == completed(before) + 2

    wait_until(counted, "/load counts both jobs as completed: a program that fails is a verdict, not a failed job")


def test_load_while_busy(client):
    ids = [client.submit({"language": "python", "code": SLEEP}) for _ in range(8)]

    def busy():
        load = client.get("/load").json()
        check_load(load)
        active, waiting = load["totalActive"], load["totalWaiting"]
        return active >= 1 and waiting >= 1 and active + waiting == 8

    try:
        wait_until(busy, "/load shows the eight jobs, waiting and active")
    finally:
        for job_id in ids:
            client.delete("/job/" + job_id)
        assert {client.finish(job_id)["status"] for job_id in ids} == {"cancelled"}


def test_health(client):
    wait_until(lambda: client.get("/health").json()["status"] == "healthy", "every executor has all its slots")
    response = client.get("/health")
    assert response.status_code == 200
    health = response.json()
    check_fields(health, {"status": str, "timestamp": str, "redis": str, "queues": dict, "version": str,
                          "executors": list})
    assert (health["status"], health["redis"]) == ("healthy", "connected")
    check_timestamp(health["timestamp"])
    assert set(health["queues"].values()) == {"healthy"} and len(health["queues"]) >= 3
    assert set(health["queues"]) == {executor["id"] for executor in health["executors"]}
    for executor in health["executors"]:
        assert executor["isolation"] in ("A", "A-", "B")
        assert executor["mechanisms"]["seccomp"]["on"] is True
        assert all(isinstance(m["on"], bool) and (m["on"] or m["detail"]) for m in executor["mechanisms"].values()), \
            "a mechanism that cannot be had says why"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes(client, path):
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/languages", "/load", "/health", "/livez", "/readyz"])
def test_head(client, path):
    response = client.request("HEAD", path)
    assert response.status_code == 200 and response.content == b""
    assert response.headers["Content-Type"] == client.get(path).headers["Content-Type"]


@pytest.mark.parametrize("path", ["/execute", "/load", "/job/python-" + str(uuid.UUID(int=0, version=4))])
def test_options_names_the_methods(client, path):
    response = client.request("OPTIONS", path)
    assert response.status_code in (200, 204, 405)
    assert "POST" in response.headers["Allow"] or "GET" in response.headers["Allow"]


# ---- what needs a service of its own -------------------------------------------------------------------------------


def test_delete_queued_job(make_service):
    client = make_service().client
    job_id = client.submit(submission())
    assert client.job(job_id)["status"] == "queued"
    response = client.delete("/job/" + job_id)
    assert response.status_code == 200, response.text
    assert client.job(job_id)["status"] == "cancelled"
    assert client.get("/load").json()["totalWaiting"] == 0
    check_error(client.delete("/job/" + job_id), 409, "already_finished", None)


def test_cancelled_job_never_runs(make_service):
    service = make_service()
    cancelled, kept = service.client.submit(submission()), service.client.submit(submission())
    service.client.delete("/job/" + cancelled)
    service.start_executor("python")
    assert service.client.finish(kept)["verdict"] == "accepted"
    job = service.client.job(cancelled)
    assert job["status"] == "cancelled" and job.get("verdict") != "accepted" and not job.get("output")


def test_load_and_languages_without_executors(make_service):
    client = make_service().client
    for _ in range(3):
        client.submit(submission())
    client.submit({"language": "c", "code": ""})
    load = client.get("/load").json()
    check_load(load)
    assert load["totalWaiting"] == 4 and load["totalActive"] == 0
    assert [(row["containerId"], row["waiting"]) for row in rows_of(load, "python")] == [("python", 3)]
    assert [(row["containerId"], row["waiting"]) for row in rows_of(load, "c")] == [("c", 1)]
    assert {entry["name"] for entry in client.get("/languages").json()["languages"]} >= {"python", "c", "cpp"}
    assert client.answers("/readyz") == 200, "scale to zero depends on it"


def test_waiting_is_split_over_executors(make_service):
    service = make_service(languages=("python",), slots=1)
    service.start_executor("python", number=2, slots=1)
    service.wait_for_executors()
    ids = [service.client.submit({"language": "python", "code": SLEEP}) for _ in range(7)]

    def split():
        load = service.client.get("/load").json()
        check_load(load)
        rows = rows_of(load, "python")
        return (load["totalWaiting"], load["totalActive"], len(rows)) == (5, 2, 2) and \
            sorted(row["waiting"] for row in rows) == [2, 3] and [row["active"] for row in rows] == [1, 1]

    wait_until(split, "five waiting and two active jobs over two rows")
    for job_id in ids:
        service.client.delete("/job/" + job_id)
    assert all(service.client.finish(job_id)["status"] in FINAL for job_id in ids)


def test_priority_goes_first(make_service):
    service = make_service()
    clock = {"language": "python", "code": "import time\nprint(time.time_ns())"}
    ordinary = [service.client.submit(clock) for _ in range(3)]
    urgent = [service.client.submit({**clock, "priority": True}) for _ in range(2)]
    service.start_executor("python", slots=1)
    when = {job_id: int(service.client.finish(job_id)["output"]) for job_id in ordinary + urgent}
    assert sorted(when, key=when.get) == urgent + ordinary


def test_execute_waits_by_setting(make_service):
    client = make_service(languages=("python",), execute_wait=20).client
    response = client.post("/execute", submission())
    assert response.status_code == 200 and response.json()["verdict"] == "accepted"


def test_limits_are_settings(make_service):
    client = make_service(max_memory_mb=2000, max_code_bytes=100, max_tests=2).client
    fits = {"language": "python", "code": "#" * 100, "limits": {"memoryMb": 2000}, "testCases": DOUBLE_TESTS[:2]}
    for excess, field in (({"limits": {"memoryMb": 2001}}, "limits.memoryMb"), ({"code": "#" * 101}, "code"),
                          ({"testCases": DOUBLE_TESTS}, "testCases")):
        check_error(client.post("/execute", {**fits, **excess}), 422, "invalid_request", field)
    assert client.submit(fits)
