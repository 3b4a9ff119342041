#!/usr/bin/env bash
# Build and run every test on each supported OpenSSL, in chroots of Debian's releases:
# 12 (bookworm, 3.0), 13 (trixie, 3.5), sid (3.6) and experimental (4.0). One table at the end; the
# exit code is 0 if all passed. Needs a Debian machine, root or sudo, and nothing installed before.
#
#   scripts/matrix.sh                     all four
#   scripts/matrix.sh trixie sid          some of them
#   scripts/matrix.sh --fresh [...]       make the chroots anew, with what Debian has today
#   DANCE_CACHE=DIR                       where they are kept between runs (default ~/.cache/dance)
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=scripts/lib/results.sh
. scripts/lib/results.sh
# shellcheck source=scripts/lib/chroot.sh
. scripts/lib/chroot.sh

fresh=
if [[ ${1:-} == --fresh ]]; then
    fresh=yes
    shift
fi
releases=("$@")
((${#releases[@]})) || releases=(bookworm trixie sid experimental)
for release in "${releases[@]}"; do
    [[ $release =~ ^(bookworm|trixie|sid|experimental)$ ]] || { echo "matrix.sh: no release '$release'" >&2; exit 2; }
done

stage "Packages"
scripts/packages.sh chroot || exit 1
rows=()
for release in "${releases[@]}"; do
    stage "Debian $release"
    [[ -z $fresh ]] || as_root rm -f "$chroot_cache/$release/.complete"
    chroot_openssl=- chroot_unit=- chroot_integration=-
    result=PASS
    if ! chroot_make "$release"; then
        tail -n 20 "$work/out"
        echo "FAILED: the chroot cannot be made"
        failed=$((failed + 1))
        result=FAIL
    elif ! suites_in_chroot "$release"; then
        result=FAIL
    fi
    rows+=("$(printf '%-13s %-8s  %-24s %-24s %s' "$release" "$chroot_openssl" "$chroot_unit" "$chroot_integration" "$result")")
done
stage "Done"
printf '%-13s %-8s  %-24s %-24s %s\n' "Debian" OpenSSL "unit tests" "integration tests" ""
printf '%-13s %-8s  %-24s %-24s %s\n' "" "" passed/failed/skipped passed/failed/skipped ""
printf '%s\n' "${rows[@]}"
((failed == 0 && passed > 0))
