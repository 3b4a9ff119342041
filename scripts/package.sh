#!/usr/bin/env bash
# Build the Debian packages of this tree, as it is: package.sh [FOLDER]
# FOLDER (default build-packages) gets the .deb, .buildinfo and .changes files. Needs a Debian machine; what is missing
# of the packages for building is installed, as root or with sudo. DANCE_SKIP_PACKAGES=1: nothing is installed.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${1:-build-packages}"
target=$(realpath "${1:-build-packages}")
[[ -n ${DANCE_SKIP_PACKAGES:-} ]] || scripts/packages.sh build package

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/dance"
# A clean export: what git knows or would add. Without git, everything but build folders.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard --deduplicate | while IFS= read -r -d '' file; do
        [[ ! -e $file ]] || printf '%s\0' "$file"
    done
else
    find . -path './build*' -prune -o -type f -print0
fi | tar --create --null --files-from=- | tar --extract --directory="$work/dance"
cp -a "$work/dance/packaging/debian" "$work/dance/debian"
(cd "$work/dance" && dpkg-buildpackage -us -uc -b)
rm -f "$target"/dance*.{deb,buildinfo,changes} "$target"/*.ddeb
cp "$work"/*.{deb,buildinfo,changes} "$target"
echo "The packages are in $target:"
(cd "$target" && ls -- *.deb)
