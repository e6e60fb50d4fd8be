"""Every object against the schemas of Kubernetes and KEDA, unknown keys refused; and that the check itself sees mistakes."""

import copy

import pytest

import manifests
import secret
from manifests import named


def test_overlays(objects, problems):
    assert problems(objects) == []


def test_variants(variant, problems):
    assert problems(variant[1]) == []


@pytest.mark.parametrize("folder", ["k8s/nodes", "k8s/base", "keda/jobs", "keda/auth"])
def test_other_kustomizations(folder, problems):
    assert problems(manifests.build(str(manifests.ROOT / folder))) == []


def test_secrets(problems):
    objects, _ = secret.make("runner-dev", "redis:6379", in_cluster=True)
    assert problems(objects) == []


def put(thing, path, value):
    for key in path[:-1]:
        thing = thing[key]
    thing[path[-1]] = value


POD = ["spec", "template", "spec"]
MISTAKES = [
    ("Deployment", "sentinel-master", ["spec", "replica"], 3),
    ("Deployment", "sentinel-master", ["spec", "replicas"], "three"),
    ("Deployment", "sentinel-master", ["metadata", "labells"], {}),
    ("Deployment", "sentinel-master", [*POD, "securityContext", "runAsNonroot"], True),
    ("Deployment", "sentinel-master", [*POD, "containers", 0, "securityContext", "readonlyRootFilesystem"], True),
    ("Deployment", "sentinel-master", [*POD, "containers", 0, "resources", "limit"], {}),
    ("Deployment", "sentinel-master", [*POD, "containers", 0, "readinessProbe", "httpGet", "pth"], "/"),
    ("Deployment", "sentinel-master", [*POD, "volumes", 0, "secret", "secret_name"], "x"),
    ("StatefulSet", "sentinel-redis", ["spec", "volumeClaimTemplates", 0, "spec", "accessMode"], []),
    ("Service", "sentinel-master-service", ["spec", "ports", 0, "targetport"], 1),
    ("NetworkPolicy", "master", ["spec", "ingress", 0, "form"], []),
    ("NetworkPolicy", "master", ["spec", "podSelector", "matchLabel"], {}),
    ("Ingress", "sentinel", ["spec", "tls", 0, "secret"], "x"),
    ("Role", "sentinel-deployer", ["rules", 0, "verb"], []),
    ("ResourceQuota", "executors", ["spec", "scope"], {}),
    ("ScaledObject", "sentinel-executor-python", ["spec", "cooldown"], 1),
    ("ScaledObject", "sentinel-executor-python", ["spec", "cooldownPeriod"], "long"),
    ("ScaledObject", "sentinel-executor-python", ["spec", "fallback", "behaviour"], "static"),
    ("ScaledObject", "sentinel-executor-python", ["spec", "advanced", "scalingModifiers", "formular"], "x"),
    ("ScaledObject", "sentinel-executor-python", ["spec", "triggers", 0, "metadatas"], {}),
    ("ScaledObject", "sentinel-executor-python",
     ["spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleDown", "stabilisationWindowSeconds"], 1),
    ("TriggerAuthentication", "sentinel-redis", ["spec", "secretTargetRefs"], []),
]


@pytest.fixture(scope="module")
def found_mistakes(problems):
    """Asked once for all; each mistake's object has a name of its own."""
    things = []
    for number, (kind, name, path, value) in enumerate(MISTAKES):
        thing = copy.deepcopy(named(manifests.overlay("dev"), kind, name))
        put(thing, path, value)
        thing["metadata"]["name"] = f"mistake-{number}"
        things.append(thing)
    return problems(things)


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=lambda number: MISTAKES[number][2][-1])
def test_the_check_sees_mistakes(found_mistakes, number):
    kind, _, path, _ = MISTAKES[number]
    own = [problem for problem in found_mistakes if problem.startswith(f"{kind}/mistake-{number}: ")]
    assert len(own) == 1 and path[-1] in own[0], own


def test_the_check_sees_unknown_kinds(problems):
    assert problems([{"apiVersion": "apps/v1", "kind": "Deploiment", "metadata": {"name": "x"}}])
    assert problems([{"apiVersion": "apps/v2", "kind": "Deployment", "metadata": {"name": "x"}}])
