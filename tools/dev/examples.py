"""Sends the programs of examples/ to a running service and prints what became of them."""

import http.client
import json

from paths import TOP
from progress import Step, say

WAIT_S = 60


def request(host, port, method, path, body=None):
    """(status, JSON) of one request. Raises OSError or HTTPException when nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=WAIT_S + 15)
    try:
        connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null")
    finally:
        connection.close()


def programs(languages):
    return [path for name in languages for path in sorted((TOP / "examples" / name).glob("*"))
            if path.suffix not in (".in", ".out")]


def submission(path):
    given, wanted = (file.read_text() if file.exists() else None
                     for file in (path.with_suffix(".in"), path.with_suffix(".out")))
    body = {"language": path.parent.name, "code": path.read_text()}
    if wanted is None:
        return {**body, "input": given or ""}
    return {**body, "testCases": [{"input": given or "", "expected": wanted}]}


def run_examples(host, port, languages):
    """Prints the table; were all accepted?"""
    _, listing = request(host, port, "GET", "/languages")
    listing = listing.get("languages", listing) if isinstance(listing, dict) else listing
    versions = {entry["name"]: entry.get("version") or "?" for entry in listing}
    rows = []
    with Step("running examples/") as step:
        for path in programs(languages):
            step.detail = str(path.relative_to(TOP))
            status, job = request(host, port, "POST", f"/execute?wait={WAIT_S}", submission(path))
            verdict = job.get("verdict") or job.get("error", {}).get("message") or job.get("status") or str(status)
            took = job.get("executionTime")
            rows.append((path.parent.name, versions.get(path.parent.name, "?"), path.name, verdict,
                         "" if took is None else f"{took} ms"))
    table = [("language", "version", "program", "verdict", "time"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(5)]
    for row in table:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return all(row[3] == "accepted" for row in rows)
