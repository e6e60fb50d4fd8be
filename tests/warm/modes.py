"""The ways in which a program is run: in a box as a job's test is, cold or warm, and bare, as its author would."""

import dataclasses
import glob
import json
import os
import pathlib
import signal
import subprocess
import tempfile

import box as wire
from box import MB, SCALE, Box, Limits, memfd

LANGUAGES = pathlib.Path(__file__).resolve().parents[2] / "languages"
SEEN_AS = "/languages"  # in a box: box_protocol.h's BOX_LANGUAGES
WORK = b"/work"  # where a box's program stands
STACK_MB, SCRATCH_MB = 64, 100  # as an executor gives them
HANGS = 60 * SCALE  # seconds; tells what hangs from a busy machine
WAYS = {"fork": 1, "hold": 3}  # enum box_warm_way
CEILINGS = ["--max-memory-mb", "2048", "--max-cpu-ms", "86400000", "--max-wall-ms", "86400000", "--max-cpus-milli", "2000"]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What must be the same. A program that a limit ended has a cause other than "self"."""

    stdout: bytes
    stderr: bytes
    exit_code: int
    signal: int
    cause: str = "self"

    def masked(self, program):
        def mask(text):
            for pattern in program.masks:
                text = pattern.sub(b"#", text)
            return text

        return dataclasses.replace(self, stdout=mask(self.stdout), stderr=mask(self.stderr))


class Language:
    """A language file, read as an executor reads it."""

    def __init__(self, name):
        self.name = name
        self.file = json.loads((LANGUAGES / f"{name}.json").read_text())
        self.source_file = self.file["sourceFile"]
        self.environment = self.file["environment"]
        self.warm = self.file["run"].get("warm")
        self.grants = [path for pattern in self.file["grants"] for path in glob.glob(pattern) or [pattern]]

    def argv(self, step, program, folder, files=()):
        """`folder` is where the languages' folder is seen; `files` are what a compile step left."""
        entry = next((name.removeprefix("entry/") for name, *_ in files if name.startswith("entry/")), "")
        words = []
        for word in self.file[step]["argv"]:
            if word in ("{args}", "{flags}", "{sources}"):
                suffixes = tuple(self.file.get("sourceSuffixes", ()))
                sources = [name for name in program.files if name.endswith(suffixes)]
                words += {"{args}": program.args, "{flags}": [], "{sources}": sources}[word]
            else:
                memory = str(self.file[step]["limits"]["memoryMb"])
                words.append(word.replace("{main}", self.source_file).replace("{memoryMb}", memory)
                             .replace("{dir}", str(folder)).replace("{entry}", entry))
        return words

    def limits(self, name):
        step = self.file[name]
        told = step["limits"]
        seconds, memory = told["cpuTimeMs"] / 1000, told["memoryMb"]
        return Limits(cpu=seconds, wall=3 * seconds, memory=(memory + step.get("memoryOverheadMb", 0)) * MB,
                      output=told["outputKb"] * 1024, file=told["fileKb"] * 1024, scratch=SCRATCH_MB * MB,
                      stack=min(memory, STACK_MB) * MB, processes=told["processes"], cpus_milli=int(told["cpus"] * 1000))


def default_signals():
    """A shell ignores SIGINT for what it starts in the background."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Boxed:
    """One box for all runs of a language, as an executor's slot is."""

    def __init__(self, language):
        self.language = language
        self.box = Box("--languages", str(LANGUAGES), *CEILINGS, grants=language.grants)
        self.compiled = {}

    def files(self, program):
        """What the run gets: the sources, or what their compilation leaves."""
        sources = [(name, text, 0) for name, text in program.files.items()]
        if "compile" not in self.language.file:
            return sources
        if program.name not in self.compiled:
            reply = self.box.run(self.language.argv("compile", program, SEEN_AS), files=sources, profile=wire.COMPILE,
                                 env=self.language.environment, limits=self.language.limits("compile"),
                                 collect=self.language.file["compile"]["collect"], collect_max=64 * MB)
            assert (reply.status, reply.exit_code) == ("ok", 0), f"{program} does not compile: {reply.stderr.decode()}"
            os.close(reply.bundle)
            self.compiled[program.name] = [(name, *entry) for name, entry in reply.files.items()]
        return self.compiled[program.name]

    def run(self, program, warm=False, **limits):
        """`limits` are those that differ from the language's."""
        files = self.files(program)

        def once():
            return self.box.run(self.language.argv("run", program, SEEN_AS, files), files=files, stdin=program.stdin,
                                env=self.language.environment, warm=WAYS[self.language.warm] if warm else 0,
                                limits=dataclasses.replace(self.language.limits("run"), **limits))
        reply = once()
        if warm and self.language.warm == "hold":  # a process that was started ahead is for a run like the last one
            reply = once()
        assert reply.status == "ok", reply
        assert not warm or reply.warm in ("warm", "started"), f"{program} ran {reply.warm}"
        return Outcome(reply.stdout, reply.stderr, reply.exit_code, reply.signal, reply.cause).masked(program)

    def run_bare(self, program):
        """The same command, files and environment without any box. Its folder is told as the box's."""
        files = self.files(program)
        with tempfile.TemporaryDirectory(prefix="sentinel-bare-") as folder:
            for name, text, _ in files:
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text)
                path.chmod(0o444)
            with open(memfd(program.stdin), "rb") as written, open(f"/proc/self/fd/{written.fileno()}", "rb") as stdin:
                ended = subprocess.run(self.language.argv("run", program, LANGUAGES, files), cwd=folder, stdin=stdin,
                                       capture_output=True, env=self.language.environment, timeout=HANGS, check=False,
                                       preexec_fn=default_signals)
            streams = [text.replace(folder.encode(), WORK) for text in (ended.stdout, ended.stderr)]
        return Outcome(*streams, max(ended.returncode, -1), max(-ended.returncode, 0)).masked(program)

    def close(self):
        self.box.close()
