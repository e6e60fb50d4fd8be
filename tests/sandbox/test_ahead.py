"""Runs in processes that were started ahead (box/warm/warm.h): each is for one run that is like the one before, confined as any,
and whatever became of it meanwhile, a run is answered right."""

import os
import pathlib
import signal
import textwrap

import pytest

from box import COMPILE, ENVIRONMENT, MB, SCALE, Limits, wait_until
from conftest import KINDS, children, descriptors, is_dead, start_kind

PYTHON = ["/usr/bin/python3", "main.py"]
TAKE, HOLD = 2, 3
BOXES = {}


def run(box, program, *, warm=HOLD, argv=None, files=(), **kwargs):
    source = textwrap.dedent(program)
    return box.run(argv or PYTHON, files=[("main.py", source.encode(), 0), *files], warm=warm, **kwargs)


def held(box):
    """The pid of the init whose program waits, or None."""
    return next((int(init) for init in children(box.launcher()) if children(int(init))), None)


@pytest.fixture(scope="module", autouse=True)
def close_boxes():
    yield
    for box in BOXES.values():
        box.close()
    BOXES.clear()


@pytest.fixture(name="ahead", params=[kind for kind in KINDS if not kind.endswith("B")])
def fixture_ahead(request, scratch):
    """A box in which a process waits for a run like `print("first")`; it and its like are gone after each test."""
    kind = request.param
    if kind not in BOXES or BOXES[kind].process.poll() is not None:
        BOXES[kind] = start_kind(kind, scratch)
    box = BOXES[kind]
    run(box, "", warm=0)
    idle = descriptors(box)
    first = run(box, "print('first')")
    assert (first.status, first.warm, first.stdout) == ("ok", "cold", b"first\n"), (first, box.log())
    wait_until(lambda: held(box) is not None, what="the process that was started ahead")
    yield box
    after = run(box, "print('last')", warm=0)
    assert (after.status, after.warm, after.exit_code, after.stdout) == ("ok", "cold", 0, b"last\n")
    wait_until(lambda: not children(box.launcher()), what="the launcher without children")
    wait_until(lambda: descriptors(box) == idle, what="no descriptor left open")


def test_files_and_input_come_late(ahead):
    for i in range(5):
        reply = run(ahead, f"import sys; print(sys.stdin.read(), {i}); sys.exit({i})", stdin=b"in %d" % i)
        assert (reply.status, reply.cause, reply.warm, reply.exit_code) == ("ok", "self", "warm", i), (reply, ahead.log())
        assert (reply.stdout, reply.stderr) == (b"in %d %d\n" % (i, i), b"")


def test_it_is_as_a_cold_run(ahead):
    program = """
        import os, sys, resource, signal
        print(sys.argv, __file__, sys.path, sys.flags, sys.executable, os.getcwd(), sorted(os.environ.items()))
        print(os.getpid(), os.getppid(), os.getuid(), os.getgid(), os.getgroups(), os.umask(0), os.listdir("/proc/self/fd"))
        print([resource.getrlimit(i) for i in range(16)], [signal.getsignal(i) for i in range(1, 65)])
        print(sorted(os.listdir("/tmp")), sorted(os.listdir(".")), os.listdir("/dev/shm"), sys.stdin.buffer.seekable())
        fields = {line.split(":")[0]: line for line in open("/proc/self/status") if not line.startswith(("Vm", "Rss", "nonv"))}
        for name in ("Name", "Uid", "Gid", "NoNewPrivs", "Seccomp", "Seccomp_filters", "SigBlk", "SigIgn", "SigCgt", "CapInh",
                     "CapPrm", "CapEff", "CapBnd", "CapAmb", "Threads"):
            print(fields[name], end="")
        print(open("/proc/self/cmdline").read(), open("/proc/self/environ").read().rstrip("\\0").encode())
        print(os.access("/proc/self/mem", os.W_OK), open("/proc/self/oom_score_adj").read())
    """
    warm = run(ahead, program, warm=TAKE)
    cold = run(ahead, program, warm=0)
    assert (warm.warm, warm.exit_code, warm.stderr, cold.warm) == ("warm", 0, b"", "cold")
    assert warm.stdout == cold.stdout


@pytest.mark.parametrize("other", [
    {"argv": [*PYTHON, "argument"]},
    {"env": {**ENVIRONMENT, "MORE": "1"}},
    {"limits": Limits(memory=100 * MB)},
    {"files": [("second.py", b"", 0)]},
    {"profile": COMPILE},
    {"warm": 0},
], ids=lambda other: next(iter(other)))
def test_what_is_not_like_it_runs_cold(ahead, other):
    before = held(ahead)
    reply = run(ahead, "import os, sys; print(sys.argv[1:], os.environ.get('MORE'))", **other)
    expected = f"{other.get('argv', PYTHON)[2:]} {other.get('env', {}).get('MORE')}\n"
    assert (reply.status, reply.warm, reply.stdout.decode()) == ("ok", "cold", expected), (reply, ahead.log())
    wait_until(lambda: not pathlib.Path(f"/proc/{before}").exists(), what="the end of the one that waited")


