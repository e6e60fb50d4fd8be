"""Runs in forks of an interpreter that was started before (box/warm/warm.h): they are held as cold ones are, the interpreter
outlives whatever they do, and nothing of one is there for the next."""

import itertools
import os
import pathlib
import textwrap
import time

import pytest

from box import ENVIRONMENT, MB, Limits, wait_until
from conftest import KINDS, children, descriptors, is_dead, start_kind

PYTHON = ["/usr/bin/python3", "main.py"]
BOXES = {}


def run(box, program, *, files=(), argv=None, **kwargs):
    source = textwrap.dedent(program)
    return box.run(argv or PYTHON, files=[("main.py", source.encode(), 0), *files], warm=True, **kwargs)


def output(box, program, **kwargs):
    reply = run(box, program, **kwargs)
    assert (reply.status, reply.warm, reply.stderr) == ("ok", "warm", b""), reply
    return reply.stdout.decode()


def servers(box):
    return children(box.launcher())


@pytest.fixture(scope="session", autouse=True)
def close_boxes(scratch):
    yield
    for box in BOXES.values():
        box.close()


@pytest.fixture(name="warm", params=KINDS)
def fixture_warm(request, scratch):
    """A box with an interpreter at the door, which must be there, and unharmed, after each test as well."""
    kind = request.param
    if kind not in BOXES or BOXES[kind].process.poll() is not None:
        box = BOXES[kind] = start_kind(kind, scratch)
        first = run(box, "print('first')")
        assert (first.status, first.warm, first.stdout) == ("ok", "started", b"first\n"), (first, box.log())
        box.idle_descriptors = descriptors(box)
    box = BOXES[kind]
    box.kind = kind
    box.servers = servers(box)
    yield box
    after = run(box, LOOK)
    assert (after.status, after.cause, after.exit_code, after.stdout, after.stderr) == ("ok", "self", 0, b"", b"")
    assert after.warm == "warm"
    wait_until(lambda: servers(box) == box.servers, what="the server, and nothing beside it")
    wait_until(lambda: descriptors(box) == box.idle_descriptors, what="no descriptor left open")


# What a run before it could have left: files, processes, memory of the interpreter's.
LOOK = """
    import os, builtins
    left = [n for d in (".", os.environ["TMPDIR"]) for n in os.listdir(d) if n != "main.py"]
    if os.path.exists("/dev/shm") and os.getcwd() == "/work":
        left += os.listdir("/dev/shm")
        left += [p for p in os.listdir("/proc") if p.isdigit() and int(p) > 2]
    left += [n for n in ("LEFT",) if hasattr(builtins, n) or n in os.environ]
    if left:
        print(left)
"""


def test_it_is_as_a_cold_run(warm):
    """What a program sees of itself, in one text, either way. Its ids are its own where no namespace hides them."""
    program = """
        import os, sys, signal, resource, threading, time
        hidden = os.getcwd() == "/work"
        print(sys.argv, __name__, __file__, sys.path, sys.flags, sys.executable, sys.orig_argv)
        print(os.getcwd(), sorted(os.environ.items()), os.getuid(), os.getgid(), os.getgroups())
        print(os.listdir("/proc/self/fd") if hidden else "", os.umask(0))
        print([resource.getrlimit(i) for i in range(16)])
        print(os.getsid(0) == os.getpid() == os.getpgid(0), os.getpid() if hidden else "", os.getppid() if hidden else "")
        print([signal.getsignal(i) for i in range(1, 65)], signal.pthread_sigmask(signal.SIG_BLOCK, []))
        print(threading.active_count(), threading.current_thread() is threading.main_thread(), sorted(sys.modules))
        print(sys.stdin, sys.stdout, sys.stderr, sys.stdout.line_buffering, sys.getrecursionlimit())
        fields = {line.split(":")[0]: line for line in open("/proc/self/status") if not line.startswith(("Vm", "Rss", "nonv"))}
        for name in ("Name", "Umask", "Uid", "Gid", "NoNewPrivs", "Seccomp", "Seccomp_filters", "SigBlk", "SigIgn", "SigCgt", "CapInh",
                     "CapPrm", "CapEff", "CapBnd", "CapAmb", "Threads"):
            print(fields[name], end="")
        print(open("/proc/self/cmdline").read().encode(), open("/proc/self/environ").read().rstrip("\\0").encode())
        print(open("/proc/self/oom_score_adj").read(), open("/proc/self/comm").read())
    """
    source = textwrap.dedent(program).encode()
    cold = warm.run(PYTHON, files=[("main.py", source, 0)])
    assert (cold.warm, cold.exit_code, cold.stderr) == ("cold", 0, b"")
    assert output(warm, program) == cold.stdout.decode()


