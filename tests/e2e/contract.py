"""docs/openapi.yaml as a judge: every answer that the suites get is held to it (Client and Raw call it).

An answer is wrong when its status, its content type, a field or a header of it is not what the contract says of that
method and path. Paths that are not in it must be 404, methods that are not must be 405 and name those that are."""

import functools
import json
import re
from pathlib import Path

import jsonschema
import yaml

FILE = Path(__file__).resolve().parents[2] / "docs/openapi.yaml"
METHODS = ("get", "put", "post", "delete", "patch")


class Broken(AssertionError):
    """An answer that the contract does not have."""


@functools.cache
def document():
    return yaml.load(FILE.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@functools.cache
def resolver():
    return jsonschema.RefResolver.from_schema(document())


def follow(node):
    """The node, or what its $ref leads to."""
    while "$ref" in node:
        node = resolver().resolve(node["$ref"])[1]
    return node


@functools.cache
def patterns():
    """(expression, path) of each path; those without parameters first, because they are the ones meant."""
    paths = sorted(document()["paths"], key=lambda path: ("{" in path, path))
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in paths]


@functools.cache
def find_path(path):
    return next((known for pattern, known in patterns() if pattern.fullmatch(path)), None)


@functools.cache
def validator(location):
    """Of the schema at a place in the document, such as ("paths", "/load", "get", …)."""
    schema = document()
    for step in location:
        schema = follow(schema)[step]
    return jsonschema.Draft202012Validator(schema, resolver=resolver())


def check_value(location, value, what):
    fault = jsonschema.exceptions.best_match(validator(location).iter_errors(value))
    if fault:
        where = "".join(f"[{step!r}]" for step in fault.absolute_path) or "the whole"
        raise Broken(f"{what}: not as docs/openapi.yaml says: {where}: {fault.message[:600]}")


def check_headers(location, response, headers, what):
    for name, header in response.get("headers", {}).items():
        header = follow(header)
        if name.lower() not in headers:
            if header.get("required"):
                raise Broken(f"{what}: the header {name} is missing")
            continue
        value = headers[name.lower()]
        if header["schema"].get("type") == "integer" and value.isdigit():
            value = int(value)
        check_value((*location, "headers", name, "schema"), value, f"{what}, header {name}")


def read_events(lines):
    """(name, value) pairs of each server-sent event as a dictionary, and each comment as {"": its text}; the last one only when
    it is whole. `lines` are bytes without their ends."""
    event = {}
    for line in lines:
        name, colon, value = line.decode().partition(":")
        if not line:
            if event:
                yield event
            event = {}
        elif not name:
            yield {"": value}
        elif not colon or not value.startswith(" ") or name not in ("id", "event", "data") or name in event:
            raise Broken(f"no line of an event: {line!r}")
        else:
            event[name] = value[1:]


def check_event(location, event, what):
    """An event of the stream whose content stands at `location` (x-data there has the schemas). Returns its data."""
    stream = validator(location).schema
    if set(event) != {"id", "event", "data"} or event["event"] not in stream["x-data"]:
        raise Broken(f"{what}: docs/openapi.yaml does not have such an event: {event}")
    check_value((*location, "x-id"), event["id"], f"{what}, an event's id")
    data = json.loads(event["data"])
    check_value((*location, "x-data", event["event"]), data, f"{what}, event {event['event']}")
    return data


EVENTS = ("paths", "/job/{id}/events", "get", "responses", "200", "content", "text/event-stream")


def check_body(location, response, headers, body, what):
    """body None: not looked at (a stream, or no body by nature)."""
    known = response.get("content", {})
    kind = headers.get("content-type", "").split(";")[0].strip()
    if not known:
        if body:
            raise Broken(f"{what}: has a body, and should not")
        return
    if kind not in known:
        raise Broken(f"{what}: the content type {kind!r} is not in docs/openapi.yaml ({', '.join(known)})")
    if kind == "application/json" and body is not None:
        check_value((*location, "content", kind, "schema"), json.loads(body), what)
    if kind == "text/event-stream" and body:
        for event in read_events(body.split(b"\n")[:-1]):
            if "" not in event:
                check_event((*location, "content", kind), event, what)


def check_at(location, status, headers, body, what):
    response = document()
    for step in location:
        response = follow(response)[step]
    response = follow(response)
    check_headers(location, response, headers, what)
    check_body(location, response, headers, body, what)


def allowed(path):
    """What Allow must hold: the path's methods, and HEAD for GET."""
    methods = {method.upper() for method in METHODS if method in document()["paths"][path]}
    return methods | ({"HEAD"} if "GET" in methods else set())


def check(method, path, status, headers, body):
    """path without its query; headers a mapping of lower-case names; body bytes, or None when it is not to be read."""
    what = f"{method} {path} answered {status}"
    body = None if method == "HEAD" else body
    known = find_path(path)
    if known is None:
        if status != 404:
            raise Broken(f"{what}, and docs/openapi.yaml does not know the path")
        return check_at(("components", "responses", "NotFound"), status, headers, body, what)
    if method not in allowed(known):
        if status != 405 or set(re.split(", *", headers.get("allow", ""))) != allowed(known):
            raise Broken(f"{what} with Allow {headers.get('allow')!r}, and docs/openapi.yaml has {allowed(known)}")
        return check_at(("components", "responses", "MethodNotAllowed"), status, headers, body, what)
    if status == 429:
        return check_at(("components", "responses", "TooManyRequests"), status, headers, body, what)
    operation = "get" if method == "HEAD" else method.lower()
    location = ("paths", known, operation, "responses", str(status))
    if str(status) not in document()["paths"][known][operation]["responses"]:
        raise Broken(f"{what}, a status that docs/openapi.yaml does not have there: {(body or b'')[:600]!r}")
    check_at(location, status, headers, body, what)


def check_response(response, streamed=False):
    """One of the requests library."""
    path = response.request.path_url.split("?")[0]
    headers = {name.lower(): value for name, value in response.headers.items()}
    check(response.request.method, path, response.status_code, headers, None if streamed else response.content)


NOT_HTTP = 400, "text/plain", b"Bad Request"  # h2o's own, where the first lines are already no HTTP
REQUEST_LINE = re.compile(rb"([A-Z]{3,7}) (/[^ ?\r\n]*)(?:\?[^ \r\n]*)? HTTP/1\.[01]\r?\n")


def check_raw(sent, response):
    """What came over a connection after `sent`: an answer to one of the requests in it, or the server's refusal of bytes
    that are no request."""
    status, headers, body = response
    if status == 100 or (status, headers.get("content-type", "")[:10], body) == NOT_HTTP:
        return
    wrong = None
    for method, path in {match.groups() for match in REQUEST_LINE.finditer(sent)}:
        try:
            return check(method.decode(), path.decode(errors="replace"), status, headers, body)
        except Broken as broken:
            wrong = broken
    if status < 400:
        raise wrong or Broken(f"{status} to no request at all: {sent[:200]!r}")
    check_at(("components", "responses", "Malformed"), status, headers, body, f"{status} to {sent[:80]!r}")
