"""./dev push, promote, deploy, rollback against a registry of ours and a kubectl that writes down what it is told."""

import base64
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/k8s"), str(ROOT / "tools/dev")]

import deliver  # noqa: E402
import manifests  # noqa: E402

NAMES = ["sentinel-master", *(f"sentinel-executor-{path.stem}" for path in sorted((ROOT / "languages").glob("*.json"))
                              if path.stem != "schema")]


class Registry(BaseHTTPRequestHandler):
    """As much of the registry protocol as skopeo needs: manifests by tag and digest; every blob is there."""

    protocol_version = "HTTP/1.1"
    store = None  # (repository, tag or digest) → bytes

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.pop("size", str(len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        if self.path == "/v2/":
            return self.answer(200)
        found = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/(.+)", self.path)
        if found[2] == "blobs":
            config = blob(found[1])
            return self.answer(200, config)
        manifest = self.store.get((found[1], found[3]))
        if manifest is None:
            return self.answer(404)
        return self.answer(200, manifest, Content_Type="application/vnd.docker.distribution.manifest.v2+json",
                           Docker_Content_Digest=name_of(manifest))

    do_HEAD = do_GET

    def do_PUT(self):
        found = re.fullmatch(r"/v2/(.+)/manifests/(.+)", self.path)
        manifest = self.rfile.read(int(self.headers["Content-Length"]))
        self.store[found[1], found[2]] = self.store[found[1], name_of(manifest)] = manifest
        self.answer(201, Docker_Content_Digest=name_of(manifest))


def name_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob(repository):
    return json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"of": repository}},
                       "rootfs": {"type": "layers", "diff_ids": []}}).encode()


def manifest_of(repository):
    config = blob(repository)
    return json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": [],
                       "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config),
                                  "digest": name_of(config)}}).encode()


@pytest.fixture
def registry():
    """(address, what it stores); the first of everything stands under the tag dev-1."""
    store = {}
    for name in [*NAMES, "sentinel-stunnel"]:
        manifest = manifest_of(f"team/{name}")
        store[f"team/{name}", "dev-1"] = store[f"team/{name}", name_of(manifest)] = manifest
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Ours", (Registry,), {"store": store}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}/team", store
    server.shutdown()
    server.server_close()
    thread.join()


FAKE_KUBECTL = """#!/usr/bin/python3
import json, os, subprocess, sys
words = sys.argv[1:]
if words[0] in ("kustomize", "version"):
    os.execv(os.environ["SENTINEL_TEST_KUBECTL"], ["kubectl", *words])
text = sys.stdin.read() if "apply" in words else ""
with open(os.environ["FAKE_LOG"], "a") as log:
    log.write(json.dumps([words, text]) + "\\n")
if words[-1] == "current-context":
    print("a-cluster")
if "get" in words:
    print("deployment.apps/sentinel-master\\ndeployment.apps/sentinel-executor-python")
sys.exit(1 if os.environ.get("FAKE_FAILS") and os.environ["FAKE_FAILS"] in words else 0)
"""

# `create` and `cp` are what reads a file of an image; `login` takes a password.
FAKE_DOCKER = """#!/usr/bin/python3
import json, os, sys
text = sys.stdin.read() if "login" in sys.argv else ""
with open(os.environ["FAKE_LOG"], "a") as log:
    log.write(json.dumps([sys.argv[1:], text]) + "\\n")
if sys.argv[1] == "cp":
    open(sys.argv[3], "w").write('VERSION_CODENAME=trixie' if "os-release" in sys.argv[2] else "{}")
sys.exit(1 if "inspect" in sys.argv and "executor-rust" in sys.argv[-1] else 0)
"""


FAKE_TOOL = """#!/usr/bin/python3
import json, os, sys
with open(os.environ["FAKE_LOG"], "a") as log:
    log.write(json.dumps([[os.path.basename(sys.argv[0]), *sys.argv[1:]], ""]) + "\\n")
print(os.environ.get("FAKE_HOLES", ""), end="")
"""


