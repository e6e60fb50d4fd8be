"""A private redis-server, and the scripts as the store runs them, by the user that docs/PROTOCOL.md gives."""
import pathlib
import re
import subprocess
import sys
import time

import pytest
import redis

ROOT = pathlib.Path(__file__).parents[2]
SCRIPTS = ROOT / "common" / "scripts"
sys.path.insert(0, str(SCRIPTS))
import embed  # noqa: E402


def acl_line():
    return re.search(r"^user sentinel .*$", (ROOT / "docs" / "PROTOCOL.md").read_text(), re.M).group()


def script_names():
    return sorted(path.stem for path in SCRIPTS.glob("*.lua") if path.stem != "prelude")


def connect(socket, deadline=10, **options):
    """A client that has had an answer; the server may still be starting."""
    client = redis.Redis(unix_socket_path=str(socket), decode_responses=True, **options)
    end = time.monotonic() + deadline
    while True:
        try:
            client.execute_command("INFO", "server")
            return client
        except redis.ConnectionError:
            if time.monotonic() > end:
                raise


@pytest.fixture(scope="session")
def socket(tmp_path_factory):
    path = tmp_path_factory.mktemp("redis")
    conf = path / "redis.conf"
    conf.write_text(f'port 0\nunixsocket {path}/redis.sock\ndir {path}\nsave ""\n{acl_line()}\n')
    server = subprocess.Popen(["redis-server", str(conf)], stdout=subprocess.DEVNULL)
    try:
        yield path / "redis.sock"
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def admin(socket):
    client = connect(socket)
    client.flushall()
    return client


@pytest.fixture
def run(socket, admin):
    """run(script, keys, *arguments), as the sentinel user."""
    client = connect(socket, username="sentinel", password="secret")
    shas = {name: client.script_load(embed.text(SCRIPTS / f"{name}.lua", SCRIPTS / "prelude.lua"))
            for name in script_names()}

    def run_script(name, keys, *arguments):
        keys = [keys] if isinstance(keys, str) else keys
        return client.evalsha(shas[name], len(keys), *keys, *arguments)

    return run_script
