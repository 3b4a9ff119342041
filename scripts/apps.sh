#!/usr/bin/env bash
# Unmodified applications with the module, one row of a table each: who is let in, who is not,
# and whom the application believes to see. Needs a Debian machine and root or sudo; everything
# happens in a temporary folder and on free loopback ports.
#
#   scripts/apps.sh            all applications of test/apps
#   scripts/apps.sh NAME...    some of them; --help says which and what else
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

case " $* " in
    *" --help "* | *" -h "*) PYTHONPATH=test/apps exec /usr/bin/python3 -m kit.main "$@" ;;
esac
scripts/packages.sh build apps
export PYTHONPATH=$PWD/test/apps PYTHONDONTWRITEBYTECODE=1
# shellcheck disable=SC2046 # a list of words
scripts/packages.sh apps -- $(/usr/bin/python3 -m kit.main --packages "$@")
if [[ -z ${DANCE_BUILD:-} ]]; then
    export DANCE_BUILD=$PWD/build
    cmake -B "$DANCE_BUILD" -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
    cmake --build "$DANCE_BUILD" --parallel --target dance dance-resolver >/dev/null
fi
# Servers that give up root are among them, so all is started by root.
as_root() {
    if ((EUID == 0)); then exec "$@"; else exec sudo -E "$@"; fi
}
as_root /usr/bin/python3 -m kit.main "$@"
