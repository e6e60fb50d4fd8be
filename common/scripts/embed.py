#!/usr/bin/python3
"""Makes one C file of the Lua scripts: embed.py OUT prelude.lua SCRIPT.lua...

Each script's text is its first line (the flags), the prelude, then the rest; tests run the same texts through text().
"""
import hashlib
import pathlib
import sys


def text(script, prelude):
    flags, rest = pathlib.Path(script).read_text().split("\n", 1)
    assert flags.startswith("#!lua "), f"{script}: the first line must be the script's flags"
    return "\n".join([flags, pathlib.Path(prelude).read_text(), rest])


def c_string(lua):
    lines = lua.replace("\\", "\\\\").replace('"', '\\"').removesuffix("\n").split("\n")
    return "\n".join(f'    "{line}\\n"' for line in lines)


def main(out, prelude, *scripts):
    parts = ['#include "store_internal.h"\n']
    names = sorted(pathlib.Path(script).stem for script in scripts)
    for script in sorted(scripts):
        name, lua = pathlib.Path(script).stem, text(script, prelude)
        sha = hashlib.sha1(lua.encode()).hexdigest()
        parts.append(f'const struct redis_script store_script_{name} = {{\n    "{name}", "{sha}",\n{c_string(lua)}}};\n')
    pointers = "".join(f"    &store_script_{name},\n" for name in names)
    parts.append(f"const struct redis_script *const store_scripts[] = {{\n{pointers}    NULL,\n}};\n")
    pathlib.Path(out).write_text("\n".join(parts))


if __name__ == "__main__":
    main(*sys.argv[1:])
