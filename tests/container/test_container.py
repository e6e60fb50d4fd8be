"""The self-test in the executor's image, as a pod of Pod Security `restricted` has it: an ordinary user without any
capability, no new privileges, a read-only root, seccomp as containerd's RuntimeDefault (tier B), or the Localhost profile of
k8s/components/tier-a-minus (tier A-), beside the usual masked /proc and an unmasked one."""

import json
import os
import pathlib
import subprocess

import pytest

SECCOMP = pathlib.Path(__file__).resolve().parents[2] / "docker/seccomp"
IMAGE = os.environ["SENTINEL_TEST_IMAGE"]
RESTRICTED = ["--user", "1000:1000", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--read-only",
              "--read-only-tmpfs=false", "--network", "none", "--runtime", "runc", "--no-healthcheck",
              "--tmpfs", "/tmp:rw,size=64m,mode=1777", "--tmpfs", "/scratch:rw,size=300m,mode=1777",
              # A host that is a container itself may not raise them.
              "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
# way → (seccomp profile, what else is said, the tier that must come of it)
WAYS = {
    "restricted": ("runtime-default", [], "B"),
    "localhost": ("sentinel-executor", [], "A-"),
    "localhost-unmasked": ("sentinel-executor", ["--security-opt", "unmask=ALL"], "A-"),
}


def podman(way, *words, entrypoint=()):
    profile, beside, _ = WAYS[way]
    return subprocess.run(["podman", "run", "--rm", *RESTRICTED, "--security-opt", f"seccomp={SECCOMP / profile}.json",
                           *beside, *entrypoint, IMAGE, *words],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False)


@pytest.fixture(scope="module", name="whole", params=WAYS)
def fixture_whole(request):
    done = podman(request.param, "selftest", "--json")
    assert done.stdout.startswith("{"), done.stderr
    return request.param, done, json.loads(done.stdout)


def test_every_abuse_that_the_tier_can_express(whole):
    way, done, report = whole
    tier = WAYS[way][2]
    broken = [(case["name"], case["why"]) for case in report["cases"] if case["outcome"] == "broken"]
    assert (broken, done.returncode) == ([], 0)
    assert (report["tier"], report["user"]) == (tier, 1000)
    held = {case["name"] for case in report["cases"] if case["outcome"] == "held"}
    for case in report["cases"]:
        expressible = tier in case["tiers"]
        assert not expressible or case["name"] in held or case["outcome"] == "absent", case
        assert expressible or case["beyond"] or case["elsewhere"], case
    assert {"host-includes", "fork-bomb", "litter", "keeper-dies"} <= held


def test_what_a_tier_lacks_is_told():
    """RuntimeDefault lets nobody make a namespace."""
    asked = podman("restricted", "selftest", "--tier", "A-", "--case", "memfd")
    assert (asked.returncode, asked.stdout) == (1, "")
    assert "namespaces: Operation not permitted" in asked.stderr
    probed = podman("restricted", "--probe", "--scratch", "/scratch", entrypoint=["--entrypoint", "/usr/bin/sentinel-box"])
    assert probed.returncode == 0, probed.stderr
    assert probed.stdout.splitlines()[-1].split()[-1] == "B"


def test_a_masked_proc_is_told():
    """Beside one the box mounts none of its own: it shows that one, closed by Landlock, and says so."""
    told = {way: podman(way, "--probe", entrypoint=["--entrypoint", "/usr/bin/sentinel-box"]) for way in WAYS if way != "restricted"}
    assert [(done.returncode, done.stdout.split()[-1]) for done in told.values()] == [(0, "A-")] * 2, told
    assert ["of files too" in done.stdout for done in told.values()] == [True, False]
