#!/usr/bin/env bash
# Build and measure: prints a table of ratios. See bench/run.py and doc/performance.md.
#
#   bench/run.sh [--quick] [--long] [ROW...]     ROW: a b c ... p
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
build=${DANCE_BUILD:-build-bench}
if [[ -z ${DANCE_BUILD:-} ]]; then
    scripts/packages.sh build test demo
    cmake -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DDANCE_TESTS=ON -DDANCE_BENCH=ON >/dev/null
    cmake --build "$build" -j "$(nproc)" | grep -E 'warning|error|Built target dance$' || true
fi
DANCE_BUILD=$(realpath "$build") exec /usr/bin/python3 bench/run.py "$@"
