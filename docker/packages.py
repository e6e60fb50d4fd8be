#!/usr/bin/python3
"""Which Debian packages an image needs, one a line.

    packages.py build [master]    to compile with; the list is tools/dev/packages.py's
    packages.py language NAME…    the toolchains of languages; the lists are those of languages/*.json; `all` is each
    packages.py libraries FILE…   what the programs are linked with"""

import json
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]


def build(*programs):
    sys.path.insert(0, str(TOP / "tools/dev"))
    import packages
    return [*packages.BUILD, *(packages.MASTER if "master" in programs else [])]


def language(*names):
    known = sorted(path.stem for path in (TOP / "languages").glob("*.json") if path.stem != "schema")
    names = known if names == ("all",) else names
    unknown = sorted(set(names) - set(known))
    if unknown or not names:
        sys.exit(f"unknown language {', '.join(unknown)}: there are {', '.join(known)} and all")
    files = [json.loads((TOP / "languages" / f"{name}.json").read_text()) for name in names]
    return [package for file in files for package in file["packages"]]


def libraries(*programs):
    """ldd's paths may lead through /lib, which is a link to /usr/lib where dpkg knows the files."""
    answer = subprocess.run(["ldd", *programs], check=True, capture_output=True, text=True).stdout
    paths = {str(pathlib.Path(path).resolve()) for path in re.findall(r"(/\S+) \(0x", answer)}
    return [owner(path) for path in paths]


def owner(path):
    for name in (path, path.removeprefix("/usr")):
        answer = subprocess.run(["dpkg-query", "--search", name], capture_output=True, text=True)
        if answer.returncode == 0:
            return answer.stdout.split(":")[0]
    sys.exit(f"no package owns {path}")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ("build", "language", "libraries"):
        sys.exit(__doc__)
    print(*sorted(set(globals()[sys.argv[1]](*sys.argv[2:]))), sep="\n")
