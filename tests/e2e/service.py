"""A private Sentinel: redis-server, master and executors in a temporary directory, each child in a session of its own.

Nothing here sleeps for time: what has to come true is polled for. When a service is closed, its children must end by
themselves with exit code 0, leave no process and no cgroup behind, and have logged no sanitizer report."""

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import scale
from client import Client

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("master/sentinel-master", "executor/sentinel-executor", "executor/box/sentinel-box")
# Another executor than the build directory's, as a command, and its languages: tools/dev/debian13.py has one.
EXECUTOR = os.environ.get("SENTINEL_TEST_EXECUTOR", "").split()
LANGUAGES = Path(os.environ.get("SENTINEL_TEST_LANGUAGES_DIR", ROOT / "languages"))
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True)

# Variables that the settings table takes as aliases: the tester's own must not leak into the children.
ALIASES = {"REDIS_URL", "REDIS_HOST", "REDIS_PORT", "LOG_LEVEL", "DEBUG", "MAX_CODE_LENGTH", "MAX_TEST_CASES", "PORT",
           "EXECUTION_TIMEOUT", "HOSTNAME", "JOB_TIMEOUT"}
SANITIZER = re.compile(r"(Address|Leak|Thread|UndefinedBehavior|Memory)Sanitizer|: runtime error: |Assertion .* failed")


def wait_until(condition, what, seconds=60):
    """What `condition` returns once it is true; AssertionError naming `what` when it never is."""
    deadline = time.monotonic() + seconds * scale.SCALE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def build_dir():
    named = os.environ.get("SENTINEL_BUILD")
    for path in [ROOT / named] if named else [ROOT / "build/asan", ROOT / "build/release"]:
        if all((path / program).exists() for program in PROGRAMS):
            return path
    raise RuntimeError(f"{named or 'build/asan and build/release'}: not all there of {', '.join(PROGRAMS)}")


def executor():
    """Its command."""
    return EXECUTOR or [build_dir() / "executor/sentinel-executor"]


def adopt_orphans():
    """Makes this process the parent of whatever its children leave behind, so that leftovers() can see it."""
    if LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def stat_of(pid):
    """(comm, state, parent) of a process, or None when it is gone."""
    try:
        head, tail = Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)
    except OSError:
        return None
    return head.split("(", 1)[1], tail.split()[0], int(tail.split()[1])


def living_processes():
    """pid → (comm, state, parent) of every process that is not a zombie."""
    found = {int(p): stat_of(p) for p in os.listdir("/proc") if p.isdigit()}
    return {pid: stat for pid, stat in found.items() if stat and stat[1] not in "ZX"}


def descendants(root):
    processes = living_processes()
    tree, grew = {root}, True
    while grew:
        more = {pid for pid, (_, _, parent) in processes.items() if parent in tree} - tree
        tree, grew = tree | more, bool(more)
    return {pid: processes[pid][0] for pid in tree - {root}}


class Cgroups:
    """Where our children's cgroups go: groups of our own on v1, so that others who work beneath the same group are not
    mistaken for leftovers; on v2 our own group as it is, because a fresh one would have no controllers."""

    def __init__(self):
        self.bases, self.private = [], []
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if {"memory", "pids", "cpu", "cpuacct"} & set(controllers.split(",")):
                self._make_private(Path("/sys/fs/cgroup") / controllers / path.lstrip("/"))
            elif not controllers and Path("/sys/fs/cgroup/cgroup.controllers").exists():
                self.bases.append(Path("/sys/fs/cgroup") / path.lstrip("/"))
        self.before = self._groups()

    def _make_private(self, parent):
        group = parent / f"sentinel-e2e-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            return  # not ours to write: then the executor cannot make any there either
        self.private.append(group)
        self.bases.append(group)

    def _groups(self):
        """All but the leaf into which, on v2, a box moves who was in its parent."""
        return {path for base in self.bases for path in base.glob("**/") if path != base and path.name != "sentinel-host"}

    def enter(self):
        for group in self.private:
            (group / "cgroup.procs").write_text("0")

    def leftovers(self):
        return sorted(str(path) for path in self._groups() - self.before)

    def remove(self):
        """Ours, with what is left in them; nothing on v2, where the group is not ours alone."""
        inner = [path for path in self._groups() if any(group in path.parents for group in self.private)]
        for path in sorted(inner, key=lambda p: -len(p.parts)) + self.private:
            path.rmdir()


