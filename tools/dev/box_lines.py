#!/usr/bin/python3
"""Lines of code of the box's folders, in the order in which one may include the other: no comments, no blank lines.
Status 1 when confine/, which has to be held in the head, is over its bound."""

import pathlib
import subprocess
import sys

BOX = pathlib.Path(__file__).resolve().parents[2] / "executor/box"
FOLDERS = [".", "base", "bounds", "confine", "warm", "keeper", "warm/door"]
BOUND = {"confine": 1500}


def code_lines(path):
    bare = subprocess.run(["/usr/bin/gcc", "-fpreprocessed", "-dD", "-E", "-P", "-w", path], check=True,
                          capture_output=True, text=True).stdout
    return sum(1 for line in bare.splitlines() if line.strip())


def main():
    over = False
    for folder in FOLDERS:
        lines = sum(code_lines(path) for path in sorted((BOX / folder).glob("*.[ch]")))
        bound = BOUND.get(folder)
        over |= bound is not None and lines >= bound
        print(f"{folder:<10}{lines:>6}" + (f"  below {bound}" if bound else ""))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
