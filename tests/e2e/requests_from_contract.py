"""Hypothesis strategies: requests as docs/openapi.yaml has them, and requests that are a little or wholly wrong."""

import json
import urllib.parse
import uuid

from hypothesis import strategies as st

import contract

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["", "\0", "\ud800", "base64"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6)

# What a schema cannot say of a value that is worth sending.
SPECIAL = {
    "language": st.sampled_from(["python", "py", "python3", "cobol", ""]),
    "code": st.sampled_from(["print(1)", "raise SystemExit(3)", "print(input())", "", "cHJpbnQoMSk=", "é\n"]),
    # Nothing may be fetched: these are refused before anybody is asked.
    "callbackUrl": st.sampled_from(["", "x", "ftp://127.0.0.1/", "http://127.0.0.1:1/", "http://[::1]/", "http://10.0.0.1/x"]),
}
NO_HEADER_HAS = bytes([*range(32), 127])
HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, blacklist_characters="\x7f"), max_size=40)


def sometimes(usual, odd):
    """Mostly the one."""
    return st.integers(0, 9).flatmap(lambda dice: odd if dice == 0 else usual)


def numbers(schema, kind):
    low, high = schema.get("minimum", -10), schema.get("maximum", 10 ** 6)
    edges = [low, low - 1, high, high + 1, 0, -1, 2 ** 53, 1e308]
    inside = st.integers(int(low), int(high)) if kind == "integer" else st.floats(low, high)
    return inside | st.sampled_from(edges)


def texts(schema):
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "pattern" in schema:
        return sometimes(st.from_regex(schema["pattern"], fullmatch=True), st.text(max_size=20))
    return st.text(max_size=min(schema.get("maxLength", 30) + 1, 300))


def objects(schema):
    known = {name: sometimes(SPECIAL.get(name, values(part)), ANY_JSON) for name, part in schema.get("properties", {}).items()}
    required = set(schema.get("required", []))
    for choice in schema.get("oneOf", [])[:1]:
        required |= set(choice.get("required", []))
    optional = {name: part for name, part in known.items() if name not in required}
    usual = st.fixed_dictionaries({name: part for name, part in known.items() if name in required}, optional=optional)
    few = st.lists(st.sampled_from(sorted(known)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: known[name] for name in [*names, *required] if name in known})) if known else usual
    return sometimes(few, usual | st.dictionaries(st.text(max_size=6), ANY_JSON, max_size=3))


def values(schema):
    schema = contract.follow(schema)
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    made = []
    for kind in kinds:
        if kind in ("integer", "number"):
            made.append(numbers(schema, kind))
        elif kind == "string":
            made.append(texts(schema))
        elif kind == "boolean":
            made.append(st.booleans())
        elif kind == "null":
            made.append(st.none())
        elif kind == "array":
            made.append(st.lists(sometimes(values(schema["items"]), ANY_JSON), min_size=min(schema.get("minItems", 0), 1), max_size=3))
        else:
            made.append(objects(schema))
    return st.one_of(made)


def as_json(value):
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def bodies(operation):
    """(bytes, content type); None without a body."""
    if "requestBody" not in operation:
        return sometimes(st.none(), st.tuples(st.binary(max_size=50), st.just("application/json")))
    content = contract.follow(operation["requestBody"])["content"]
    right = st.one_of([st.tuples(values(body["schema"]).map(as_json), st.just(kind)) for kind, body in content.items()])
    wrong = st.tuples(st.binary(max_size=200) | ANY_JSON.map(as_json),
                      st.just("application/json") | st.sampled_from(["text/plain", "application/json; charset=x", ""]))
    return sometimes(right, wrong)


def parameter_values(parameter, jobs):
    if parameter["in"] == "path":
        others = st.just(f"python-{uuid.UUID(int=9, version=4)}") | texts(contract.follow(parameter["schema"])) | st.text(min_size=1, max_size=20)
        return sometimes(st.sampled_from(jobs) if jobs else others, others)
    if parameter["name"] == "wait":
        return st.sampled_from(["0", "1", "", "-1", "61", "x", "1e3", "99999999999999999999"])
    return sometimes(values(parameter["schema"]), HEADER_TEXT).map(
        lambda value: json.dumps(value) if isinstance(value, bool) else str(value))


@st.composite
def requests(draw, jobs):
    """(method, target, headers, body). jobs: ids that are known by now; it may grow."""
    if draw(st.integers(0, 19)) == 0:
        path = "/" + draw(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
        return draw(st.sampled_from(["GET", "POST", "OPTIONS", "PATCH", "TRACE"])), path, {}, None
    path, item = draw(st.sampled_from(sorted(contract.document()["paths"].items())))
    method = draw(sometimes(st.sampled_from([name for name in contract.METHODS if name in item]), st.sampled_from([*contract.METHODS, "head"])))
    operation = item.get(method, {})
    query, headers = [], {}
    for parameter in map(contract.follow, [*item.get("parameters", []), *operation.get("parameters", [])]):
        if parameter["in"] != "path" and draw(st.booleans()):
            continue
        text = draw(parameter_values(parameter, jobs))
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", urllib.parse.quote(text.encode("utf-8", "surrogatepass"), safe=""))
        elif parameter["in"] == "query":
            query.append(f"{parameter['name']}={urllib.parse.quote(text.encode('utf-8', 'surrogatepass'))}")
        else:
            headers[parameter["name"]] = text.encode("latin-1", "replace").translate(None, NO_HEADER_HAS)
    body = draw(bodies(operation))
    if body:
        headers["Content-Type"] = body[1]
    return method.upper(), path + ("?" + "&".join(query) if query else ""), headers, body[0] if body else None
