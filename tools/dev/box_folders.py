#!/usr/bin/python3
"""The box's folders, in the order in which one may include what stands before it: their lines of code, without comments
and blank ones. Status 1 when confine/, which has to be held in the head, is over its bound, or when a file includes
another by its folder: the compiler, which is given only the folders before, would find it from executor/box."""

import pathlib
import re
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
    wrong = False
    for folder in FOLDERS:
        paths = sorted((BOX / folder).glob("*.[ch]"))
        lines, bound = sum(map(code_lines, paths)), BOUND.get(folder)
        wrong |= bound is not None and lines >= bound
        print(f"{folder:<10}{lines:>6}" + (f"  below {bound}" if bound else ""))
        for path in paths:
            for include in re.findall(r'^\s*#\s*include\s+"(.*/.*)"', path.read_text(), re.MULTILINE):
                print(f"{path.relative_to(BOX)} includes {include}")
                wrong = True
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
