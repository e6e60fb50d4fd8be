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

# What a page may load, by page: nothing from another host, no script in the page itself.
PLAIN = "default-src 'none'; frame-ancestors 'none'"
PAGE = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def contract_as_json():
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return json.dumps(yaml.load((TOP / "docs/openapi.yaml").read_text(), loader), ensure_ascii=False).encode()


# (path, content type, policy, what it is: a file, or a function that makes it)
FILES = [
    ("/openapi.json", "application/json; charset=utf-8", PLAIN, contract_as_json),
    ("/openapi.yaml", "application/yaml; charset=utf-8", PLAIN, TOP / "docs/openapi.yaml"),
]


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
    for path, kind, policy, source in FILES:
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
