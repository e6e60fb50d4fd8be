"""What our own rules ask of every overlay, beside what the schemas know."""

import json
import os
import re
import subprocess

import pytest

import manifests
import secret
from manifests import containers, environment, is_sidecar, named, of_kind, pods, quantity, selects

RESTRICTED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected",
                      "secret"}
HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC")


def restricted(pod):
    """What Pod Security `restricted` would say against a pod, as sentences."""
    spec, found = pod["spec"], []
    shared = spec.get("securityContext", {})
    found += [f"{field} is set" for field in HOST_FIELDS if spec.get(field)]
    found += [f"volume {volume['name']}" for volume in spec.get("volumes", [])
              if not set(volume) - {"name"} <= RESTRICTED_VOLUMES]
    for container in containers(pod):
        own = container.get("securityContext", {})
        both = {**shared, **own}
        name = container["name"]
        if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
            found.append(f"{name}: privilege")
        if own.get("capabilities", {}).get("drop") != ["ALL"] or set(own["capabilities"].get("add", [])) - {"NET_BIND_SERVICE"}:
            found.append(f"{name}: capabilities")
        if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
            found.append(f"{name}: root")
        if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            found.append(f"{name}: seccomp")
        if own.get("procMount", "Default") != "Default":
            found.append(f"{name}: procMount")
        if any("hostPort" in port for port in container.get("ports", [])):
            found.append(f"{name}: hostPort")
    return found


def enforced(objects):
    space = of_kind(objects, "Namespace")[0]
    return space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]


def test_pods_are_restricted(objects):
    assert enforced(objects) == "restricted"
    assert {name: restricted(pod) for name, pod in pods(objects).items() if restricted(pod)} == {}


def test_variants_are_what_their_namespace_admits(variant):
    name, objects = variant
    wrong = {pod: restricted(template) for pod, template in pods(objects).items() if restricted(template)}
    assert enforced(objects) == ("privileged" if wrong else "restricted")
    assert bool(wrong) == (name in ("a", "a-minus-unmasked"))
    if name == "a-minus-unmasked":
        assert {reason for reasons in wrong.values() for reason in reasons} == {"executor: procMount"}


def test_uid_and_root(objects):
    """uid 1000, a root that cannot be written, no token, no environment made of Services' names."""
    for name, pod in pods(objects).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["runAsGroup"] == 1000, name
        assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False, name
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, (name, container["name"])


def test_accounts_have_no_token_and_little_to_say(objects):
    assert all(account["automountServiceAccountToken"] is False for account in of_kind(objects, "ServiceAccount"))
    accounts = {account["metadata"]["name"] for account in of_kind(objects, "ServiceAccount")}
    bound = {subject["name"] for binding in of_kind(objects, "RoleBinding") for subject in binding["subjects"]}
    assert bound == {"sentinel-deployer"}, "the programs' accounts have no role"
    for name, pod in pods(objects).items():
        account = pod["spec"].get("serviceAccountName", "default")
        assert account == "default" or account in accounts, name
        assert account not in bound, name
    for role in of_kind(objects, "Role"):
        for rule in role["rules"]:
            words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert not words & {"*", "secrets", "delete", "escalate", "bind", "impersonate"}, rule
    assert not of_kind(objects, "ClusterRole", "ClusterRoleBinding")


def test_requests_and_limits(objects):
    limits = of_kind(objects, "LimitRange")[0]["spec"]["limits"][0]
    assert (limits["defaultRequest"], limits["default"]) == ({"cpu": "100m", "memory": "128Mi"},
                                                             {"cpu": "500m", "memory": "256Mi"}), "000's figures"
    for name, pod in pods(objects).items():
        for container in containers(pod):
            for what in ("cpu", "memory"):
                request = quantity(container["resources"]["requests"][what])
                limit = quantity(container["resources"]["limits"][what])
                assert request <= limit <= quantity(limits["max"][what]), (name, container["name"], what)


