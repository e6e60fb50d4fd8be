"""`./dev images`: the master's image and one of each language's executor."""

import argparse
import re
import subprocess
import time

import engine
import modules
import packages
import toolchains
from paths import TOP
from progress import Failure, run, say

RELEASES = {"12": "bookworm", "13": "trixie"}
MASTER_ON = "12"  # Debian 13 has no libh2o
# What Debian's own slim images leave out as well.
SLIM = ["/usr/share/doc/*", "/usr/share/groff/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*"]


def base_name(debian):
    return f"debian:{RELEASES[debian]}-slim"


def git(*words):
    done = subprocess.run(["git", *words], cwd=TOP, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def revision():
    return git("rev-parse", "HEAD") or "unknown"


def commit_tag():
    """dev-<sha> of what is checked out; -dirty when files differ from it."""
    sha = git("rev-parse", "--short=12", "HEAD")
    if not sha:
        return "dev-unknown"
    return f"dev-{sha}{'-dirty' if git('status', '--porcelain', '--untracked-files=no') else ''}"


def version():
    return re.search(r"version: '([^']+)'", (TOP / "meson.build").read_text()).group(1)


def created():
    """The commit's time, so that the same commit gives the same label."""
    seconds = int(git("log", "-1", "--format=%ct") or time.time())
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def make_base(container, debian, fresh):
    """Debian's packages alone make the base: no registry is asked."""
    if not fresh and container.has(container.public(base_name(debian))):
        return
    tarball = TOP / f"build/bases/{RELEASES[debian]}.tar"
    if fresh or not tarball.exists():
        packages.install(packages.BASE, "making base images")
        tarball.parent.mkdir(parents=True, exist_ok=True)
        partial = tarball.with_suffix(".partial.tar")
        options = [f"--dpkgopt=path-exclude={pattern}" for pattern in SLIM]
        run(f"making Debian {debian}", ["mmdebstrap", "--quiet", "--variant=minbase", *options,
                                        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
                                        "--dpkgopt=force-unsafe-io", RELEASES[debian], partial])
        partial.rename(tarball)
    container.add_base(tarball, base_name(debian))


def executor_name(language):
    return f"sentinel-executor-{language}"


def plan(languages, debian):
    """(image, Dockerfile, release, build arguments) of each."""
    yield "sentinel-master", "docker/master.Dockerfile", MASTER_ON, {}
    yield "sentinel-stunnel", "docker/stunnel.Dockerfile", MASTER_ON, {}
    for language in languages:
        yield executor_name(language), "docker/executor.Dockerfile", debian, {"LANGUAGES": language}


def build_all(languages, debian="13", tags=None, pull=False, fresh=False, executors_alone=False):
    """Builds; (engine, the images' names, the first tag)."""
    container = engine.find()
    modules.install(TOP / "web", "the pages of /docs and /redoc")
    tags = tags or [commit_tag(), "dev-latest"]
    labels = {"VERSION": version(), "REVISION": revision(), "CREATED": created()}
    names = []
    for name, dockerfile, release, arguments in plan(languages, debian):
        if executors_alone and "LANGUAGES" not in arguments:
            continue
        if not pull:
            make_base(container, release, fresh and release not in [r for _, r in names])
        container.build(f"building {name}", TOP / dockerfile, TOP, [container.local(f"{name}:{tag}") for tag in tags],
                        {"BASE": container.public(base_name(release)), **arguments, **labels}, pull, fresh)
        names.append((name, release))
    return container, [name for name, _ in names], tags[0]


def chosen_languages(text):
    known = sorted(toolchains.known())
    names = known if text == "all" else text.split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Failure(f"unknown language {', '.join(unknown)}: there are {', '.join(known)}")
    return names


def images(arguments):
    parser = argparse.ArgumentParser(prog="./dev images", description=__doc__)
    parser.add_argument("--languages", default="all", help="all, or names with commas between")
    parser.add_argument("--debian", choices=RELEASES, default="13", help="the executors' release")
    parser.add_argument("--tag", action="append", help="instead of dev-<sha> and dev-latest")
    parser.add_argument("--pull", action="store_true", help="take the bases from the registry instead of making them")
    parser.add_argument("--fresh", action="store_true", help="use no layer and no base of an earlier build")
    options = parser.parse_args(arguments)
    container, names, tag = build_all(chosen_languages(options.languages), options.debian, options.tag, options.pull,
                                      options.fresh)
    for name in names:
        image = container.local(f"{name}:{tag}")
        say(f"{(container.size(image) or 0) / 1e6:7.0f} MB  {image}")
    return 0
