"""A compiler that stays: what a client sees of it, whatever becomes of it, and how it is turned off."""

import concurrent.futures
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

import service as harness
from scale import SCALE
from service import LANGUAGES, wait_until
from test_program_cache import ROOT

HELLO = 'public class Main {{\n    public static void main(String[] args) {{\n        System.out.println("{}");\n    }}\n}}\n'
WRONG = "public class Main {\n    int x = y;\n}\n"
# javac follows each of 2^40 ways from the last interface to J, which is not there.
BOMB = "interface J { }\ninterface I0 { }\n" + "".join(
    f"interface L{i} extends I{i - 1} {{ }} interface R{i} extends I{i - 1} {{ }} interface I{i} extends L{i}, R{i} {{ }}\n"
    for i in range(1, 41)) + "class Main { void f(I40 i) { J j = i; } }\n"
HOG = "public class Main {\n    static final String S0 = \"" + "x" * 60000 + "\";\n" + "\n".join(
    f"    static final String S{i} = S{i - 1} + S{i - 1};" for i in range(1, 16)) + "\n}\n"


WHOM = ["the compiler", "its init", "its launcher", "its box"]
pytestmark = pytest.mark.skipif(SCALE != 1, reason="its bounds are of an executor's own, which nothing scales")


def explained(client, code, **more):
    """The job, and whether its compilation was warm."""
    job = client.post("/execute?wait=60&explain=1", {"language": "java", "code": code, "input": "", **more}).json()
    assert job.get("status") == "completed", job
    return job, job["explain"]["compile"]["warm"]


def hello(client, word="hello", **more):
    """Whether it compiled warm."""
    job, warm = explained(client, HELLO.format(word), **more)
    assert (job["verdict"], job["output"], job["compile"]["cached"]) == ("accepted", word, False), job
    assert (job["compile"]["stdout"], job["compile"]["stderr"], job["compile"]["exitCode"]) == ("", "", 0)
    return warm


def until_warm(client):
    wait_until(lambda: hello(client), "a warm compilation", 120)


def java(tmp_path, change):
    """A folder of languages whose Java is another."""
    folder = tmp_path / "languages"
    folder.mkdir(exist_ok=True)
    tmp_path.chmod(0o755)
    folder.chmod(0o755)
    if not (folder / "java").exists():
        shutil.copytree(LANGUAGES / "java", folder / "java")
    language = json.loads((ROOT / "languages/java.json").read_text())
    change(language)
    (folder / "java.json").write_text(json.dumps(language))
    return folder


def keeper(service):
    """The pid of the compiler's box, which has a day for a run; None: there is none."""
    executor = service.executors["java-1"].pid
    for pid in harness.descendants(executor):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended
        stat = harness.stat_of(pid)
        if stat and stat[2] == executor and words[words.index(b"--max-cpu-ms") + 1] == b"86400000":
            return pid
    return None


def compiler(service):
    """Its pid, and those above it: (compiler, init, launcher, keeper); wrong where the first does not live."""
    pids = [pid for pid, name in harness.descendants(keeper(service)).items() if name == "java"]
    for _ in range(3):
        stat = harness.stat_of(pids[-1]) if pids else None
        pids.append(stat[2] if stat else None)
    return tuple(pids)


def ticks(pid):
    """The processor time that it used; endless when it is gone."""
    try:
        return sum(int(word) for word in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])
    except OSError:
        return float("inf")


@pytest.fixture(scope="module", name="service")
def fixture_service(estate):
    service = estate.start(languages=("java",), program_cache_mb=0, max_code_bytes=200_000)
    until_warm(service.client)
    yield service
    problems = service.close()
    assert not problems, "\n".join(problems)


def test_messages_are_the_same(service):
    """With a flag it is compiled cold."""
    for code in (WRONG, "", "class A { void f() { int x = 1 } }", HELLO.format("größe")):
        until_warm(service.client)
        (job, warm), (expected, cold) = explained(service.client, code), explained(service.client, code, compileFlags=["-g"])
        assert (warm, cold) == (True, False)
        assert job["verdict"] == expected["verdict"]
        assert [job["compile"][key] for key in ("ok", "stdout", "stderr", "exitCode")] == \
            [expected["compile"][key] for key in ("ok", "stdout", "stderr", "exitCode")]


