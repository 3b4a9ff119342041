#!/usr/bin/env bash
# enter.sh ROOT SOURCE SCRATCH COMMAND...: run a command in a chroot. Called by in_chroot (chroot.sh),
# as root and in a mount namespace of its own (private.sh), whose mounts end with the last process in it.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
root=$1 source=$2 scratch=$3
shift 3

# Its / is to be a mount, or nothing in it can have mounts of its own (unshare --mount).
mount --bind "$root" "$root"
# at FROM TO [OPTION...]
at() {
    mkdir -p "$root$2"
    mount "${@:3}" "$1" "$root$2"
}
at /proc /proc --rbind
at /dev /dev --rbind
at "$source" /src --bind
mount -o remount,bind,ro "$root/src"
at "$scratch/build" /build --bind
at "$scratch/tmp" /tmp --bind
if [[ -e /etc/resolv.conf ]]; then
    [[ -e $root/etc/resolv.conf ]] || : >"$root/etc/resolv.conf"
    mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
fi
exec chroot "$root" "$@"