def test_the_last_starts_no_other(ahead):
    assert run(ahead, "print(1)", warm=TAKE).warm == "warm"
    wait_until(lambda: not children(ahead.launcher()), what="nothing that waits")
    assert run(ahead, "print(1)", warm=TAKE).warm == "cold"
    wait_until(lambda: not children(ahead.launcher()), what="nothing that waits")


def test_each_has_one_run(ahead):
    program = "import os\nprint(os.listdir('/tmp'), os.path.exists('left'))\nopen('/tmp/left', 'w')\nopen('left', 'w')"
    for _ in range(3):
        reply = run(ahead, program)
        assert (reply.warm, reply.stdout) == ("warm", b"[] False\n")


@pytest.mark.parametrize("program, limits, cause", [
    ("while True: pass", Limits(cpu=0.3), "cpu"),
    ("import time; time.sleep(1000)", Limits(wall=0.5), "wall"),
    ("b = bytearray(b'x') * (200 << 20); print(len(b))", Limits(memory=64 * MB), "memory"),
    ("import os\nwhile True: os.write(1, b'x' * 65536)", Limits(output=64 * 1024), "output"),
])
def test_limits_hold(ahead, program, limits, cause):
    assert run(ahead, "", limits=limits).status == "ok"
    reply = run(ahead, program, limits=limits)
    assert (reply.status, reply.warm, reply.cause) == ("ok", "warm", cause), (reply, ahead.log())


def test_its_start_is_not_the_runs(ahead):
    """Of the processor time nearly nothing is left: the interpreter only has to end."""
    cold = [run(ahead, "", warm=0).cpu_us for _ in range(5)]
    run(ahead, "")
    warm = [run(ahead, "") for _ in range(5)]
    assert [reply.warm for reply in warm] == ["warm"] * 5
    assert min(reply.cpu_us for reply in warm) < min(cold), (warm, cold)


def test_a_cancel_ends_it(ahead):
    run_id = ahead.start(PYTHON, files=[("main.py", b"import time; print(1, flush=True); time.sleep(1000)", 0)], warm=TAKE)
    ahead.cancel(run_id)
    reply = ahead.reply()
    assert (reply.status, reply.cause, reply.warm) == ("ok", "cancel", "warm")


@pytest.mark.parametrize("whom", ["init", "program"])
def test_its_death_is_nobodys_concern(ahead, whom):
    init = held(ahead)
    victim = init if whom == "init" else int(children(init)[0])
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: is_dead(victim), what="its death")
    reply = run(ahead, "print(2)")
    assert (reply.status, reply.cause, reply.stdout) == ("ok", "self", b"2\n"), (reply, ahead.log())
    assert run(ahead, "print(3)").stdout == b"3\n"


def test_the_launchers_death_neither(ahead):
    os.kill(ahead.launcher(), signal.SIGKILL)
    wait_until(lambda: "the launcher died and is replaced" in ahead.log(), what="a new launcher")
    assert run(ahead, "print(2)").stdout == b"2\n"
    wait_until(lambda: held(ahead) is not None, what="another that waits")
    assert run(ahead, "print(3)").warm == "warm"


def test_a_program_that_never_touches_its_files(ahead):
    """What was started ahead went on without them: it is not the run, whose files are there from its start."""
    argv = ["/usr/bin/python3", "-c", "import os; print(sorted(os.listdir('.')))"]
    for _ in range(3):
        reply = run(ahead, "", argv=argv)
        assert (reply.status, reply.warm, reply.stdout) == ("ok", "cold", b"['main.py']\n"), (reply, ahead.log())


@pytest.mark.parametrize("warm", [TAKE, HOLD])
def test_without_files_there_is_no_door(ahead, warm):
    for _ in range(2):
        reply = ahead.run(["/usr/bin/python3", "-c", "print(4)"], warm=warm)
        assert (reply.status, reply.warm, reply.stdout) == ("ok", "cold", b"4\n"), (reply, ahead.log())
        wait_until(lambda: not children(ahead.launcher()), what="nothing that waits")


def test_it_ends_with_its_box(scratch):
    box = start_kind("A-", scratch)
    run(box, "print(1)")
    wait_until(lambda: held(box) is not None, what="the process that was started box")
    init = held(box)
    box.close()
    wait_until(lambda: not pathlib.Path(f"/proc/{init}").exists(), what="its end", seconds=10 * SCALE)
