"""Tier B where it is different from the others (tier_b.py), and what it alone must do: it has no namespaces and no
control groups, so nothing but Landlock, the filter, and the box's own watch stand between a program and the rest."""

import contextlib
import errno
import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

from box import MB, Limits, wait_until
from conftest import USER, children, is_dead, scratch_folder, start, start_kind
from shim import RUNTIME_DEFAULT, shim
from test_box import PYTHON, ended
from test_selftest import LANGUAGES, built
from tier_b import BOTH

@pytest.fixture(params=BOTH)
def box_b(request):
    """A box of tier B of the test's own, that it may break, in a scratch folder of its own."""
    with scratch_folder() as folder, start_kind(request.param, folder) as box:
        box.folder, box.kind = pathlib.Path(folder), request.param
        yield box


def live(pid):
    return not is_dead(pid)


def tree(pid):
    """A process and its descendants."""
    return [pid, *(below for child in children(pid) for below in tree(int(child)))]


@pytest.fixture
def neighbour():
    """A process of the same user, outside the box."""
    process = subprocess.Popen(["/bin/sleep", "1000"], user=USER, group=USER)
    yield process
    assert process.poll() is None
    process.kill()
    process.wait()


# ---- nobody else is reached ----

def test_signals_reach_nobody(box_b, neighbour):
    """40, 41: kill(-1) answers success when everybody was forbidden."""
    assert ended(box_b.run_probe("kill", "-1", "9")).stdout in (b"ok\n", b"ESRCH\n")
    for target in (neighbour.pid, box_b.process.pid, box_b.launcher(), 1):
        assert ended(box_b.run_probe("kill", str(target), "9")).stdout == b"EPERM\n"
    code = "import os; print(os.getppid()); os.kill(os.getppid(), 9)"
    reply = ended(box_b.run([PYTHON, "-c", code]), exit_code=1)
    assert b"PermissionError" in reply.stderr


def test_others_in_proc(box_b, neighbour):
    """36, 39: environment, memory, descriptors and even the command line of others."""
    for name in ("environ", "mem", "maps", "fd", "fd/0", "cmdline", "status", "oom_score_adj", "root/etc/passwd", "cwd/etc"):
        for target in (neighbour.pid, box_b.process.pid, box_b.launcher()):
            assert ended(box_b.run_probe("open", f"/proc/{target}/{name}", "0")).stdout in (b"EACCES\n", b"ENOENT\n"), name
    assert ended(box_b.run_probe("open", "/proc/self/status", "0")).stdout == b"ok\n"
    assert ended(box_b.run_probe("open", "/proc/self/mem", str(os.O_RDWR))).stdout == b"EACCES\n"


def test_priority_of_everybody(box_b):
    """44: PRIO_USER with 0 means all processes of one's id."""
    reply = box_b.run_probe("call", "setpriority", "2", "0", "5")
    assert ended(reply).stdout == b"ENOSYS\n"


@pytest.mark.parametrize("change", [
    "os.chmod(path, 0o777)", "os.utime(path)", "os.chown(path, -1, os.getgid())", "os.truncate(path, 0)",
    "os.rename(path, 'mine')", "os.link(path, 'mine')", "os.unlink(path)", "open(path)", "os.listdir(os.path.dirname(path))",
    "os.mkdir(path + '.d')", "os.symlink('x', path + '.l')", "os.mkfifo(path + '.p')", "os.setxattr(path, 'user.x', b'')",
])
def test_files_of_the_same_user(box_b, change):
    """Landlock says nothing of chmod, chown, utime and xattr: the filter refuses them by path."""
    path = box_b.folder / "own"
    path.write_text("mine")
    os.chown(path, box_b.program_id, box_b.program_id)
    before = path.stat()
    reply = ended(box_b.run([PYTHON, "-c", f"import os; path = {str(path)!r}; {change}"]), exit_code=1)
    assert b"PermissionError" in reply.stderr or b"OSError: [Errno 18]" in reply.stderr
    after = path.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_uid, after.st_nlink) == \
        (before.st_mode, before.st_mtime_ns, before.st_uid, before.st_nlink)


