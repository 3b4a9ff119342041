# shellcheck shell=bash disable=SC2034,SC2154 # variables shared by those who source each other
# Chroots of Debian releases, and the whole suite in one of them. To be sourced, after results.sh.
#
# They are made by debootstrap and kept in $DANCE_CACHE (default ~/.cache/dance). Whatever runs in
# one has a mount namespace of its own (enter.sh), so that nothing is mounted outside, nothing must
# be unmounted, and two runs at a time do not see each other: each has its own /build and /tmp.
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0

chroot_cache=${DANCE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dance}
chroot_proxies=(http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}") # sudo drops them

# own_mounts COMMAND...: as root, in a mount namespace of its own.
own_mounts() {
    as_root env "${chroot_proxies[@]}" unshare --mount --propagation unchanged scripts/lib/private.sh "$@"
}

# chroot_make RELEASE: bookworm, trixie, sid, ..., or experimental, which is sid with the OpenSSL of experimental.
chroot_make() {
    local release=$1 root=$chroot_cache/$1 lock
    mkdir -p "$chroot_cache" || return 1
    exec {lock}>"$root.lock"
    flock "$lock"
    if [[ ! -e $root/.complete ]]; then
        as_root rm -rf --one-file-system "$root"
        as_root mkdir -p "$root"
        own_mounts debootstrap --variant=minbase "${release/experimental/sid}" "$root" >"$work/out" 2>&1 \
            && { [[ $release != experimental ]] || chroot_add_experimental "$root"; } \
            && as_root touch "$root/.complete"
    fi
    exec {lock}>&-
    [[ -e $root/.complete ]]
}

# From the mirror that debootstrap took; nothing but OpenSSL, whose dependencies may follow.
chroot_add_experimental() {
    sed -n 's/^\(deb .*\) sid /\1 experimental /p' "$1/etc/apt/sources.list" | as_root tee "$1/etc/apt/sources.list.d/experimental.list"
    printf 'Package: src:openssl\nPin: release a=experimental\nPin-Priority: 900\n' | as_root tee "$1/etc/apt/preferences.d/openssl"
} >>"$work/out"

# in_chroot RELEASE COMMAND...: with this clone at /src (read-only), and /build and /tmp of this run.
in_chroot() {
    local scratch=$work/$1
    mkdir -p "$scratch/build" "$scratch/tmp"
    chmod 1777 "$scratch/tmp" 2>/dev/null
    own_mounts env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp LANG=C.UTF-8 DANCE_BUILD=/build \
        "${chroot_proxies[@]}" scripts/lib/enter.sh "$chroot_cache/$1" "$PWD" "$scratch" "${@:2}"
}

# suites_in_chroot RELEASE: build, unit tests and integration tests. What became of them is in
# chroot_openssl, chroot_unit and chroot_integration ("passed/failed/skipped"); 0 if all passed.
suites_in_chroot() {
    local release=$1 good=0
    chroot_openssl=- chroot_unit=- chroot_integration=-
    run "packages ($release)" in_chroot "$release" bash /src/scripts/packages.sh build test || return 1
    chroot_openssl=$(in_chroot "$release" openssl version | cut -d' ' -f2)
    echo "OpenSSL $chroot_openssl"
    run "build ($release)" in_chroot "$release" \
        bash -c 'cmake -S /src -B /build -DDANCE_TESTS=ON -DDANCE_BENCH=ON && cmake --build /build -j "$(nproc)"' || return 1
    suite "unit tests ($release, OpenSSL $chroot_openssl)" in_chroot "$release" \
        ctest --test-dir /build --verbose --timeout 960 -j "$(nproc)" || good=1
    chroot_unit=$suite_passed/$suite_failed/$suite_skipped
    suite "integration tests ($release, OpenSSL $chroot_openssl)" in_chroot "$release" \
        "${pytest[@]}" /src/test/integration || good=1
    chroot_integration=$suite_passed/$suite_failed/$suite_skipped
    as_root rm -rf --one-file-system "${work:?}/$release"
    return "$good"
}
