"""The abuse catalogue (its numbers stand in the docstrings): each case is a hostile program, and after each the next
run in the same box must be unharmed and see nothing of it (conftest.assert_unharmed)."""

import os
import platform
import signal
import time

import pytest

from box import COMPILE, MB, PROMPT, RUN, SCALE, Limits
from test_box import ended

PROFILES = [RUN, COMPILE]

x86_64 = platform.machine() == "x86_64"
NUMBERS = {
    "sched_setaffinity": 203, "setpriority": 141, "prlimit64": 302, "ptrace": 101, "process_vm_readv": 310,
    "process_vm_writev": 311, "pidfd_open": 434, "pidfd_getfd": 438, "io_uring_setup": 425, "clone": 56, "clone3": 435,
    "unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "fsopen": 430, "open_tree": 428, "move_mount": 429,
    "pivot_root": 155, "chroot": 161, "keyctl": 250, "add_key": 248, "bpf": 321, "perf_event_open": 298,
    "userfaultfd": 323, "ioctl": 16, "openat2": 437, "name_to_handle_at": 303, "open_by_handle_at": 304,
    "inotify_init1": 294, "flock": 73, "shmget": 29, "semget": 64, "msgget": 68, "mq_open": 240, "prctl": 157,
    "personality": 135, "bind": 49, "connect": 42, "mlockall": 151, "memfd_create": 319, "memfd_secret": 447,
    "init_module": 175, "kexec_load": 246, "reboot": 169, "swapon": 167, "ioprio_set": 251, "sched_setscheduler": 144,
    "setgroups": 116, "capset": 126, "seccomp": 317, "syslog": 103, "vmsplice": 278, "fanotify_init": 300,
    "setxattr": 188, "mknod": 133, "modify_ldt": 154, "quotactl": 179, "iopl": 172, "socketpair": 53, "landlock": 444,
    "newest": 600, "ioprio_get": 252, "kcmp": 312, "sethostname": 170, "settimeofday": 164, "getpid": 39,
}
NEW_NAMESPACES = [0x10000000, 0x20000000, 0x20000, 0x40000000, 0x02000000, 0x04000000, 0x08000000]


def call(box, name, *arguments, **kwargs):
    """The error's name, or "ok", or the signal that killed the process."""
    if not x86_64:
        pytest.fail("write down this architecture's system call numbers")
    reply = box.run_probe("syscall", str(NUMBERS[name]), *map(str, arguments), **kwargs)
    assert (reply.status, reply.cause) == ("ok", "self"), reply
    return signal.Signals(reply.signal).name if reply.signal else reply.stdout.decode().strip()


# ---- processes that would outlive the run ----

def test_fork_bomb(box):
    """7. Forks that fail count as memory until the kernel has freed what it prepared for them."""
    begin = time.monotonic()
    reply = box.run_probe("forkbomb", limits=Limits(processes=20, cpu=0.5, wall=1))
    assert reply.cause in ("cpu", "wall", "memory"), reply
    assert time.monotonic() - begin < PROMPT


def test_daemon(box):
    """8, 9: it leaves the session, and holds stdout."""
    begin = time.monotonic()
    ended(box.run_probe("daemon", limits=Limits(wall=2 * PROMPT / SCALE)), exit_code=0)
    assert time.monotonic() - begin < PROMPT


def test_stdout_closed_and_going_on(box):
    """10."""
    ended(box.run_probe("quiet-spin", limits=Limits(cpu=0.2, wall=60)), "cpu")


def test_vfork_child_that_sleeps(box):
    """62."""
    ended(box.run_probe("vfork-sleeper", limits=Limits(wall=0.3)), "wall")


def test_litter(box):
    """16, 60, 78: files everywhere, shared memory, a process; conftest looks for them."""
    reply = ended(box.run_probe("litter"), exit_code=0)
    assert reply.stdout == b"EPERM\n"  # shmget


# ---- memory ----

