"""docs/openapi.yaml and master/ have the same routes and the same error codes."""

import pathlib
import re
import sys

import jsonschema
import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
count = failed = 0


def same(ours, theirs, name):
    """Two sets: what the sources have, what the contract has."""
    global count, failed
    count += 1
    failed += ours != theirs
    print(f"{'' if ours == theirs else 'not '}ok {count} - {name}")
    for only, where in ((ours - theirs, "master/ alone has"), (theirs - ours, "docs/openapi.yaml alone has")):
        if only:
            print(f"#   {where} {sorted(only)}")


def unnamed(path):
    return re.sub(r"\{\w+\}", "{}", path)


def operations(contract):
    for path, item in contract["paths"].items():
        for method, operation in item.items():
            if method in ("get", "put", "post", "delete", "patch"):
                yield method.upper(), path, operation, item.get("parameters", [])


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    for child in node if isinstance(node, list) else []:
        yield from references(child)


def resolves(contract, reference):
    node = contract
    for step in reference.removeprefix("#/").split("/"):
        node = node.get(step) if isinstance(node, dict) else None
    return reference.startswith("#/") and node is not None


contract = yaml.safe_load((TOP / "docs/openapi.yaml").read_text())
sources = "\n".join(path.read_text() for path in sorted((TOP / "master").glob("*.c"))
                    if not path.name.startswith("grpc"))  # whose contract is proto/
ours = set(re.findall(r'\{\s*"(GET|PUT|POST|DELETE|PATCH)",\s*"(/[^"]*)"', sources))
same({(method, unnamed(path)) for method, path in ours},
     {(method, unnamed(path)) for method, path, _, _ in operations(contract)}, "routes")

codes = set(re.findall(r'(?:call_error|call_retry_later)\([^";]*"([a-z_]+)"', sources))
codes |= set(re.findall(r'\.code = "([a-z_]+)"', sources))
known = set(contract["components"]["schemas"]["Fault"]["properties"]["code"]["enum"])
same(codes | {code for code in known if f'"{code}"' in sources}, known, "error codes")

names = [operation["operationId"] for _, _, operation, _ in operations(contract)]
same({name for name in names if names.count(name) > 1}, set(), "operationId is there once")

for method, path, operation, shared in operations(contract):
    wanted = set(re.findall(r"\{(\w+)\}", path))
    found = set()
    for parameter in [*shared, *operation.get("parameters", [])]:
        if "$ref" in parameter:
            parameter = contract["components"]["parameters"][parameter["$ref"].rsplit("/", 1)[1]]
        if parameter["in"] == "path":
            found.add(parameter["name"])
    same(wanted, found, f"path parameters of {method} {path}")

same({reference for reference in references(contract) if not resolves(contract, reference)}, set(), "references lead somewhere")
used = set(references(contract))
parts = {f"#/components/{kind}/{name}" for kind, group in contract["components"].items() for name in group
         if kind != "securitySchemes"}
same(parts - used, {f"#/components/responses/{name}" for name in ("MethodNotAllowed", "TooManyRequests")},
     "components that nothing refers to")
for name, schema in contract["components"]["schemas"].items():
    jsonschema.Draft202012Validator.check_schema(schema)
print(f"1..{count}")
sys.exit(failed > 0)
