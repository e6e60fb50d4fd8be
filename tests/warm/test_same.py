"""That a program cannot tell a warm interpreter from its own command: the catalogue, run in every way."""

import os
import random
import signal

import pytest

from catalogue import Program, programs_of
from modes import Boxed, Language, Outcome

LEAST = {"python": 150, "ruby": 60, "php": 40, "javascript": 30, "java": 30}
LANGUAGES = {name: Language(name) for name in LEAST}
PROGRAMS = {name: programs_of(name, language.source_file) for name, language in LANGUAGES.items()}
FORKED = ["python", "ruby", "php"]
# Programs that a limit ends: by its name.
ENDLESS = {
    "python": {"cpu": "while True:\n    pass\n", "output": "while True:\n    print('x' * 1000)\n",
               "memory": "x = []\nwhile True:\n    x.append(bytearray(1 << 20))\n",
               "wall": "import os\nwhile os.fork() == 0:\n    pass\nimport time\ntime.sleep(1000)\n"},
    "ruby": {"cpu": "loop {}\n", "output": "loop { puts 'x' * 1000 }\n", "memory": "x = []\nloop { x << 'x' * (1 << 20) }\n",
             "wall": "fork { sleep }\nsleep\n"},
    "php": {"cpu": "<?php\nwhile (true);\n", "output": "<?php\nwhile (true) echo str_repeat('x', 1000);\n",
            "memory": "<?php\n$x = '';\nwhile (true) $x .= str_repeat('x', 1 << 20);\n", "wall": "<?php\nsleep(1000);\n"},
}
SEED = int(os.environ.get("SENTINEL_TEST_SEED", "1"))


class Runs:
    """A box for each language and way, and what came of the cold runs. Warm ones have a box of their own, so that no
    cold run stands between two of them."""

    def __init__(self):
        self.boxes, self.expected = {}, {}

    def box(self, name, way):
        if (name, way) not in self.boxes:
            self.boxes[name, way] = Boxed(LANGUAGES[name])
        return self.boxes[name, way]

    def cold(self, program):
        if str(program) not in self.expected:
            self.expected[str(program)] = self.again(program)
        return self.expected[str(program)]

    def again(self, program):
        outcome = self.box(program.language, "cold").run(program)
        assert outcome.cause == "self", outcome
        return outcome

    def warm(self, program):
        return self.box(program.language, "warm").run(program, warm=True)

    def bare(self, program):
        return self.box(program.language, "cold").run_bare(program)


def example(name):
    """The language file's own."""
    language = LANGUAGES[name]
    return Program(name, "example", "says hello", files={language.source_file: language.file["example"].encode()})


@pytest.fixture(scope="session")
def runs():
    runs = Runs()
    yield runs
    for box in runs.boxes.values():
        box.close()


def test_catalogue():
    """As many programs as were asked for, and every one of the languages is warm."""
    assert [name for name in LANGUAGES if LANGUAGES[name].warm == "fork"] == FORKED
    assert all(language.warm for language in LANGUAGES.values())
    for name, least in LEAST.items():
        assert len(PROGRAMS[name]) >= least, name


@pytest.mark.parametrize("name", LANGUAGES)
def test_example(runs, name):
    """Programs run at all: what fails is the same in every way, too."""
    assert runs.cold(example(name)) == Outcome(b"Hello, World!\n", b"", 0, 0)


@pytest.mark.parametrize("program", [program for programs in PROGRAMS.values() for program in programs], ids=str)
def test_same(runs, program):
    """Cold as bare, and warm as cold."""
    expected = runs.cold(program)
    if program.fresh:
        assert runs.again(program).stdout != expected.stdout
    else:
        assert (runs.again(program) if program.box else runs.bare(program)) == expected
    check_warm(runs, program)


def check_warm(runs, program):
    """Where runs are forks, two: of which the second has the first as its neighbour."""
    outcomes = [runs.warm(program) for _ in range(2 if program.language in FORKED else 1)]
    if program.fresh:
        assert len({outcome.stdout for outcome in [runs.cold(program), *outcomes]}) == 1 + len(outcomes)
    else:
        assert all(outcome == runs.cold(program) for outcome in outcomes), outcomes


@pytest.mark.parametrize("cause", ["cpu", "memory", "output", "wall"])
@pytest.mark.parametrize("name", ENDLESS)
def test_after_a_limit(runs, name, cause):
    """A program that was killed, with all it had started, leaves nothing to the next."""
    limits = {"cpu": {"cpu": 0.3}, "wall": {"wall": 0.5}}.get(cause, {})
    program = Program(name, cause, "has no end", files={LANGUAGES[name].source_file: ENDLESS[name][cause].encode()})
    for way in ("cold", "warm"):
        box = runs.box(name, way)
        outcome = box.run(program, warm=way == "warm", **limits)
        assert (outcome.cause, outcome.signal) == (cause, signal.SIGKILL)
        assert box.run(example(name), warm=way == "warm").stdout == b"Hello, World!\n"


@pytest.mark.parametrize("name", FORKED)
def test_in_any_order(runs, name):
    """What a run leaves behind is seen by whichever comes next of the same interpreter. A failure names the two;
    SENTINEL_TEST_SEED makes other orders."""
    order = [program for program in PROGRAMS[name] if not program.fresh]
    random.Random(SEED).shuffle(order)
    for before, program in zip([None, *order], order, strict=False):
        assert runs.warm(program) == runs.cold(program), f"{program} after {before}"
