"""A compiler that stays is a run as any compilation, but for its stdin: a stream socket to who asked for it."""

import contextlib
import os
import socket
import textwrap

import pytest

from box import COMPILE, RUN, SCALE, Limits

RESIDENT = 4
LIMITS = Limits(cpu=100, wall=100)


@contextlib.contextmanager
def pair(family=socket.AF_UNIX, kind=socket.SOCK_STREAM):
    ours, theirs = socket.socketpair(family, kind)
    ours.settimeout(60 * SCALE)
    with ours, theirs:
        yield ours, theirs


def begin(box, program, theirs, **more):
    return box.start(["/usr/bin/python3", "-c", textwrap.dedent(program)], stdin_fd=theirs.fileno(),
                     **{"profile": COMPILE, "limits": LIMITS, "warm": RESIDENT, **more})


def words(line):
    text = b""
    while more := line.recv(65536):
        text += more
    return text


def test_it_talks_by_its_stdin(box):
    with pair() as (ours, theirs):
        begin(box, """
            import socket
            line = socket.socket(fileno=0)
            while word := line.recv(100):
                line.sendall(word.upper())
            print("ended")
        """, theirs)
        theirs.close()
        for word in (b"one", b"two"):
            ours.sendall(word)
            assert ours.recv(100) == word.upper()
        ours.shutdown(socket.SHUT_WR)
        reply = box.reply()
    assert (reply.status, reply.cause, reply.exit_code, reply.stdout) == ("ok", "self", 0, b"ended\n"), reply


def test_it_is_confined_as_a_compilation(box):
    program = """
        import os, resource
        print(os.getuid(), os.getgid(), os.getgroups(), os.umask(0), sorted(os.environ.items()))
        print([resource.getrlimit(i) for i in range(16)], sorted(os.listdir(".")), sorted(os.listdir(os.environ["TMPDIR"])))
        fields = {line.split(":")[0]: line for line in open("/proc/self/status")}
        for name in ("Uid", "Gid", "NoNewPrivs", "Seccomp", "Seccomp_filters", "SigBlk", "SigIgn", "CapInh", "CapPrm",
                     "CapEff", "CapBnd", "CapAmb"):
            print(fields[name], end="")
        for path in ("/etc/shadow", "/proc/1/environ", "/root/x", "/languages/../etc/passwd"):
            try:
                open(path)
            except OSError as error:
                print(path, error.errno)
        print(open("/proc/self/oom_score_adj").read(), os.listdir("/proc/self/fd"))
    """
    with pair() as (_, theirs):
        begin(box, program, theirs)
        resident = box.reply()
    cold = box.run(["/usr/bin/python3", "-c", textwrap.dedent(program)], profile=COMPILE, limits=LIMITS)
    assert (resident.status, resident.exit_code, resident.stderr) == ("ok", 0, b""), resident
    assert resident.stdout == cold.stdout


@pytest.mark.parametrize("cause, program, limits", [
    ("cpu", "while True: pass", Limits(cpu=0.3, wall=100)),
    ("wall", "import time; time.sleep(1000)", Limits(cpu=100, wall=0.5)),
    ("output", "import os\nwhile True: os.write(2, b'x' * 65536)", Limits(cpu=100, wall=100, output=64 * 1024)),
])
def test_limits_hold(box, cause, program, limits):
    with pair() as (ours, theirs):
        begin(box, program, theirs, limits=limits)
        theirs.close()
        assert words(ours) == b""
        assert box.reply().cause == cause


def test_a_cancel_ends_it(box):
    with pair() as (ours, theirs):
        run_id = begin(box, "import os, time; os.write(0, b'on'); time.sleep(1000)", theirs)
        theirs.close()
        assert ours.recv(2) == b"on"
        box.cancel(run_id)
        assert words(ours) == b""
        assert (box.reply().cause) == "cancel"


def refused(box):
    reply = box.reply()
    assert (reply.status, "stdin is neither" in reply.message) == ("refused", True), reply


def test_only_such_a_socket(box):
    """Neither another kind, nor one where no compiler stays."""
    with pair(kind=socket.SOCK_SEQPACKET) as (_, theirs):
        begin(box, "", theirs)
        refused(box)
    with socket.socket(socket.AF_INET) as network:
        begin(box, "", network)
        refused(box)
    with open(os.devnull, "rb") as null:
        begin(box, "", null)
        refused(box)
    with pair() as (_, theirs):
        for more in ({"warm": 0}, {"warm": 1}, {"warm": 2}, {"profile": RUN, "warm": 0}):
            begin(box, "", theirs, **more)
            refused(box)
    reply = box.run(["/usr/bin/python3", "-c", "print(1)"], warm=5)
    assert reply.status == "refused"


def test_it_leaves_nothing(box):
    with pair() as (_, theirs):
        begin(box, "import os\nopen('left', 'w'); open(os.environ['TMPDIR'] + '/left', 'w')\nif os.fork() == 0:\n    import time; time.sleep(1000)", theirs)
        assert box.reply().cause == "self"
    after = box.run(["/usr/bin/python3", "-c", "import os; print(os.listdir('.'), os.listdir(os.environ['TMPDIR']))"])
    assert after.stdout == b"[] []\n", after
