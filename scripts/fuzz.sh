#!/usr/bin/env bash
# Run fuzz targets for a while, from the corpora that are kept: fuzz.sh [SECONDS, 30 each] [TARGET...]
#
#   fuzz.sh 3                  each input that is kept, and three seconds more: what scripts/test.sh does
#   fuzz.sh 7200 conf session  two targets, two hours each
#   fuzz.sh --keep [TARGET...] what has been found on the way, the smallest set of it, becomes what is kept
#
# Kept are fuzz/corpus, for the ways that are known, and fuzz/found, which is added to by hand: what was a fault once.
# As many targets at a time as FUZZ_JOBS says (one for each processor). What is found stays in build-fuzz/corpus; what a
# target dies of in build-fuzz/findings, and its words in build-fuzz/log.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=30
if [[ ${1:-} == --keep ]]; then
    seconds=keep
    shift
elif [[ ${1:-} =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
scripts/packages.sh build fuzz
CC=clang cmake -B build-fuzz -DDANCE_FUZZ=ON >/dev/null
cmake --build build-fuzz -j "$(nproc)" --target fuzz >/dev/null
mkdir -p build-fuzz/{corpus,findings,log}

targets=("$@")
if ((${#targets[@]} == 0)); then
    for source in fuzz/fuzz_*.c; do
        targets+=("$(basename "$source" .c)")
    done
fi
targets=("${targets[@]/#/fuzz_}")
targets=("${targets[@]/#fuzz_fuzz_/fuzz_}")
for target in "${targets[@]}"; do
    [[ -x build-fuzz/fuzz/$target ]] || { echo "fuzz.sh: no target '$target'" >&2; exit 2; }
done

# The smallest inputs with all that is reached. Nothing that is kept is lost before the rest is there.
keep() {
    local target=$1 kept=fuzz/corpus/$1 new=build-fuzz/new/$1 seeds=build-fuzz/seeds/$1
    rm -rf "$new"
    mkdir -p "$new" "$kept" "$seeds" "build-fuzz/corpus/$target"
    "build-fuzz/fuzz/$target" -merge=1 -max_len=2048 "$new" "$seeds" "$kept" "build-fuzz/corpus/$target" >"build-fuzz/log/$target" 2>&1
    # The seeds themselves stay: another meaning on the same way is no new way to the fuzzer.
    cp "$seeds"/* "$new"/ 2>/dev/null || true
    rm -rf "$kept"
    mv "$new" "$kept"
    echo "$target: $(find "$kept" -type f | wc -l) inputs, $(find "$kept" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }') octets"
}
if [[ $seconds == keep ]]; then
    scripts/packages.sh fuzz -- python3 python3-cryptography nsd ldnsutils openssl
    rm -rf build-fuzz/seeds
    python3 fuzz/seeds.py build-fuzz/seeds
    for target in "${targets[@]}"; do
        keep "$target"
    done
    exit 0
fi

one() {
    local target=$1 options=(-max_total_time="$2" -artifact_prefix=build-fuzz/findings/ -print_final_stats=1 -timeout=30 -rss_limit_mb=4096) line folder folders
    [[ ! -e fuzz/dict/$target.dict ]] || options+=(-dict="fuzz/dict/$target.dict")
    mkdir -p "build-fuzz/corpus/$target"
    folders=("build-fuzz/corpus/$target")
    for folder in "fuzz/corpus/$target" "fuzz/found/$target"; do
        [[ ! -d $folder ]] || folders+=("$folder")
    done
    if ! "build-fuzz/fuzz/$target" "${options[@]}" "${folders[@]}" >"build-fuzz/log/$target" 2>&1; then
        echo "=== $target: a finding"
        grep -vE '^#[0-9]' "build-fuzz/log/$target" | tail -n 40
        return 1
    fi
    line=$(grep -E '^#[0-9]+\s+DONE' "build-fuzz/log/$target" | tail -n 1)
    echo "$target: $(sed -nE 's/^stat::number_of_executed_units: ([0-9]+)/\1 executions/p' "build-fuzz/log/$target"),$(sed -E 's/.*DONE +(cov: [0-9]+) (ft: [0-9]+) .*/ \1, \2/' <<<"$line")"
}
export -f one
printf '%s\n' "${targets[@]}" | xargs -P "${FUZZ_JOBS:-$(nproc)}" -I{} bash -c 'one "$@"' -- {} "$seconds" \
    || { echo "fuzz.sh: something was found" >&2; exit 1; }
echo "${#targets[@]} targets, $seconds s each, no finding"
