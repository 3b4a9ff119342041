#!/usr/bin/env bash
# Servers under rightful, wrong and slow clients for hours, while everything around them changes: reloads, rollovers
# of keys, records that go and come, resolvers that are killed, logs that are rotated. At the end: wrong verdicts,
# memory, descriptors, zombies. Exits non-zero if there is one wrong verdict, or if anything grew.
#
#   scripts/soak.sh HOURS      0.1 is six minutes
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

[[ ${1:-} =~ ^[0-9]+([.][0-9]+)?$ ]] || { echo "usage: scripts/soak.sh HOURS" >&2; exit 2; }
scripts/packages.sh build apps -- nginx-light haproxy mosquitto postfix
if [[ -z ${DANCE_BUILD:-} ]]; then
    export DANCE_BUILD=$PWD/build
    cmake -B "$DANCE_BUILD" -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
    cmake --build "$DANCE_BUILD" --parallel --target dance dance-resolver >/dev/null
fi
export PYTHONPATH=$PWD/test/apps:$PWD/test/soak PYTHONDONTWRITEBYTECODE=1
if ((EUID == 0)); then exec /usr/bin/python3 -m soak "$1"; else exec sudo -E /usr/bin/python3 -m soak "$1"; fi
