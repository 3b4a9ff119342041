#!/usr/bin/env bash
# Build everything and run every test, on this machine's OpenSSL and on OpenSSL 3.5 in a
# Debian 13 chroot. Needs a Debian machine, root or sudo, and nothing installed before.
#
#   scripts/test.sh            all of it
#   scripts/test.sh here       only what runs on this machine's own OpenSSL
#   scripts/test.sh STAGE      one of its stages: release, lint, fuzz, asan, tsan
#   DANCE_CACHE=DIR            where the chroot is kept between runs (default ~/.cache/dance)
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
source=$PWD
what=${1:-all}
[[ $what =~ ^(all|here|release|lint|fuzz|asan|tsan)$ ]] || { echo "test.sh: no stage '$what'" >&2; exit 2; }
# shellcheck source=scripts/lib/results.sh
. scripts/lib/results.sh
# shellcheck source=scripts/lib/chroot.sh
. scripts/lib/chroot.sh

unit() {
    suite "unit tests ($1)" env ASAN_OPTIONS=detect_leaks=1 ctest --test-dir "$2" --verbose --timeout 960 -j "$(nproc)"
}

# integration NAME BUILD [VARIABLE=VALUE...] [-k EXPRESSION]
integration() {
    local name=$1 variables=("DANCE_BUILD=$2")
    shift 2
    while [[ ${1:-} == *=* ]]; do
        variables+=("$1")
        shift
    done
    suite "integration tests ($name)" env "${variables[@]}" "${pytest[@]}" "$source/test/integration" "$@"
}

build() {
    run "build ($1)" bash -c 'cmake "$@" && cmake --build "$build" -j "$(nproc)"' -- "${@:3}" -B "$2"
}

lint() {
    stage "Layout and static analysis"
    # What it finds are headers, and which flags a file is built with.
    run "configure" bash -c 'cmake --preset release && cmake --build build -j "$(nproc)" --target tables'
    mapfile -t files < <(find include common provider resolver cli test fuzz -name '*.[ch]' | sort)
    run clang-format clang-format --dry-run -Werror "${files[@]}"
    run cppcheck cppcheck --quiet --error-exitcode=1 --std=c11 \
        --enable=warning,performance,portability --inline-suppr --suppress=missingIncludeSystem -Iinclude -Iprovider -Iresolver -Icli common provider resolver cli
    run clang-tidy bash -c 'find common provider resolver cli -name "*.c" | sort | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build'
    run "no circle between rooms" scripts/check-circles.sh
    run "documentation matches the code" scripts/check-docs.sh
    run "tables of the documentation are those of the code" scripts/tables.py build --check
}

release() {
    stage "OpenSSL of this machine: $(openssl version)"
    export build=build
    build release build --preset release
    unit release build
    integration release "$source/build"
}

fuzz() {
    stage "Fuzz targets"
    # Every input that is kept runs, however long that takes; three seconds more show that the target still finds its way.
    run "the corpora, and three seconds more of each target" scripts/fuzz.sh 3
}

asan() {
    stage "AddressSanitizer and UndefinedBehaviorSanitizer"
    build=build-asan build asan build-asan --preset asan
    unit asan build-asan
    # The applications are not built with the sanitizer: its runtime is preloaded for them.
    # What they do wrong themselves (Python leaks at exit) is not ours: reports count, not exit codes.
    integration asan "$source/build-asan" DANCE_PRELOAD="$(gcc -print-file-name=libasan.so)" \
        ASAN_OPTIONS=detect_leaks=1:exitcode=0:log_path="$work/reports/san" UBSAN_OPTIONS=print_stacktrace=1
    reports AddressSanitizer
}

tsan() {
    stage "ThreadSanitizer"
    # Criterion maps memory where ThreadSanitizer does not allow it, so threads are tested in a real server.
    build=build-tsan build tsan build-tsan --preset tsan
    integration tsan "$source/build-tsan" TSAN_OPTIONS=exitcode=0:log_path="$work/reports/san" \
        -k '(test_process and (life or between or mid_lookup or callbacks)) or test_cache or test_load or (test_status and (scanner or told_while or each_client))'
    reports ThreadSanitizer
}

# Fail for each report of a sanitizer that has our code in it.
reports() {
    local report
    for report in "$work"/reports/san.*; do
        [[ -e $report ]] || continue
        if grep -qE 'dance|/(common|provider|resolver|cli)/' "$report"; then
            failed=$((failed + 1))
            head -n 60 "$report"
            echo "FAILED: $1 had something to say"
        fi
        rm -f "$report"
    done
}

on_debian_13() {
    stage "OpenSSL 3.5 in a Debian 13 chroot ($chroot_cache/trixie)"
    if chroot_make trixie && in_chroot trixie true >>"$work/out" 2>&1; then
        suites_in_chroot trixie
    else
        skipped=$((skipped + 1))
        tail -n 5 "$work/out"
        echo "SKIPPED: the Debian 13 chroot cannot be made here, for what is said above (it needs root, debootstrap and a Debian mirror)"
    fi
}

# Reports of the sanitizers are written by whoever the processes have become.
mkdir -m 1777 "$work/reports"
chmod 1777 "$work/reports"
chmod 711 "$work"
stage "Packages"
scripts/packages.sh build test lint chroot || exit 1
case $what in
    all | here)
        release
        lint
        fuzz
        asan
        tsan
        [[ $what == here ]] || on_debian_13
        ;;
    *) "$what" ;;
esac
stage "Done"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
