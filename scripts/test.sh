#!/usr/bin/env bash
# Build everything and run every test, on this machine's OpenSSL and on OpenSSL 3.5 in a
# Debian 13 chroot. Needs a Debian machine, root or sudo, and nothing installed before.
#
#   scripts/test.sh            all of it
#   scripts/test.sh here       only what runs on this machine's own OpenSSL
#   DANCE_CACHE=DIR            where the chroot is kept between runs (default ~/.cache/dance)
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
source=$PWD
what=${1:-all}
passed=0 failed=0 skipped=0
work=$(mktemp -d)
mounts=()

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

clean_up() {
    trap - EXIT INT TERM
    # Never remove a folder through a mount: what cannot be unmounted stays as it is.
    local i
    for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
        as_root umount "${mounts[i]}" || as_root umount --lazy "${mounts[i]}"
    done
    rm -rf "$work"
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
    fi
}

# count FILE PATTERN: the sum of the numbers that the pattern's group finds.
count() {
    grep -oP "$2" "$1" | paste -sd+ - | bc_sum
}
bc_sum() {
    local line
    read -r line || line=
    echo $((${line:-0}))
}

# suite NAME COMMAND...: a runner (Criterion under ctest, pytest) whose numbers are summed.
suite() {
    local name=$1 code p f s
    shift
    "$@" >"$work/out" 2>&1
    code=$?
    p=$(($(count "$work/out" 'Passing: \K\d+') + $(count "$work/out" '^(?:=+ )?(?:\d+ failed, )?\K\d+(?= passed)')))
    f=$(($(count "$work/out" '(?:Failing|Crashing): \K\d+') + $(count "$work/out" '^(?:=+ )?\K\d+(?= failed)')))
    s=$(($(count "$work/out" 'passed.*?, \K\d+(?= skipped)')))
    if ((code != 0 || p == 0)); then
        ((f > 0)) || f=1 # the runner itself failed, or ran no test
        grep -vE '^\s*$' "$work/out" | tail -n 80
    fi
    grep -E 'SKIPPED|^\[====\] Synthesis|tests passed|^=+ .*(passed|failed).* =+$|^[0-9]+ (passed|failed).* in ' "$work/out"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    echo "$name: $p passed, $f failed, $s skipped"
}

unit() {
    suite "unit tests ($1)" env ASAN_OPTIONS=detect_leaks=1 ctest --test-dir "$2" --verbose --timeout 120
}

# integration NAME BUILD [VARIABLE=VALUE...] [-k EXPRESSION]
integration() {
    local name=$1 variables=("DANCE_BUILD=$2")
    shift 2
    while [[ ${1:-} == *=* ]]; do
        variables+=("$1")
        shift
    done
    suite "integration tests ($name)" env "${variables[@]}" /usr/bin/python3 -m pytest -rs -q \
        -p no:cacheprovider "$source/test/integration" "$@"
}

build() {
    run "build ($1)" bash -c 'cmake "$@" && cmake --build "$build" -j "$(nproc)"' -- "${@:3}" -B "$2"
}

lint() {
    stage "Layout and static analysis"
    mapfile -t files < <(find include provider resolver test fuzz -name '*.[ch]' | sort)
    run clang-format clang-format --dry-run -Werror "${files[@]}"
    run cppcheck cppcheck --quiet --error-exitcode=1 --std=c11 \
        --enable=warning,performance,portability --inline-suppr --suppress=missingIncludeSystem -Iinclude -Iprovider -Iresolver provider resolver
    run clang-tidy bash -c 'printf "%s\n" provider/*.c resolver/*.c | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build'
    if [[ -x scripts/check-docs.sh ]]; then
        run "documentation matches the code" scripts/check-docs.sh
    fi
}

on_this_machine() {
    stage "OpenSSL of this machine: $(openssl version)"
    export build=build
    build release build --preset release
    unit release build
    integration release "$source/build"
    lint
    stage "AddressSanitizer and UndefinedBehaviorSanitizer"
    build=build-asan build asan build-asan --preset asan
    unit asan build-asan
    # The applications are not built with the sanitizer: its runtime is preloaded for them.
    # What they do wrong themselves (Python leaks at exit) is not ours: reports count, not exit codes.
    integration asan "$source/build-asan" DANCE_PRELOAD="$(gcc -print-file-name=libasan.so)" \
        ASAN_OPTIONS=detect_leaks=1:exitcode=0:log_path="$work/san" UBSAN_OPTIONS=print_stacktrace=1
    reports AddressSanitizer
    stage "ThreadSanitizer"
    # Criterion maps memory where ThreadSanitizer does not allow it, so threads are tested in a real server.
    build=build-tsan build tsan build-tsan --preset tsan
    integration tsan "$source/build-tsan" TSAN_OPTIONS=exitcode=0:log_path="$work/san" \
        -k '(test_process and (life or between or mid_lookup or callbacks)) or test_cache or test_load'
    reports ThreadSanitizer
}

# Fail for each report of a sanitizer that has our code in it.
reports() {
    local report
    for report in "$work"/san.*; do
        [[ -e $report ]] || continue
        if grep -qE 'dance|/(provider|resolver)/' "$report"; then
            failed=$((failed + 1))
            head -n 60 "$report"
            echo "FAILED: $1 had something to say"
        fi
        rm -f "$report"
    done
}

make_chroot() {
    local root=$1
    if [[ ! -e $root/.complete ]]; then
        as_root rm -rf --one-file-system "$root"
        mkdir -p "$(dirname "$root")"
        as_root mkdir -p "$root"
        as_root debootstrap --variant=minbase trixie "$root" >"$work/out" 2>&1 || return 1
        as_root touch "$root/.complete"
    fi
}

# mount_in ROOT FROM TO [OPTIONS]
mount_in() {
    as_root mkdir -p "$1$3"
    as_root mount --bind "$2" "$1$3" || return 1
    mounts+=("$1$3")
    if [[ ${4:-} == ro ]]; then as_root mount -o remount,bind,ro "$1$3"; fi
}

on_debian_13() {
    local root=${DANCE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dance}/trixie
    stage "OpenSSL 3.5 in a Debian 13 chroot ($root)"
    if ! make_chroot "$root" || ! mount_in "$root" /proc /proc || ! mount_in "$root" /dev /dev \
        || ! mount_in "$root" "$source" /src ro; then
        skipped=$((skipped + 1))
        tail -n 5 "$work/out"
        echo "SKIPPED: the Debian 13 chroot cannot be made here (it needs root, debootstrap and a Debian mirror)"
        return
    fi
    as_root cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
    inside() {
        as_root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp LANG=C.UTF-8 DANCE_BUILD=/build \
            http_proxy="${http_proxy:-}" chroot "$root" "$@"
    }
    run "packages (Debian 13)" inside bash /src/scripts/packages.sh build test
    inside openssl version
    run "build (Debian 13)" inside bash -c 'cmake -S /src -B /build && cmake --build /build -j "$(nproc)"'
    suite "unit tests (OpenSSL 3.5)" inside ctest --test-dir /build --verbose --timeout 120
    suite "integration tests (OpenSSL 3.5)" inside /usr/bin/python3 -m pytest -rs -q -p no:cacheprovider /src/test/integration
}

stage "Packages"
scripts/packages.sh build test lint || exit 1
on_this_machine
[[ $what == here ]] || on_debian_13
stage "Done"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