@pytest.mark.parametrize("field, value", [
    ("CapInh", "0" * 16), ("CapPrm", "0" * 16), ("CapEff", "0" * 16), ("CapAmb", "0" * 16), ("CapBnd", None),
    ("Seccomp", "2"), ("NoNewPrivs", "1"), ("Threads", "1"), ("SigBlk", "0" * 16),
])
def test_privileges(warm, field, value):
    got = output(warm, f"print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('{field}:')))").strip()
    if field == "CapBnd":  # an ordinary user in tier B has a bounding set that it can do nothing with
        value = got if warm.kind == "user-B" else "0" * 16
    assert got == value


def test_ids(warm):
    expected = f"({warm.program_id}, {warm.program_id}, {warm.program_id})\n"
    assert output(warm, "import os; print(os.getresuid())") == expected


def test_no_descriptor_but_its_own(warm):
    program = """
        import os
        for fd in range(3, 1024):
            try:
                os.fstat(fd)
                print(fd)
            except OSError:
                pass
    """
    assert output(warm, program) == ""


def test_the_server_cannot_be_reached(warm):
    """By signal, by trace, through /proc; nor can the init."""
    program = """
        import os, signal
        reached = []
        for pid in [*range(1, 400), *range(max(1, os.getppid() - 200), os.getpid() + 200)]:
            if pid == os.getpid():
                continue
            for what in ("mem", "environ", "maps", "fd", "root"):
                try:
                    os.listdir(f"/proc/{pid}/{what}") if what in ("fd", "root") else open(f"/proc/{pid}/{what}").read(1)
                    reached.append((pid, what))
                except OSError:
                    pass
        for pid in {os.getppid(), max(2, os.getppid() - 1)} - {os.getpid()}:
            try:
                os.kill(pid, signal.SIGKILL)
                if pid != 1:  # its namespace's own, which signals from inside do not kill
                    reached.append((pid, "kill"))
            except OSError:
                pass
        print(reached)
    """
    assert output(warm, program) == "[]\n"


def test_nothing_of_a_request_is_left_in_memory(warm):
    """The init works in the server's memory, of which the next program's is a copy."""
    names = [f"SECRET-{what}-OF-THE-RUN-BEFORE" for what in ("NAME", "FOLDER", "CONTENT", "INPUT", "SOURCE")]
    name, folder, content, text, source = names
    reply = run(warm, f"print({source!r}, input())", stdin=f"{text}\n".encode(),
                files=[(name, content.encode(), 0), (f"{folder}/{name}", content.encode(), 0)])
    assert reply.stdout.decode() == f"{source} {text}\n"
    program = """
        import re
        found, size = [], 0
        for line in open("/proc/self/maps"):
            start, end = (int(n, 16) for n in line.split()[0].split("-"))
            if " rw" in line:
                with open("/proc/self/mem", "rb") as memory:
                    memory.seek(start)
                    data = memory.read(end - start)
                size += len(data)
                found += [(word, line) for word in re.findall(rb"SECRET[-]\\w+-OF-THE", data)]
        print(found, size > 1000000)
    """
    assert output(warm, program) == "[] True\n"