def test_attributes_by_descriptor(box_b):
    """What the filter leaves open is enough for one's own files."""
    code = "import os; f = open('a', 'w'); os.fchmod(f.fileno(), 0o750); os.utime(f.fileno()); print(oct(os.stat('a').st_mode))"
    assert ended(box_b.run([PYTHON, "-c", code]), exit_code=0).stdout == b"0o100750\n"


# ---- nothing is left ----

@pytest.mark.parametrize("verb", ["forkbomb", "daemon", "swapper", "vfork-sleeper"])
def test_dies_whole(box_b, verb):
    """7, 8: by the box's own hand. Whatever is alive has its id, or is beneath its launcher."""
    for _ in range(5):
        reply = box_b.run_probe(verb, limits=Limits(wall=0.4, cpu=5, processes=60))
        assert reply.status == "ok"
        assert list(filter(live, tree(box_b.launcher()))) == [box_b.launcher()]
        if box_b.kind == "B":
            assert list(filter(live, owned_by(box_b.program_id))) == [box_b.launcher()]


def owned_by(uid):
    """The processes whose real user id that is."""
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            line = next(l for l in status.read_text().splitlines() if l.startswith("Uid:"))
            if int(line.split()[1]) == uid:
                found.append(int(status.parent.name))
    return found


def start_children(box):
    """Runs a program with children; the pids from the launcher down, when they are there."""
    box.start(["/bin/sh", "-c", "sleep 1000 & setsid sleep 1000 & (sleep 1000 & sleep 1000) & wait"])
    return wait_until(lambda: (pids := tree(box.launcher())) and len(pids) >= 7 and pids, what="all of the run")


@pytest.mark.parametrize("victims", ["keeper", "launcher", "keeper and launcher", "launcher and keeper", "init"])
def test_death_of_the_box(box_b, victims):
    """74: no run survives its box, whichever part of it is killed."""
    pids = start_children(box_b)
    targets = {"keeper": box_b.process.pid, "launcher": pids[0], "init": pids[1]}
    for name in victims.split(" and "):
        os.kill(targets[name], signal.SIGKILL)
    wait_until(lambda: not any(map(live, pids[1:])), what="death of all")
    if "keeper" not in victims:
        reply = box_b.reply()
        assert reply.status == "failed" and "died" in reply.message
        ended(box_b.run_probe("exit", "7"), exit_code=7)


def test_directories_go_with_the_run_and_the_box(box_b):
    def held():
        return sorted(path.name for path in box_b.folder.glob("sentinel-box-*/*"))

    ended(box_b.run_probe("deep", "3000", limits=Limits(cpu=30, wall=60)), exit_code=0)
    wait_until(lambda: held() == [], what="the run's directories gone")
    ended(box_b.run_probe("odd-names"), exit_code=0)
    wait_until(lambda: held() == [], what="the run's directories gone")
    box_b.close()
    assert list(box_b.folder.glob("sentinel-box-*")) == []


def test_sweep_of_dead_boxes():
    """74: what a box that was killed left is removed by the next, and a living one's is not."""
    with scratch_folder() as folder, start_kind("B", folder) as living:
        ended(living.run_probe("exit", "0"))
        with start_kind("B", folder) as dead:
            dead.start_probe("odd-names")
            dead.reply()
            os.kill(dead.process.pid, signal.SIGKILL)
            dead.process.wait()
        left = f"sentinel-box-{dead.process.pid}-0"
        assert left in os.listdir(folder)
        with start_kind("B", folder) as third:
            # The dead box's launcher holds the lock until it has died of its keeper's death.
            assert f"sentinel-box-{third.process.pid}-0" in os.listdir(folder)
            assert f"sentinel-box-{living.process.pid}-0" in os.listdir(folder)
        wait_until(lambda: swept(folder, left), what="the dead box's directory gone")
        ended(living.run_probe("exit", "0"), exit_code=0)


def swept(folder, name):
    with start_kind("B", folder):
        return name not in os.listdir(folder)


# ---- what is polled, because nothing else bounds it ----

