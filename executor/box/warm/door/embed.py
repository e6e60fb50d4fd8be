#!/usr/bin/python3
"""Makes the warm servers' library part of sentinel-box: embed.py LIBRARY OUT.c. A string, as lint takes minutes over a list
of as many numbers."""

import pathlib
import sys

library, out = sys.argv[1:]
data = pathlib.Path(library).read_bytes()
rows = ['    "' + "".join(f"\\{byte:03o}" for byte in data[at:at + 24]) + '"' for at in range(0, len(data), 24)]
pathlib.Path(out).write_text(
    '#include "warm.h"\n\nconst unsigned char warm_library[] =\n' + "\n".join(rows) +
    ";\nconst size_t warm_library_size = sizeof warm_library - 1;\n")
