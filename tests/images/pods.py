"""A pod of the manifests as podman runs it: the same user, capabilities, root, seccomp profile, limits, volumes and
environment, read from what kubectl builds. What podman cannot be told is named in NOT_HERE."""

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/k8s"), str(ROOT / "tests/autoscale"), str(ROOT / "tests/e2e"), str(ROOT / "tools/dev")]

import manifests  # noqa: E402 (its folder was just added)
from manifests import named, quantity  # noqa: E402

# Kubernetes' own: who may talk to whom, where pods go, who comes first.
NOT_HERE = {"serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "priorityClassName",
            "terminationGracePeriodSeconds", "hostUsers"}
HERE = {"containers", "volumes", "securityContext"}
PROFILES = {"RuntimeDefault": ROOT / "docker/seccomp/runtime-default.json", "Localhost": ROOT / "k8s/nodes"}
# A host that is itself confined may not raise limits; these are far above what the programs use.
ULIMITS = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=2048:2048"]


def image(name):
    return f"localhost/{name}:{os.environ['SENTINEL_TEST_TAG']}"


def seccomp(context):
    wanted = context["seccompProfile"]
    if wanted["type"] == "Localhost":
        return PROFILES["Localhost"] / Path(wanted["localhostProfile"]).name
    return PROFILES[wanted["type"]]


def security(spec, container):
    """The pod's and the container's securityContext as options."""
    context = {**spec["securityContext"], **container["securityContext"]}
    known = {"runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "seccompProfile", "allowPrivilegeEscalation",
             "readOnlyRootFilesystem", "capabilities", "procMount"}
    assert set(context) <= known, set(context) - known
    options = ["--user", f"{context['runAsUser']}:{context['runAsGroup']}", "--security-opt", f"seccomp={seccomp(context)}"]
    for drop in context["capabilities"]["drop"]:
        options += ["--cap-drop", drop.lower()]
    if context["allowPrivilegeEscalation"] is False:
        options += ["--security-opt", "no-new-privileges"]
    if context["readOnlyRootFilesystem"]:
        options += ["--read-only", "--read-only-tmpfs=false"]
    if context.get("procMount") == "Unmasked":
        options += ["--security-opt", "unmask=ALL"]
    if "fsGroup" in context:
        options += ["--group-add", str(context["fsGroup"])]
    return options


def files(folder, data):
    """A Secret's or ConfigMap's volume: readable to its group alone, as defaultMode 0440 and fsGroup have it."""
    folder.mkdir(parents=True)
    for name, text in data.items():
        (folder / name).write_text(text)
        os.chown(folder / name, 0, 1000)
        os.chmod(folder / name, 0o440)
    return folder


def volumes(spec, container, secret_data, folder):
    options = []
    by_name = {volume["name"]: volume for volume in spec.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        volume = by_name[mount["name"]]
        if "emptyDir" in volume:
            size = int(quantity(volume["emptyDir"]["sizeLimit"]))
            options += ["--mount", f"type=tmpfs,destination={mount['mountPath']},tmpfs-size={size},tmpfs-mode=1777"]
        else:
            source = files(folder / mount["name"], secret_data[volume["secret"]["secretName"]])
            options += ["--volume", f"{source}:{mount['mountPath']}:ro"]
    return options


def environment(objects, container, labels, name, secret_data):
    """name → value, references followed as a kubelet does."""
    values = {}
    for source in container.get("envFrom", []):
        values.update(named(objects, "ConfigMap", source["configMapRef"]["name"])["data"])
    for entry in container.get("env", []):
        if "value" in entry:
            values[entry["name"]] = entry["value"]
            continue
        source = entry["valueFrom"]
        if "secretKeyRef" in source:
            values[entry["name"]] = secret_data[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
        elif source["fieldRef"]["fieldPath"] == "metadata.name":
            values[entry["name"]] = name
        else:
            values[entry["name"]] = labels[source["fieldRef"]["fieldPath"].split("'")[1]]
    return values


class Pod:
    """One container, in the host's network, because podman's own wants what a CI host may not give."""

    def __init__(self, workload, objects, secret_data, folder, **settings):
        template = manifests.pods(objects)[workload]
        spec = template["spec"]
        assert set(spec) <= HERE | NOT_HERE, set(spec) - HERE - NOT_HERE
        container = spec["containers"][0]
        self.grace = spec["terminationGracePeriodSeconds"]
        self.name = f"{workload.split('/')[1]}-{secrets.token_hex(4)}"
        self.image = container["image"].split(":")[0]
        labels = template["metadata"]["labels"]
        values = environment(objects, container, labels, self.name, secret_data)
        values.update({f"SENTINEL_{key.upper()}": str(value) for key, value in settings.items()})
        limits = container["resources"]["limits"]
        options = ["--name", self.name, "--detach", "--no-healthcheck", "--runtime", "runc", "--network", "host", *ULIMITS,
                   "--cpus", str(quantity(limits["cpu"])), "--memory", str(int(quantity(limits["memory"]))),
                   *security(spec, container), *volumes(spec, container, secret_data, folder / self.name)]
        for key, value in values.items():
            options += ["--env", f"{key}={value}"]
        podman("run", *options, image(self.image))

    def state(self):
        return json.loads(podman("inspect", "--type", "container", self.name))[0]["State"]

    def running(self):
        return self.state()["Status"] == "running"

    def log(self):
        return podman("logs", self.name)

    def terminate(self):
        podman("kill", "--signal", "TERM", self.name)

    def wait(self):
        """The exit status, within the grace period."""
        deadline = time.monotonic() + self.grace
        while self.running():
            assert time.monotonic() < deadline, f"{self.name} did not end in its grace period:\n{self.log()[-3000:]}"
            time.sleep(0.1)
        return self.state()["ExitCode"]

    def remove(self):
        podman("rm", "--force", "--time", "0", self.name)


def podman(*words):
    done = subprocess.run(["podman", *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE if words[0] != "logs" else subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == 0, f"podman {' '.join(map(str, words))}: {done.stderr or done.stdout}"
    return done.stdout
