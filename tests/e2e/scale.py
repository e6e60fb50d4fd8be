"""Tests in a machine that is slower by a known factor (SENTINEL_TEST_TIME_SCALE; tests/vm has an emulated one): what is
a time is longer by it, and so are the limits in the language files."""

import json
import os
import shutil

SCALE = float(os.environ.get("SENTINEL_TEST_TIME_SCALE", "1"))
MOST_MS = 900_000  # no setting of a ceiling allows more


def scaled(value, key="Ms"):
    """A number, or bounds, whose key says that it is in milliseconds; of a dictionary each; all else as it is."""
    if isinstance(value, dict):
        return {name: scaled(inner, name) for name, inner in value.items()}
    if SCALE == 1 or not key.endswith("Ms"):
        return value
    if isinstance(value, list):
        return [scaled(inner) for inner in value]
    return min(int(value * SCALE), MOST_MS)


def settings(languages, directory):
    """What a service needs for limits like these: ceilings, and language files of its own, made in `directory` from the
    folder `languages`. Nothing where there is nothing to scale."""
    if SCALE == 1:
        return {}
    copy = directory / "languages"
    shutil.copytree(languages, copy)
    for path in copy.glob("*.json"):
        if path.stem != "schema":
            language = scaled(json.loads(path.read_text()))
            language.get("compile", {}).pop("warm", None)  # how long a compiler that stays may take is not scaled
            path.write_text(json.dumps(language))
    return {"languages_dir": copy, "max_cpu_ms": MOST_MS, "max_wall_ms": MOST_MS, "job_timeout_s": MOST_MS // 1000,
            "redis_deadline_ms": 60_000, "lease_ms": 600_000}
