"""On cgroup v2 a box's groups need a group that is handed down to us whole; the one of a login shell is not, and the box
would move the shell about in it. systemd gives one."""

import os
import pathlib
import subprocess
import sys

INSIDE = "DEV_IN_SCOPE"


def enter_own_scope():
    """Starts this program again in a delegated scope, where systemd rules a cgroup v2 and gives us one."""
    if os.environ.get(INSIDE) or not pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return
    scope = ["systemd-run", *([] if os.geteuid() == 0 else ["--user"]), "--scope", "--quiet", "-p", "Delegate=yes", "--"]
    if (pathlib.Path("/run/systemd/system").exists()
            and subprocess.run([*scope, "true"], stdin=subprocess.DEVNULL, capture_output=True).returncode == 0):
        os.environ[INSIDE] = "1"
        os.execvp(scope[0], [*scope, sys.executable, *sys.orig_argv[1:]])
