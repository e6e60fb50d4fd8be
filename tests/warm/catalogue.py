"""The programs: tests/warm/LANGUAGE/THEME.txt, each a table of small programs.

    What the theme is about, for who reads it.

    %% name: why this program is here
    %stdin "a line\\n" * 3    a Python expression of a string or of bytes; without it the input is empty
    %args one "two words"    what the program gets as arguments
    %mask REGEX              what may differ from run to run, in any mode: replaced by "#"; as narrow as can be
    %box WHY                 means something in the box only, and is not held against the bare interpreter
    %source b"1\\r"           such an expression for the program itself, where that is no plain text
    %fresh                   must print something else in each run, where the others print the same
    the program
    %file helper.py
    another file of it
"""

import dataclasses
import pathlib
import re
import shlex

FOLDER = pathlib.Path(__file__).parent


@dataclasses.dataclass
class Program:
    language: str
    name: str  # theme and name
    reason: str
    stdin: bytes = b""
    args: list = dataclasses.field(default_factory=list)
    masks: list = dataclasses.field(default_factory=list)
    box: str = ""
    source: bytes | None = None
    fresh: bool = False
    files: dict = dataclasses.field(default_factory=dict)  # name → contents; the first is the program

    def __str__(self):
        return f"{self.language}-{self.name}"


def value_of(text):
    value = eval(text)
    return value if isinstance(value, bytes) else value.encode()


def take_option(program, line):
    """Whether the line is one of the options behind a program's headline."""
    word, _, rest = line.partition(" ")
    if word == "%stdin":
        program.stdin = value_of(rest)
    elif word == "%source":
        program.source = value_of(rest)
    elif word == "%args":
        program.args = shlex.split(rest)
    elif word == "%mask":
        program.masks.append(re.compile(rest.encode()))
    elif word == "%box":
        assert rest, f"{program}: %box says why"
        program.box = rest
    elif word == "%fresh":
        program.fresh = True
    else:
        return False
    return True


def parse(language, source_file, path):
    """The programs of one table, in its order."""
    programs = []
    for block in re.split(r"^%% ", path.read_text(), flags=re.MULTILINE)[1:]:
        head, *lines = block.splitlines(keepends=True)
        name, _, reason = head.strip().partition(": ")
        assert re.fullmatch(r"[a-z0-9_]+", name) and reason, f"{path}: {head}"
        program = Program(language, f"{path.stem}-{name}", reason)
        while lines and take_option(program, lines[0].rstrip("\n")):
            lines.pop(0)
        while lines and not lines[-1].strip():  # what parts it from the next
            lines.pop()
        file_name, of_file = source_file, []
        for line in [*lines, "%file"]:
            if line.startswith("%file"):
                program.files[file_name] = "".join(of_file).encode()
                file_name, of_file = line[len("%file"):].strip(), []
            else:
                of_file.append(line)
        if program.source is not None:
            program.files[source_file] = program.source
        programs.append(program)
    assert programs, f"{path} has no program"
    return programs


def programs_of(language, source_file):
    found = [program for path in sorted((FOLDER / language).glob("*.txt")) for program in parse(language, source_file, path)]
    names = [program.name for program in found]
    assert len(names) == len(set(names)), f"{language}: two programs of one name"
    return found
