"""What `./dev up` starts: a supervisor in a session of its own, with redis-server, a master and executors as children.
A child that dies is started again, later each time; SIGTERM ends all, executors first. The lock on .run/lock says that a
supervisor lives, and holds its process id: it is held by nobody else, so the id cannot be a stranger's."""

import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import time

from paths import LOGS, RUN
from progress import Failure

PR_SET_PDEATHSIG = 1
BACKOFF_S = [1, 2, 5, 10, 30]
STABLE_S = 60  # a child that lived this long begins with the shortest wait again
LIBC = ctypes.CDLL(None)


def lock():
    """The lock's descriptor, or None when a supervisor holds it."""
    RUN.mkdir(exist_ok=True)
    fd = os.open(RUN / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def running():
    """{"pid", "url"} of the supervisor that runs, or None."""
    fd = lock()
    if fd is not None:
        os.close(fd)
        return None
    try:
        return json.loads((RUN / "lock").read_text())
    except ValueError:
        raise Failure("another ./dev up is just starting") from None


class Child:
    """`stage` orders the end: lower ones are gone before higher ones are told."""

    def __init__(self, name, stage, argv, environment, patience_s):
        self.name, self.stage, self.patience_s = name, stage, patience_s
        self.argv, self.environment = [str(a) for a in argv], {**os.environ, **environment}
        self.log = LOGS / f"{name}.log"
        self.process, self.started, self.deaths, self.due = None, 0, 0, 0

    def start(self):
        def die_with_supervisor():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True, preexec_fn=die_with_supervisor)
        self.started = time.monotonic()

    def died(self):
        status, self.process = self.process.returncode, None
        now = time.monotonic()
        self.deaths = 0 if now - self.started > STABLE_S else self.deaths
        wait = BACKOFF_S[min(self.deaths, len(BACKOFF_S) - 1)]
        self.deaths, self.due = self.deaths + 1, now + wait
        how = f"signal {-status}" if status < 0 else f"status {status}"
        return f"{self.name} ended with {how}; it is started again in {wait} s ({self.log})"


class Supervisor:
    """Runs in the forked process; what it prints goes to supervisor.log."""

    def __init__(self, children):
        self.children = children
        self.wake_read, self.wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.stopping = False

    def run(self):
        signal.set_wakeup_fd(self.wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while not self.stopping:
            self._start_due()
            soonest = min((c.due for c in self.children if not c.process), default=None)
            self._wait(None if soonest is None else soonest - time.monotonic())
            for child in self.children:
                if child.process and child.process.poll() is not None and not self.stopping:
                    print(child.died(), flush=True)
        for stage in sorted({child.stage for child in self.children}):
            self._end([child for child in self.children if child.stage == stage and child.process])
        print("stopped", flush=True)

    def _on_stop(self, *_):
        self.stopping = True

    def _start_due(self):
        for child in self.children:
            if not child.process and child.due <= time.monotonic():
                child.start()

    def _wait(self, seconds):
        select.select([self.wake_read], [], [], None if seconds is None else max(0, seconds))
        try:
            os.read(self.wake_read, 4096)
        except BlockingIOError:
            pass

    def _end(self, children):
        for child in children:
            child.process.terminate()
        deadline = time.monotonic() + max((child.patience_s for child in children), default=0)
        while any(child.process.poll() is None for child in children) and time.monotonic() < deadline:
            self._wait(deadline - time.monotonic())
        for child in children:
            if child.process.poll() is None:
                print(f"{child.name} did not end within {child.patience_s} s: killed", flush=True)
                os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()


def launch(children, held, url, detach):
    """Forks the supervisor, which takes over the lock; its process id. Without `detach` it stops when we die."""
    LOGS.mkdir(parents=True, exist_ok=True)
    for child in children:
        child.log.write_bytes(b"")
    parent, pid = os.getpid(), os.fork()
    if pid:
        os.close(held)
        return pid
    status = 1
    try:
        os.setsid()
        if not detach:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        log = os.open(LOGS / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for fd, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
            os.dup2(source, fd)
        os.ftruncate(held, 0)
        os.pwrite(held, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)
        if detach or os.getppid() == parent:
            Supervisor(children).run()
        status = 0
    finally:
        os._exit(status)


def stop(pid):
    """Asks the supervisor to end and waits until it has: when the lock is free, all it started is gone."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    with open(RUN / "lock", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