@pytest.mark.parametrize("where", ["/work", "/tmp", "/dev/shm"])
def test_scratch_filled(box, where):
    """14."""
    reply = ended(box.run_probe("fill", where, limits=Limits(scratch=24 * MB, memory=256 * MB)), exit_code=1)
    assert reply.stdout == b"ENOSPC\n"


@pytest.mark.parametrize("where", ["/work", "/tmp", "/dev/shm"])
def test_scratch_is_memory(box_a, where):
    """14: where the tmpfs is larger than the memory allowed, filling it is a memory breach."""
    for _ in range(2):  # its pages must not stay charged for the next run
        reply = box_a.run_probe("fill", where, limits=Limits(scratch=300 * MB, memory=64 * MB))
        assert ended(reply, "memory").oom_kills >= 1
    ended(box_a.run_probe("memhog", "50", limits=Limits(memory=64 * MB)), exit_code=0)


def test_inode_flood(box):
    """15."""
    reply = ended(box.run_probe("inodes", "100000", limits=Limits(cpu=30, wall=60)), exit_code=1)
    assert reply.stdout == b"ENOSPC\n"


@pytest.mark.parametrize("verb", ["pipes", "socketpairs"])
def test_kernel_buffers(box, verb):
    """17, 18: the cgroup counts them; the number of descriptors bounds them anyway."""
    reply = box.run_probe(verb, limits=Limits(memory=32 * MB))
    if box.tier == "A":
        assert ended(reply, "memory").oom_kills >= 1
    else:
        assert ended(reply).stdout.endswith(b"EMFILE\n")


def test_memfd(box):
    """13: rlimits do not count them."""
    assert call(box, "memfd_create", "text:x", 0) == "ENOSYS"
    assert call(box, "memfd_secret", 0) == "ENOSYS"


def test_deep_recursion(box):
    """20."""
    reply = ended(box.run_probe("recurse"))
    assert reply.signal == signal.SIGSEGV


def test_locked_memory(box):
    """21."""
    assert call(box, "mlockall", 3) in ("ENOMEM", "EPERM")


# ---- output and files ----

def test_any_bytes(box):
    """26."""
    data = bytes(range(256)) * 16
    assert ended(box.run_probe("cat", stdin=data)).stdout == data


def test_output_cap_a_hundred_times(box):
    """25, 81."""
    for _ in range(100):
        reply = ended(box.run_probe("flood", "1"), "output")
        assert reply.stdout == b"y" * 65536


def test_sparse_file(box):
    """28: 1 TB."""
    reply = ended(box.run_probe("leave", "sparse", "huge", str(1 << 40)))
    assert reply.signal == signal.SIGXFSZ


@pytest.mark.parametrize("obstacle", [
    ("symlink", "out", "/etc/shadow"), ("symlink", "out", "/work/probe"), ("symlink", "out", "/proc/self/environ"),
    ("fifo", "out"), ("directory", "out"), ("hardlink", "out"), ("sparse", "out", str(12 * MB)),
])
def test_obstacles_in_place_of_a_result(box, obstacle):
    """29, 30, 31, 84."""
    begin = time.monotonic()
    reply = ended(box.run_probe("leave", *obstacle, profile=COMPILE, collect=["out", "out/"], collect_max=8 * MB),
                  exit_code=0)
    assert reply.stdout == b"ok\n"
    assert (reply.files, reply.bundle) == ({}, -1)
    assert time.monotonic() - begin < PROMPT


def test_sparse_result(box):
    """84: 2 GB that are not there."""
    with_room = Limits(file=4 << 30)
    assert box.run_probe("leave", "sparse", "out", str(2 << 30), limits=with_room).status == "refused"  # the ceiling


def test_directory_swapped_while_it_is_collected(box):
    """32: what would swap it is dead by then."""
    for _ in range(20):
        reply = ended(box.run_probe("swapper", collect=["real/", "link/", "real/passwd"], collect_max=8 * MB),
                      exit_code=0)
        assert set(reply.files) <= {"real/file", "link/file"}
        assert all(data == b"x" * MB for data, _ in reply.files.values())
        if reply.bundle >= 0:
            os.close(reply.bundle)


