"""Debian packages: which are missing, and how to get them."""

import os
import pathlib
import re
import subprocess

from progress import Failure, run, say

BUILD = ["gcc", "libc6-dev", "meson", "ninja-build", "pkgconf", "libuv1-dev", "libhiredis-dev", "libcjson-dev",
         "libseccomp-dev", "libssl-dev", "zlib1g-dev", "python3-yaml"]
# Debian 13 has no libh2o: the master is left out there.
MASTER = ["libh2o-dev", "libcurl4-openssl-dev", "libpcre2-dev", "libnghttp2-dev", "libprotobuf-c-dev", "protobuf-c-compiler"]
RUN = ["redis-server"]
BENCH = ["bubblewrap", "redis-tools", "wrk"]
TEST = [*RUN, "lua5.4", "openssl", "prometheus", "python3-grpcio", "python3-hpack", "python3-jsonschema", "python3-hypothesis",
        "python3-protobuf", "python3-redis", "python3-pytest", "python3-requests", "python3-yaml", "stunnel4"]
BROWSER = ["chromium", "chromium-driver"]
COVERAGE = ["gcovr"]
LINT = ["clang", "clang-format", "clang-tidy", "cppcheck", "shellcheck"]
MODEL = ["luajit"]
VM = ["qemu-system-x86", "mmdebstrap", "genext2fs", "e2fsprogs"]
DEBIAN13 = ["mmdebstrap"]
# In the machine that runs languages, beside them and what the programs are linked with.
VM_SERVICE = [*RUN, "iproute2", "python3-jsonschema", "python3-requests", "python3-yaml"]
BASE = ["mmdebstrap", "debian-archive-keyring"]
ENGINE = ["podman", "buildah", "runc", "ca-certificates"]

SERVICES = {"prometheus", "redis-server"}  # Debian starts these

APT = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
INSTALL = [*APT, "install", "-y", "--no-install-recommends"]


def missing(packages):
    answer = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
                            capture_output=True, text=True).stdout
    there = {line.split()[0] for line in answer.splitlines() if line.endswith(" installed")}
    return sorted(set(packages) - there)


def as_root():
    if os.geteuid() == 0:
        return []
    if pathlib.Path("/usr/bin/sudo").exists():
        return ["sudo"]
    return None


def known(package):
    """Has apt a version of it?"""
    policy = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, env=plain()).stdout
    return re.search(r"Candidate: [^(]", policy) is not None


def plain():
    return {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


def download_bytes(packages):
    """What apt would fetch for them and for what they need; None when it cannot tell."""
    uris = subprocess.run([*INSTALL, "--print-uris", *packages], capture_output=True, text=True, env=plain())
    sizes = re.findall(r"^'\S+' \S+ (\d+)", uris.stdout, re.MULTILINE)
    return sum(map(int, sizes)) if uris.returncode == 0 else None


def install(packages, why, optional=()):
    """Installs what is missing; what is optional and unknown to apt is left out."""
    wanted = missing([*packages, *optional])
    if not wanted:
        return
    root = as_root()
    if root is None:
        raise Failure(f"{why} needs packages that only root can install: apt-get install {' '.join(wanted)}")
    if not all(map(known, wanted)):
        update(root)
    wanted = [package for package in wanted if package not in optional or known(package)]
    if not wanted:
        return
    size = download_bytes(wanted)
    if size is None:
        update(root)
        size = download_bytes(wanted)
    mb = "?" if size is None else f"{size / 1e6:.0f}"
    say(f"{why} needs {' '.join(wanted)} ({mb} MB to fetch)")
    title = f"installing {' '.join(wanted) if len(wanted) < 4 else f'{len(wanted)} packages'}"
    status, _ = run(title, [*root, *INSTALL, *wanted], check=False, env=plain())
    if status != 0:  # lists that are out of date name files that are gone
        update(root)
        run(title, [*root, *INSTALL, *wanted], env=plain())
    for service in sorted(SERVICES & set(wanted)):
        if pathlib.Path("/run/systemd/system").exists():
            run(f"turning off the {service} service (ours are private)",
                [*root, "systemctl", "disable", "--now", service])


def update(root):
    run("apt-get update", [*root, *APT, "update"], env=plain())
