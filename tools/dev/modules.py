"""What npm brings, by a folder's lock file: pages of the API for web/, the TypeScript client's tools."""

import shutil

from progress import run, say

tried = set()  # folders that npm could not fetch for: once a run is enough


def npm():
    """Debian's or the system's; None where there is none."""
    return shutil.which("npm", path="/usr/bin:/usr/local/bin")


def current(folder):
    have, want = folder / "node_modules/.package-lock.json", folder / "package-lock.json"
    return have.exists() and have.stat().st_mtime >= want.stat().st_mtime


def install(folder, why):
    """Whether the folder's modules are there. No package's own scripts are run."""
    if current(folder):
        return True
    if not npm() or folder in tried:
        return False
    status, _ = run(f"fetching {why}", [npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"],
                    check=False, cwd=folder)
    if status:
        tried.add(folder)
        say(f"{why} are left out: npm could not fetch them")
    return status == 0
