#!/usr/bin/env bash
# Test suites that others wrote, without the module and with it in every process (as client and server, and as server
# alone, under the policy mixed), compared test by test. Exits non-zero if a test fails with the module and not without,
# unless test/suites/expected.toml says why it should. Needs a Debian machine and its mirror, and root or sudo.
#
#   scripts/suites.sh            all suites of test/suites
#   scripts/suites.sh NAME...    some of them; --help says which and what else
#
# Sources and what is built of them are kept in $DANCE_CACHE/suites (default ~/.cache/dance/suites). nginx-tests are in no
# Debian package: they are played from $DANCE_NGINX_TESTS, a checkout of them.
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

export PYTHONPATH=$PWD/test:$PWD/test/apps PYTHONDONTWRITEBYTECODE=1
case " $* " in
    *" --help "* | *" -h "*) exec /usr/bin/python3 -m suites.kit.main "$@" ;;
esac
# shellcheck disable=SC2046 # a list of words
scripts/packages.sh build apps -- dpkg-dev $(/usr/bin/python3 -m suites.kit.main --packages "$@")
if [[ -z ${DANCE_BUILD:-} ]]; then
    export DANCE_BUILD=$PWD/build
    cmake -B "$DANCE_BUILD" -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
    cmake --build "$DANCE_BUILD" --parallel --target dance dance-resolver >/dev/null
fi
# Servers that give up root are among them, so all is started by root.
if ((EUID == 0)); then exec /usr/bin/python3 -m suites.kit.main "$@"; else exec sudo -E /usr/bin/python3 -m suites.kit.main "$@"; fi
