"""Build directories. The box is never sanitized nor counted in, whatever the directory."""

import os

import modules
import packages
from paths import ASAN, CLANG, GCOV, RELEASE, TOP
from progress import run

OPTIONS = {
    RELEASE: ["--buildtype=release"],
    ASAN: ["--buildtype=debug", "-Db_sanitize=address,undefined"],
    CLANG: ["--buildtype=debug"],
    GCOV: ["--buildtype=debug", "-Dcoverage=true"],
}


def configure(directory):
    packages.install(packages.BUILD, "building", optional=packages.MASTER)
    if not (directory / "build.ninja").exists():
        environment = {**os.environ, "CC": "clang" if directory == CLANG else "gcc"}
        run(f"setting up {directory.relative_to(TOP)}",
            ["/usr/bin/meson", "setup", *OPTIONS[directory], directory, TOP], env=environment)


def build(directory, *targets):
    """Everything, or the targets alone."""
    configure(directory)
    if not packages.missing(packages.MASTER):
        modules.install(TOP / "web", "the pages of /docs and /redoc")
    run(f"building {directory.relative_to(TOP)}", ["/usr/bin/ninja", "-C", directory, *targets])