def test_deep_directories(box):
    """33."""
    reply = ended(box.run_probe("deep", "10000", collect=["d/"], collect_max=MB, limits=Limits(cpu=30, wall=60)),
                  exit_code=0)
    assert reply.files == {}


def test_odd_names(box):
    """34: the box is not root inside, and a rootless one cannot read a closed directory; either way nothing hangs."""
    name = "\udcff\udcfe\n\"name".encode(errors="surrogateescape")
    reply = ended(box.run_probe("odd-names", collect=["closed/", name], collect_max=8 * MB), exit_code=0)
    assert reply.stdout == b"ok\n"
    assert "\udcff\udcfe\n\"name" in reply.files
    os.close(reply.bundle)


# ---- looking out ----

@pytest.mark.parametrize("path", [
    "/etc/passwd", "/etc/shadow", "/var/run/secrets/kubernetes.io/serviceaccount/token", "/root", "/home", "/sys",
    "/old", "/run", "/proc/1/environ", "/proc/1/root/etc/passwd", "/proc/1/cwd", "/proc/1/fd/3", "/proc/kcore",
    "/dev/mem", "/dev/tty", "/dev/kmsg",
])
def test_paths_that_are_not_there(box, path):
    """35, 36."""
    assert ended(box.run_probe("open", path, "0")).stdout in (b"ENOENT\n", b"EACCES\n", b"EPERM\n")


@pytest.mark.parametrize("path", ["/usr/x", "/etc/x", "/dev/x", "/x", "/proc/self/oom_score_adj", "/proc/sysrq-trigger",
                                  "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/dev/null/x",
                                  "/proc/self/uid_map", "/usr/bin/env"])
def test_paths_that_cannot_be_written(box, path):
    """39."""
    flags = os.O_WRONLY | os.O_CREAT
    assert ended(box.run_probe("open", path, str(flags))).stdout in \
        (b"EROFS\n", b"EACCES\n", b"ENOENT\n", b"EPERM\n", b"ENOTDIR\n")


@pytest.mark.parametrize("pid", ["self", "1"])
def test_memory_through_proc(box, pid):
    """37, 79."""
    assert ended(box.run_probe("write-mem", pid)).stdout in (b"EROFS\n", b"ENOENT\n", b"EACCES\n")


def test_descriptors_reopened(box):
    """38: stdin cannot be written through, whatever it is reopened as."""
    script = "ls /proc/self/fd; echo spoilt 1<>/proc/self/fd/0 >&1; cat"
    reply = box.run(["/bin/sh", "-c", script], stdin=b"as sent\n")
    assert reply.stdout.endswith(b"as sent\n")
    assert b"spoilt" not in reply.stdout
    assert b"4" not in reply.stdout.split(b"as sent")[0]  # 3 is the listing itself


def test_signals_outwards(box):
    """40, 41: kill(-1) finds nobody; the init and others cannot be hurt."""
    assert ended(box.run_probe("kill", "-1", "9")).stdout in (b"ESRCH\n", b"EPERM\n")
    for target in (1, 2**22 - 1):
        reply = ended(box.run_probe("kill", str(target), "9"))
        assert reply.stdout in (b"ok\n", b"ESRCH\n", b"EPERM\n")


def test_other_processes(box):
    """42, 43, 44."""
    assert call(box, "ptrace", 16, 1, 0, 0) == "SIGSYS"
    assert call(box, "process_vm_readv", 1, 0, 0, 0, 0, 0) == "SIGSYS"
    assert call(box, "process_vm_writev", 1, 0, 0, 0, 0, 0) == "SIGSYS"
    assert call(box, "pidfd_getfd", 3, 0, 0) == "EPERM"
    for name in ("prlimit64", "sched_setaffinity"):
        assert call(box, name, 1, 128, "zeros", "zeros") == "ENOSYS", name
    assert call(box, "setpriority", 0, 1, 0) == "ENOSYS"
    assert call(box, "setpriority", 0, 0, 19) == "ok"  # whoever runs the tests may be nice himself
    assert call(box, "ioprio_set", 1, 1, 0) == "EPERM"
    assert call(box, "sched_setscheduler", 1, 0, "zeros") == "EPERM"


