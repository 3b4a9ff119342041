#!/usr/bin/env bash
# Every key of the configuration's table, every reason, and every application has its entry in the documentation.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
missing=0

keys=$(sed -n '/^const struct dance_config_key/,/^};/p' provider/config.c \
    | grep -oP '\{(MODULE|CLIENT|SERVER|DNS), *"\K[a-z_]+' | sort -u)
[[ $(wc -w <<<"$keys") -ge 15 ]] || { echo "the table of keys was not found"; exit 1; }
for key in $keys; do
    for file in README.md openssl.cnf.example doc/dance.7; do
        grep -qw -- "$key" "$file" || { echo "$file: no entry for the key $key"; missing=1; }
    done
done

reasons=$(sed -n '/^static ERR_STRING_DATA/,/^};/p' provider/reasons.c | tr -d '\n' | grep -oP 'DANCE_R_\w+,\s*"\K[^"]+')
[[ $(wc -l <<<"$reasons") -ge 15 ]] || { echo "the table of reasons was not found"; exit 1; }
while read -r reason; do
    grep -qxF "### $reason" doc/messages.md || { echo "doc/messages.md: no entry for: $reason"; missing=1; }
done <<<"$reasons"

options=$(sed -n '/option known\[\]/,/^};/p' resolver/options.c | grep -oP '\{"\K[a-z-]+')
[[ $(wc -w <<<"$options") -ge 10 ]] || { echo "the table of options was not found"; exit 1; }
for option in $options; do
    grep -qF -- "\\-\\-${option//-/\\-}" doc/dance-resolver.8 || { echo "doc/dance-resolver.8: no entry for --$option"; missing=1; }
done
names=$(sed -nE 's/^    name = "([^("]+[^( "]).*/\1/p' test/apps/*.py | sort -u)
[[ $(wc -l <<<"$names") -ge 30 ]] || { echo "the names of applications were not found"; exit 1; }
while read -r name; do
    grep -qiwF -- "$name" doc/operators.md || { echo "doc/operators.md: no entry for $name"; missing=1; }
done <<<"$names"
exit "$missing"
