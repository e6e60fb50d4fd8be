"""`./dev push`, `promote`, `deploy` and `rollback`: from images here to pods that run.

    ./dev push [--registry R] [--tag T]…            images of this machine to the registry
    ./dev promote --version V [--from TAG]          what TAG names now becomes prod-V, byte for byte
    ./dev deploy dev|prod --version V               apply the overlay with the digests behind V's tag, wait for the rollout
    ./dev rollback dev|prod                         back to what ran before the last rollout

Variables, with the names of document 000: ECR_REGISTRY, IMAGE_TAG, RUNNER_NAMESPACE, SERVICE_ACCOUNT, JOB_TIMEOUT.
Credentials are the tools' own: docker or podman login for the registry, kubectl's context for the cluster."""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys

import engine
import kubernetes
import packages
import images
from paths import TOP
from progress import Failure, run, say

# What the Role sentinel-deployer may apply; the rest is an administrator's (--install).
DEPLOYED = {"ConfigMap", "Deployment", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "ScaledJob", "ScaledObject", "Service",
            "ServiceAccount", "StatefulSet", "TriggerAuthentication"}
ROLLOUT_TIMEOUT = "10m"


def registry_of(options):
    registry = options.registry or os.environ.get("ECR_REGISTRY", "")
    if not re.fullmatch(r"[A-Za-z0-9.:-]+(/[a-z0-9._-]+)*", registry):
        raise Failure("which registry? --registry NAME, or the variable ECR_REGISTRY")
    packages.install(["skopeo"], "asking the registry")
    return registry.rstrip("/")


def is_local(registry):
    """A registry of this machine has no certificate."""
    return registry.split("/")[0].split(":")[0] in ("127.0.0.1", "localhost")


# ---- the registry ---------------------------------------------------------------------------------------------------


def skopeo(registry, verb, *words, sides=("",)):
    insecure = [f"--{side}tls-verify=false" for side in sides] if is_local(registry) else []
    done = subprocess.run(["skopeo", verb, *insecure, *words], stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise Failure(f"skopeo {verb} {words[-1]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def digest(registry, image, tag):
    """What the tag names now: the hash of its manifest's bytes."""
    manifest = skopeo(registry, "inspect", "--raw", f"docker://{registry}/{image}:{tag}")
    return "sha256:" + hashlib.sha256(manifest).hexdigest()


def digests_of(registry, names, tag):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(lambda name: digest(registry, name, tag), names)))


def local_images(container, tag):
    """Those of ours that have been built under the tag."""
    names = ["sentinel-master", "sentinel-stunnel", *map(images.executor_name, images.chosen_languages("all"))]
    return [name for name in names if container.has(container.local(f"{name}:{tag}"))]


def push(arguments):
    parser = argparse.ArgumentParser(prog="./dev push", description="images of this machine to the registry")
    parser.add_argument("--registry")
    parser.add_argument("--tag", action="append", help="instead of IMAGE_TAG, else dev-<sha> and dev-latest")
    options = parser.parse_args(arguments)
    registry, container = registry_of(options), engine.find()
    tags = options.tag or ([os.environ["IMAGE_TAG"]] if os.environ.get("IMAGE_TAG") else [images.commit_tag(), "dev-latest"])
    names = local_images(container, tags[0])
    if not names:
        raise Failure(f"there is no image with the tag {tags[0]}: ./dev images builds them")
    for name in names:
        for tag in tags:
            container.tag(container.local(f"{name}:{tags[0]}"), f"{registry}/{name}:{tag}")
            container.push(f"{registry}/{name}:{tag}", insecure=is_local(registry))
        say(f"{registry}/{name}@{digest(registry, name, tags[0])}  {' '.join(tags)}")
    return 0


def promote(arguments):
    parser = argparse.ArgumentParser(prog="./dev promote", description="what TAG names now becomes prod-V, byte for byte")
    parser.add_argument("--registry")
    parser.add_argument("--version", required=True)
    parser.add_argument("--from", dest="tag", help="instead of dev-<sha> of what is checked out")
    options = parser.parse_args(arguments)
    registry, tag = registry_of(options), options.tag or images.commit_tag()
    for name, found in digests_of(registry, image_names(overlay("prod")), tag).items():
        skopeo(registry, "copy", "--all", "--preserve-digests", f"docker://{registry}/{name}@{found}",
               f"docker://{registry}/{name}:{release_tag(options.version)}", sides=("src-", "dest-"))
        say(f"{registry}/{name}:{release_tag(options.version)} is {found}")
    return 0


def release_tag(version):
    return f"prod-{version.removeprefix('v')}"


# ---- the cluster ----------------------------------------------------------------------------------------------------


def kubectl(*words, **more):
    return subprocess.run([os.environ.get("KUBECTL") or kubernetes.kubectl(), *words], text=True, **more)


def kustomize(folder):
    done = kubectl("kustomize", str(folder), capture_output=True)
    if done.returncode != 0:
        raise Failure(f"kubectl kustomize {folder}: {done.stderr.strip()}")
    return done.stdout


def overlay(environment):
    return kustomize(TOP / "k8s/overlays" / environment)


def image_names(manifests):
    """Ours, in what kubectl built; a redis is somebody else's."""
    return sorted(set(re.findall(r"image: (?:\S+/)?(sentinel-[a-z0-9-]+)[:@]", manifests)))


