#!/usr/bin/env bash
# Which lines of provider/, resolver/, common/ and cli/ run in the tests: coverage.sh [unit|all] [pytest's ARGUMENT...]
#
#   coverage.sh                      unit and integration tests; what doc/testing.md has
#   coverage.sh unit                 unit tests alone
#   coverage.sh all -k 'not apps'    of the integration tests those
#   coverage.sh report               the table again, of what has run until now
#
# Counters are in files that are mapped when a program or the module is loaded (clang's continuous mode), so nothing has
# to be written at an end: processes are counted that _exit(), are killed, have another user or root by then, or a sandbox.
# Not counted is who cannot open the file at its start: under a root, or in a container, that does not have the build folder.
# Tests that fail are said and do not end it: their lines have run. Not with nice(1), or test_systemd.py has other priorities
# than it looks for.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
[[ $what =~ ^(unit|all|report)$ ]] || { echo "coverage.sh: neither unit nor all nor report: '$what'" >&2; exit 2; }
shift || true
build="build-coverage"
raw="$build/coverage"

if [[ $what != report ]]; then
    scripts/packages.sh build test coverage
    cmake --preset coverage >/dev/null
    cmake --build $build -j "$(nproc)" >/dev/null
    rm -rf $raw
    mkdir -m 1777 $raw
    chmod 1777 $raw
    # Whoever comes first makes a file, and whoever comes later may be another user.
    (
        umask 0
        printf 'openssl_conf = i\n[i]\nproviders = p\n[p]\ndefault = d\ndance = m\n[d]\nactivate = 1\n[m]\nmodule = %s\nactivate = 1\n' \
            "$PWD/$build/provider/dance.so" >$raw/conf
        OPENSSL_CONF=$raw/conf openssl list -providers >/dev/null
        $build/resolver/dance-resolver --help >/dev/null
        $build/cli/dance --help >/dev/null
    )
    ctest --test-dir $build --timeout 960 -j "$(nproc)" | tail -n 12 || echo "unit tests have failed"
    if [[ $what == all ]]; then
        DANCE_BUILD=$PWD/$build /usr/bin/python3 -B -m pytest -q -p no:cacheprovider -n "$(nproc)" test/integration "$@" | tail -n 30 \
            || echo "integration tests have failed"
    fi
fi

llvm-profdata merge -sparse $raw/*.profraw -o $raw/all.profdata
objects=()
for file in "$build"/resolver/dance-resolver "$build"/cli/dance "$build"/test/test_*; do
    [[ ! -x $file || -d $file ]] || objects+=(-object "$file")
done
# One line a file: lines, of them not run, and how many of a hundred run; the files with the least first.
llvm-cov export -summary-only -instr-profile=$raw/all.profdata $build/provider/dance.so "${objects[@]}" >$raw/all.json
/usr/bin/python3 - $raw/all.json <<'PYTHON'
import json
import os
import sys
rooms = ("common", "provider", "resolver", "cli")
lines, rows = {room: [0, 0] for room in rooms}, []
for file in json.load(open(sys.argv[1]))["data"][0]["files"]:
    name = os.path.normpath(file["filename"])
    room, count = name.split("/")[0], file["summary"]["lines"]
    if room in rooms and count["count"] > 0 and os.path.exists(name):
        lines[room][0] += count["covered"]
        lines[room][1] += count["count"]
        rows.append((count["percent"], name, count["count"], count["count"] - count["covered"]))
for percent, name, count, missing in sorted(rows):
    print(f"{name:44} {count:5} lines {missing:5} not run {percent:6.1f} %")
total = [sum(column) for column in zip(*lines.values())]
for room, (covered, count) in [*lines.items(), ("all", total)]:
    print(f"{room + '/' if room != 'all' else room:44} {count:5} lines {count - covered:5} not run {100 * covered / max(count, 1):6.1f} %")
raise SystemExit(not rows)
PYTHON
