"""Verdicts that are easy to get wrong: what looks like a limit but is none, limits that are met in odd ways, and
programs that reach for what is not theirs. The programs are in odd_programs/."""

from pathlib import Path

import pytest

from evidence import check_evidence

pytestmark = pytest.mark.security

PROGRAMS = Path(__file__).parent / "odd_programs"
LANGUAGES = {".py": "python", ".c": "c"}
KIB = 1024
CUT, WHOLE = {"exactly": True}, {"exactly": False}

# program: (limits, verdict, evidence). What is expected of its output is "fine".
CASES = {
    # ends that are no limit
    "abort.c": ({}, "runtime_error", {"exitCode": None, "signal": 6}),
    "closes_its_output_and_goes_on.py": ({}, "runtime_error", {
        "exitCode": 9, "wallTimeMs": [400, 20000], "stdout": "^fine$"}),
    "division_by_zero.c": ({}, "runtime_error", {"exitCode": None, "signal": 8}),
    "ended_by_sigterm.py": ({}, "runtime_error", {"exitCode": None, "signal": 15}),  # which a pid 1 would ignore
    "exit_code_like_a_signal.py": ({}, "runtime_error", {"exitCode": 137, "signal": None, "oomKills": 0}),
    "killed_by_itself.py": ({}, "runtime_error", {"exitCode": None, "signal": 9, "oomKills": 0, "stdout": "^x\n$"}),
    "recursion_without_end.py": ({}, "runtime_error", {"exitCode": 1, "stderr": "RecursionError"}),
    "right_output_wrong_exit_code.py": ({}, "runtime_error", {"exitCode": 1, "stdout": "^fine\n$"}),
    "stack_without_end.c": ({}, "runtime_error", {"exitCode": None, "signal": 11}),
    # output
    "flood_of_stderr.py": ({"outputKb": 8}, "output_exceeded", {
        "truncated": CUT, "stderr": "^line\nline\n", "stdout": {"exactly": ""}, "stderrBytes": [8 * KIB + 1, 10**9]}),
    "one_endless_line.py": ({"outputKb": 8}, "output_exceeded", {"truncated": CUT, "stdout": "^x{8192}$"}),
    "output_of_8192_bytes.py": ({"outputKb": 8}, "wrong_answer", {"truncated": WHOLE, "stdoutBytes": 8192}),
    "output_of_8193_bytes.py": ({"outputKb": 8}, "output_exceeded", {"truncated": CUT, "stdoutBytes": 8193}),
    # time
    "half_a_processor.py": ({"cpuTimeMs": 400, "wallTimeMs": 20000, "cpus": 0.5}, "cpu_time_exceeded", {
        "wallTimeMs": [650, 20000], "cpuTimeMs": [390, 800]}),
    "ignores_every_signal.py": ({"cpuTimeMs": 300, "wallTimeMs": 20000}, "cpu_time_exceeded", {"cpuTimeMs": [290, 700], "signal": 9}),
    "stops_its_group.py": ({"wallTimeMs": 500}, "wall_time_exceeded", {"wallTimeMs": [490, 9000], "reason": "of 500 ms of wall time"}),
    "stops_itself.py": ({"wallTimeMs": 500}, "wall_time_exceeded", {"wallTimeMs": [490, 9000], "reason": "of 500 ms of wall time"}),
    "time_of_children.py": ({"cpuTimeMs": 600, "wallTimeMs": 20000}, "cpu_time_exceeded", {"cpuTimeMs": [590, 1200]}),
    "time_of_children_nobody_waits_for.py": ({"cpuTimeMs": 400, "wallTimeMs": 20000}, "cpu_time_exceeded", {
        "cpuTimeMs": [390, 1000]}),
    # memory
    "catches_memory_error.py": ({"memoryMb": 64}, "memory_exceeded", {"memoryKb": [52 * KIB, 66 * KIB]}),
    "memory_not_touched.c": ({"memoryMb": 256}, "wrong_answer", {"stdout": "got it", "memoryKb": [1, 20 * KIB]}),
    "memory_of_children.py": ({"memoryMb": 64, "wallTimeMs": 20000}, "memory_exceeded", {
        "memoryKb": [52 * KIB, 66 * KIB], "oomKills": [1, 5]}),
    # looking out
    "forbidden_call.c": ({}, "denied", {"exitCode": None, "signal": 31}),
    "no_descriptors.py": ({}, "wrong_answer", {"stdout": r"^\['0', '1', '2', '3'\]\n$"}),  # 3 is the listing's own
    "no_environment.py": ({}, "wrong_answer", {"stdout": r"^\[\]\n$"}),
    "no_host_files.py": ({}, "wrong_answer", {"stdout": r"^\[\]\n$"}),
    "no_network.py": ({}, "wrong_answer", {"stdout": "^refused\n$"}),
}


def submission(name, **more):
    program = PROGRAMS / name
    return {"language": LANGUAGES[program.suffix], "code": program.read_text(), **more}


def test_every_program_is_in_the_table():
    assert {path.name for path in PROGRAMS.iterdir()} == set(CASES) | OTHERS


@pytest.mark.parametrize("name", CASES)
def test_verdict(client, name):
    limits, verdict, evidence = CASES[name]
    job = client.run(submission(name, limits=limits, testCases=[{"input": "", "expected": "fine"}]))
    run = job["testCases"][0]
    assert (job["verdict"], run["verdict"], run["passed"]) == (verdict, verdict, False), run
    check_evidence(run, evidence)


# ---- more than one run, and the compiler ---------------------------------------------------------------------------

OTHERS = {"overwrites_itself.py", "overwrites_itself.c", "includes_itself.c", "explosion_of_errors.c"}


@pytest.mark.parametrize("name", ["overwrites_itself.py", "overwrites_itself.c"])
def test_a_program_cannot_change_the_next_run(client, name):
    cases = [{"input": str(n), "expected": str(n)} for n in range(6)]
    job = client.run(submission(name, testCases=cases))
    assert job["verdict"] == "accepted", job


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/shadow", "/root/.bashrc"])
def test_compiler_sees_no_file_of_the_host(client, path):
    code = f'#if __has_include("{path}")\n#error "it is there"\n#endif\nint main(void) {{ return 0; }}\n'
    job = client.run({"language": "c", "code": code})
    assert job["verdict"] == "accepted", job


@pytest.mark.parametrize("process", ["1", "self"])
def test_compiler_sees_no_environment_of_the_service(client, process):
    """These files exist in the box, and are its own processes'."""
    job = client.run({"language": "c", "code": f'#include "/proc/{process}/environ"\nint main(void) {{ return 0; }}\n'})
    shown = str(job["compile"])
    assert "SENTINEL" not in shown and "redis" not in shown, shown


def test_compiler_that_goes_in_circles(client):
    job = client.run(submission("includes_itself.c"))
    assert job["verdict"] == "compile_error" and "nested" in job["error"], job


def test_huge_compiler_output_is_capped(client):
    job = client.run(submission("explosion_of_errors.c", compileFlags=["-fmax-errors=0"]))
    assert job["verdict"] == "compile_error"
    assert len(job["compile"]["stderr"].encode()) <= 64 * KIB and job["compile"]["truncated"] is True
