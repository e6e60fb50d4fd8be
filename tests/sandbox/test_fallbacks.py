"""Each thing that the box could be refused: it gives the best tier without it, and says what is missing, or it does not
start and says so. Never less than it says."""

import errno
import os
import platform
import signal
import tempfile

import pytest

from box import MB, Limits
from conftest import HAS_B, LANDLOCK, USER, reachable, scratch_folder, start
from shim import RUNTIME_DEFAULT, shim
from test_box import PYTHON, ended

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the shim has this machine's numbers alone")
B = "B" if HAS_B else None  # else nothing is left

# call → the tier without it, or None; what the log says of each tier that is not to be had
WITHOUT = {
    "clone3": ("A", None),  # with cgroup version 2: A-
    "pidfd_open": ("A", None),
    "landlock_create_ruleset": ("A", None),
    "landlock_add_rule": ("A", None),
    "mount_setattr": (B, "tier A- cannot be had: device /dev/null: {}"),
    "mount": (B, "tier A- cannot be had: private mounts: {}"),
    "pivot_root": (B, "tier A- cannot be had: pivot_root: {}"),
    "unshare": ("A", None),
    "landlock_restrict_self": (None, "tier A- cannot be had: landlock: {}") if LANDLOCK >= 4 else ("A", None),
    "close_range": (None, "tier A- cannot be had: close_range: {}"),
    "openat2": (None, "tier A- cannot be had: openat2: {}"),
    "pidfd_send_signal": (None, "tier A- cannot be had: pidfd_send_signal: {}"),
    "seccomp": (None, "seccomp: refused to us, or too old here"),
    "memfd_create": (None, "output area: {}"),
}


def holds(box):
    """What the tier promises, tried."""
    ended(box.run_probe("exit", "7"), exit_code=7)
    assert ended(box.run([PYTHON, "-c", "print(6 * 7)"]), exit_code=0).stdout == b"42\n"
    for path in ("/etc/passwd", f"/proc/{box.process.pid}/environ"):
        assert ended(box.run_probe("open", path, "0")).stdout in (b"ENOENT\n", b"EACCES\n"), path
    assert ended(box.run_probe("socket", "2", "1")).stdout == b"EACCES\n"
    assert ended(box.run_probe("call", "mount", "0", "0", "0", "0", "0")).signal == signal.SIGSYS
    assert ended(box.run_probe("daemon"), exit_code=0).stdout == b""
    ended(box.run_probe("spin", limits=Limits(cpu=0.2)), "cpu")
    reply = box.run_probe("shared-hog-hold", "300", limits=Limits(memory=64 * MB))
    assert ended(reply, "memory", -1, signal.SIGKILL).memory_peak > 60 * MB
    reply = ended(box.run(["/bin/sh", "-c", "echo 1 > a"], collect=["a"], collect_max=MB), exit_code=0)
    assert reply.files["a"][0] == b"1\n"
    os.close(reply.bundle)


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM], ids=["ENOSYS", "EPERM"])
@pytest.mark.parametrize("call", WITHOUT)
def test_without_a_call(call, error):
    tier, message = WITHOUT[call]
    with scratch_folder() as folder:
        options = {"shim": shim({call: error})}
        if tier is None:
            with pytest.raises(RuntimeError) as refusal:
                start("best", "--scratch", folder, **options)
            assert message.format(os.strerror(error)) in str(refusal.value)
            return
        with start("best", "--scratch", folder, **options) as box:
            if call == "clone3" and box.cgroup_version != 1:
                tier = "A-"
            assert box.tier == tier
            assert message is None or message.format(os.strerror(error)) in box.log()
            assert box.mechanisms["landlock"][0] == (call != "landlock_create_ruleset" and LANDLOCK >= 4)
            holds(box)


# A /proc with a path that something hides, as every container's has: the kernel lets nobody mount another beside it.
MASKED = ["unshare", "--mount", "/bin/sh", "-c", 'mount --bind /dev/null /proc/uptime && exec "$@"', "sh"]


