"""gRPC as clients use it: CodeExecutor, the standard health service, reflection; statuses, deadlines, keys, limits, the end."""

import shutil
import signal
import subprocess
import time

import grpc
import pytest
from google.protobuf import descriptor_pb2

import service as harness
from grpc_client import PATIENCE, REFLECT, GrpcClient, message_class, pool_of
from keys import Keys
from service import wait_until

Code = grpc.StatusCode
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
SERVICES = {"executor.CodeExecutor", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection"}


@pytest.fixture
def rpc(shared):
    if not shared:
        pytest.skip("needs the port of a service of the test's own")
    with GrpcClient(shared.grpc_port()) as client:
        yield client


@pytest.fixture
def rpc_of():
    """rpc_of(service, token=None) → a client that is closed in the end."""
    clients = []

    def connect(service, token=None):
        clients.append(GrpcClient(service.grpc_port(), token))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def refused(call, code, words="", **trailers):
    """Asserts that the call ends with that status; the names in trailers have _ for -."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert caught.value.code() == code, (caught.value.code(), caught.value.details())
    assert words in caught.value.details(), caught.value.details()
    told = dict(caught.value.trailing_metadata() or ())
    for name, value in trailers.items():
        assert told.get(name.replace("_", "-")) == value, (name, told)
    return told


# ---- Execute ---------------------------------------------------------------------------------------------------------

def test_the_example_of_001(rpc):
    answer = rpc.execute(language="python", code="print('Hello from gRPC!')", timeout_seconds=30, memory_limit_mb=128,
                         cpu_limit=0.5)
    assert (answer.stdout, answer.stderr, answer.exit_code) == ("Hello from gRPC!\n", "", 0)
    assert (answer.timeout, answer.memory_exceeded, answer.verdict, answer.reason) == (False, False, "accepted", "")
    assert 0 < answer.execution_time_ms < 30000 and 0 < answer.memory_used_mb < 128
    assert answer.id.startswith("python-")


def test_its_job_is_one_like_others(rpc, client):
    answer = rpc.execute(language="python", code="import sys; print(sys.stdin.read())", input="given")
    job = client.job(answer.id)
    assert job["status"] == "completed" and job["output"] == "given" and answer.stdout == "given\n"


RUNS = {
    "exit code": ({"code": "import sys; print('x', file=sys.stderr); sys.exit(7)"},
                  {"verdict": "runtime_error", "exit_code": 7, "stderr": "x\n"}),
    "signal": ({"code": "import os; os.kill(os.getpid(), 11)"}, {"verdict": "runtime_error", "exit_code": 139}),
    "time": ({"code": "while True: pass", "timeout_seconds": 1}, {"timeout": True, "memory_exceeded": False}),
    "memory": ({"code": "x = bytearray(400 << 20)\nprint(len(x))", "memory_limit_mb": 32},
               {"verdict": "memory_exceeded", "memory_exceeded": True, "timeout": False}),
    "not UTF-8": ({"code": "import sys; sys.stdout.buffer.write(b'a\\xff\\xc3\\xa9\\x00b')"},
                  {"verdict": "accepted", "stdout": "a\ufffd\u00e9\x00b"}),
    "UTF-8": ({"code": "print(input())", "input": "h\u00e9 \U0001f600"}, {"stdout": "h\u00e9 \U0001f600\n"}),
}


@pytest.mark.parametrize("fields,wanted", RUNS.values(), ids=RUNS)
def test_what_came_out(rpc, fields, wanted):
    answer = rpc.execute(language="python", **fields)
    assert {name: getattr(answer, name) for name in wanted} == wanted, answer


def test_a_compiler_that_refuses(rpc):
    answer = rpc.execute(language="c", code="int main(void) { return x; }")
    assert answer.verdict == "compile_error" and "x" in answer.stderr and answer.stdout == ""


def test_output_of_200_kb(make_service, rpc_of, tmp_path):
    """More than HTTP/2's first windows: where an operator lets outputs be so long."""
    languages = tmp_path / "languages"
    shutil.copytree(harness.LANGUAGES, languages)
    python = languages / "python.json"
    python.write_text(python.read_text().replace('"outputKb": 64', '"outputKb": 256'))
    service = make_service(languages=("python",), languages_dir=languages)
    answer = rpc_of(service).execute(language="python", code="print('1234567\\n' * 25600, end='')")
    assert answer.stdout == "1234567\n" * 25600


def test_a_large_message_in_and_out(make_service, rpc_of):
    service = make_service(languages=("python",), max_code_bytes=1 << 20)
    code = "#" + "x" * 300_000 + "\nimport sys; sys.stdout.write(sys.stdin.read())"
    given = "0123456789abcde\n" * 4000
    assert rpc_of(service).execute(language="python", code=code, input=given).stdout == given


def test_100_calls_at_once(make_service, rpc_of):
    service = make_service(languages=("python",), slots=2)
    client = rpc_of(service)
    calls = [client.execute_later(language="python", code="print(input())", input=str(i)) for i in range(100)]
    assert [call.result().stdout for call in calls] == [f"{i}\n" for i in range(100)]


def test_the_same_key_is_the_same_job(rpc):
    metadata = [("idempotency-key", f"grpc-{time.time_ns()}")]
    fields = {"language": "python", "code": "print(1)"}
    first = rpc.execute(metadata=metadata, **fields)
    assert rpc.execute(metadata=metadata, **fields).id == first.id
    refused(lambda: rpc.execute(metadata=metadata, language="python", code="print(2)"), Code.INVALID_ARGUMENT,
            sentinel_code="idempotency_conflict")


# ---- what is refused -------------------------------------------------------------------------------------------------

WRONG = {
    "no language": ({"code": "1"}, "language"),
    "unknown language": ({"language": "cobol", "code": "1"}, "language"),
    "no code": ({"language": "python"}, "code"),
    "code too long": ({"language": "python", "code": "#" * 50_001}, "code"),
    "U+0000": ({"language": "python", "code": "print(1)\x00"}, "code"),
    "time": ({"language": "python", "code": "1", "timeout_seconds": 121}, "timeout_seconds"),
    "negative time": ({"language": "python", "code": "1", "timeout_seconds": -1}, "timeout_seconds"),
    "memory": ({"language": "python", "code": "1", "memory_limit_mb": 2}, "memory_limit_mb"),
    "processors": ({"language": "python", "code": "1", "cpu_limit": 1.5}, "cpu_limit"),
    "not a number": ({"language": "python", "code": "1", "cpu_limit": float("nan")}, "cpu_limit"),
}


@pytest.mark.parametrize("fields,field", WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_named(rpc, fields, field):
    refused(lambda: rpc.execute(**fields), Code.INVALID_ARGUMENT, field, sentinel_field=field)


def test_text_must_be_utf8(rpc):
    for number, name in (1, "language"), (2, "code"), (3, "input"):
        fields = {1: b"python", 2: b"1", 3: b"1", number: b"\xff\xfe"}
        data = b"".join(bytes([key << 3 | 2, len(value)]) + value for key, value in fields.items())
        call = rpc.unary("/executor.CodeExecutor/Execute", "executor.ExecuteResponse")
        refused(lambda: call(data, timeout=PATIENCE), Code.INVALID_ARGUMENT, f"{name} must be UTF-8", sentinel_field=name)


@pytest.mark.security
def test_what_is_no_message(rpc):
    for path, answer in (("/executor.CodeExecutor/Execute", "executor.ExecuteResponse"),
                         ("/grpc.health.v1.Health/Check", "grpc.health.v1.HealthCheckResponse")):
        refused(lambda: rpc.unary(path, answer)(b"\x0a\xff", timeout=PATIENCE), Code.INVALID_ARGUMENT, "message")


def test_unknown_fields_are_let_through(rpc):
    """As protobuf has it: a newer client's."""
    data = b"\x0a\x06python\x12\x08print(1)" + b"\xfa\x3e\x03new"
    answer = rpc.unary("/executor.CodeExecutor/Execute", "executor.ExecuteResponse")(data, timeout=PATIENCE)
    assert answer.stdout == "1\n"


def test_unknown_methods(rpc):
    for path in ("/executor.CodeExecutor/Run", "/executor.Nothing/Execute", "/executor.CodeExecutor/Execute/", "/"):
        refused(lambda: rpc.unary(path, "executor.HealthResponse")(b"", timeout=PATIENCE), Code.UNIMPLEMENTED)


def test_a_compressed_message(rpc):
    call = rpc.unary("/executor.CodeExecutor/Execute", "executor.ExecuteResponse")
    refused(lambda: call(b"\x0a\x06python\x12\x80\x08" + b"#" * 1024, timeout=PATIENCE, compression=grpc.Compression.Gzip),
            Code.UNIMPLEMENTED)


@pytest.mark.security
def test_too_large(make_service, rpc_of):
    client = rpc_of(make_service(max_body_kb=64))
    refused(lambda: client.execute(language="python", code="#" * 70_000), Code.RESOURCE_EXHAUSTED, "larger than 65536 bytes",
            sentinel_code="body_too_large")
    assert client.check() == SERVING, "the connection goes on"


@pytest.mark.security
def test_large_metadata(make_service, rpc_of):
    client = rpc_of(make_service())
    refused(lambda: client.health(metadata=[(f"x-{i}", "v" * 200) for i in range(100)]), Code.RESOURCE_EXHAUSTED)
    refused(lambda: client.health(metadata=[(f"x-{i}", "v") for i in range(129)]), Code.RESOURCE_EXHAUSTED, "metadata")
    assert client.check() == SERVING


# ---- time ------------------------------------------------------------------------------------------------------------

def test_the_longest_wait_is_the_services(make_service, rpc_of):
    service = make_service(max_wait_s=1)
    client = rpc_of(service)
    told = refused(lambda: client.execute(language="python", code="1"), Code.DEADLINE_EXCEEDED, "/job/python-",
                   sentinel_code="timed_out")
    assert service.client.job(told["sentinel-job"])["status"] == "queued"


def test_a_call_that_is_cancelled(make_service, rpc_of):
    service = make_service()
    client = rpc_of(service)
    calls = [client.execute_later(language="python", code="1") for _ in range(5)]
    wait_until(lambda: service.client.get("/load").json()["totalWaiting"] == 5, "the jobs wait")
    assert open_requests(service) == 6, "with the one that asks"
    for call in calls:
        call.cancel()
    wait_until(lambda: open_requests(service) == 1, "nobody waits any more")
    another = client.execute_later(language="python", code="1")
    wait_until(lambda: open_requests(service) == 2, "another waits")
    client.close()
    wait_until(lambda: open_requests(service) == 1, "it went with its connection")
    assert another.done()


def open_requests(service):
    text = service.client.get("/metrics").text
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("sentinel_http_open_requests ")))


