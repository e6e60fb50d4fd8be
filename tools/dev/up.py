"""`./dev up` and `./dev down`."""

import argparse
import http.client
import os
import signal
import socket
import time

import packages
import stack
import toolchains
from build import build
from examples import request, run_examples
from paths import BOX, EXECUTOR, LOGS, MASTER, PROBE, RELEASE, RUN, TOP
from progress import Failure, Step, say

GRPC_PORT = 50051
START_S = 60
DRAIN_S = 30  # the executors' default


def options(arguments):
    environment = os.environ.get
    parser = argparse.ArgumentParser(prog="./dev up", description="Builds, starts everything, runs examples/.")
    parser.add_argument("--languages", default=environment("SENTINEL_LANGUAGES", "present"),
                        help="all, or python,cpp,… (default: those whose toolchain is there, and python, c, cpp)")
    parser.add_argument("--host", default=environment("SENTINEL_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=environment("SENTINEL_PORT", "8080"))
    parser.add_argument("--grpc-port", type=int, default=environment("SENTINEL_GRPC_PORT"),
                        help="(default: 50051, or any when that is taken)")
    parser.add_argument("--slots", type=int, help="runs at once of each language (default: by processors)")
    parser.add_argument("--redis", default=environment("SENTINEL_REDIS_URL"), help="a URL (default: a private server)")
    parser.add_argument("--detach", action="store_true", help="return when it serves; ./dev down ends it")
    return parser.parse_args(arguments)


def free_port(host, port):
    """That port, or any for 0. OSError: it is taken."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        return probe.getsockname()[1]


def check_port(host, port, option):
    try:
        free_port(host, port)
    except OSError as error:
        raise Failure(f"cannot listen on {host}:{port}: {error.strerror.lower()}. Choose another with {option} N; "
                      f"who has it: ss -ltnp 'sport = :{port}'") from None


def choose_grpc_port(asked):
    if asked.grpc_port is not None:
        check_port(asked.host, asked.grpc_port, "--grpc-port")
        return asked.grpc_port
    try:
        return free_port(asked.host, GRPC_PORT)
    except OSError:
        return free_port(asked.host, 0)


def default_slots(count):
    """Two, so that a job's tests overlap, or more while all languages together get no more than about twice the processors:
    runs that share one too often come near their wall limit for no fault of their own."""
    processors = len(os.sched_getaffinity(0))
    return min(processors, max(2, -(-2 * processors // count)))


def children(chosen, asked):
    """What the supervisor is to run."""
    found = []
    url = asked.redis
    if not url:
        data, path = RUN / "redis", RUN / "redis.sock"
        data.mkdir(parents=True, exist_ok=True)
        if len(str(path)) > 100:
            raise Failure(f"{path} is too long for a unix socket: use --redis, or a shorter path for the clone")
        path.unlink(missing_ok=True)
        found.append(stack.Child("redis", 2, ["/usr/bin/redis-server", "--port", "0", "--unixsocket", path,
                                              "--unixsocketperm", "700", "--dir", data, "--appendonly", "yes", "--save",
                                              "", "--maxmemory-policy", "noeviction"], {}, 30))
        url = f"unix://{path}"
    common = {"SENTINEL_REDIS_URL": url, "SENTINEL_LANGUAGES_DIR": str(TOP / "languages")}
    found.append(stack.Child("master", 1, [RELEASE / MASTER], {
        **common, "SENTINEL_LANGUAGES": ",".join(chosen), "SENTINEL_HOST": asked.host,
        "SENTINEL_PORT": str(asked.port), "SENTINEL_GRPC_PORT": str(asked.grpc_port)}, 30))
    patience = int(os.environ.get("SENTINEL_DRAIN_S", DRAIN_S)) + 15
    for name in chosen:
        found.append(stack.Child(f"{name}-1", 0, [RELEASE / EXECUTOR], {
            **common, "SENTINEL_LANGUAGES": name, "SENTINEL_EXECUTOR_ID": f"{name}-1",
            "SENTINEL_SLOTS": str(asked.slots or default_slots(len(chosen))),
            "SENTINEL_BOX_PATH": str(RELEASE / BOX)}, patience))
    return found


def wait_until_served(host, port, chosen):
    """Until /load has every executor of ours, alive."""
    wanted, answered = {f"{name}-1" for name in chosen}, False
    deadline = time.monotonic() + START_S
    with Step("waiting for the executors") as step:
        while time.monotonic() < deadline:
            try:
                _, load = request(host, port, "GET", "/load")
                wanted -= {row["containerId"] for row in load.get("containers", [])}
                answered = True
            except (OSError, http.client.HTTPException, ValueError):
                pass
            if not wanted:
                return
            step.detail = "missing: " + ", ".join(sorted(wanted))
            time.sleep(0.1)
    silent = sorted(wanted)[0] if answered else "master"
    for name in ("supervisor", silent):
        say("\n".join([f"{name}.log:", *(LOGS / f"{name}.log").read_text().splitlines()[-12:]]))
    raise Failure(f"not serving within {START_S} s: {', '.join(sorted(wanted))} (logs: {LOGS})")


def up(arguments):
    asked = options(arguments)
    held = stack.lock()
    if held is None:
        other = stack.running()
        raise Failure(f"already running at {other['url']} (process {other['pid']}): ./dev down ends it")
    packages.install(packages.BUILD, "building", optional=packages.MASTER)
    if packages.missing(packages.MASTER):
        raise Failure("there can be no sentinel-master: this Debian has no libh2o (12 has)")
    packages.install([] if asked.redis else packages.RUN, "running")
    chosen = toolchains.install(asked.languages)
    build(RELEASE, MASTER, EXECUTOR, BOX, PROBE)
    check_port(asked.host, asked.port, "--port")
    asked.grpc_port = choose_grpc_port(asked)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(asked.host, asked.host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{asked.port}"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    supervisor = stack.launch(children(chosen, asked), held, url, asked.detach)
    served = False
    try:
        wait_until_served(host, asked.port, chosen)
        accepted = run_examples(host, asked.port, chosen)
        served = True
        say(f"\n{url} (gRPC on {asked.grpc_port}) serves {', '.join(chosen)}; logs are in {LOGS.relative_to(TOP)}; "
            f"{'./dev down' if asked.detach else 'Ctrl-C'} ends it")
        if not asked.detach:
            follow(supervisor)
        if not accepted:
            raise Failure("not all of examples/ were accepted")
    except KeyboardInterrupt:
        served = False
    finally:
        if not (served and asked.detach):
            end(supervisor)


def follow(supervisor):
    """Shows what the supervisor says, until Ctrl-C."""
    with (LOGS / "supervisor.log").open() as log:
        while os.waitpid(supervisor, os.WNOHANG)[0] == 0:
            text = log.read().rstrip()
            if text:
                say(text)
            time.sleep(0.5)
    raise Failure(f"the supervisor ended: {LOGS / 'supervisor.log'}")


def end(supervisor):
    with Step("draining and stopping"):
        stack.stop(supervisor)
    (RUN / "redis.sock").unlink(missing_ok=True)
    say("stopped")


def down():
    other = stack.running()
    if not other:
        say("nothing is running")
        return
    end(other["pid"])