def test_arguments_of_its_own(warm):
    """Another argv or environment is another interpreter's; each stays."""
    program = "import sys, os; print(sys.argv[1:], os.environ.get('X'))"
    for argv, x in [(["a"], None), (["b"], "1"), (["a"], None)]:
        env = ENVIRONMENT | ({"X": x} if x else {})
        assert run(warm, program, argv=[*PYTHON, *argv], env=env).stdout.decode() == f"{argv} {x}\n"
    assert run(warm, program, argv=[*PYTHON, "a"]).warm == "warm"
    warm.idle_descriptors, warm.servers = descriptors(warm), servers(warm)


@pytest.mark.parametrize("why, kwargs", [
    ("its script is not the first file", {"argv": ["/usr/bin/python3", "-c", "print(1)"]}),
    ("a hidden file could be Python's own", {"files": [(".local/x", b"", 0)]}),
    ("it is a compiler's", {"profile": 1}),
])
def test_what_does_not_suit_runs_cold(warm, why, kwargs):
    reply = run(warm, "print(1)", **kwargs)
    assert (reply.status, reply.warm, reply.stdout) == ("ok", "cold", b"1\n")


def test_not_asked_for_is_cold(warm):
    reply = warm.run(PYTHON, files=[("main.py", b"print(1)", 0)])
    assert (reply.status, reply.warm, reply.stdout) == ("ok", "cold", b"1\n")


def test_collected(warm):
    reply = run(warm, "open('out.txt', 'w').write('kept')", collect=["out.txt"], collect_max=MB)
    assert (reply.warm, reply.files) == ("warm", {"out.txt": (b"kept", False)})


def test_input_and_exit(warm):
    reply = run(warm, "import sys; print(input()); sys.exit(7)", stdin=b"line\n")
    assert (reply.warm, reply.stdout, reply.exit_code) == ("warm", b"line\n", 7)


def faults(warm, program):
    """Pages that a run touched for the first time, as its server has counted once its init is gone."""
    def count():
        wait_until(lambda: not any(map(children, servers(warm))), what="the run's end")
        return sum(int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[8]) for pid in servers(warm))
    before = count()
    run(warm, program)
    return count() - before


@pytest.mark.parametrize("way", ["pass", "import sys; sys.exit(3)", "import sys; sys.exit('text')", "undefined", "nonsense nonsense",
                                 "import json, re", "import random", "import dataclasses", "import collections", "import threading", "exit()"])
def test_end_is_cut_short(warm, way):
    """An end that takes the interpreter apart copies most of it, 500 pages of a small program. One of which
    nothing can be seen does not."""
    loud = faults(warm, "class Loud:\n    def __del__(self):\n        pass\n" + way.replace("nonsense nonsense", "undefined"))
    assert faults(warm, way) < loud - 100


def test_cancelled(warm):
    run_id = warm.start(PYTHON, files=[("main.py", b"while True: pass", 0)], warm=True)
    wait_until(lambda: [p for init in children(servers(warm)[0]) for p in children(init)], what="the program")
    warm.cancel(run_id)
    reply = warm.reply()
    assert (reply.status, reply.cause) == ("ok", "cancel")


def test_cancelled_at_any_time(warm):
    """An init that is killed in any of its steps, in the server's memory, leaves the server as it was. In tier B the server
    may go as well: signals are all that a run is ended by."""
    for step in range(40):
        run_id = warm.start(PYTHON, files=[("main.py", b"while True: pass", 0)], warm=True)
        until = time.monotonic() + step * 50e-6
        while time.monotonic() < until:
            pass
        warm.cancel(run_id)
        reply = warm.reply()
        assert (reply.status, reply.cause) == ("ok", "cancel")
        after = run(warm, "print('next')")
        assert (after.status, after.stdout) == ("ok", b"next\n")
        assert after.warm == "warm" or warm.kind.endswith("B")
    warm.servers = servers(warm)