def kustomization(environment, registry, digests, namespace):
    """The overlay, with this release's images, and what the variables ask for."""
    made = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": [f"../../../k8s/overlays/{environment}"],
        "images": [{"name": name, "newName": f"{registry}/{name}", "digest": found} for name, found in digests.items()],
    }
    if os.environ.get("JOB_TIMEOUT"):
        seconds = int(os.environ["JOB_TIMEOUT"])
        made["configMapGenerator"] = [{"name": "sentinel-config", "behavior": "merge",
                                       "literals": [f"SENTINEL_JOB_TIMEOUT_S={seconds}"]}]
        made["patches"] = [{"target": {"kind": "Deployment", "labelSelector": "app.kubernetes.io/name=sentinel-executor"},
                            "patch": drain_patch(seconds)}]
    if os.environ.get("SERVICE_ACCOUNT"):
        made.setdefault("patches", []).append({
            "target": {"kind": "Deployment"},
            "patch": json.dumps([{"op": "replace", "path": "/spec/template/spec/serviceAccountName",
                                  "value": os.environ["SERVICE_ACCOUNT"]}])})
    return made


def drain_patch(seconds):
    """A job that may last longer is to be waited for longer."""
    container = {"name": "executor", "env": [{"name": "SENTINEL_DRAIN_S", "value": str(seconds)}]}
    pod = {"terminationGracePeriodSeconds": seconds + 30, "containers": [container]}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "not-used"},
                       "spec": {"template": {"spec": pod}}})


def parts(manifests, kinds=None):
    """The documents of these kinds."""
    documents = manifests.split("\n---\n")
    return [text for text in documents
            if kinds is None or re.search(r"^kind: (\S+)", text, re.MULTILINE).group(1) in kinds]


def confirm(question, word):
    """Nothing goes to production by a mistyped command. A pipeline says --yes."""
    if not sys.stdin.isatty():
        raise Failure(f"{question}: there is nobody to ask; --yes says that it is meant")
    if input(f"{question}? Type {word} to go on: ").strip() != word:
        raise Failure("not deployed")


def deployments(namespace):
    done = kubectl("--namespace", namespace, "get", "deployments", "--selector", "app.kubernetes.io/part-of=sentinel",
                   "--output", "name", capture_output=True)
    if done.returncode != 0:
        raise Failure(f"kubectl get deployments: {done.stderr.strip()}")
    return done.stdout.split()


def wait_for_rollout(namespace):
    for name in deployments(namespace):
        status, output = run(f"waiting for {name}", [os.environ.get("KUBECTL") or kubernetes.kubectl(), "--namespace", namespace,
                                                     "rollout", "status", name, f"--timeout={ROLLOUT_TIMEOUT}"], check=False)
        if status != 0:
            raise Failure(f"{name} did not come up: {output.strip()}\n./dev rollback brings back what ran before")


def deploy(arguments):
    parser = argparse.ArgumentParser(prog="./dev deploy")
    parser.add_argument("environment", choices=["dev", "prod"])
    parser.add_argument("--version", help="dev: a tag (IMAGE_TAG, else dev-latest); prod: V of prod-V")
    parser.add_argument("--registry")
    parser.add_argument("--yes", action="store_true", help="do not ask before prod")
    parser.add_argument("--install", action="store_true",
                        help="also what only an administrator may apply: namespace, quotas, roles")
    parser.add_argument("--dry-run", action="store_true", help="print the manifests")
    options = parser.parse_args(arguments)
    prod = options.environment == "prod"
    if prod and not options.version:
        raise Failure("prod wants --version V")
    registry = registry_of(options)
    tag = release_tag(options.version) if prod else options.version or os.environ.get("IMAGE_TAG") or "dev-latest"
    namespace = os.environ.get("RUNNER_NAMESPACE") or f"runner-{options.environment}"

    digests = digests_of(registry, image_names(overlay(options.environment)), tag)
    folder = TOP / "build/deploy" / options.environment
    folder.mkdir(parents=True, exist_ok=True)
    made = kustomization(options.environment, registry, digests, namespace)
    (folder / "kustomization.yaml").write_text(json.dumps(made, indent=1))
    manifests = "\n---\n".join(parts(kustomize(folder), None if options.install else DEPLOYED))
    if options.dry_run:
        say(manifests)
        return 0
    say("\n".join(f"{name}@{found}" for name, found in digests.items()))
    if prod and not options.yes:
        confirm(f"deploy {tag} to {namespace} in {kubectl('config', 'current-context', capture_output=True).stdout.strip()}",
                namespace)
    if kubectl("apply", "--namespace", namespace, "--filename", "-", input=manifests).returncode != 0:
        raise Failure("kubectl apply failed; what it said stands above")
    wait_for_rollout(namespace)
    say(f"{tag} runs in {namespace}")
    return 0


def rollback(arguments):
    parser = argparse.ArgumentParser(prog="./dev rollback", description="back to what ran before the last rollout")
    parser.add_argument("environment", choices=["dev", "prod"])
    options = parser.parse_args(arguments)
    namespace = os.environ.get("RUNNER_NAMESPACE") or f"runner-{options.environment}"
    for name in deployments(namespace):
        if kubectl("--namespace", namespace, "rollout", "undo", name).returncode != 0:
            raise Failure(f"kubectl rollout undo {name} failed; what it said stands above")
    wait_for_rollout(namespace)
    return 0
