#!/usr/bin/env bash
# Faults, one by one, in servers with the module and in dance-resolver: allocations and system calls that fail, processes
# that are killed in a system call, limits, a full disk, a log that nobody reads, a clock that is set. After each: nothing
# of the application has crashed, nobody was let in who must not be, and the rightful client gets in again. Prints what
# became of how many, and exits non-zero if one of that did not hold.
#
#   scripts/faults.sh [--most N] [--jobs N] [KIND...]      without one: all; --most 20: a sample of each; --help: the kinds
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/packages.sh build test
if [[ -z ${DANCE_BUILD:-} ]]; then
    export DANCE_BUILD=$PWD/build
    cmake -B "$DANCE_BUILD" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DDANCE_TESTS=ON >/dev/null
    cmake --build "$DANCE_BUILD" --parallel --target dance dance-resolver faults >/dev/null
fi
export PYTHONPATH=$PWD/test/faults:$PWD/test/apps PYTHONDONTWRITEBYTECODE=1
if ((EUID == 0)); then exec /usr/bin/python3 -m faults "$@"; else exec sudo -E /usr/bin/python3 -m faults "$@"; fi