# ---- abuse: what a program does, and what may come of it ----------------------------------------------------------

ABUSES = {
    "abort": ("import os; os.abort()", {"self"}, {}),
    "kills itself": ("import os; os.kill(os.getpid(), 9)", {"self"}, {}),
    "kills everybody": ("import os; os.kill(-1, 9)", {"self"}, {}),
    "a fault": ("import ctypes; ctypes.string_at(0)", {"self"}, {}),
    "closes everything": ("import os; os.closerange(0, 1024)", {"self"}, {}),
    "the heap": ("x = bytearray(300 << 20)", {"self", "memory"}, {"memory": 64 * MB}),
    "the heap, touched": ("x = []\nwhile True: x.append(b'x' * (1 << 20))", {"self", "memory"}, {"memory": 64 * MB}),
    "recursion": ("import sys; sys.setrecursionlimit(10**9)\nf = lambda: f()\nf()", {"self", "memory"}, {"memory": 64 * MB}),
    "a fork bomb": ("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
                    {"cpu", "wall", "memory", "processes"}, {"cpu": 0.5, "wall": 2, "processes": 20}),
    "threads": ("import threading, time\nfor i in range(1000):\n  try: threading.Thread(target=time.sleep, args=(100,), daemon=True).start()\n"
                "  except RuntimeError: break", {"self", "processes", "memory", "wall"}, {"wall": 3, "processes": 20}),
    "a daemon": ("import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0: time.sleep(1000)\n  os._exit(0)", {"self"}, {}),
    "an endless loop": ("while True: pass", {"cpu"}, {"cpu": 0.2, "wall": 60}),
    "a sleeper": ("import time; time.sleep(1000)", {"wall"}, {"wall": 0.3}),
    "stopped": ("import os; os.kill(os.getpid(), 19)", {"wall"}, {"wall": 0.3}),
    "deaf": ("import signal\nfor s in range(1, 65):\n  try: signal.signal(s, signal.SIG_IGN)\n  except (OSError, ValueError): pass\nwhile True: pass",
             {"cpu"}, {"cpu": 0.2, "wall": 60}),
    "a flood": ("while True: print('x' * 1000)", {"output"}, {"output": 10000}),
    "files": ("i = 0\nwhile True:\n  open(f'f{i}', 'wb').write(b'x' * (1 << 20)); i += 1", {"self", "scratch", "memory"}, {"scratch": 8 * MB}),
    "a big file": ("open('f', 'wb').write(b'x' * (4 << 20))", {"self"}, {"file": MB}),
    "limits": ("import resource as r\nfor i in range(16):\n  for l in ((-1, -1), (0, 0)):\n    try: r.setrlimit(i, l)\n    except (OSError, ValueError): pass", {"self"}, {}),
    "its own memory": ("import ctypes, os\nm = open('/proc/self/maps').read()\nf = open('/proc/self/mem', 'r+b', 0)", {"self"}, {}),
    "leaves things": ("import os\nopen('left', 'w')\nopen(os.environ['TMPDIR'] + '/left', 'w')\nos.environ['LEFT'] = '1'\nimport builtins; builtins.LEFT = 1", {"self"}, {}),
    "overwrites the door": ("import ctypes\nl = ctypes.CDLL(None)\nfor n in ('open', 'stat', 'fopen64'):\n  ctypes.memset(ctypes.cast(getattr(l, n), ctypes.c_void_p), 0xcc, 16)", {"self"}, {}),
    "a trace": ("import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)", {"self"}, {}),
    "a mount": ("import ctypes; ctypes.CDLL(None).mount(b'none', b'/work', b'tmpfs', 0, 0)", {"self"}, {}),
    "a namespace": ("import ctypes; l = ctypes.CDLL(None, use_errno=True); assert l.unshare(0x10000000) == -1", {"self"}, {}),
    "a socket": ("import socket\ntry: socket.socket(); raise SystemExit('a socket')\nexcept OSError: pass", {"self"}, {}),
    "another id": ("import os\ntry: os.setuid(0); raise SystemExit('root')\nexcept OSError: pass", {"self"}, {}),
    "capabilities": ("import ctypes, struct\nl = ctypes.CDLL(None)\nassert l.capset(struct.pack('II', 0x20080522, 0), b'\\xff' * 24) == -1", {"self"}, {}),
    "the interpreter as a child": ("import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True).stdout)", {"self"}, {}),
    "a stopped init": ("import os, signal\nfor s in (19, 15, 2, 20):\n  try: os.kill(os.getppid(), s)\n  except OSError: pass", {"self"}, {}),
    "exit from a thread": ("import threading, os\nt = threading.Thread(target=lambda: os._exit(3)); t.start(); t.join()", {"self"}, {}),
}


