#!/usr/bin/env bash
# Build the Debian packages of this tree, as it is: package.sh [--check] [FOLDER]
# FOLDER (default build-packages) gets the .deb, .buildinfo and .changes files. --check: and see what becomes of a machine
# that installs, upgrades and purges them (test/packaging; three minutes, as root). Needs a Debian machine; what is
# missing of the packages for building and testing is installed, as root or with sudo.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
check=
if [[ ${1:-} == --check ]]; then
    check=yes
    shift
fi
mkdir -p "${1:-build-packages}"
target=$(realpath "${1:-build-packages}")
# shellcheck disable=SC2086 # none or several words
scripts/packages.sh build package ${check:+test package-test}

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
    find . \( -path './build*' -o -path ./.git \) -prune -o -type f -print0
fi | tar --create --null --files-from=- | tar --extract --directory="$work/dance"
cp -a "$work/dance/packaging/debian" "$work/dance/debian"
(cd "$work/dance" && dpkg-buildpackage -us -uc -b)
rm -f "$target"/dance*.{deb,buildinfo,changes} "$target"/*.ddeb
cp "$work"/*.{deb,buildinfo,changes} "$target"
echo "The packages are in $target:"
(cd "$target" && ls -- *.deb)
[[ -n $check ]] || exit 0
# A signed zone and a container are those of the integration tests.
DANCE_PACKAGES=$target PYTHONPATH=test/integration /usr/bin/python3 -B -m pytest -rs -q -p no:cacheprovider test/packaging