def masked(tier, user, folder, **options):
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"] if user else []
    return start(tier, "--scratch", folder, wrapper=[*MASKED, *become], **options)


def test_a_masked_proc_without_landlock():
    """Nothing would close it: then there is no tier A."""
    with scratch_folder() as folder, pytest.raises(RuntimeError) as refusal:
        masked("A-", None, folder, shim=shim({"landlock_create_ruleset": errno.ENOSYS}))
    assert "tier A- cannot be had: /proc of the box: Operation not permitted" in str(refusal.value)


@pytest.mark.parametrize("tier", ["A", "A-", "B"])
def test_a_tier_by_name_is_not_weakened(tier):
    """What was asked for by name and cannot be had ends the start."""
    missing = {"A": "mount", "A-": "mount", "B": "landlock_add_rule"}[tier]
    with scratch_folder() as folder, pytest.raises(RuntimeError) as refusal:
        start(tier, "--scratch", folder, shim=shim({missing: errno.EPERM}))
    assert f"tier {tier} was asked for, and this machine does not give it" in str(refusal.value)


if HAS_B:  # Landlock has version 6
    @pytest.mark.parametrize("tier, user", [("A", None), ("A-", None), ("A-", USER)])
    def test_beside_a_masked_proc(tier, user):
        """The host's /proc is shown, and closed: but for a program's own entry and what tells nothing of others."""
        with scratch_folder() as folder:
            program = reachable(os.environ["SENTINEL_BOX"], tempfile.mkdtemp(dir=folder))
            with masked(tier, user, folder, program=program) as box:
                assert box.tier == tier
                assert box.mechanisms["landlock"][0] and "of files too" in box.mechanisms["landlock"][1]
                holds(box)
                others = [f"/proc/{pid}/{name}" for pid in (1, box.process.pid) for name in ("status", "cmdline", "environ", "mem")]
                for path in [*others, "/proc/uptime", "/proc/1/fd", "/proc"]:
                    assert ended(box.run_probe("open", path, "0")).stdout in (b"EACCES\n", b"EPERM\n"), path
                script = ("import os\nassert open('/proc/self/stat').read().split()[0] == os.readlink('/proc/self')\n"
                          "for name, text in (('oom_score_adj', '0'), ('mem', 'x')):\n"
                          "    try:\n        open('/proc/self/' + name, 'w').write(text)\n"
                          "    except OSError as error:\n        print(error.errno)\n"
                          "for folder in ('/work', '/tmp', '/dev/shm'):\n"
                          "    os.mkdir(folder + '/a')\n    open(folder + '/a/b', 'w').write('x')\n"
                          "    os.rename(folder + '/a/b', folder + '/c')\n")
                refused = ended(box.run([PYTHON, "-c", script]), exit_code=0).stdout.split()
                assert set(refused) <= {str(errno.EACCES).encode(), str(errno.EROFS).encode()} and len(refused) == 2

    @pytest.mark.parametrize("user", [USER, None])
    def test_restricted_pod(user):
        """Under the filter of a restricted pod, as an ordinary user (and as root): tier B, which holds."""
        with scratch_folder() as folder, start("best", "--scratch", folder, user=user,
                                               program=reachable(os.environ["SENTINEL_BOX"], tempfile.mkdtemp(dir=folder)),
                                               shim=shim(RUNTIME_DEFAULT, namespaces=errno.EPERM)) as box:
            assert box.tier == "B"
            assert "tier A- cannot be had: namespaces: Operation not permitted" in box.log()
            assert box.mechanisms["landlock"] == (True, f"version {box.landlock_abi}")
            assert not any(on for name, (on, _) in box.mechanisms.items() if name not in ("seccomp", "landlock"))
            holds(box)
else:
    def test_a_kernel_without_tier_b():
        with pytest.raises(RuntimeError, match="tier B cannot be had: Landlock has version . here, 6 is needed"):
            start("B")