# ---- health, reflection ----------------------------------------------------------------------------------------------

def test_health_of_001(rpc, client):
    answer, http = rpc.health(), client.get("/health").json()
    assert answer.version == http["version"] and answer.status in ("healthy", "degraded")


def test_check(rpc):
    for name in ["", *SERVICES]:
        assert rpc.check(name) == SERVING
    refused(lambda: rpc.check("executor.Nothing"), Code.NOT_FOUND)


def test_watch_tells_changes(make_service, rpc_of):
    service = make_service()
    client = rpc_of(service)
    watched = client.watch()
    assert next(watched).status == SERVING
    service.redis.signal(signal.SIGSTOP)
    try:
        assert next(watched).status == NOT_SERVING
        assert client.check() == NOT_SERVING and client.health().status == "unhealthy"
        refused(lambda: client.execute(language="python", code="1"), Code.UNAVAILABLE)
    finally:
        service.redis.signal(signal.SIGCONT)
    assert next(watched).status == SERVING
    watched.cancel()


def test_watch_of_what_there_is_not(rpc):
    watched = rpc.watch("executor.Nothing")
    assert next(watched).status == SERVICE_UNKNOWN
    watched.cancel()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_and_describes(rpc, version):
    listed, = rpc.reflect({"list_services": ""}, version=version)
    assert {service.name for service in listed.list_services_response.service} == SERVICES
    files = {}
    for name in SERVICES:
        found, = rpc.reflect({"file_containing_symbol": name}, version=version)
        file = descriptor_pb2.FileDescriptorProto.FromString(found.file_descriptor_response.file_descriptor_proto[0])
        assert found.original_request.file_containing_symbol == name
        assert f"{file.package}.{file.service[0].name}" == name
        files[file.name] = file
    # What it describes is enough to call it by.
    pool = pool_of(files.values())
    execute = pool.FindServiceByName("executor.CodeExecutor").FindMethodByName("Execute")
    call = rpc.channel.unary_unary(f"/{execute.containing_service.full_name}/{execute.name}",
                                   lambda m: m.SerializeToString(),
                                   message_class(pool, execute.output_type.full_name).FromString)
    request = message_class(pool, execute.input_type.full_name)(language="python", code="print(6 * 7)")
    assert call(request, timeout=PATIENCE).stdout == "42\n"


