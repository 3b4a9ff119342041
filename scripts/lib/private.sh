#!/bin/sh
# private.sh COMMAND...: run it so that what it mounts is seen by nobody else. To be called as root in a new mount namespace,
# made by "unshare --mount --propagation unchanged": unshare itself cannot do this where / is no mount point, as in a chroot of
# a plain folder. There nsenter goes to the root of the namespace, and does it from there.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -eu
if ! mount --make-rprivate / 2>/dev/null && ! nsenter --mount=/proc/self/ns/mnt mount --make-rprivate /; then
    echo "private.sh: / is no mount point here, and what is mounted above it cannot be reached: a chroot with /proc, and as root?" >&2
    exit 1
fi
exec "$@"
