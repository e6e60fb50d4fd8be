"""The release before this one, built from this repository's history: tests/versions/previous names it. Its tag is taken
where there is one, else the commit that gave meson.build its version. The scripts that tests/versions keeps of it must be
those of that source: so a clone without its history is not mistaken for one that has it."""

import io
import subprocess
import tarfile

from paths import BOX, EXECUTOR, MASTER, TOP
from progress import run, say

KEPT = TOP / "tests/versions"


def git(*arguments):
    """What it prints, as bytes; nothing where it fails."""
    done = subprocess.run(["git", "-C", TOP, *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


def find(version):
    """The commit of a release, or None when this clone does not have it."""
    tagged = git("rev-parse", "--verify", "--quiet", f"v{version}^{{commit}}").decode().strip()
    named = git("log", "--reverse", "--format=%H", f"-Sversion: '{version}'", "--", "meson.build").decode().split()
    for commit in [tagged, *named[:1]]:
        scripts = {path.name: path.read_bytes() for path in (KEPT / version / "scripts").glob("*.lua")}
        if commit and scripts and all(git("show", f"{commit}:common/scripts/{name}") == text for name, text in scripts.items()):
            return commit
    say(f"the source of release {version} is not in this clone's history")
    return None


def build_previous():
    """Its source's folder, with the programs in `build` there; None when it is not to be had."""
    version = (KEPT / "previous").read_text().strip()
    commit = find(version)
    if not commit:
        return None
    source = TOP / "build/versions" / commit
    if not source.exists():
        with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as archive:
            archive.extractall(source)
    if not (source / "build/build.ninja").exists():
        run(f"setting up {version}", ["/usr/bin/meson", "setup", "--buildtype=release", source / "build", source])
    run(f"building {version}", ["/usr/bin/ninja", "-C", source / "build", MASTER, EXECUTOR, BOX])
    return source
