"""The abuse catalogue: `sentinel-executor selftest` holds it as a table (executor/selftest/cases_*.c); here it is run in
every way that a machine of ours gives: as root in each tier, as an ordinary user, inside a rootless user namespace."""

import concurrent.futures
import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from box import SCALE
from conftest import HAS_B, USER, scratch_folder

BOX = pathlib.Path(os.environ.get("SENTINEL_BOX", "/nonexistent"))
LANGUAGES = os.environ.get("SENTINEL_LANGUAGES_DIR", str(pathlib.Path(__file__).resolve().parents[2] / "languages"))


def as_user(number):
    """One for each way: two run at a time, and processes are counted for an id."""
    user = USER + number * 1_000_000
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]


# name → (what stands before the command, its options, the tier that must come of it)
WAYS = {
    "A": ([], ["--tier", "A"], "A"),
    "A-": ([], ["--tier", "A-"], "A-"),
    "user": (as_user(1), [], "A-"),
    "userns": ([*as_user(2), "unshare", "--user", "--map-root-user", "--"], [], "A-"),
}
if HAS_B:
    WAYS |= {"B": ([], ["--tier", "B"], "B"), "user-B": (as_user(3), ["--tier", "B"], "B")}


def built(name):
    """Beside the box, or in its own folder of the build directory."""
    places = [BOX.parent / name, BOX.parents[1] / name, BOX.parents[1] / "selftest" / name]
    return next((place for place in places if place.exists()), places[0])


def installed():
    """Copies, as an installation has them: in one folder that everybody may read."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sentinel-selftest-"))
    folder.chmod(0o755)
    for name in ("sentinel-executor", "sentinel-box", "sentinel-probe"):
        shutil.copy(built(name), folder)
    shutil.copytree(LANGUAGES, folder / "languages")
    shutil.copy(built("sentinel-probe-dynamic"), folder / "languages")
    return folder


@pytest.fixture(scope="module", name="folder")
def fixture_folder():
    folder = installed()
    yield folder
    shutil.rmtree(folder)


def command(folder, *arguments, before=()):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SENTINEL_")}
    return subprocess.run([*before, folder / "sentinel-executor", "selftest", *arguments], env=environment, cwd="/",
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def run(folder, way, *arguments):
    """In tier B a tmpfs takes what programs write, as a pod's emptyDir is one."""
    before, options, _ = WAYS[way]
    with scratch_folder() as scratch:
        return command(folder, *options, "--slow", str(SCALE), "--languages-dir", str(folder / "languages"),
                       "--scratch-dir", scratch, *arguments, before=before)


@pytest.fixture(scope="module", name="reports")
def fixture_reports(request, folder):
    """way → what its run of the whole catalogue comes to. Two at a time: programs that sleep take no processor."""
    chosen = {item.callspec.params.get("way") for item in request.session.items if hasattr(item, "callspec")}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield {way: pool.submit(run, folder, way, "--json") for way in WAYS if way in chosen}


def report(reports, way):
    done = reports[way].result()
    assert done.stdout.startswith("{"), done.stderr
    return json.loads(done.stdout)


@functools.cache
def cases():
    """What the command itself lists; empty where it was not built, which test_the_list tells."""
    program = built("sentinel-executor")
    if not program.exists():
        return []
    listed = subprocess.run([program, "selftest", "--list", "--json"], capture_output=True, text=True, check=True)
    return json.loads(listed.stdout)


EXPRESSIBLE = [pytest.param(way, case["name"], id=f"{way}-{case['name']}")
               for way, (_, _, tier) in WAYS.items() for case in cases() if tier in case["tiers"]]


@pytest.mark.parametrize("way, name", EXPRESSIBLE)
def test_abuse(reports, way, name):
    row = next(case for case in report(reports, way)["cases"] if case["name"] == name)
    if row["outcome"] == "absent" and os.environ.get("SENTINEL_MUST_SANDBOX") != "1":
        pytest.skip(row["why"])
    assert row["outcome"] == "held", row["why"]


@pytest.mark.parametrize("way", WAYS)
def test_the_whole(reports, way):
    """The tier is the one meant, and the status says that all held."""
    whole = report(reports, way)
    assert whole["tier"] == WAYS[way][2]
    assert (whole["broken"], reports[way].result().returncode) == (0, 0)
    assert whole["held"] == sum(WAYS[way][2] in case["tiers"] for case in cases()) - whole["absent"]


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("userns", "user-B")])
def test_warm(folder, way):
    """Every verb of the probe again, in forks of a probe that stands ready: nothing holds less."""
    done = run(folder, way, "--json", "--warm", "/languages/sentinel-probe-dynamic")
    whole = json.loads(done.stdout)
    assert [(case["name"], case["why"]) for case in whole["cases"] if case["outcome"] in ("broken", "absent")] == []
    assert done.returncode == 0
    assert whole["held"] > 50


def test_the_list():
    """The whole catalogue, and whatever no box can express says whose it is."""
    numbers = {number for case in cases() for number in case["numbers"]}
    assert numbers == set(range(1, 85))
    names = [case["name"] for case in cases()]
    assert len(set(names)) == len(names)
    for case in cases():
        if not case["tiers"]:
            assert case["elsewhere"], case
        elif set(case["tiers"]) != {"A", "A-", "B"}:
            assert case["beyond"], case


def test_a_table_for_people(folder):
    done = run(folder, "A", "--case", "memfd", "--case", "callbacks")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:3]] == [["13", "memfd", "held"], ["77", "callbacks", "elsewhere"]]
    assert lines[3].startswith("tier A, Linux ") and "1 held, 0 broken" in lines[3]
    assert "selftest: 1 of 2: memfd" in done.stderr


def test_tier_b_or_why_not(folder):
    """It wants Landlock 6, so Linux 6.12."""
    done = command(folder, "--tier", "B", "--case", "memfd", "--slow", str(SCALE))
    if HAS_B:
        assert done.returncode == 0, done.stderr
    else:
        assert (done.returncode, done.stdout) == (1, "")
        assert "andlock" in done.stderr


def test_what_is_broken_is_told(folder, tmp_path):
    """A probe that does not misbehave: every case is broken, and the status says so."""
    for name in ("sentinel-executor", "sentinel-box"):
        shutil.copy(folder / name, tmp_path)
    (tmp_path / "sentinel-probe").write_bytes(b"#!/bin/true\n")
    done = command(tmp_path, "--json", "--case", "endless-loop", "--case", "memfd", "--slow", str(SCALE))
    whole = json.loads(done.stdout)
    assert (done.returncode, whole["broken"], whole["held"]) == (1, 2, 0)
    assert all(case["why"] for case in whole["cases"])


@pytest.mark.parametrize("options, complaint", [
    (["--tier", "C"], '--tier is "C", allowed: A, A-, B'), (["--tier"], "--tier wants a value"),
    (["--case", "none"], 'there is no case "none"'), (["--slow", "0"], '--slow is "0", allowed: 1 to 1000'),
    (["--colour", "red"], 'unknown option "--colour"'), (["--box-path", "/none"], "box-path /none"),
])
def test_bad_options(folder, options, complaint):
    done = command(folder, *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert complaint in done.stderr
