"""`./dev login`: a pipeline's credentials, from variables into the tools' own files. On a person's machine docker login and
kubectl's own way do.

REGISTRY_USER and REGISTRY_PASSWORD are for ECR_REGISTRY; KUBECONFIG_DATA is a kubeconfig in base64."""

import base64
import binascii
import os
import pathlib
import subprocess

import engine
from progress import Failure, say


def registry_login(container, registry, user, password):
    """The password goes by standard input, where no list of processes shows it."""
    done = subprocess.run([container.name, "login", "--username", user, "--password-stdin", registry.split("/")[0]],
                          input=password, text=True, capture_output=True)
    if done.returncode != 0:
        raise Failure(f"{container.name} login: {done.stderr.strip()}")


def write_kubeconfig(data):
    path = pathlib.Path(os.environ.get("KUBECONFIG") or pathlib.Path.home() / ".kube/config")
    if path.exists():
        raise Failure(f"{path} is there already: it is not written over")
    try:
        text = base64.b64decode(data, validate=True)
    except binascii.Error:
        raise Failure("KUBECONFIG_DATA is not base64") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)


def login(arguments):
    if arguments:
        raise Failure("login takes no arguments")
    user, password = os.environ.get("REGISTRY_USER"), os.environ.get("REGISTRY_PASSWORD")
    if user and password:
        registry = os.environ.get("ECR_REGISTRY")
        if not registry:
            raise Failure("ECR_REGISTRY says which registry REGISTRY_USER is for")
        registry_login(engine.find(), registry, user, password)
    if os.environ.get("KUBECONFIG_DATA"):
        write_kubeconfig(os.environ["KUBECONFIG_DATA"])
    say(f"registry: {'yes' if user and password else 'as it was'}, cluster: "
        f"{'yes' if os.environ.get('KUBECONFIG_DATA') else 'as it was'}")
    return 0
