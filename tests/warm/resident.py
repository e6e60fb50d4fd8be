"""A compiler that stays, as an executor has one: executor/resident_frame.h's words, to a process in a box of its own."""

import dataclasses
import os
import socket
import struct

import box as wire
from box import SCALE
from modes import CEILINGS, LANGUAGES, SEEN_AS

COMPILED, ERRORS, DECLINED, READY = range(4)
RESIDENT = 4  # enum box_warm_way
DAY_S = 86400


@dataclasses.dataclass(frozen=True)
class Compiled:
    status: int
    stderr: bytes
    files: dict  # name → bytes


class Gone(Exception):
    """It ended, in place of an answer."""


class Resident:
    """One box, and the compiler in it. `limits` are those that differ from the language's."""

    def __init__(self, language, **limits):
        self.language, step = language, language.limits("compile")
        self.limits = dataclasses.replace(step, cpu=DAY_S / SCALE, wall=DAY_S / SCALE, **limits)
        self.box = wire.Box("--languages", str(LANGUAGES), *CEILINGS, grants=language.grants)
        self.begin()

    def begin(self):
        self.line, theirs = socket.socketpair()
        self.line.settimeout(120 * SCALE)
        argv = [word.replace("{dir}", SEEN_AS) for word in self.language.file["compile"]["argv"]
                if word not in ("{flags}", "{sources}")]
        with theirs:
            self.run_id = self.box.start(argv, stdin_fd=theirs.fileno(), profile=wire.COMPILE, limits=self.limits,
                                         env=self.language.environment, warm=RESIDENT)
        assert self.answer() == Compiled(READY, b"", {})

    def take(self, size):
        data = b""
        while len(data) < size:
            more = self.line.recv(size - len(data))
            if not more:
                raise Gone
            data += more
        return data

    def answer(self):
        data = self.take(struct.unpack(">I", self.take(4))[0])
        status, self.cpu_us, self.memory = struct.unpack_from(">IQQ", data)
        at = 20

        def text():
            nonlocal at
            size, = struct.unpack_from(">I", data, at)
            at += 4 + size
            return data[at - size:at]

        stderr = text()
        count, = struct.unpack_from(">I", data, at)
        at += 4
        files = {text().decode(): text() for _ in range(count)}
        assert at == len(data)
        return Compiled(status, stderr, files)

    def send(self, files):
        words = [word for name, content in files.items() for word in (name.encode(), content)]
        self.line.sendall(struct.pack(">I", len(files)) + b"".join(struct.pack(">I", len(word)) + word for word in words))

    def compile(self, files):
        self.send(files)
        return self.answer()

    def end(self):
        """It ends when its line does; its box's reply."""
        self.line.close()
        return self.box.reply()

    def init(self):
        """The pid of its process' init."""
        launcher = self.box.launcher()
        with open(f"/proc/{launcher}/task/{launcher}/children", encoding="ascii") as children:
            return int(children.read().split()[0])

    def close(self):
        self.line.close()
        self.box.close()


class Cold:
    """The compile step as its argv says, in a box."""

    def __init__(self, language):
        self.language = language
        self.box = wire.Box("--languages", str(LANGUAGES), *CEILINGS, grants=language.grants)

    def reply(self, files):
        suffixes = tuple(self.language.file["sourceSuffixes"])
        argv = []
        for word in self.language.file["compile"]["argv"]:
            if word == "{sources}":
                argv += [("./" if name[0] in "-@" else "") + name for name in files if name.endswith(suffixes)]
            elif word != "{flags}":
                argv.append(word.replace("{dir}", SEEN_AS))
        reply = self.box.run(argv, files=[(name, content, 0) for name, content in files.items()], profile=wire.COMPILE,
                             env=self.language.environment, limits=self.language.limits("compile"),
                             collect=self.language.file["compile"]["collect"], collect_max=64 * wire.MB)
        if reply.bundle >= 0:
            os.close(reply.bundle)
        assert (reply.status, reply.stdout) == ("ok", b""), reply
        return reply

    def compile(self, files):
        reply = self.reply(files)
        assert reply.cause == "self", reply
        return Compiled(reply.exit_code, reply.stderr, {name: content for name, (content, _) in reply.files.items()})

    def close(self):
        self.box.close()
