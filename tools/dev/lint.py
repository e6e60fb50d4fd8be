"""`./dev lint` and `./dev fmt`."""

import os
import subprocess

import packages
import settings
from build import build, configure
from paths import ASAN, CLANG, EXECUTOR, TOP
from progress import Failure, from_first, run, say


def tracked(*patterns):
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns], cwd=TOP,
                             check=True, capture_output=True, text=True).stdout
    return [name for name in listing.split("\0") if name and (TOP / name).exists()]


def shell_scripts():
    return [name for name in tracked() if (TOP / name).is_file() and not (TOP / name).is_symlink()
            and (TOP / name).open("rb").readline().startswith((b"#!/usr/bin/env bash", b"#!/bin/bash", b"#!/bin/sh"))]


USERS = [":!examples", ":!tests/e2e"]  # programs as their users would write them


def checks():
    """(name, command) of each."""
    sources = tracked("*.c", *USERS)
    return [
        ("clang", ["/usr/bin/ninja", "-C", CLANG, "-k", "0"]),  # also makes the generated sources, for the rest
        ("clang-format", ["clang-format", "--dry-run", "--Werror", *tracked("*.c", "*.h", *USERS)]),
        ("box's folders", ["/usr/bin/python3", TOP / "tools/dev/box_folders.py"]),
        ("shellcheck", ["shellcheck", *shell_scripts()]),
        ("cppcheck", ["cppcheck", "-q", "-j", os.cpu_count(), "--project=" + str(CLANG / "compile_commands.json"),
                      "--enable=warning,performance,portability", "--inline-suppr", "--error-exitcode=1",
                      # Where 2.10 errs (`c ? p : &unset` is a read, _Noreturn unknown) and clang-tidy looks as well.
                      "--suppress=uninitvar", "--suppress=nullPointerRedundantCheck",
                      "--suppress=preprocessorErrorDirective"]),
        ("clang-tidy", ["run-clang-tidy", "-quiet", "-p", CLANG, "-j", os.cpu_count(),
                        *(f"^{TOP / name}$" for name in sources)]),
    ]


def lint():
    packages.install(packages.LINT, "lint")
    configure(CLANG)
    failed = []
    for name, command in checks():
        status, output = run(name, command, check=False, cwd=TOP)
        say(f"{name:<14}{'failed' if status else 'clean'}")
        if status:
            say(from_first(output, "^FAILED:"))
            failed.append(name)
    if failed:
        raise Failure(f"lint found something: {', '.join(failed)}" +
                      (" (./dev fmt mends the format)" if "clang-format" in failed else ""))


def fmt():
    packages.install(["clang-format"], "fmt")
    run("clang-format", ["clang-format", "-i", *tracked("*.c", "*.h", *USERS)], cwd=TOP)
    build(ASAN)
    settings.write(ASAN / EXECUTOR)
