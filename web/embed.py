#!/usr/bin/python3
"""Makes what the master serves as files: embed.py OUT.c OUT.bin.

OUT.bin has every file one behind the other, gzipped; OUT.c the table of them. A page whose parts npm did not bring is left
out, and the rest works. Called at every build: it changes its outputs only when something else comes out."""

import gzip
import hashlib
import json
import pathlib
import sys

import yaml

WEB = pathlib.Path(__file__).resolve().parent
TOP = WEB.parent

MODULES = WEB / "node_modules"

# What a page may load: nothing from another host, no script that stands in a page.
PLAIN = "default-src 'none'; frame-ancestors 'none'"
PAGE = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
# Both build their style sheets as they go.
STYLED_PAGE = PAGE.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")

HTML, CSS, SCRIPT = "text/html; charset=utf-8", "text/css; charset=utf-8", "text/javascript; charset=utf-8"


def contract_as_json():
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return json.dumps(yaml.load((TOP / "docs/openapi.yaml").read_text(), loader), ensure_ascii=False).encode()


def redoc_without_its_logo():
    """It would be fetched from the maker's host: an empty picture stands for it."""
    script = (MODULES / "redoc/bundles/redoc.standalone.js").read_bytes()
    return script.replace(b"https://cdn.redoc.ly/redoc/logo-mini.svg",
                          b"data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==")


# (path, content type, policy, what it is: a file, or a function that makes it)
FILES = [
    ("/openapi.json", "application/json; charset=utf-8", PLAIN, contract_as_json),
    ("/openapi.yaml", "application/yaml; charset=utf-8", PLAIN, TOP / "docs/openapi.yaml"),
    ("/", HTML, PAGE, WEB / "index.html"),
    ("/assets/app.css", CSS, PLAIN, WEB / "app.css"),
    ("/assets/app.js", SCRIPT, PLAIN, WEB / "app.js"),
    ("/assets/icon.svg", "image/svg+xml", PLAIN, WEB / "icon.svg"),
]
# Left out, page and parts, where npm did not bring them (./dev does, where there is npm).
SWAGGER = [
    ("/docs", HTML, STYLED_PAGE, WEB / "docs.html"),
    ("/assets/docs.js", SCRIPT, PLAIN, WEB / "docs.js"),
    ("/assets/swagger-ui.css", CSS, PLAIN, MODULES / "swagger-ui-dist/swagger-ui.css"),
    ("/assets/swagger-ui-bundle.js", SCRIPT, PLAIN, MODULES / "swagger-ui-dist/swagger-ui-bundle.js"),
]
REDOC = [
    ("/redoc", HTML, STYLED_PAGE, WEB / "redoc.html"),
    ("/assets/redoc.js", SCRIPT, PLAIN, WEB / "redoc.js"),
    ("/assets/redoc.standalone.js", SCRIPT, PLAIN, redoc_without_its_logo),
]


def files():
    found = list(FILES)
    for package, rows in (("swagger-ui-dist", SWAGGER), ("redoc", REDOC)):
        if (MODULES / package).is_dir():
            found += rows
    return found


def content(source):
    return source() if callable(source) else source.read_bytes()


def text(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write(path, data):
    path = pathlib.Path(path)
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def main(out_c, out_bin):
    rows, blob = [], b""
    for path, kind, policy, source in files():
        data = content(source)
        packed = gzip.compress(data, 9, mtime=0)
        etag = '"' + hashlib.sha256(data).hexdigest()[:32] + '"'
        rows.append(f"    {{{text(path)}, {text(kind)}, {text(policy)}, {text(etag)}, {len(blob)}, {len(packed)}, "
                    f"{len(data)}}},\n")
        blob += packed
    write(out_bin, blob)
    write(out_c, f"""#include "assets.h"

__asm__(".section .rodata\\n"
        ".global sentinel_assets_data\\n"
        ".hidden sentinel_assets_data\\n"
        "sentinel_assets_data:\\n"
        ".incbin " {text(text(str(pathlib.Path(out_bin).resolve())))} "\\n"
        ".previous\\n");

/* {hashlib.sha256(blob).hexdigest()} */
const struct asset assets[] = {{
{''.join(rows)}    {{0}},
}};
""".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