def test_reflection_of_names(rpc):
    file, symbol, method, none, extension, numbers = rpc.reflect(
        {"file_by_filename": "executor.proto"}, {"file_containing_symbol": "executor.ExecuteRequest"},
        {"file_containing_symbol": "executor.CodeExecutor.Execute"}, {"file_containing_symbol": "executor.Nothing"},
        {"file_containing_extension": {"containing_type": "executor.ExecuteRequest", "extension_number": 1}},
        {"all_extension_numbers_of_type": "executor.ExecuteRequest"})
    found = file.file_descriptor_response.file_descriptor_proto
    assert symbol.file_descriptor_response.file_descriptor_proto == found
    assert method.file_descriptor_response.file_descriptor_proto == found
    assert none.error_response.error_code == extension.error_response.error_code == Code.NOT_FOUND.value[0]
    assert numbers.all_extension_numbers_response.base_type_name == "executor.ExecuteRequest"
    refused(lambda: rpc.reflect({}), Code.INVALID_ARGUMENT, "message_request")
    assert rpc.reflect() == []


# ---- who may ---------------------------------------------------------------------------------------------------------

@pytest.mark.security
def test_keys(make_service, rpc_of, tmp_path):
    keys = Keys(tmp_path / "keys")
    alice, eye, bob = keys.add("alice"), keys.add("eye", "monitor"), keys.add("bob")
    service = make_service(languages=("python",), keys_file=keys.path, token=alice)
    fields = {"language": "python", "code": "print(1)"}
    nobody = rpc_of(service)
    refused(lambda: nobody.execute(**fields), Code.UNAUTHENTICATED, sentinel_code="key_required")
    refused(lambda: rpc_of(service, "wrong").execute(**fields), Code.UNAUTHENTICATED, sentinel_code="invalid_key")
    refused(lambda: rpc_of(service, eye).execute(**fields), Code.PERMISSION_DENIED, sentinel_code="key_not_allowed")
    answer = rpc_of(service, alice).execute(**fields)
    assert answer.stdout == "1\n" and nobody.execute(metadata=[("x-auth-token", bob)], **fields).stdout == "1\n"
    assert service.client.job(answer.id)["status"] == "completed"
    assert harness.Client(service.client.url, bob).get(f"/job/{answer.id}").status_code == 404, "it is alice's"
    # As over HTTP: health is open unless it is closed, probes always.
    assert nobody.health().status in ("healthy", "degraded") and nobody.check() == SERVING
    assert nobody.reflect({"list_services": ""})