@pytest.mark.parametrize("overlay, concurrent", [("dev", 50), ("prod", 200), ("dev-jobs", 50)])
def test_quota_has_room_for_what_may_run_at_once(overlay, concurrent):
    """000's 50 and 200 executors, the biggest of them, with masters and Redis beside (a rollout's spare one included)."""
    objects = manifests.overlay(overlay)
    assert named(objects, "ResourceQuota", "executors")["spec"]["hard"] == {"pods": str(concurrent)}
    hard = named(objects, "ResourceQuota", "all")["spec"]["hard"]
    for side in ("requests", "limits"):
        for what in ("cpu", "memory"):
            need = {name: sum(quantity(c["resources"][side][what]) for c in containers(pod))
                    for name, pod in pods(objects).items()}
            executors = [value for name, value in need.items() if "executor" in name]
            others = sum(need[f"{thing['kind']}/{thing['metadata']['name']}"] * (thing["spec"].get("replicas", 1) + 1)
                         for thing in of_kind(objects, "Deployment", "StatefulSet")
                         if "executor" not in thing["metadata"]["name"])
            assert concurrent * max(executors) + others <= quantity(hard[f"{side}.{what}"]), (side, what)


def test_images(objects):
    for name, pod in pods(objects).items():
        for container in containers(pod):
            image = container["image"].split("/")[-1]
            assert "@sha256:" in image or re.search(":(?!latest$)[a-z0-9.-]+$", image), (name, image)


def test_prod_images_are_digests():
    for name, pod in pods(manifests.overlay("prod")).items():
        for container in containers(pod):
            assert re.search("@sha256:[0-9a-f]{64}$", container["image"]), name


def test_every_pod_is_behind_network_policies(objects):
    policies = of_kind(objects, "NetworkPolicy")
    closed = named(objects, "NetworkPolicy", "default-deny")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, pod in pods(objects).items():
        labels = pod["metadata"]["labels"]
        for direction in ("Ingress", "Egress"):
            assert [p for p in policies if p["spec"]["podSelector"] and direction in p["spec"]["policyTypes"]
                    and selects(p["spec"]["podSelector"], labels)], (name, direction)


def reaches(objects, labels):
    """Egress rules of a pod with these labels, DNS aside."""
    return [rule for policy in of_kind(objects, "NetworkPolicy")
            if policy["metadata"]["name"] != "dns" and selects(policy["spec"]["podSelector"], labels)
            for rule in policy["spec"].get("egress", [])]


def test_executors_reach_redis_alone(objects):
    for name, pod in pods(objects).items():
        if "executor" in name:
            rules = reaches(objects, pod["metadata"]["labels"])
            assert [port["port"] for rule in rules for port in rule["ports"]] in ([6379], [6380]), name


def test_webhooks_open_masters_to_public_addresses_alone():
    objects = manifests.variant("webhooks")
    rules = reaches(objects, {"app.kubernetes.io/name": "sentinel-master"})
    block = next(to["ipBlock"] for rule in rules for to in rule["to"] if to["ipBlock"]["cidr"] == "0.0.0.0/0")
    private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10"}
    assert private <= set(block["except"])
    executor = reaches(objects, {"app.kubernetes.io/name": "sentinel-executor"})
    assert not any("0.0.0.0/0" in json.dumps(rule) for rule in executor)


def allowed(value, rule):
    number = re.fullmatch(r"(-?\d+)–(\d+)", rule)
    if number:
        return re.fullmatch(r"-?\d+", value) is not None and int(number[1]) <= int(value) <= int(number[2])
    return rule == "text" or value in rule.split(", ")


def test_settings_exist_and_take_their_values(objects, settings):
    for name, pod in pods(objects).items():
        if "redis" in name:
            continue
        for variable, value in environment(pod, objects).items():
            assert variable in settings, (name, variable)
            program, rule, _ = settings[variable]
            shared = any(variable in config["data"] for config in of_kind(objects, "ConfigMap"))
            assert shared or program == "both" or program in name, (name, variable)
            assert value is None or allowed(value, rule), (name, variable, value, rule)