# ---- the network ----

@pytest.mark.parametrize("profile", PROFILES)
# unix, inet, inet6, netlink, packet, alg, vsock, bluetooth, xdp
@pytest.mark.parametrize("family", [1, 2, 10, 16, 17, 38, 40, 31, 44])
def test_sockets(box, family, profile):
    """46, 47, 48, 49, 50."""
    for kind in (1, 2, 3):
        reply = box.run_probe("socket", str(family), str(kind), "0", profile=profile)
        assert ended(reply).stdout == b"EACCES\n"


def test_socket_calls(box):
    """49, 50, 51."""
    assert call(box, "socketpair", 1, 1, 0, "zeros") == "ok"
    assert call(box, "socketpair", 2, 1, 0, "zeros") == "ENOSYS"
    assert call(box, "bind", 0, "zeros", 16) == "EPERM"
    assert call(box, "connect", 0, "zeros", 16) == "EPERM"
    assert call(box, "io_uring_setup", 1, "zeros") == "EPERM"


# ---- the kernel ----

def test_foreign_calls(box):
    """52."""
    assert ended(box.run_probe("int80")).signal == signal.SIGSYS
    NUMBERS["x32"] = 0x40000000 | NUMBERS["getpid"]
    assert call(box, "x32") in ("SIGSYS", "ENOSYS")
    assert call(box, "newest") == "ENOSYS"
    assert call(box, "modify_ldt", 0, 0, 0) == "ENOSYS"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("processes", [1, 8])
def test_namespaces(box, profile, processes):
    """53."""
    limits = Limits(processes=processes)
    assert call(box, "clone3", "zeros", 88, profile=profile, limits=limits) == "ENOSYS"
    assert call(box, "setns", 0, 0, profile=profile, limits=limits) == "EPERM"
    for flag in NEW_NAMESPACES:
        assert call(box, "unshare", flag, profile=profile, limits=limits) == "EPERM"
        for more in (17, 17 | 0x10000, 17 | 1 << 40):
            assert call(box, "clone", flag | more, 0, 0, 0, 0, profile=profile, limits=limits) in ("ENOSYS", "EPERM")


@pytest.mark.parametrize("name", ["mount", "umount2", "fsopen", "open_tree", "move_mount", "pivot_root", "bpf",
                                  "init_module", "kexec_load", "reboot", "swapon", "open_by_handle_at"])
@pytest.mark.parametrize("profile", PROFILES)
def test_killed_calls(box, name, profile):
    """54, 55, 58."""
    assert call(box, name, 0, 0, 0, 0, 0, profile=profile) == "SIGSYS"


@pytest.mark.parametrize("name", [
    "add_key", "capset", "chroot", "fanotify_init", "inotify_init1", "iopl", "kcmp", "keyctl", "mq_open", "msgget",
    "name_to_handle_at", "perf_event_open", "quotactl", "seccomp", "semget", "setgroups", "sethostname", "settimeofday",
    "setxattr", "shmget", "syslog", "userfaultfd", "vmsplice",
])
@pytest.mark.parametrize("profile", PROFILES)
def test_refused_calls(box, name, profile):
    """16, 54, 55, 58, 59, 60."""
    assert call(box, name, 0, 0, 0, 0, 0, profile=profile) == "EPERM"


def test_unknown_calls_look_unknown(box):
    for name in ("openat2", "pidfd_open", "landlock"):
        assert call(box, name, 0, 0, 0, 0) == "ENOSYS"


def test_locks_on_shared_files(box):
    """59: flock on a granted file would be a channel between boxes; compilers have it."""
    assert call(box, "flock", 0, 2) == "EPERM"
    assert call(box, "flock", 0, 2, profile=COMPILE) == "ok"


@pytest.mark.parametrize("high", [0, 1 << 32, 0xFFFFFFFF << 32])
def test_terminal_input(box, high):
    """56: TIOCSTI and TIOCLINUX, with high bits that the kernel does not look at."""
    for request in (0x5412, 0x541C):
        assert call(box, "ioctl", 0, request | high, "zeros") == "EPERM"


