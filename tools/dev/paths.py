"""Where things are."""

import pathlib

TOP = pathlib.Path(__file__).resolve().parents[2]
RELEASE = TOP / "build/release"
ASAN = TOP / "build/asan"
CLANG = TOP / "build/clang"
GCOV = TOP / "build/gcov"
RUN = TOP / ".run"
LOGS = RUN / "log"

MASTER = "master/sentinel-master"
EXECUTOR = "executor/sentinel-executor"
BOX = "executor/box/sentinel-box"
PROBE = "executor/selftest/sentinel-probe"  # the program that misbehaves, for the self-test