class Child:
    """A program in a session (and so a process group) of its own, with its log."""

    def __init__(self, name, argv, env, directory, cgroups=None):
        self.name, self.argv, self.env, self.cgroups = name, [str(a) for a in argv], env, cgroups
        self.log = Path(directory) / f"{name}.log"
        self.process, self.may_die = None, False
        self.start()

    def start(self):
        def prepare():
            if self.cgroups:
                self.cgroups.enter()
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # a killed pytest leaves nothing running

        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.log.parent, start_new_session=True, preexec_fn=prepare)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        """Sends it to the program alone, not to what it started."""
        self.may_die = self.may_die or number == signal.SIGKILL
        self.process.send_signal(number)

    def wait(self, seconds=30):
        return self.process.wait(timeout=seconds * scale.SCALE)

    def stop(self, seconds=30):
        """SIGTERM, and what was wrong about its end (a list of sentences)."""
        if self.alive():
            self.process.terminate()
        problems = []
        try:
            code = self.wait(seconds)
            if code != 0 and not self.may_die:
                problems.append(f"{self.name} ended with {code}")
        except subprocess.TimeoutExpired:
            problems.append(f"{self.name} was still there {seconds} s after SIGTERM")
        self.kill_group()
        return problems

    def kill_group(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def log_text(self, start=0):
        data = self.log.read_bytes() if self.log.exists() else b""
        return data[start:].decode(errors="replace")


class Service:
    """One Redis, one master, any number of executors. settings: {"lease_ms": 500} becomes SENTINEL_LEASE_MS=500.
    token: the API key that `client` sends."""

    def __init__(self, cgroups, redis_options=(), token=None, **settings):
        self.directory = Path(tempfile.mkdtemp(prefix="sentinel-e2e-"))
        self.build, self.cgroups = build_dir(), cgroups
        self.settings = {"drain_s": 5, **scale.settings(LANGUAGES, self.directory), **settings}
        self.children, self.executors = [], {}
        self.redis = self.master = None
        self.redis_socket = self.directory / "redis.sock"
        self.redis_options = list(redis_options)
        self.port = free_port()
        self.master_options = ["--grpc-port", "0"]
        self.client = Client(f"http://127.0.0.1:{self.port}", token)

    def start(self, languages, slots):
        self.start_redis()
        self.start_master()
        for language in languages:
            self.start_executor(language, slots=slots)
        self.wait_for_executors()

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("SENTINEL_") and k not in ALIASES}
        env.setdefault("ASAN_OPTIONS", "abort_on_error=0:exitcode=66")
        env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1:exitcode=66")
        settings = {"redis_url": f"unix://{self.redis_socket}", "languages_dir": LANGUAGES,
                    "log_level": "debug"}
        settings.update(self.settings)
        settings.update(more)
        env.update({"SENTINEL_" + key.upper(): str(value) for key, value in settings.items()})
        return env

    def _child(self, name, argv, env, cgroups=None):
        child = Child(name, argv, env, self.directory, cgroups)
        self.children.append(child)
        return child

    def start_redis(self):
        options = ["--port", "0", "--unixsocket", self.redis_socket, "--dir", self.directory, "--save", "",
                   "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]
        self.redis = self._child("redis", ["redis-server", *options, *self.redis_options], dict(os.environ))
        wait_until(lambda: self.redis_command("PING") == "+PONG", "redis-server answers PING")

    def redis_command(self, *words):
        """The first line of Redis' answer, or None when there is none."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect(str(self.redis_socket))
                s.sendall(" ".join(words).encode() + b"\r\n")
                return s.makefile("rb").readline().decode().strip()
        except OSError:
            return None

    def start_master(self):
        argv = [self.build / "master/sentinel-master", "--port", self.port, *self.master_options]
        self.master = self._child("master", argv, self.environment())
        wait_until(lambda: self.ready() or self._fail_if_dead(self.master), "the master's /readyz is 200")

    def grpc_port(self):
        """What the master was given by the kernel; its log's last word on it, as it may have been started again."""
        found = [int(port) for port in re.findall(r'"event":"listening".*?"grpcPort":(\d+)', self.master.log_text())]
        return found[-1]

    def ready(self):
        return self.client.answers("/readyz") == 200

    def _fail_if_dead(self, child):
        if not child.alive():
            raise AssertionError(f"{child.name} ended with {child.process.returncode}:\n{child.log_text()[-4000:]}")
        return False

    def start_executor(self, language, number=1, slots=2, **settings):
        name = f"{language}-{number}"
        env = self.environment(languages=language, executor_id=name, slots=slots, **settings)
        self.executors[name] = self._child(name, executor(), env, self.cgroups)
        return self.executors[name]

    def outcome(self, argv, **settings):
        """Status and words of a program that is not to start."""
        result = subprocess.run([str(word) for word in argv], env=self.environment(languages="python", **settings),
                                capture_output=True, text=True, timeout=60 * scale.SCALE)
        return result.returncode, result.stdout + result.stderr

    def wait_for_executors(self, names=None):
        """Until /load has a row for each, so that it is registered and serves."""
        names = set(self.executors if names is None else names)

        def registered():
            for name in names:
                self._fail_if_dead(self.executors[name])
            return names <= {row["containerId"] for row in self.client.get("/load").json()["containers"]}

        if names:
            wait_until(registered, f"/load shows {sorted(names)}", 120)

    def close(self):
        """What was wrong at the end, as a list of sentences. Executors go first: they report to a master's Redis."""
        order = sorted(self.children, key=lambda c: (c.name == "redis", c.name == "master"))
        problems = [problem for child in order for problem in child.stop()]
        for child in {c.log: c for c in self.children if c.name != "redis"}.values():
            text = child.log_text()
            match = SANITIZER.search(text)
            if match:
                problems.append(f"{child.name} logged: {text[max(0, match.start() - 300):match.start() + 3000]}")
        self.client.close()
        return problems

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def orphans(services):
    """Processes that our children left behind: they became ours (adopt_orphans). Zombies are reaped on the way."""
    known = {child.pid for service in services for child in service.children}
    left = {}
    for pid in (int(p) for p in os.listdir("/proc") if p.isdigit()):
        stat = stat_of(pid)
        if not stat or stat[2] != os.getpid() or pid in known:
            continue
        if stat[1] == "Z":
            os.waitpid(pid, os.WNOHANG)
        else:
            left[pid] = stat[0]
    return left


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