def test_no_setuid_anywhere(box):
    """57."""
    reply = ended(box.run_probe("cat", "/proc/self/mountinfo"), exit_code=0)
    assert all("nosuid" in line.split()[5].split(",") for line in reply.stdout.decode().splitlines())


def test_own_attributes(box):
    """82, 83."""
    assert call(box, "prctl", 35, 1, 0, 0, 0) == "EPERM"  # PR_SET_MM
    assert call(box, "prctl", 35 | 1 << 32, 1, 0, 0, 0) == "EPERM"
    assert call(box, "prctl", 1, 0, 0, 0, 0) == "ok"  # PR_SET_PDEATHSIG
    assert call(box, "prctl", 36, 1, 0, 0, 0) == "ok"  # PR_SET_CHILD_SUBREAPER
    assert call(box, "prctl", 22, 0, 0, 0, 0) == "EPERM"  # PR_SET_SECCOMP
    assert call(box, "personality", 0xFFFFFFFF) == "ok"
    for persona in (0x0040000, 0x0400000, 8, 0x0008):
        assert call(box, "personality", persona) == "ENOSYS"
    assert call(box, "mknod", "text:device", 0o020666, 0x103) == "ENOSYS"


def test_crashes(box):
    """61."""
    for _ in range(100):
        assert ended(box.run_probe("raise", "11")).signal == signal.SIGSEGV
    reply = box.run(["/bin/sh", "-c", "./probe raise 11; ls"],
                    files=[("probe", open(box.probe, "rb").read(), 1)])
    assert reply.stdout.split() == [b"probe"]


# ---- compilers ----

def compile_c(box, source, **kwargs):
    limits = kwargs.pop("limits", Limits(memory=256 * MB, cpu=20, wall=60, processes=16))
    return box.run(["/usr/bin/gcc", "-fmax-errors=20", "-o", "p", "main.c"], files=[("main.c", source, 0)],
                   profile=COMPILE, collect=["p"], collect_max=16 * MB, limits=limits)


@pytest.mark.parametrize("source", [b'#include "/etc/shadow"', b'#include "/etc/passwd"', b'#include "/proc/1/environ"',
                                    b'__asm__(".incbin \\"/etc/passwd\\"");int main(void){return 0;}'])
def test_host_files_in_a_compiler(box, source):
    """63."""
    reply = ended(compile_c(box, source))
    assert reply.exit_code != 0
    assert b"No such file" in reply.stderr or b"file not found" in reply.stderr or b"Permission" in reply.stderr
    assert b"root:" not in reply.stderr


def test_endless_include(box):
    """64."""
    reply = compile_c(box, b"#include </dev/zero>", limits=Limits(memory=128 * MB, cpu=2, wall=5, processes=16))
    assert reply.status == "ok"
    assert reply.cause != "self" or reply.exit_code != 0


def test_huge_object(box):
    """65: 4 GB of initialised data."""
    reply = compile_c(box, b"int main[-1u]={1};", limits=Limits(memory=256 * MB, cpu=5, wall=10, processes=16))
    assert reply.status == "ok"
    assert reply.files == {}


def test_self_include(box):
    """66."""
    reply = compile_c(box, b'#include "main.c"\n#include "main.c"\nx', limits=Limits(cpu=3, wall=9, processes=16))
    assert reply.status == "ok"
    assert reply.cause != "self" or reply.exit_code != 0
    assert len(reply.stderr) <= 64 * 1024


def test_answer_within_the_wall_limit(box):
    """Every case again, in time: a fork bomb that floods."""
    script = "f() { yes & f | f & }; f"
    begin = time.monotonic()
    reply = box.run(["/bin/sh", "-c", script], limits=Limits(wall=1, cpu=5, processes=64, output=1000))
    assert reply.status == "ok"
    assert time.monotonic() - begin < PROMPT
    assert reply.wall_us < PROMPT * 1e6
