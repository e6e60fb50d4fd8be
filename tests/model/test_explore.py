"""The explorer finds nothing in the scripts as they are, and finds each fault that is put into them; the Redis that it
runs them on answers like the real one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCRIPTS = ROOT / "common/scripts"
EARLIER = ROOT / "tests/versions/0.1.0/scripts"
sys.path.insert(0, str(ROOT / "tests/integration"))
from conftest import admin, run, socket  # noqa: E402, F401 (fixtures)

BASE = "sentinel:{m}"


def command(*options):
    """Without LuaJIT's compiler, which gains nothing here: once it brought a fault that neither its interpreter nor Redis
    shows."""
    return ["luajit", "-joff", HERE / "explore.lua", SCRIPTS, *map(str, options)]


def explore(*options):
    return subprocess.run(command(*options), capture_output=True, text=True, timeout=300)


WORLDS = {
    "one list each": ["--jobs", "apart"],
    "one owner, one list": ["--jobs", "line"],
    "two owners, two releases": ["--jobs", "owners", "--earlier", EARLIER],
}


@pytest.fixture(scope="module")
def explorations():
    """All at once: each has one thread."""
    started = {name: subprocess.Popen(command(*options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for name, options in WORLDS.items()}
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("world", WORLDS)
def test_every_interleaving_keeps_the_promises(explorations, world):
    output, _ = explorations[world].communicate(timeout=1800)
    print(output)
    assert explorations[world].returncode == 0 and "nothing found" in output, output


MUTATIONS = {
    "complete takes any token": ("complete", "held ~= token", "false", "is not the result"),
    "a requeue leaves the token": ("prelude", "redis.call('HDEL', job_key(id), 'token')", "", "is not the result"),
    "a claim takes no lease": ("claim", "redis.call('ZADD', key('lease'), now + lease_ms, id)", "", "leases"),
    "what is given back is dropped": ("prelude", "queue(id, now, true)",
                                      "redis.call('HSET', job_key(id), 'state', 'queued')", "lines"),
    "a claim leaves an entry in the list": ("claim", "take_entry(list, id)\n  redis", "redis",
                                            "length of a list"),
    "a cancelled job's entry is not counted": ("prelude", "count(stubs_field(list_of(priority)))", "", "length of a list"),
    "a claimed job stays in line": ("claim", "leave(list, id, owner)", "", "lines"),
    "attempts have no end": ("prelude", "attempts >= max_attempts", "false", "attempts"),
    "a final job's lease stays": ("prelude", "redis.call('ZREM', key('lease'), id)\n  redis.call('PEXPIRE', job, ttl)",
                                  "redis.call('PEXPIRE', job, ttl)", "leases"),
    "nothing is reaped": ("reap", "uptime * 1000 >= lease_ms", "false", "no way to the end"),
}


def check_fault(result, fault):
    assert result.returncode == 1 and fault in result.stdout.splitlines()[0], result.stdout[-2000:] + result.stderr


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_fault_is_found(mutation):
    script, text, instead, fault = MUTATIONS[mutation]
    check_fault(explore("--mutate", script, text, instead), fault)


def test_a_fault_between_releases_is_found():
    """A claim that drops what an earlier master put into the list."""
    result = explore("--jobs", "line", "--earlier", EARLIER, "--mutate", "claim", "join(list, entry, owner or '', place)", "")
    check_fault(result, "no one can find")


def masked(value):
    """Without times, which differ."""
    if isinstance(value, list):
        return [masked(each) for each in value]
    return "time" if str(value).isdigit() and int(value) >= 10**9 else value


@pytest.mark.parametrize("seed", range(20))
def test_real_redis_answers_the_same(run, admin, seed):  # noqa: F811
    calls = [json.loads(line) for line in explore("--walk", seed).stdout.splitlines()]
    assert len(calls) > 20
    for name, arguments, reply in calls:
        if name == "lease ends":
            admin.zadd(f"{BASE}:lease", {arguments[0]: 0})
        else:
            assert masked(run(name, BASE, *arguments) or False) == masked(reply), (name, arguments)
