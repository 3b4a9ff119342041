# shellcheck shell=bash disable=SC2034 # used by those who source it
# Checks and runners of tests, and what became of them. To be sourced.
#
# Adds up in passed, failed and skipped; a runner's own numbers stay in suite_passed, suite_failed
# and suite_skipped until the next one. Output goes to $work/out and is shown where something failed.
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0

passed=0 failed=0 skipped=0
suite_passed=0 suite_failed=0 suite_skipped=0
work=$(mktemp -d)

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

clean_up() {
    trap - EXIT INT TERM
    # What ran in a chroot has written as root. Nothing is mounted here: see chroot.sh.
    as_root rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

stage() {
    printf '\n=== [%3d s] %s\n' "$SECONDS" "$*"
}

# run NAME COMMAND...: one check without a count of its own.
run() {
    local name=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        passed=$((passed + 1))
        echo "ok: $name"
    else
        failed=$((failed + 1))
        tail -n 60 "$work/out"
        echo "FAILED: $name"
        return 1
    fi
}

# count FILE PATTERN: the sum of the numbers that the pattern finds.
count() {
    local number sum=0
    while read -r number; do
        sum=$((sum + number))
    done < <(grep -oP "$2" "$1")
    echo "$sum"
}

# pytest for the integration tests, most of whose time is waiting (test/integration/distribution.py): so more of them than
# processors.
workers=$((6 * $(nproc)))
pytest=(/usr/bin/python3 -B -m pytest -rfEs -q -p no:cacheprovider -n "$((workers > 16 ? 16 : workers))")

# suite NAME COMMAND...: a runner (Criterion under ctest, pytest) whose numbers are summed.
suite() {
    local name=$1 code
    shift
    "$@" >"$work/out" 2>&1
    code=$?
    suite_passed=$(($(count "$work/out" 'Passing: \K\d+') + $(count "$work/out" '^(?:=+ )?(?:\d+ failed, )?\K\d+(?= passed)')))
    suite_failed=$(($(count "$work/out" '(?:Failing|Crashing): \K\d+') + $(count "$work/out" '^(?:=+ )?\K\d+(?= failed)')))
    suite_skipped=$(count "$work/out" 'passed.*?, \K\d+(?= skipped)')
    if ((code != 0 || suite_passed == 0)); then
        ((suite_failed > 0)) || suite_failed=1 # the runner itself failed, or ran no test
        grep -E '^(FAILED|ERROR) |^E  ' "$work/out" | cut -c 1-1000 | head -n 100
        grep -vE '^\s*$|^SKIPPED' "$work/out" | tail -n 300
    fi
    grep -E 'SKIPPED|OTHER OPENSSL|^\[====\] Synthesis|tests passed|^=+ .*(passed|failed).* =+$|^[0-9]+ (passed|failed).* in ' "$work/out"
    passed=$((passed + suite_passed)) failed=$((failed + suite_failed)) skipped=$((skipped + suite_skipped))
    echo "$name: $suite_passed passed, $suite_failed failed, $suite_skipped skipped"
    ((suite_failed == 0))
}
