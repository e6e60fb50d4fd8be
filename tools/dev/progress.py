"""Output for people: nothing takes longer than two seconds without a sign of life. A terminal gets a spinner, anything
else plain lines."""

import os
import re
import subprocess
import sys
import threading
import time

from paths import TOP

TERMINAL = sys.stdout.isatty() and os.environ.get("CI") != "true" and os.environ.get("TERM") != "dumb"
PLAIN_EVERY_S = 15


class Failure(Exception):
    """A sentence for the user; ends the command with status 1."""


def say(text):
    print(text, flush=True)


class Step:
    """`with Step("building") as step:` shows the title, the time and step.detail until the block ends."""

    def __init__(self, title, show=True):
        self.title, self.show, self.detail = title, show, ""
        self.started = time.monotonic()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._show, daemon=True)

    def seconds(self):
        return time.monotonic() - self.started

    def _show(self):
        if self.over.wait(0.3 if TERMINAL else 2):
            return
        if not TERMINAL:
            say(f"{self.title} …")
        turn = 0
        while not self.over.wait(0.1 if TERMINAL else PLAIN_EVERY_S):
            line = f"{self.title} … {self.seconds():.0f} s  {self.detail}"
            if TERMINAL:
                width = os.get_terminal_size().columns - 3
                print(f"\r\033[K{'|/-'[turn % 3]} {line[:width]}", end="", flush=True)
                turn += 1
            else:
                say(line)
        if TERMINAL:
            print("\r\033[K", end="", flush=True)

    def __enter__(self):
        if self.show:
            self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        if not self.show:
            return
        self.thread.join()
        if kind is None and self.seconds() > 2:
            say(f"{self.title}: {self.seconds():.0f} s")


def from_first(output, pattern):
    """The output from the first line on that matches, which is where a tool begins to tell what went wrong."""
    found = re.search(pattern, output, re.MULTILINE)
    return output[found.start() if found else 0:].rstrip()


def run(title, argv, check=True, show=True, **options):
    """Runs a command; (status, output). The output also goes to build/log, line by line, for who wants to look on. With
    `check` a failure shows the output and is raised."""
    output = []
    log = TOP / "build/log" / f"{re.sub('[^a-z0-9]+', '-', title.lower())}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with Step(title, show) as step, log.open("w", buffering=1) as copy:
        process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors="replace", **options)
        for line in process.stdout:
            output.append(line)
            copy.write(line)
            step.detail = line.strip() or step.detail
        status = process.wait()
    output = "".join(output)
    if check and status != 0:
        say(from_first(output, "^FAILED:"))
        raise Failure(f"{title} failed (status {status}): {' '.join(str(a) for a in argv)}")
    return status, output
