"""Boxes for the tests, one a tier for the whole session; what each test must leave behind is checked after it."""

import os
import pathlib

import pytest

from box import Box, wait_until

BOXES = {}
CEILINGS = ["--max-cpus-milli", "4000", "--max-cpu-ms", "3600000", "--max-wall-ms", "3600000"]  # room to scale times


def pytest_sessionfinish():
    for box in BOXES.values():
        box.close()


def start(tier, *options, **kwargs):
    try:
        return Box("--tier", tier, *CEILINGS, *options, **kwargs)
    except RuntimeError as error:
        if os.environ.get("SENTINEL_MUST_SANDBOX") == "1":
            raise
        pytest.skip(f"this machine gives no tier {tier}: {error}")


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def descriptors(box):
    return len(os.listdir(f"/proc/{box.process.pid}/fd"))


def assert_unharmed(box):
    """No process survives; the next run in the same box works and sees nothing; the box holds what it held."""
    wait_until(lambda: not children(box.launcher()), what="the launcher without children")
    after = box.run_probe("look")
    assert (after.status, after.cause, after.exit_code, after.stdout) == ("ok", "self", 0, b"")
    assert box.process.poll() is None


@pytest.fixture(params=["A", "A-"])
def box(request):
    tier = request.param
    if tier not in BOXES or BOXES[tier].process.poll() is not None:
        BOXES[tier] = start(tier)
        BOXES[tier].idle_descriptors = descriptors(BOXES[tier])
    box = BOXES[tier]
    assert box.tier == tier
    yield box
    assert_unharmed(box)
    wait_until(lambda: descriptors(box) == box.idle_descriptors, what="no descriptor left open")


@pytest.fixture
def box_a():
    """A box of tier A of the test's own, that it may break."""
    with start("A") as box:
        yield box
