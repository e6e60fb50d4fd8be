"""docker/compose.yaml, run by podman with the file's own words. Two things are not the file's: the network is the host's,
because podman's own wants what a CI host may not give, so services have names for one address; and its Redis is this
machine's redis-server with the file's command line, because no registry is asked for an image."""

import os
import re
import shlex
import socket
import subprocess

import pytest
import yaml

import pods
from client import Client
from conftest import LANGUAGES
from pods import podman
from service import free_port, wait_until

COMPOSE = pods.ROOT / "docker/compose.yaml"
# What the test gives or the host's network makes pointless; any other key of a service must become an option.
ELSEWHERE = {"image", "environment", "networks", "ports", "depends_on", "restart", "command", "healthcheck"}


def filled(text):
    """Variables as a shell without them has them: their defaults."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(filled(COMPOSE.read_text()))["services"]


def security(words):
    for word in words:
        key, _, value = word.replace(":", "=", 1).partition("=")
        if key == "seccomp":
            yield f"seccomp={COMPOSE.parent / value}"
        elif (key, value) == ("systempaths", "unconfined"):  # podman's name for it
            yield "unmask=ALL"
        elif key == "no-new-privileges" and value == "true":
            yield "no-new-privileges"
        else:
            assert (key, value) == ("apparmor", "unconfined"), word
            yield word


def options(service):
    """A service's keys as podman's options."""
    words = []
    for key, value in service.items():
        if key == "user":
            words += ["--user", value]
        elif key == "read_only":
            words += ["--read-only", "--read-only-tmpfs=false"] if value else []
        elif key == "cap_drop":
            words += [f"--cap-drop={capability.lower()}" for capability in value]
        elif key == "security_opt":
            words += [f"--security-opt={word}" for word in security(value)]
        elif key == "tmpfs":
            words += [f"--tmpfs={mount}" for mount in value]
        elif key == "cpus":
            words += ["--cpus", str(value)]
        elif key == "mem_limit":
            words += ["--memory", str(value)]
        elif key == "stop_grace_period":
            words += ["--stop-timeout", value.removesuffix("s")]
        else:
            assert key in ELSEWHERE, f"compose.yaml has {key}, which this test does not know"
    return words


@pytest.fixture(scope="module")
def client(services, tmp_path_factory):
    """The services whose images were built, started in the order that depends_on asks for."""
    folder = tmp_path_factory.mktemp("compose")
    redis_port, port, started = free_port(), free_port(), []
    program, *words = services["redis"]["command"]
    with (folder / "redis.log").open("w") as log:
        redis = subprocess.Popen([program, *words, "--port", str(redis_port), "--bind", "127.0.0.1", "--dir", folder],
                                 stdout=log, stderr=log)

    def start(name, **settings):
        service = services[name]
        values = {**service["environment"], "SENTINEL_REDIS_URL": f"redis://127.0.0.1:{redis_port}", **settings}
        environment = [word for key, value in values.items() for word in ("--env", f"{key}={value}")]
        container = f"sentinel-compose-{name}-{os.getpid()}"
        podman("run", "--name", container, "--detach", "--no-healthcheck", "--runtime", "runc", "--network", "host",
               *pods.ULIMITS, *options(service), *environment, pods.image(service["image"].split(":")[0]))
        started.append(container)

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", redis_port)) == 0
    client = Client(f"http://127.0.0.1:{port}")
    try:
        wait_until(listens, "redis-server listens")
        start("master", SENTINEL_HOST="127.0.0.1", SENTINEL_PORT=port)
        wait_until(lambda: client.answers("/readyz") == 200, "the master is ready", 60)
        for language in set(LANGUAGES) & set(services):
            start(language, SENTINEL_METRICS_PORT=free_port())
        yield client
    finally:
        client.close()
        for container in reversed(started):
            podman("rm", "--force", "--time", "0", container)
        redis.terminate()
        redis.wait()


def test_every_service_has_an_image_of_ours_or_redis(services):
    for name, service in services.items():
        wanted = {"master": "sentinel-master", "redis": "redis"}.get(name, f"sentinel-executor-{name}")
        assert service["image"].split(":")[0] == wanted
        assert shlex.join(options(service))


def test_a_program_runs_in_tier_a_minus(client):
    language = min(set(LANGUAGES) & {"python", "cpp"})
    code = {"python": "import os\nprint(os.getpid() < 10)", "cpp": "#include <cstdio>\n#include <unistd.h>\n"
            'int main() { puts(getpid() < 10 ? "True" : "False"); }'}[language]
    job = client.run({"language": language, "code": code})
    assert (job["isolation"], job["output"]) == ("A-", "True")


def test_health_names_the_tier(client):
    health = client.get("/health").json()
    assert health["status"] == "healthy", health
