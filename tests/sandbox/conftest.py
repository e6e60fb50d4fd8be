"""Boxes for the tests, one a tier for the whole session; what each test must leave behind is checked after it."""

import contextlib
import ctypes
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from box import Box, wait_until
from tier_b import DIFFERENT

BOXES, IDS = {}, []
# An ordinary user's id, and nobody else's: in tier B a run shares the count of its processes with whoever has the same.
USER = 1_500_000_000 + os.getpid() % 1_000_000
LANDLOCK_CREATE_RULESET, VERSION_FLAG = 444, 1
LANDLOCK = ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, VERSION_FLAG)
HAS_B = LANDLOCK >= 6
collect_ignore = [] if HAS_B else ["test_tier_b.py"]  # test_fallbacks.py has what such a kernel says
# As root, and as an ordinary user: then without control groups.
KINDS = ["A", "A-", "user-A-"] + (["B", "user-B"] if HAS_B else [])
CEILINGS = ["--max-cpus-milli", "4000", "--max-cpu-ms", "86400000", "--max-wall-ms", "86400000"]  # room to scale times


@contextlib.contextmanager
def scratch_folder():
    """A tmpfs as a pod's emptyDir is one: nobody else writes to it."""
    folder = tempfile.mkdtemp(prefix="sentinel-scratch-")
    subprocess.run(["/usr/bin/mount", "-t", "tmpfs", "-o", "mode=1777,size=256m,nr_inodes=100000", "none", folder],
                   check=True)
    try:
        yield folder
    finally:
        subprocess.run(["/usr/bin/umount", "--lazy", folder], check=True)
        os.rmdir(folder)


def reachable(path, folder):
    """A copy that an ordinary user can get at, wherever the build is."""
    os.chmod(folder, 0o755)
    return shutil.copy(path, folder)


def start_kind(kind, folder, **kwargs):
    """A box of a tier, by root or by an ordinary user. Ids of its own: what runs under them is counted."""
    uid_base = 1_600_000_000 + os.getpid() % 1_000_000 * 200 + 2 * len(IDS)
    IDS.append(uid_base)
    options = ["--scratch", folder, "--uid-base", str(uid_base)]
    if kind.startswith("user-"):
        program = reachable(os.environ["SENTINEL_BOX"], tempfile.mkdtemp(dir=folder))
        box = start(kind.removeprefix("user-"), *options, user=USER, program=program, **kwargs)
    else:
        box = start(kind, *options, **kwargs)
    box.program_id = {"B": uid_base + 1, "user-B": USER}.get(kind, 1000)
    return box


def pytest_generate_tests(metafunc):
    """Each test of a box for each kind; what is different in tier B has its tests in test_tier_b.py."""
    if "box" in metafunc.fixturenames:
        kinds = [kind for kind in KINDS if kind not in DIFFERENT.get(metafunc.function.__name__, ())]
        metafunc.parametrize("box", kinds, indirect=True)


def start(tier, *options, **kwargs):
    try:
        return Box("--tier", tier, *CEILINGS, *options, **kwargs)
    except RuntimeError as error:
        if os.environ.get("SENTINEL_MUST_SANDBOX") == "1":
            raise
        pytest.skip(f"this machine gives no tier {tier}: {error}")


def children(pid):
    """None of a process that is gone, or goes while it is looked at."""
    try:
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_dead(pid):
    """Gone, or not yet reaped."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def descriptors(box):
    return len(os.listdir(f"/proc/{box.process.pid}/fd"))


def assert_unharmed(box):
    """No process survives; the next run in the same box works and sees nothing; the box holds what it held."""
    wait_until(lambda: not children(box.launcher()), what="the launcher without children")
    after = box.run_probe("look")
    assert (after.status, after.cause, after.exit_code, after.stdout) == ("ok", "self", 0, b"")
    assert box.process.poll() is None


@pytest.fixture(scope="session")
def scratch():
    with scratch_folder() as folder:
        yield folder
        for box in BOXES.values():
            box.close()


@pytest.fixture
def box(request, scratch):
    kind = request.param
    if kind not in BOXES or BOXES[kind].process.poll() is not None:
        BOXES[kind] = start_kind(kind, scratch)
        BOXES[kind].idle_descriptors = descriptors(BOXES[kind])
    box = BOXES[kind]
    assert box.tier == kind.removeprefix("user-")
    yield box
    assert_unharmed(box)
    wait_until(lambda: descriptors(box) == box.idle_descriptors, what="no descriptor left open")


@pytest.fixture
def box_a():
    """A box of tier A of the test's own, that it may break."""
    with start("A") as box:
        yield box
