"""A client of sentinel-box, straight from executor/box/box_protocol.h: starts a box, runs requests, reads replies."""

import array
import contextlib
import dataclasses
import errno
import fcntl
import json
import mmap
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import time

MAGIC, VERSION = 0x53424F58, 2
HELLO, REQUEST, REPLY, CANCEL = 1, 2, 3, 4
RUN, COMPILE = 0, 1
TIERS = ["none", "B", "A-", "A"]
STATUS = ["ok", "refused", "failed"]
CAUSE = ["self", "cpu", "wall", "memory", "output", "cancel", "scratch", "processes"]
MECHANISMS = ["user_ns", "pid_ns", "mount_ns", "net_ns", "ipc_ns", "uts_ns", "cgroup_ns", "seccomp", "landlock",
              "cgroup_memory", "cgroup_pids", "cgroup_cpu"]
MESSAGE_MAX = 128 * 1024

HEAD = struct.Struct("=IIIIQ")  # magic, version, type, profile or status, id
LIMITS = struct.Struct("=QQQQQQQII")
COUNTS = struct.Struct("=IIIIQIIII")
FILE = struct.Struct("=QII")
CANCEL_WIRE = struct.Struct("=IIIIQ")
HELLO_HEAD = struct.Struct("=IIIIQII")
MECHANISM = struct.Struct("=B95s")
REPLY_REST = struct.Struct("=IiiIQQQQQQQQQIIII256s")
WARMTH = ["cold", "warm", "started"]

SCALE = float(os.environ.get("SENTINEL_TEST_TIME_SCALE", "1"))
MB = 1024 * 1024
PROMPT = 20 * SCALE  # seconds: tells what hangs from a busy machine; nothing is measured by it
NOISE = 2 * MB  # of a peak by cgroup v1, which charges a group 256 KB at a time for each processor
GRANTS = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/work", "TMPDIR": "/tmp", "LANG": "C.UTF-8"}


def scaled_us(seconds):
    return int(seconds * SCALE * 1_000_000)


@dataclasses.dataclass
class Limits:
    """Times in seconds before scaling; `exact_cpu_us` and such are for tests of the wire."""

    cpu: float = 5
    wall: float = 15
    memory: int = 128 * MB
    output: int = 64 * 1024
    file: int = 16 * MB
    scratch: int = 32 * MB
    stack: int = 8 * MB
    processes: int = 32
    cpus_milli: int = 1000

    def pack(self):
        return LIMITS.pack(scaled_us(self.cpu), scaled_us(self.wall), self.memory, self.output, self.file,
                           self.scratch, self.stack, self.processes, self.cpus_milli)


@dataclasses.dataclass
class Reply:
    status: str
    id: int
    cause: str
    exit_code: int
    signal: int
    cpu_us: int
    wall_us: int
    runqueue_us: int
    memory_peak: int
    oom_kills: int
    stdout_total: int
    stderr_total: int
    setup_us: int
    cleanup_us: int
    warm: str
    message: str
    stdout: bytes
    stderr: bytes
    files: dict  # name → (bytes, executable)
    bundle: int  # the collected files' descriptor, or -1


SEAL, SHRINK, GROW, WRITE, FUTURE_WRITE = 1, 2, 4, 8, 16  # fcntl's F_SEAL_…
F_ADD_SEALS, F_GET_SEALS = 1033, 1034


def seal(fd):
    """As box_seal() of box_protocol.h, which says why."""
    try:
        fcntl.fcntl(fd, F_ADD_SEALS, SEAL | SHRINK | GROW | WRITE)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        fcntl.fcntl(fd, F_ADD_SEALS, SEAL | SHRINK | GROW | FUTURE_WRITE)


def memfd(data, sealed=True):
    fd = os.memfd_create("test", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]
    os.lseek(fd, 0, os.SEEK_SET)
    if sealed:
        seal(fd)
    return fd


def strings(values):
    return b"".join((v if isinstance(v, bytes) else v.encode()) + b"\0" for v in values)


def pack_request(argv, *, env=None, files=(), collect=(), collect_max=0, limits=None, profile=RUN, run_id=1,
                 warm=False):
    """`files` are (name, contents, executable). Returns the message and the bundle's bytes."""
    env = [f"{k}={v}" for k, v in (ENVIRONMENT if env is None else env).items()]
    message = HEAD.pack(MAGIC, VERSION, REQUEST, profile, run_id) + (limits or Limits()).pack()
    message += COUNTS.pack(len(argv), len(env), len(files), len(collect), collect_max, warm, 0, 0, 0)
    message += b"".join(FILE.pack(len(data), executable, 0) for _, data, executable in files)
    message += strings(argv) + strings(env) + strings(name for name, _, _ in files) + strings(collect)
    return message, b"".join(data for _, data, _ in files)


