#!/usr/bin/env bash
# Every key of the configuration's table, every reason, and every application has its entry in the documentation.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
missing=0

keys=$(sed -n '/^const struct dance_config_key/,/^};/p' provider/keys.c \
    | grep -oP '\{(MODULE|CLIENT|SERVER|DNS), *"\K[a-z_]+' | sort -u)
[[ $(wc -w <<<"$keys") -ge 15 ]] || { echo "the table of keys was not found"; exit 1; }
for key in $keys; do
    for file in README.md openssl.cnf.example doc/dance.7; do
        grep -qw -- "$key" "$file" || { echo "$file: no entry for the key $key"; missing=1; }
    done
done

reasons=$(sed -n '/^#define DANCE_REASONS(X)/,/[^\\]$/p' provider/reasons.h | tr -d '\\\n' | grep -oP ' X\(\w+,\s*"\K[^"]+(?="\))')
[[ $(wc -l <<<"$reasons") -ge 15 && $(wc -l <<<"$reasons") -eq $(grep -c '^    X(' provider/reasons.h) ]] \
    || { echo "the list of reasons was not read"; exit 1; }
while read -r reason; do
    grep -qxF "### $reason" doc/messages.md || { echo "doc/messages.md: no entry for: $reason"; missing=1; }
    # Its word for programs: its name in the list, as dance_reason_code() spells it.
    code=$(sed -n '/^#define DANCE_REASONS(X)/,/[^\\]$/p' provider/reasons.h | tr -d '\\\n' \
        | grep -oP " X\(\K\w+(?=,\s*\"\Q$reason\E\"\))" | tr A-Z_ a-z-)
    [[ $(grep -A1 -xF "### $reason" doc/messages.md | tail -1) == "\`reason=$code\`" ]] \
        || { echo "doc/messages.md: not \`reason=$code\` under: $reason"; missing=1; }
done <<<"$reasons"

options=$(sed -n '/^static const struct entry/,/^};/p' resolver/options.c | grep -oP '\{"\K[a-z-]+')
[[ $(wc -w <<<"$options") -ge 10 ]] || { echo "the table of options was not found"; exit 1; }
for option in $options; do
    grep -qF -- "\\-\\-${option//-/\\-}" doc/dance-resolver.8 || { echo "doc/dance-resolver.8: no entry for --$option"; missing=1; }
done
names=$(sed -nE 's/^    name = "([^("]+[^( "]).*/\1/p' test/apps/*.py | sort -u)
[[ $(wc -l <<<"$names") -ge 30 ]] || { echo "the names of applications were not found"; exit 1; }
while read -r name; do
    grep -qiwF -- "$name" doc/operators.md || { echo "doc/operators.md: no entry for $name"; missing=1; }
done <<<"$names"
# Each row of doc/conformance.md is whole, and names tests and mutations that there are; each mutation has its row.
mutations=$(grep -oP "^id = '\K[a-z0-9-]+" test/mutations.toml)
rows=$(grep -P '^\| (?!---)' doc/conformance.md | grep -vP '^\| (§|what) ')
[[ $(wc -l <<<"$rows") -ge 40 ]] || { echo "the rows of doc/conformance.md were not found"; exit 1; }
while read -r row; do
    if [[ $row == *"|  |"* || $row == *"| |"* ]] || ! grep -qP '\w+\.py::\w+' <<<"$row"; then
        echo "doc/conformance.md: a row is not whole: $row"
        missing=1
    fi
    for mutation in $(sed -E 's/.*\| ([a-z0-9, -]+) \|$/\1/; s/,/ /g' <<<"$row"); do
        grep -qx -- "$mutation" <<<"$mutations" || { echo "doc/conformance.md: there is no mutation $mutation"; missing=1; }
    done
done <<<"$rows"
for file in $(sed -E 's/^(.*) \| [^|]* \| [^|]* \|$/\1/; s/.* \| //; s/,//g' <<<"$rows" | tr ' ' '\n' | sort -u); do
    [[ $file =~ ^(libssl|operator)$ || -e provider/$file || -e resolver/$file || -e $file ]] \
        || { echo "doc/conformance.md: there is no file $file"; missing=1; }
done
for test in $(grep -oP '\w+\.py::\w+' <<<"$rows" | sort -u); do
    grep -q "^def ${test#*::}(" "test/integration/${test%::*}" || { echo "doc/conformance.md: there is no test $test"; missing=1; }
done
for mutation in $mutations; do
    grep -qP "\| .*(?<![a-z0-9-])$mutation(?![a-z0-9-])[a-z0-9, -]* \|$" <<<"$rows" || { echo "doc/conformance.md: no row for the mutation $mutation"; missing=1; }
done
# Each sentence of "Why nobody else gets in" names code and tests that there are.
/usr/bin/python3 - <<'PYTHON' || missing=1
import glob
import os
import re
with open("doc/architecture.md") as f:
    page = f.read().split("## Why nobody else gets in", 1)[1].split("\n## ", 1)[0]
rows = [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in page.splitlines() if line.startswith("| ")][1:]
wrong = [] if len(rows) >= 10 else ["the rows were not found"]
for sentence, code, tests in (row for row in rows if set(row[0]) != {"-"}):
    for words in code.split(", "):
        name, word = words.split(": ") if ": " in words else (name, words)
        with open(os.path.join("provider", name)) as f:
            if not re.search(rf"\b{word}\b", f.read()):
                wrong.append(f"{name} has no {word}")
    for test in tests.split(", "):
        name, _, function = test.partition("::")
        found = glob.glob(f"test/**/{name}", recursive=True)
        if not found or (function and f"def {function}(" not in open(found[0]).read()):
            wrong.append(f"there is no test {test}")
for what in wrong:
    print(f"doc/architecture.md: {what}")
raise SystemExit(bool(wrong))
PYTHON
# What a mutation changes stands in the code, once.
/usr/bin/python3 - <<'PYTHON' || missing=1
import tomllib
with open("test/mutations.toml", "rb") as f:
    stale = [(m["id"], e["file"]) for m in tomllib.load(f)["mutation"] for e in m["edits"]
             if open(e["file"]).read().count(e["find"]) != 1]
for name, file in stale:
    print(f"test/mutations.toml: what {name} changes is not in {file}, or several times")
raise SystemExit(bool(stale))
PYTHON
exit "$missing"
