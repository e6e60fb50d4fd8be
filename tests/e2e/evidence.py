"""Compares what a result says with what the matrix wants of it (the notation is in programs/matrix.py)."""

import re


def mismatch(value, wanted):
    """Why `value` is not what was wanted, or None."""
    if isinstance(wanted, dict):
        return None if value == wanted["exactly"] and type(value) is type(wanted["exactly"]) else f"is not {wanted}"
    if isinstance(wanted, list):
        inside = isinstance(value, (int, float)) and wanted[0] <= value <= wanted[1]
        return None if inside else f"is not from {wanted[0]} to {wanted[1]}"
    if isinstance(wanted, str):
        return None if isinstance(value, str) and re.search(wanted, value) else f"does not show {wanted!r}"
    return None if value == wanted else f"is not {wanted}"


def check_evidence(run, wanted):
    """`run` is a test case of a result. All mismatches at once, so that one failure shows the whole picture."""
    wrong = []
    for key, value in wanted.items():
        if key not in run:
            wrong.append(f"{key} is missing")
            continue
        problem = mismatch(run[key], value)
        if problem:
            wrong.append(f"{key} = {run[key]!r:.300} {problem}")
    assert not wrong, "; ".join(wrong) + f"\nin {str(run)[:1500]}"