@pytest.mark.security
def test_keys_of_reflection_and_health(make_service, rpc_of, tmp_path):
    keys = Keys(tmp_path / "keys")
    token = keys.add("alice")
    service = make_service(keys_file=keys.path, open_routes="", token=token)
    nobody, alice = rpc_of(service), rpc_of(service, token)
    refused(nobody.health, Code.UNAUTHENTICATED)
    refused(lambda: nobody.reflect({"list_services": ""}), Code.UNAUTHENTICATED)
    assert nobody.check() == SERVING and alice.health().version and alice.reflect({"list_services": ""}, version="v1alpha")


@pytest.mark.security
def test_rate_limit(make_service, rpc_of):
    service = make_service(rate_ip=1, rate_ip_burst=3)
    client = rpc_of(service)
    for _ in range(3):
        client.health()
    told = refused(client.health, Code.RESOURCE_EXHAUSTED, sentinel_code="rate_limited")
    assert 0 < int(told["retry-after"]) <= 60 and told["ratelimit-remaining"] == "0"
    assert client.check() == SERVING, "probes are not limited"


def test_full_queue(make_service, rpc_of):
    service = make_service(queue_cap=1)
    client = rpc_of(service)
    waiting = client.execute_later(language="python", code="1")
    wait_until(lambda: service.client.get("/load").json()["totalWaiting"] == 1, "a job waits")
    told = refused(lambda: client.execute(language="python", code="2"), Code.RESOURCE_EXHAUSTED, sentinel_code="queue_full")
    assert int(told["retry-after"]) > 0
    waiting.cancel()


