"""Overlays as kubectl builds them, and the parts of their objects that checks are about."""

import functools
import json
import os
import pathlib
import subprocess
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
OVERLAYS = ["dev", "prod", "dev-jobs"]
# Built as prod with each of these; the suites of the sandbox say what a tier does.
VARIANTS = {"a-minus": ["tier-a-minus", "apparmor"], "a-minus-unmasked": ["tier-a-minus", "unmasked-proc"], "a": ["tier-a"],
            "gvisor": ["gvisor"], "kata": ["kata"], "webhooks": ["webhooks"], "monitoring": ["monitoring"]}
TEMPLATES = {"Deployment": ("spec", "template"), "StatefulSet": ("spec", "template"), "DaemonSet": ("spec", "template"),
             "ScaledJob": ("spec", "jobTargetRef", "template")}


@functools.cache
def build(folder):
    """The objects of a kustomization."""
    done = subprocess.run([os.environ["SENTINEL_TEST_KUBECTL"], "kustomize", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


def overlay(name):
    return build(str(ROOT / "k8s/overlays" / name))


@functools.cache
def variant(*components, overlay="prod"):
    """An overlay with components."""
    with tempfile.TemporaryDirectory() as folder:
        where = os.path.relpath(ROOT / "k8s", os.path.realpath(folder))
        pathlib.Path(folder, "kustomization.yaml").write_text(json.dumps({
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
            "resources": [f"{where}/overlays/{overlay}"], "components": [f"{where}/components/{name}" for name in components]}))
        return build(folder)


def of_kind(objects, *kinds):
    return [thing for thing in objects if thing["kind"] in kinds]


def named(objects, kind, name):
    return next((thing for thing in of_kind(objects, kind) if thing["metadata"]["name"] == name), None)


def pods(objects):
    """name → the pod template of each object that has one."""
    found = {}
    for thing in of_kind(objects, *TEMPLATES):
        template = thing
        for key in TEMPLATES[thing["kind"]]:
            template = template[key]
        found[f"{thing['kind']}/{thing['metadata']['name']}"] = template
    return found


def containers(pod):
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def is_sidecar(container):
    return container.get("restartPolicy") == "Always"


def environment(pod, objects):
    """Settings of the pod's first container, those from ConfigMaps included; a value that is a reference is None."""
    container = pod["spec"]["containers"][0]
    values = {}
    for source in container.get("envFrom", []):
        values.update(named(objects, "ConfigMap", source["configMapRef"]["name"])["data"])
    values.update({entry["name"]: entry.get("value") for entry in container.get("env", [])})
    return values


def selects(selector, labels):
    """Does a label selector match? (matchLabels, and matchExpressions with In.)"""
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", expression
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def quantity(text):
    """Bytes, or CPUs."""
    for suffix, factor in {"Gi": 2**30, "Mi": 2**20, "Ki": 2**10, "m": 0.001}.items():
        if str(text).endswith(suffix):
            return float(str(text).removesuffix(suffix)) * factor
    return float(text)
