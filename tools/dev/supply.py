"""`./dev scan` and `./dev sign`: what is known against the images' packages, and whose the images are.

    ./dev scan [--tag T]                 fails when a package has a hole that Debian has mended: build with --fresh
    ./dev sign [--registry R] [--tag T]  signs each digest behind the tag with cosign, and its SBOM with it"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import deliver
import engine
import images
import packages
from progress import Failure, say


def mended_holes(container, image, folder):
    """debsecan's lines for the packages of an image that an upgrade would mend."""
    container.extract(image, "/etc/os-release", folder / "os-release")
    container.extract(image, "/var/lib/dpkg/status", folder / "status")
    suite = re.search(r"^VERSION_CODENAME=(\w+)", (folder / "os-release").read_text(), re.MULTILINE).group(1)
    done = subprocess.run(["debsecan", "--suite", suite, "--status", folder / "status", "--only-fixed", "--format", "simple"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"debsecan: {done.stderr.strip()}")
    return done.stdout.split("\n")[:-1]


def scan(arguments):
    parser = argparse.ArgumentParser(prog="./dev scan")
    parser.add_argument("--tag", default="dev-latest")
    options = parser.parse_args(arguments)
    packages.install(["debsecan"], "scanning")
    container, found = engine.find(), 0
    for name in deliver.local_images(container, options.tag):
        with tempfile.TemporaryDirectory() as folder:
            lines = mended_holes(container, container.local(f"{name}:{options.tag}"), pathlib.Path(folder))
        say(f"{len(lines):5} mended elsewhere  {name}")
        for line in lines:
            say(f"      {line}")
        found += len(lines)
    if found:
        raise Failure("./dev images --fresh builds with what Debian has mended")
    return 0


def sign(arguments):
    parser = argparse.ArgumentParser(prog="./dev sign")
    parser.add_argument("--registry")
    parser.add_argument("--tag", help="instead of IMAGE_TAG, else dev-<sha>")
    options = parser.parse_args(arguments)
    registry, tag = deliver.registry_of(options), options.tag or os.environ.get("IMAGE_TAG") or images.commit_tag()
    if not shutil.which("cosign"):
        raise Failure("cosign is not there; Debian has no package of it")
    container = engine.find()
    for name in deliver.local_images(container, tag):
        image = f"{registry}/{name}@{deliver.digest(registry, name, tag)}"
        with tempfile.TemporaryDirectory() as folder:
            sbom = pathlib.Path(folder) / "sbom.spdx.json"
            container.extract(container.local(f"{name}:{tag}"), "/usr/share/sentinel/sbom.spdx.json", sbom)
            for words in (["sign", "--yes", image], ["attest", "--yes", "--type", "spdxjson", "--predicate", sbom, image]):
                if subprocess.run(["cosign", *words]).returncode != 0:
                    raise Failure(f"cosign {words[0]} {image} failed; what it said stands above")
        say(f"signed {image}")
    return 0