@pytest.mark.parametrize("where", [".", "$TMPDIR"])
def test_scratch_is_watched(box_b, where):
    """14."""
    limits = Limits(scratch=24 * MB, memory=256 * MB, cpu=30, wall=60)
    reply = box_b.run(["/bin/sh", "-c", f"./probe fill {where}; sleep 1000"],
                      files=[("probe", pathlib.Path(box_b.probe).read_bytes(), 1)], limits=limits)
    ended(reply, "scratch", -1, signal.SIGKILL)
    ended(box_b.run_probe("write", "ok", "16", limits=limits), exit_code=0)


def test_inodes_are_watched(box_b):
    """15."""
    reply = box_b.run(["/bin/sh", "-c", "./probe inodes 20000; sleep 1000"],
                      files=[("probe", pathlib.Path(box_b.probe).read_bytes(), 1)], limits=Limits(cpu=30, wall=60))
    ended(reply, "scratch", -1, signal.SIGKILL)


def test_scratch_of_a_shared_disk(tmp_path):
    """Not a tmpfs: what others write is not the run's, what the run writes is counted in its directories."""
    tmp_path.chmod(0o755)
    with start("B", "--scratch", str(tmp_path)) as box:
        limits = Limits(scratch=24 * MB, memory=256 * MB, cpu=30, wall=60)
        box.start(["/bin/sh", "-c", "echo up; sleep 1"], limits=limits)
        wait_until(lambda: box.output[:3] == b"up\n", what="the program's output")
        (tmp_path / "other").write_bytes(b"x" * 40 * MB)
        ended(box.reply(), exit_code=0)
        (tmp_path / "other").unlink()
        reply = box.run(["/bin/sh", "-c", "./probe fill .; sleep 1000"],
                        files=[("probe", pathlib.Path(box.probe).read_bytes(), 1)], limits=limits)
        ended(reply, "scratch", -1, signal.SIGKILL)


def test_processes_are_watched():
    """7: an id that others have, too, has no limit of its own."""
    with scratch_folder() as folder, start_kind("user-B", folder) as box:
        reply = box.run(["/bin/sh", "-c", "./probe forks 100; sleep 1000"],
                        files=[("probe", pathlib.Path(box.probe).read_bytes(), 1)], limits=Limits(processes=10))
        ended(reply, "processes", -1, signal.SIGKILL)


def test_hidden_memory_is_seen(box_b):
    """A program that may not be read is not dumpable, and its smaps are closed."""
    code = ("import os; fd = os.open('hidden', os.O_WRONLY | os.O_CREAT, 0o111);"
            "os.write(fd, open('probe', 'rb').read()); os.close(fd); os.execv('./hidden', ['hidden', 'shared-hog-hold', '300'])")
    reply = box_b.run([PYTHON, "-c", code], files=[("probe", pathlib.Path(box_b.probe).read_bytes(), 1)],
                      limits=Limits(memory=64 * MB))
    assert ended(reply, "memory", -1, signal.SIGKILL).memory_peak > 64 * MB


