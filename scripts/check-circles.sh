#!/usr/bin/env bash
# No circle between rooms. x.c and x.h are one room, and it knows the rooms whose headers it includes:
# none of them may know it, directly or by way of others.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
exec /usr/bin/python3 - <<'PYTHON'
import pathlib
import re

# The headers of common/ are in include/.
TOPS = {"cli": "cli", "provider": "provider", "resolver": "resolver", "common": "common", "include": "common"}


def room(file):
    top, *below = file.with_suffix("").parts
    return "/".join([TOPS[top], *below])


files = [f for top in TOPS for f in pathlib.Path(top).rglob("*.[ch]")]
rooms = {room(f) for f in files}
knows = {r: set() for r in rooms}
for file in files:
    for name in re.findall(r'^#\s*include\s+"(.+)\.h"', file.read_text(), re.M):
        # The compiler looks beside the file first, then where the program is, then in include/; for cli/ in
        # provider/ and resolver/ as well.
        found = [r for r in (room(file.parent / name), f"{file.parts[0]}/{name}", f"common/{name}",
                             *([f"provider/{name}", f"resolver/{name}"] if file.parts[0] == "cli" else [])) if r in rooms]
        if not found:
            raise SystemExit(f"{file}: there is no room {name}")
        knows[room(file)].add(found[0])


def way(start, to):
    """The shortest way from one room to another, as what each includes."""
    ways = [[start]]
    for path in ways:
        if path[-1] == to and len(path) > 1:
            return path
        ways += [[*path, r] for r in sorted(knows[path[-1]]) if r == to or not any(r in w for w in ways)]
    return []


if len(rooms) < 30:
    raise SystemExit("the rooms were not found")
for r in rooms:
    knows[r].discard(r)
circles = {frozenset(path): path for path in (way(r, r) for r in sorted(rooms, reverse=True)) if path}
for path in circles.values():
    print("a circle: " + " -> ".join(path))
raise SystemExit(bool(circles))
PYTHON
