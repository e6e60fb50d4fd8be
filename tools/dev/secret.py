"""`./dev secret dev|prod`: Secrets with fresh passwords and keys, as a manifest on standard output.

    ./dev secret dev | kubectl apply -f -

What a person has to keep (API keys, and the ACL lines that a Redis outside the cluster is to be given) goes to standard
error, once. Nothing is stored."""

import argparse
import hashlib
import json
import re
import secrets
import sys

from paths import TOP
from progress import Failure

# What KEDA's redis scaler sends: a script that asks TYPE and one of the others. (Its client also tries CLIENT SETINFO, which
# Redis 7.0 does not know and refuses as a whole file; it goes on when it is refused.)
KEDA_COMMANDS = "+ping +hello +client|setname +select +eval +type +llen +zcard"


def program_rights():
    """The ACL line that PROTOCOL.md documents and that the tests run with, without name and password."""
    line = re.search(r"^user sentinel on >secret (.*)$", (TOP / "docs/PROTOCOL.md").read_text(), re.MULTILINE)
    if not line:
        raise Failure("docs/PROTOCOL.md has no line `user sentinel on >secret …`")
    return line.group(1)


def acl(passwords):
    """Lines of an ACL file: the programs, KEDA, and nobody else."""
    hashes = {name: hashlib.sha256(password.encode()).hexdigest() for name, password in passwords.items()}
    return "\n".join([
        "user default off",
        f"user sentinel on #{hashes['sentinel']} {program_rights()}",
        f"user keda on #{hashes['keda']} resetkeys ~sentinel:* resetchannels -@all {KEDA_COMMANDS}",
    ]) + "\n"


def api_key(name, role):
    """(the key, its line in the keys' file)."""
    key = "sk_" + secrets.token_hex(32)
    return key, f"{name} {role} {hashlib.sha256(key.encode()).hexdigest()}"


def manifest(name, namespace, data):
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "stringData": data,
            "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "sentinel"}}}


def make(namespace, address, in_cluster):
    """(manifests, what to tell the person). In the cluster the programs reach Redis by its name, else by their sidecar."""
    passwords = {"sentinel": secrets.token_hex(24), "keda": secrets.token_hex(24)}
    host = address if in_cluster else "127.0.0.1:6379"
    keys = [api_key("admin", "admin"), api_key("client", "user")]
    signing = secrets.token_hex(32)
    objects = [
        manifest("sentinel-redis", namespace, {"url": f"redis://sentinel:{passwords['sentinel']}@{host}"}),
        manifest("sentinel-keda", namespace, {"address": address, "username": "keda", "password": passwords["keda"]}),
        manifest("sentinel-keys", namespace, {"keys": "".join(line + "\n" for _, line in keys)}),
        manifest("sentinel-callbacks", namespace, {"secret": signing}),
    ]
    notes = [f"admin's API key: {keys[0][0]}", f"client's API key: {keys[1][0]}", f"callbacks are signed with: {signing}"]
    if in_cluster:
        objects.append(manifest("sentinel-redis-acl", namespace, {"users.acl": acl(passwords)}))
    else:
        notes.append(f"give {address} these users (ACL LOAD, or your provider's way):\n{acl(passwords).rstrip()}")
    return objects, notes


def secret(arguments):
    parser = argparse.ArgumentParser(prog="./dev secret", description=__doc__)
    parser.add_argument("environment", choices=["dev", "prod"])
    parser.add_argument("--redis", metavar="HOST:PORT", help="prod: where Redis is, by TLS")
    options = parser.parse_args(arguments)
    namespace = f"runner-{options.environment}"
    in_cluster = options.environment == "dev"
    if not in_cluster and not options.redis:
        raise Failure("prod's Redis is outside the cluster: --redis HOST:PORT says where")
    address = f"sentinel-redis.{namespace}.svc:6379" if in_cluster else options.redis
    objects, notes = make(namespace, address, in_cluster)
    print(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=1))
    print("\n".join(notes), file=sys.stderr)
    return 0