def test_options_exist():
    text = subprocess.run([os.environ["SENTINEL_TEST_EXECUTOR"], "--help"], check=True, capture_output=True, text=True).stdout
    for name, pod in pods(manifests.overlay("dev-jobs")).items():
        for option in [word for word in pod["spec"]["containers"][0].get("args", []) if word.startswith("--")]:
            assert f"  {option} " in text, (name, option)


def test_references_lead_somewhere(objects):
    """ConfigMaps, claims, priority classes, service accounts and Services that are named are there; Secrets are those that
    ./dev secret makes, or the ingress controller's."""
    made, _ = secret.make("x", "redis:6379", in_cluster=True)
    keys = {item["metadata"]["name"]: set(item["stringData"]) for item in made}
    for name, pod in pods(objects).items():
        text = json.dumps(pod)
        for config in re.findall(r'"configMap(?:Ref)?": \{"name": "([^"]+)"', text):
            assert named(objects, "ConfigMap", config), (name, config)
        for secret_name in re.findall(r'"secretName": "([^"]+)"', text):
            assert secret_name in keys, (name, secret_name)
        for reference in re.findall(r'"secretKeyRef": (\{[^}]*\})', text):
            assert json.loads(reference)["key"] in keys[json.loads(reference)["name"]], name
        assert named(objects, "PriorityClass", pod["spec"]["priorityClassName"]), name
    for reference in of_kind(objects, "TriggerAuthentication")[0]["spec"]["secretTargetRef"]:
        assert reference["key"] in keys[reference["name"]]
    for service in of_kind(objects, "Service"):
        assert any(selects({"matchLabels": service["spec"]["selector"]}, pod["metadata"]["labels"])
                   for pod in pods(objects).values()), service["metadata"]["name"]
    backend = of_kind(objects, "Ingress")[0]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend["port"]["name"] in [p["name"] for p in named(objects, "Service", backend["name"])["spec"]["ports"]]


def test_service_is_named_as_003_has_it(objects):
    service = named(objects, "Service", "sentinel-master-service")
    pod = pods(objects)["Deployment/sentinel-master"]
    ports = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
    served = {port["name"]: ports[port["targetPort"]] for port in service["spec"]["ports"]}
    settings = environment(pod, objects)
    assert served == {"http": int(settings["SENTINEL_PORT"]), "grpc": int(settings["SENTINEL_GRPC_PORT"])}


def test_prod_masters_survive_a_node():
    objects = manifests.overlay("prod")
    master = named(objects, "Deployment", "sentinel-master")
    budget = named(objects, "PodDisruptionBudget", "sentinel-master")
    labels = master["spec"]["template"]["metadata"]["labels"]
    assert master["spec"]["replicas"] == 3 and budget["spec"]["minAvailable"] == 2
    assert selects(budget["spec"]["selector"], labels)
    spread = master["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert all(selects(rule["labelSelector"], labels) for rule in spread)


def test_sidecars_start_before_and_end_after():
    """A plain second container would be told to end together with the executor, whose jobs then had no Redis."""
    for name, pod in pods(manifests.overlay("prod")).items():
        assert all(map(is_sidecar, pod["spec"]["initContainers"])), name
        assert environment(pod, manifests.overlay("prod"))["SENTINEL_REDIS_URL"] is None, name


def test_seccomp_profiles_are_as_made():
    subprocess.run([manifests.ROOT / "docker/seccomp/make.py", "--check"], check=True)
    nodes = manifests.build(str(manifests.ROOT / "k8s/nodes"))
    profile = of_kind(nodes, "ConfigMap")[0]["data"]["sentinel-executor.json"]
    assert json.loads(profile) == json.loads((manifests.ROOT / "docker/seccomp/sentinel-executor.json").read_text())
