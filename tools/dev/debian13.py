"""Debian 13, whose newer toolchains the executor's images have, as a folder: the executor is built there and runs there,
for a master and a Redis of this machine."""

import hashlib
import os
import pathlib
import shutil
import subprocess

import packages
import toolchains
from paths import EXECUTOR, TOP
from progress import run

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sentinel-debian13"
OPTIONS = ["--variant=minbase", "--essential-hook=mkdir -p \"$1/usr/share/man/man1\"",  # which Java's packages want
           *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale"))]
WORK = TOP / "build/debian13"


def root():
    """The folder, made once for the packages that are wanted now; older ones go."""
    wanted = sorted({*packages.BUILD, *(name for one in toolchains.known().values() for name in one["packages"])})
    folder = CACHE / hashlib.sha256("\0".join([*OPTIONS, *wanted]).encode()).hexdigest()[:16]
    if not folder.exists():
        packages.install(packages.DEBIAN13, "a Debian 13 to test in")
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = CACHE / f"partial-{os.getpid()}"
        try:
            run("making a Debian 13 (once, 500 MB to fetch)",
                ["mmdebstrap", *OPTIONS, f"--include={','.join(wanted)}", "trixie", partial])
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


def prepare():
    """Builds the executor and prepares the languages; the variables by which tests/e2e finds both."""
    enter = [TOP / "tests/debian13/enter", root(), TOP, "--"]
    if not (WORK / "build.ninja").exists():
        run("setting up build/debian13", [*enter, "/usr/bin/meson", "setup", "--buildtype=release", WORK, TOP])
    run("building build/debian13", [*enter, "/usr/bin/ninja", "-C", WORK])
    languages = WORK / "languages-of-debian13"
    for name in subprocess.run(["git", "-C", TOP, "ls-files", "languages"], check=True, capture_output=True,
                               text=True).stdout.split():
        target = languages / pathlib.Path(name).relative_to("languages")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TOP / name, target)
    run("preparing languages", [*enter, languages / "prepare"])
    return {"SENTINEL_TEST_EXECUTOR": " ".join(map(str, [*enter, WORK / EXECUTOR])),
            "SENTINEL_TEST_LANGUAGES_DIR": str(languages)}