@pytest.fixture
def dev(tmp_path):
    """dev("deploy", "dev", …) → (status, output, calls of kubectl and docker as (words, stdin))."""
    for name, text in (("kubectl", FAKE_KUBECTL), ("docker", FAKE_DOCKER), ("cosign", FAKE_TOOL), ("debsecan", FAKE_TOOL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(stat.S_IRWXU)
    log = tmp_path / "log"

    def run(*words, **variables):
        log.write_text("")
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECTL": str(tmp_path / "kubectl"),
                       "FAKE_LOG": str(log), **variables}
        for name in ("ECR_REGISTRY", "IMAGE_TAG", "RUNNER_NAMESPACE", "SERVICE_ACCOUNT", "JOB_TIMEOUT"):
            if name not in variables:
                environment.pop(name, None)
        done = subprocess.run([ROOT / "dev", *words], env=environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        return done.returncode, done.stdout, [json.loads(line) for line in log.read_text().splitlines()]

    return run


def applied(calls):
    return next((list(yaml.safe_load_all(text)) for words, text in calls if "apply" in words), None)


def images_of(objects):
    return {container["image"] for pod in manifests.pods(objects).values() for container in manifests.containers(pod)}


def test_deploy_dev_by_digest(dev, registry):
    address, _ = registry
    status, output, calls = dev("deploy", "dev", "--version", "dev-1", "--registry", address)
    assert status == 0, output
    objects = applied(calls)
    wanted = {f"{address}/{name}@{name_of(manifest_of(f'team/{name}'))}" for name in NAMES}
    assert images_of(objects) == wanted | {"redis:7.2-bookworm"}
    rollouts = [words for words, _ in calls if "rollout" in words]
    assert [words[4] for words in rollouts] == ["deployment.apps/sentinel-master", "deployment.apps/sentinel-executor-python"]
    assert all(words[:2] == ["--namespace", "runner-dev"] and words[2:4] == ["rollout", "status"] for words in rollouts)


def test_deployer_may_apply_what_is_applied(dev, registry):
    """The Role allows each kind that a plain deploy sends; --install sends the rest too."""
    plural = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}
    role = manifests.named(manifests.overlay("prod"), "Role", "sentinel-deployer")
    may = {resource for rule in role["rules"] for resource in rule["resources"] if {"create", "patch", "get"} <= set(rule["verbs"])}
    assert {plural.get(kind, kind.lower() + "s") for kind in deliver.DEPLOYED} == may
    status, output, calls = dev("deploy", "dev", "--version", "dev-1", "--registry", registry[0])
    assert status == 0, output
    assert {thing["kind"] for thing in applied(calls)} <= deliver.DEPLOYED
    status, output, calls = dev("deploy", "dev", "--version", "dev-1", "--registry", registry[0], "--install")
    assert status == 0, output
    assert {thing["kind"] for thing in applied(calls)} == {thing["kind"] for thing in manifests.overlay("dev")}


def test_promote_then_deploy_prod(dev, registry):
    """prod runs the very bytes that dev ran; without --yes and a terminal nothing happens."""
    address, store = registry
    status, output, _ = dev("promote", "--from", "dev-1", "--version", "v1.2.3", "--registry", address)
    assert status == 0, output
    assert {name for (name, tag) in store if tag == "prod-1.2.3"} == {f"team/{name}" for name in [*NAMES, "sentinel-stunnel"]}
    status, output, calls = dev("deploy", "prod", "--version", "1.2.3", "--registry", address)
    assert status != 0 and "--yes" in output and applied(calls) is None
    status, output, calls = dev("deploy", "prod", "--version", "1.2.3", "--registry", address, "--yes")
    assert status == 0, output
    assert images_of(applied(calls)) == {f"{address}/{name}@{name_of(manifest_of(f'team/{name}'))}"
                                         for name in [*NAMES, "sentinel-stunnel"]}
    assert {thing["metadata"].get("namespace") for thing in applied(calls)} == {"runner-prod"}


def test_variables_of_000(dev, registry):
    status, output, calls = dev("deploy", "dev", ECR_REGISTRY=registry[0], IMAGE_TAG="dev-1", RUNNER_NAMESPACE="mine",
                                SERVICE_ACCOUNT="given", JOB_TIMEOUT="600")
    assert status == 0, output
    objects = applied(calls)
    assert {thing["metadata"].get("namespace") for thing in objects} == {"mine"}
    pod = manifests.pods(objects)["Deployment/sentinel-executor-python"]
    values = manifests.environment(pod, objects)
    assert (values["SENTINEL_JOB_TIMEOUT_S"], values["SENTINEL_DRAIN_S"]) == ("600", "600")
    assert (pod["spec"]["terminationGracePeriodSeconds"], pod["spec"]["serviceAccountName"]) == (630, "given")


@pytest.mark.parametrize("words, complaint", [
    (["deploy", "dev"], "which registry"),
    (["deploy", "prod", "--registry", "REGISTRY"], "--version"),
    (["deploy", "dev", "--version", "dev-2", "--registry", "REGISTRY"], "dev-2"),
    (["deploy", "moon"], "moon"),
    (["promote", "--version", "1", "--from", "dev-2", "--registry", "REGISTRY"], "dev-2"),
    (["deploy", "dev", "--registry", "a b"], "which registry"),
])
def test_mistakes_touch_nothing(dev, registry, words, complaint):
    status, output, calls = dev(*(registry[0] if word == "REGISTRY" else word for word in words))
    assert status != 0 and complaint in output, output
    assert applied(calls) is None and "Traceback" not in output


def test_rollout_that_fails_says_so_and_can_be_taken_back(dev, registry):
    status, output, _ = dev("deploy", "dev", "--version", "dev-1", "--registry", registry[0], FAKE_FAILS="status")
    assert status != 0 and "./dev rollback" in output
    status, output, calls = dev("rollback", "dev")
    assert status == 0, output
    assert [words[4] for words, _ in calls if words[2:4] == ["rollout", "undo"]] == [
        "deployment.apps/sentinel-master", "deployment.apps/sentinel-executor-python"]


def test_push_what_was_built(dev, registry):
    """Under each tag; an image that was not built is left out. (The engine's name is docker: a script of ours.)"""
    address, _ = registry
    status, output, calls = dev("push", "--registry", address, "--tag", "dev-1", "--tag", "dev-latest")
    assert status == 0, output
    pushed = [words[-1] for words, _ in calls if words[0] == "push"]
    names = [name for name in ["sentinel-master", "sentinel-stunnel", *NAMES[1:]] if name != "sentinel-executor-rust"]
    assert pushed == [f"{address}/{name}:{tag}" for name in names for tag in ("dev-1", "dev-latest")]


def test_scan(dev):
    status, output, calls = dev("scan", "--tag", "dev-1")
    assert status == 0, output
    asked = [words for words, _ in calls if words[0] == "debsecan"]
    assert len(asked) == len(NAMES) and all(words[1:3] == ["--suite", "trixie"] for words in asked)
    status, output, _ = dev("scan", "--tag", "dev-1", FAKE_HOLES="CVE-2026-1 libc6\n")
    assert status != 0 and "CVE-2026-1 libc6" in output and "--fresh" in output


def test_sign_digests_and_bills_of_materials(dev, registry):
    status, output, calls = dev("sign", "--registry", registry[0], "--tag", "dev-1")
    assert status == 0, output
    signed = {words[-1] for words, _ in calls if words[:2] == ["cosign", "sign"]}
    assert f"{registry[0]}/sentinel-master@{name_of(manifest_of('team/sentinel-master'))}" in signed
    assert signed == {words[-1] for words, _ in calls if words[:2] == ["cosign", "attest"]}


def test_login(dev, tmp_path):
    """A kubeconfig is for its owner alone and is never written over; a password is on no command line."""
    config = tmp_path / "kube/config"
    words = {"ECR_REGISTRY": "127.0.0.1:1/team", "REGISTRY_USER": "me", "REGISTRY_PASSWORD": "secret",
             "KUBECONFIG": str(config), "KUBECONFIG_DATA": base64.b64encode(b"a cluster").decode()}
    status, output, calls = dev("login", **words)
    assert status == 0, output
    assert (["login", "--username", "me", "--password-stdin", "127.0.0.1:1"], "secret") in [tuple(call) for call in calls]
    assert config.read_bytes() == b"a cluster" and config.stat().st_mode & 0o777 == 0o600
    status, output, _ = dev("login", **words)
    assert status != 0 and "not written over" in output


def test_smoke_finds_the_service_by_port_forward(dev):
    status, output, _ = dev("smoke", "moon")
    assert status != 0 and "a URL" in output


def test_workflows_call_dev_for_everything():
    """So that a person can do by hand what a pipeline does, and the tests above try it."""
    commands = re.findall(r"^  (\w+)", (ROOT / "tools/dev/__main__.py").read_text().split('"""')[1], re.MULTILINE)
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        workflow = yaml.safe_load(path.read_text())
        for job in workflow["jobs"].values():
            for line in [step["run"] for step in job["steps"] if "run" in step]:
                told = re.match(r"(\./dev (\w+)|\./\.ci/run$|apt-get |git config )", line)
                assert told and (not told[2] or told[2] in commands), (path.name, line)
