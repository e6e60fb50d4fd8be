"""What the manifests are built and checked with: a kubectl whose kustomize knows components, and the schemas."""

import json
import re
import subprocess

import modules
import packages
from paths import TOP
from progress import run

SCHEMAS = TOP / "tests/k8s"
KUSTOMIZE_LEAST = (5, 0)


def kustomize_version(kubectl):
    """(major, minor) of the kustomize in it, or None when it does not run."""
    try:
        done = subprocess.run([kubectl, "version", "--client", "--output=json"], capture_output=True, text=True)
        found = re.match(r"v(\d+)\.(\d+)", json.loads(done.stdout).get("kustomizeVersion", ""))
    except (OSError, ValueError):
        return None
    return tuple(map(int, found.groups())) if found else None


def kubectl():
    """This machine's, or Debian 13's (Debian 12's kubectl is of 2020) under build/."""
    own = TOP / "build/kubectl/usr/bin/kubectl"
    for path in ("/usr/bin/kubectl", "/usr/local/bin/kubectl", own):
        if (kustomize_version(path) or (0, 0)) >= KUSTOMIZE_LEAST:
            return str(path)
    packages.install(packages.BASE, "fetching kubectl")
    own.parents[2].mkdir(parents=True, exist_ok=True)
    tarball = TOP / "build/kubectl.tar"
    run("fetching kubectl", ["mmdebstrap", "--quiet", "--variant=extract", "--include=kubernetes-client", "trixie", tarball])
    run("unpacking kubectl", ["tar", "--extract", "--file", tarball, "--directory", own.parents[2], "./usr/bin/kubectl"])
    tarball.unlink()
    return str(own)


def schemas():
    """The node_modules that hold the schemas of package-lock.json."""
    folder = TOP / "build/k8s-schemas"
    packages.install(["nodejs"], "checking manifests")
    lock = (SCHEMAS / "package-lock.json").read_bytes()
    mark = folder / "node_modules/.installed"
    if not mark.exists() or mark.read_bytes() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            (folder / name).write_bytes((SCHEMAS / name).read_bytes())
        if not modules.npm():
            packages.install(["npm"], "fetching schemas")
        run("fetching schemas", [modules.npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
        mark.write_bytes(lock)
    return folder / "node_modules"