def test_the_code_policy(make_service, rpc_of):
    service = make_service(code_policy="block")
    client = rpc_of(service)
    refused(lambda: client.execute(language="python", code="import socket"), Code.INVALID_ARGUMENT,
            sentinel_code="policy_violation")


def test_figures_and_log(make_service, rpc_of):
    service = make_service(languages=("python",), log_requests="line")
    client = rpc_of(service)
    client.execute(language="python", code="print(1)")
    refused(lambda: client.execute(language="python"), Code.INVALID_ARGUMENT)
    text = service.client.get("/metrics").text
    for status in ("200", "422"):
        assert (f'sentinel_http_requests_total{{route="/executor.CodeExecutor/Execute",method="POST",status="{status}"}} 1'
                in text), text
    assert '"path":"/executor.CodeExecutor/Execute","status":200' in service.master.log_text()


# ---- modes, the end --------------------------------------------------------------------------------------------------

def test_grpc_alone(make_service, rpc_of, monkeypatch):
    service = make_service(languages=("python",))
    service.master.stop()
    service.master_options = ["-mode=grpc", "-grpc-port=0"]
    monkeypatch.setattr(service, "ready", lambda: service.master.log_text().count('"redis ready"') == 2)
    service.start_master()
    assert rpc_of(service).execute(language="python", code="print(1)").stdout == "1\n"
    assert service.client.answers("/livez") is None


def test_http_alone(make_service):
    service = make_service(mode="http")
    assert service.grpc_port() == 0 and service.client.get("/livez").status_code == 200


def test_a_taken_port_says_so(make_service):
    service = make_service()
    taken = str(service.grpc_port())
    done = subprocess.run([service.build / "master/sentinel-master", "--port", str(harness.free_port()), "--grpc-port", taken],
                          env=service.environment(), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and f"grpc-port {taken}: another program uses it" in done.stderr


def test_calls_end_before_the_master_does(make_service, rpc_of):
    service = make_service(languages=("python",))
    client = rpc_of(service)
    watched = client.watch()
    assert next(watched).status == SERVING
    call = client.execute_later(language="python", code="import time; time.sleep(1); print('done')")
    wait_until(lambda: service.client.get("/load").json()["totalActive"] == 1, "the job runs")
    service.master.signal(signal.SIGTERM)
    assert call.result().stdout == "done\n"
    refused(lambda: next(watched), Code.UNAVAILABLE, "going down")
    assert service.master.wait() == 0


def test_a_job_that_outlives_the_master(make_service, rpc_of):
    """There is nobody to run it: within the grace time the wait ends, and the job stays."""
    service = make_service()
    client = rpc_of(service)
    call = client.execute_later(language="python", code="1")
    wait_until(lambda: service.client.get("/load").json()["totalWaiting"] == 1, "the job waits")
    service.master.signal(signal.SIGTERM)
    told = refused(call.result, Code.UNAVAILABLE, "going down", sentinel_code="draining")
    assert service.master.wait() == 0
    service.start_master()
    assert service.client.job(told["sentinel-job"])["status"] == "queued"
