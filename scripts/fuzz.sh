#!/usr/bin/env bash
# Run every fuzz target for a while: fuzz.sh [SECONDS, 30 each]. What a target dies of is left in build-fuzz/findings.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-30}
scripts/packages.sh build fuzz
CC=clang cmake -B build-fuzz -DDANCE_FUZZ=ON
cmake --build build-fuzz -j "$(nproc)"
mkdir -p build-fuzz/findings
ran=0
for target in build-fuzz/fuzz/fuzz_*; do
    [[ -f $target && -x $target ]] || continue
    echo "=== ${target##*/}"
    corpus=build-fuzz/corpus/${target##*/}
    mkdir -p "$corpus"
    "$target" -max_total_time="$seconds" -artifact_prefix=build-fuzz/findings/ -verbosity=0 -print_final_stats=1 "$corpus"
    ran=$((ran + 1))
done
((ran > 0)) || { echo "fuzz.sh: no target was built" >&2; exit 1; }
echo "$ran targets, $seconds s each, no finding"