def test_many_at_once(service):
    """Each gets its own."""
    until_warm(service.client)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        def one(number):
            client = service.client.another()
            try:
                return hello(client, f"number {number}")
            finally:
                client.close()
        assert sum(pool.map(one, range(24))) > 0


@pytest.mark.parametrize("whom", WHOM)
def test_its_death_costs_nobody_a_job(service, whom):
    until_warm(service.client)
    os.kill(compiler(service)[WHOM.index(whom)], signal.SIGKILL)
    hello(service.client)
    until_warm(service.client)


def test_a_compilation_without_end_holds_nobody_up(make_service, tmp_path):
    """It is ended by its own limit, with what a slot's box says of it."""
    def quick(language):
        language["compile"]["limits"]["cpuTimeMs"] = 3000
    service = make_service(languages=("java",), languages_dir=java(tmp_path, quick), program_cache_mb=0)
    client = service.client
    until_warm(client)
    bomb = client.submit({"language": "java", "code": BOMB, "input": ""})
    others = [hello(client, f"word {i}") for i in range(4)]
    job = client.finish(bomb)
    assert (job["verdict"], job["compile"]["ok"]) == ("compile_error", False), job
    assert "CPU time" in json.dumps(job["compile"]) + str(job["error"]), job
    assert others.count(True) <= 4
    until_warm(client)


def test_a_cancel_ends_what_it_compiles(service):
    client = service.client
    until_warm(client)
    pid = compiler(service)[0]
    idle = ticks(pid)
    job_id = client.submit({"language": "java", "code": BOMB, "input": ""})
    wait_until(lambda: ticks(pid) > idle + 10, "it compiles")
    assert client.delete(f"/job/{job_id}").status_code == 202
    job = client.finish(job_id)
    assert (job["status"], job["attempts"]) == ("cancelled", 1), job
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the compiler that it was in")
    until_warm(client)


def test_more_memory_than_there_is(service):
    until_warm(service.client)
    job, warm = explained(service.client, HOG)
    expected, _ = explained(service.client, HOG, compileFlags=["-g"])
    assert (warm, job["verdict"], job["compile"]["ok"]) == (False, "compile_error", False), job
    assert job["verdict"] == expected["verdict"]
    until_warm(service.client)


def test_a_flood_of_messages(service):
    """Ended by the limit of output, as a cold one is; and no reason to end the compiler."""
    until_warm(service.client)
    before = compiler(service)
    job, warm = explained(service.client, 'class Main { int x = "' + "x" * 70000 + '"; }')
    assert (warm, job["verdict"], job["compile"]["ok"]) == (False, "compile_error", False), job
    assert compiler(service) == before
    assert hello(service.client)


def test_it_is_replaced(service):
    """After a thousand compilations, by another process in the same box."""
    until_warm(service.client)
    before = compiler(service)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        def some(_):
            client = service.client.another()
            try:
                for _ in range(25):
                    assert client.run({"language": "java", "code": "class A {", "input": ""})["verdict"] == "compile_error"
            finally:
                client.close()
        wait_until(lambda: list(pool.map(some, range(8))) and compiler(service) != before, "another compiler", 300)
    until_warm(service.client)
    assert compiler(service)[3] == before[3]


def test_without_cgroups(make_service):
    service = make_service(languages=("java",), program_cache_mb=0, cgroup="off")
    until_warm(service.client)
    assert hello(service.client)


def test_it_can_be_off(estate, make_service, tmp_path):
    for off in (False, None):
        def turn_off(language, off=off):
            language["compile"]["warm"] = off
            if off is None:
                del language["compile"]["warm"]
        service = make_service(languages=("java",), languages_dir=java(tmp_path, turn_off), program_cache_mb=0)
        assert [hello(service.client) for _ in range(2)] == [False] * 2
        assert keeper(service) is None
    def wrong(language):
        language["compile"]["warm"] = "fork"
    with pytest.raises(AssertionError, match='warm.*must be \\\\?"resident\\\\?" or false'):
        estate.start(languages=("java",), languages_dir=java(tmp_path, wrong))
