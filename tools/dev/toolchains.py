"""The languages: languages/<name>.json says which Debian packages each needs."""

import json

import packages
from paths import TOP
from progress import Failure, run, say


FIRST = ("python", "c", "cpp")  # served wherever Sentinel is; the others when their toolchain is there or is asked for


def known():
    """name → what its file holds."""
    files = sorted(TOP.glob("languages/*.json"))
    return {path.stem: json.loads(path.read_text()) for path in files if path.stem != "schema"}


def present(languages):
    there = [name for name in languages if name in FIRST or not packages.missing(languages[name].get("packages", []))]
    absent = [languages[name]["displayName"] for name in languages if name not in there]
    if absent:
        say(f"not on this machine: {', '.join(absent)} (--languages all installs them)")
    return there


def install(names="all"):
    """Those asked for, as a list; their toolchains are there then, and what they compile with is made. Of "all", one that
    cannot be installed is left out; "present" takes what is there."""
    languages = known()
    chosen = {"all": lambda: list(languages), "present": lambda: present(languages)}.get(names, lambda: names.split(","))()
    unknown = [name for name in chosen if name not in languages]
    if unknown:
        raise Failure(f"unknown language {', '.join(unknown)}: there are {', '.join(languages)}")
    for name in list(chosen):
        try:
            packages.install(languages[name].get("packages", []), languages[name]["displayName"])
        except Failure as failure:
            if names != "all":
                raise
            say(f"{name} is left out: {failure}")
            chosen.remove(name)
    run("preparing languages", [TOP / "languages/prepare", *chosen])
    return chosen
