#!/usr/bin/env bash
# Install the Debian packages that a purpose needs: packages.sh build|package|package-test|test|fuzz|coverage|tokens|lint|demo|apps... [-- PACKAGE...]
# Nothing is touched when all of them are there. Services that come with packages
# are not started: whoever runs the demo did not ask for an nginx on port 80.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail

declare -A packages=(
    [build]="gcc libc6-dev make cmake pkg-config libssl-dev libunbound-dev libseccomp-dev libpsl-dev"
    [test]="libcriterion-dev python3 python3-pytest python3-pytest-xdist python3-cryptography nsd unbound systemd systemd-container ldnsutils openssl iproute2 util-linux procps strace valgrind ca-certificates apache2 eapoltest freeradius haproxy hitch nginx-light libnet-ssleay-perl ruby curl zlib1g-dev libzstd-dev nodejs gnutls-bin stunnel4 dovecot-imapd bind9 bind9-dnsutils fail2ban"
    [tokens]="softhsm2 pkcs11-provider swtpm tpm2-openssl" # Debian 13 and later have all of them
    [package]="build-essential dpkg-dev debhelper fakeroot"
    [package-test]="lintian debootstrap apparmor rpm"
    [lint]="clang-format clang-tidy cppcheck"
    [chroot]="debootstrap mount util-linux"
    [coverage]="clang libclang-rt-dev llvm"
    [fuzz]="clang libclang-rt-dev"
    [demo]="nsd ldnsutils openssl nginx-light curl mosquitto mosquitto-clients python3 iproute2 procps ca-certificates"
    [apps]="python3 python3-pytest python3-cryptography nsd ldnsutils openssl iproute2 util-linux procps binutils ca-certificates"
)

wanted=()
while (($#)); do
    purpose=$1
    shift
    if [[ $purpose == -- ]]; then
        wanted+=("$@")
        break
    fi
    [[ -n ${packages[$purpose]:-} ]] || { echo "packages.sh: no purpose '$purpose'" >&2; exit 2; }
    # shellcheck disable=SC2206 # a list of words
    wanted+=(${packages[$purpose]})
done

# One at a time on a machine: apt would give up, and policy-rc.d below is there for all.
exec {lock}</var/lib/dpkg
flock "$lock"

missing=()
for package in "${wanted[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}
if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    echo "packages.sh: these packages are missing, and neither root nor sudo is here to install them: ${missing[*]}" >&2
    exit 1
fi

policy=/usr/sbin/policy-rc.d
made_policy=
remove_policy() {
    [[ -z $made_policy ]] || as_root rm -f "$policy"
}
trap remove_policy EXIT
trap 'exit 130' INT TERM
if [[ ! -e $policy ]]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
fi

echo "Installing packages: ${missing[*]}"
log=$(mktemp)
# apt ARGUMENT...: what it says goes to the log. New machines run an apt of their own at boot, which is waited for. apt itself
# waits for dpkg's lock alone, not for those of its lists and archives.
patience=900
apt() {
    local end=$((SECONDS + patience))
    until as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -o DPkg::Lock::Timeout="$patience" "$@" >"$log" 2>&1; do
        grep -q '^E: Could not get lock' "$log" && ((SECONDS < end)) || return 1
        sleep 1
    done
}
# A machine whose clock or mirror is out of step has an expired Release file.
apt update || apt -o Acquire::Check-Valid-Until=false update || { cat "$log" >&2; exit 1; }
apt install -y --no-install-recommends "${missing[@]}" || { cat "$log" >&2; exit 1; }
# Only its fail2ban-regex is wanted; after the next boot it would shut out whoever fails at this machine's sshd.
if [[ " ${missing[*]} " == *" fail2ban "* ]]; then
    as_root systemctl --root=/ disable fail2ban.service >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
rm -f "$log"