@pytest.mark.parametrize("name", ABUSES)
def test_abuse(warm, name):
    program, causes, limits = ABUSES[name]
    reply = run(warm, program, limits=Limits(**limits))
    assert (reply.status, reply.warm) == ("ok", "warm"), reply
    assert reply.cause in causes, reply
    if causes == {"self"} and name in ("a namespace", "a socket", "another id", "capabilities"):
        assert reply.exit_code == 0, reply.stderr


def test_the_interpreter_goes_with_its_launcher(box_a):
    run(box_a, "print(1)")
    server = int(servers(box_a)[0])
    os.kill(box_a.launcher(), 9)
    wait_until(lambda: not os.path.exists(f"/proc/{server}"), what="the server's end")
    wait_until(lambda: run(box_a, "print(1)").stdout == b"1\n", what="another")


def test_a_dead_server_is_replaced(box_a):
    run(box_a, "print(1)")
    server = servers(box_a)[0]
    os.kill(int(server), 9)
    wait_until(lambda: is_dead(server), what="the server's end")
    again = run(box_a, "print(2)")
    assert (again.status, again.stdout) == ("ok", b"2\n")
    assert run(box_a, "print(3)").warm == "warm"
    assert len(servers(box_a)) == 1


def test_a_server_serves_a_thousand(box_a):
    """Then a fresh one has another hash seed and another layout."""
    program = "print(hash('x'), id(object()))"
    first = run(box_a, program)
    seen = {first.stdout}
    for i in itertools.count(2):
        reply = run(box_a, program)
        seen.add(reply.stdout)
        if reply.warm == "started":
            break
        assert (reply.warm, i <= 1000) == ("warm", True)
    assert i == 1001
    assert len(seen) == 2


def test_five_are_too_many(box_a):
    """The one that waits longest goes."""
    for i in [0, 1, 2, 3, 4]:
        assert run(box_a, "print(1)", argv=[*PYTHON, str(i)]).warm == "started"
    assert len(servers(box_a)) == 4
    assert [run(box_a, "print(1)", argv=[*PYTHON, str(i)]).warm for i in (4, 3, 2, 1)] == ["warm"] * 4
    assert run(box_a, "print(1)", argv=[*PYTHON, "0"]).warm == "started"


def test_what_cannot_be_warm_runs_cold_with_a_warning(box_a):
    """A static program has no door; one warning, no error."""
    for _ in range(3):
        reply = box_a.run(["/bin/sh", "main.sh"], files=[("main.sh", b"echo $0", 0)], warm=True)
        assert (reply.status, reply.stdout) == ("ok", b"main.sh\n")
    static = box_a.run(["/usr/sbin/ldconfig", "--help", "main"], files=[("main", b"", 0)], warm=True)
    assert (static.status, static.warm, static.exit_code) == ("ok", "cold", 0)
    warnings = [line["event"] for line in box_a.log_lines() if line["level"] == "warn" and "warm" in line["event"]]
    assert len(warnings) == 1, warnings
