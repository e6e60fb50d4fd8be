"""`./dev smoke dev|prod|URL`: tests/smoke against a Sentinel that runs. dev and prod are reached through kubectl's
port-forward, so that neither ingress nor certificate is needed; SENTINEL_TOKEN is an API key."""

import os
import re
import subprocess

import kubernetes
import packages
from progress import Failure, say
from suites import pytest_suite


def check(url):
    packages.install(["python3-pytest", "python3-requests"], "the smoke test")
    count = pytest_suite("smoke", {"SENTINEL_URL": url}, [])
    for complaint in count.complaints:
        say(f"  FAILED {complaint}")
    say(f"{count.passed} passed, {count.failed} failed")
    return 0 if count.passed and not count.failed else 1


def smoke(arguments):
    if len(arguments) != 1 or not (arguments[0] in ("dev", "prod") or re.match("https?://", arguments[0])):
        raise Failure("smoke wants dev, prod or a URL")
    if arguments[0] not in ("dev", "prod"):
        return check(arguments[0])
    namespace = os.environ.get("RUNNER_NAMESPACE") or f"runner-{arguments[0]}"
    forward = subprocess.Popen([os.environ.get("KUBECTL") or kubernetes.kubectl(), "--namespace", namespace, "port-forward",
                                "service/sentinel-master-service", ":80", "--address", "127.0.0.1"],
                               stdout=subprocess.PIPE, text=True)
    try:
        found = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline())
        if not found:
            raise Failure(f"kubectl port-forward to {namespace} failed; what it said stands above")
        return check(f"http://127.0.0.1:{found.group(1)}")
    finally:
        forward.terminate()
        forward.wait()