class Box:
    """A started box. `options` go behind ours; the log is what it wrote to standard error."""

    def __init__(self, *options, grants=GRANTS, program=None, user=None, probe=None, wrapper=(), shim=None):
        self.log_file = tempfile.TemporaryFile()
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [*wrapper, program or os.environ["SENTINEL_BOX"]]
        command += [word for path in grants if os.path.lexists(path) for word in ("--grant", path)]
        command += options

        def child():
            os.dup2(theirs.fileno(), 3, inheritable=True)
            if user is not None:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            if shim is not None:
                shim()

        if theirs.fileno() == 3:
            os.set_inheritable(3, True)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=self.log_file, pass_fds=(3,) if theirs.fileno() == 3 else (),
                                        close_fds=False, preexec_fn=child)
        theirs.close()
        self.output = None
        self.next_id = 1
        self.probe = probe or os.environ.get("SENTINEL_PROBE")
        self._take_hello()

    def _take_hello(self):
        data, fds = self._receive(30 * SCALE)
        if not data:
            self.process.wait()
            raise RuntimeError(f"the box ended with {self.process.returncode}: {self.log()}")
        magic, version, kind, tier, self.output_max, self.landlock_abi, self.cgroup_version = \
            HELLO_HEAD.unpack_from(data)
        assert (magic, version, kind) == (MAGIC, VERSION, HELLO)
        self.tier = TIERS[tier]
        self.mechanisms = {}
        for i, name in enumerate(MECHANISMS):
            on, detail = MECHANISM.unpack_from(data, HELLO_HEAD.size + i * MECHANISM.size)
            self.mechanisms[name] = (bool(on), detail.split(b"\0")[0].decode())
        self.output_seals = fcntl.fcntl(fds[0], F_GET_SEALS)
        self.output = mmap.mmap(fds[0], 2 * self.output_max, prot=mmap.PROT_READ)
        os.close(fds[0])

    def _receive(self, timeout):
        self.socket.settimeout(timeout)
        fds = array.array("i")
        data, control, _, _ = self.socket.recvmsg(MESSAGE_MAX, socket.CMSG_SPACE(16))
        for level, kind, value in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(value[:len(value) - len(value) % fds.itemsize])
        return data, list(fds)

    def log(self):
        self.log_file.seek(0)
        return self.log_file.read().decode()

    def log_lines(self):
        return [json.loads(line) for line in self.log().splitlines()]

    def send(self, message, fds):
        self.socket.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])

    def start(self, argv, *, stdin=b"", stdin_fd=None, bundle_fd=None, **kwargs):
        """Sends a request and returns its id. `stdin_fd`, one of the caller's, goes in the place of `stdin`."""
        run_id = kwargs.setdefault("run_id", self.next_id)
        self.next_id += 1
        message, contents = pack_request(argv, **kwargs)
        if stdin_fd is not None:
            stdin_fd = os.dup(stdin_fd)
        else:
            stdin_fd = os.open("/dev/null", os.O_RDONLY) if stdin is None else memfd(stdin)
        own_bundle = memfd(contents) if bundle_fd is None else os.dup(bundle_fd)
        try:
            self.send(message, [stdin_fd, own_bundle])
        finally:
            os.close(stdin_fd)
            os.close(own_bundle)
        return run_id

    def reply(self, timeout=60):
        data, fds = self._receive(timeout * SCALE)
        if not data:
            raise RuntimeError(f"the box is gone: {self.log()}")
        return self._parse(data, fds)

    def _parse(self, data, fds):
        magic, version, kind, status, run_id = HEAD.unpack_from(data)
        assert (magic, version, kind) == (MAGIC, VERSION, REPLY)
        (cause, exit_code, signal_number, collected, cpu, wall, runqueue, peak, ooms, out_kept, out_total, err_kept,
         err_total, setup, cleanup, warm, _, message) = REPLY_REST.unpack_from(data, HEAD.size)
        at = HEAD.size + REPLY_REST.size
        entries = [FILE.unpack_from(data, at + i * FILE.size) for i in range(collected)]
        names = data[at + collected * FILE.size:].split(b"\0")[:collected]
        files, offset = {}, 0
        for (size, executable, _), name in zip(entries, names, strict=True):
            files[name.decode(errors="surrogateescape")] = (os.pread(fds[0], size, offset), bool(executable))
            offset += size
        return Reply(STATUS[status], run_id, CAUSE[cause], exit_code, signal_number, cpu, wall, runqueue, peak, ooms,
                     out_total, err_total, setup, cleanup, WARMTH[warm],
                     message.split(b"\0")[0].decode(errors="replace"),
                     self.output[:out_kept], self.output[self.output_max:self.output_max + err_kept], files,
                     fds[0] if fds else -1)

    def run(self, argv, **kwargs):
        run_id = self.start(argv, **kwargs)
        reply = self.reply()
        assert reply.id == run_id
        return reply

    def run_probe(self, *verb, files=(), **kwargs):
        """Runs the probe program with a verb and its arguments."""
        probe = pathlib.Path(self.probe).read_bytes()
        return self.run(["./probe", *verb], files=[("probe", probe, 1), *files], **kwargs)

    def start_probe(self, *verb, files=(), **kwargs):
        probe = pathlib.Path(self.probe).read_bytes()
        return self.start(["./probe", *verb], files=[("probe", probe, 1), *files], **kwargs)

    def cancel(self, run_id):
        self.send(CANCEL_WIRE.pack(MAGIC, VERSION, CANCEL, 0, run_id), [])

    def launcher(self):
        """The pid of pid 1 of the box's namespaces, the keeper's only child."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0])

    def close(self):
        self.socket.close()
        with contextlib.suppress(ProcessLookupError):
            try:
                self.process.wait(30 * SCALE)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
                raise
        if self.output is not None:
            self.output.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def wait_until(condition, seconds=20, what="condition"):
    """Polls until `condition()` is true; the value it had."""
    deadline = time.monotonic() + seconds * SCALE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds * SCALE} s: {what}"
        time.sleep(0.005)
