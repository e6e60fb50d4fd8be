"""Tests of the box that tier B does not pass, as root or as an ordinary user, and why; docs/SANDBOX.md has all that is
different there, the self-test's cases say what they expect of each tier, and test_tier_b.py has what holds instead."""

BOTH = ("B", "user-B")

DIFFERENT = {
    "test_processes_limit": ("user-B",),  # processes are counted for a user id, which is not the box's own here
}