def memory_group():
    """Where a group beneath our own can be made, version 1 or 2; (folder, file of its limit)."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return pathlib.Path("/sys/fs/cgroup/memory" + path), "memory.limit_in_bytes"
    path = pathlib.Path("/proc/self/cgroup").read_text().splitlines()[-1].split(":", 2)[2]
    return pathlib.Path("/sys/fs/cgroup" + path), "memory.max"


@contextlib.contextmanager
def container(size):
    """A memory group of our own; yields what puts a command into it."""
    parent, limit_file = memory_group()
    group = parent / f"sentinel-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / limit_file).write_text(str(size))
        yield ["/bin/sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh"]
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text(), what="the group empty")
        group.rmdir()


def test_full_container():
    """A run that fills the container is ended before the kernel would end the executor. It stays below the limit."""
    with container(160 * MB) as wrapper, scratch_folder() as folder, start_kind("B", folder, wrapper=wrapper) as box:
        assert box.mechanisms["cgroup_memory"] == (False, "polled, of the container: 160 MB")
        limits = Limits(memory=1024 * MB, cpu=30, wall=60)
        ended(box.run_probe("memhog", "100", limits=limits), exit_code=0)
        reply = ended(box.run_probe("shared-hog-hold", "152", limits=limits), "memory", -1, signal.SIGKILL)
        assert reply.message.startswith("the container's memory was at 15") and reply.message.endswith("of 160 MB")


def test_language_that_wants_more_than_the_container():
    """The executor says so and does not start; it has not asked for Redis by then."""
    with container(160 * MB) as wrapper, scratch_folder() as folder:
        done = subprocess.run([*wrapper, built("sentinel-executor"), "--languages", "python", "--languages-dir", LANGUAGES,
                               "--min-tier", "B", "--scratch-dir", folder, "--redis-url", "redis://127.0.0.1:1"],
                              preexec_fn=shim(RUNTIME_DEFAULT, namespaces=errno.EPERM), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 1
    assert "a language asks for more memory than the container has" in done.stderr, done.stderr
    assert '"language":"python"' in done.stderr and '"container_mb":160' in done.stderr


# ---- paths ----

def test_paths_are_moved(box_b):
    """The environment's /work and /tmp are where they are; arguments may be data."""
    reply = ended(box_b.run(["/bin/sh", "-c", 'echo $HOME $TMPDIR $MANY $1; pwd', "sh", "/tmp/word"],
                            env={"HOME": "/work", "TMPDIR": "/tmp", "MANY": "/x:/tmp/a:/workshop:/work"}))
    there = f"{box_b.folder}/sentinel-box-{box_b.process.pid}-0"
    assert reply.stdout.decode().splitlines() == [
        f"{there}/work {there}/tmp /x:{there}/tmp/a:/workshop:{there}/work /tmp/word", f"{there}/work"]


IMAGE = """
root=$1; shift
mount -t tmpfs -o mode=755 none "$root"
for folder in usr etc dev proc; do mkdir "$root/$folder"; mount --rbind "/$folder" "$root/$folder"; done
for link in bin lib lib64; do ln -s "usr/$link" "$root/$link"; done
mkdir -m 1777 "$root/scratch"; mount -t tmpfs -o mode=1777 none "$root/scratch"
ln -s /scratch/work "$root/work"; ln -s /scratch/tmp "$root/tmp"
cp "$1" "$root/box"; shift
exec chroot "$root" /box "$@"
"""


def test_text_that_names_the_work_directory(tmp_path):
    """In an image that has made /work and /tmp links into the scratch folder, they are a run's own, run after run."""
    script = "import os; print(os.listdir('/work'), os.listdir('/tmp')); open('/work/x', 'w'); open('/tmp/x', 'w'); print(os.listdir())"
    wrapper = ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-euc", IMAGE, "sh", str(tmp_path)]
    with start("B", "--scratch", "/scratch", wrapper=wrapper) as box:
        for _ in range(3):
            reply = ended(box.run([PYTHON, "main.py"], files=[("main.py", script.encode(), 0)]), exit_code=0)
            assert reply.stdout.decode().splitlines() in (["['main.py'] []", "['main.py', 'x']"],
                                                          ["['main.py'] []", "['x', 'main.py']"])


def test_languages_are_moved(tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/helper").write_text("of toy\n")
    for folder in [tmp_path, *tmp_path.parents][:-2]:
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o755)
    with scratch_folder() as scratch, start("B", "--scratch", scratch, "--languages", str(tmp_path)) as box:
        reply = box.run(["/bin/cat", "/languages/toy/helper"])
        assert ended(reply, exit_code=0).stdout == b"of toy\n"
        reply = box.run(["/bin/sh", "-c", 'cat "$HELPER"; echo x > "$HELPER"'], env={"HELPER": "/languages/toy/helper"})
        assert reply.stdout == b"of toy\n" and b"Permission denied" in reply.stderr


def test_unreachable_grants_are_told():
    """As root the box takes an ordinary id, which must get at what is granted."""
    with scratch_folder() as scratch, tempfile.TemporaryDirectory(dir="/opt") as closed:
        tool = pathlib.Path(closed) / "tool"
        tool.write_text("")
        with pytest.raises(RuntimeError, match=f"grant {tool}: Permission denied"):
            start("B", "--scratch", scratch, "--grant", str(tool))


def test_scratch_that_is_not_there():
    with pytest.raises(RuntimeError, match="scratch directory /no/such/folder: No such file"):
        start("B", "--scratch", "/no/such/folder")
