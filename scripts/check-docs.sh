#!/usr/bin/env bash
# Every application has its entry in the documentation, every row of doc/conformance.md is whole, and so on. Of keys,
# options and reasons scripts/tables.py sees to that.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
missing=0

# Each command has its part of dance.1, with each of its options (--json is said once for all).
/usr/bin/python3 - <<'PYTHON' || missing=1
import glob
import re
page = open("doc/dance.1").read().split(".SH COMMANDS", 1)[1].split("\n.SH ", 1)[0]
parts = {part.split()[0]: part for part in page.split("\n.SS ")[1:]}
wrong, found = [], set()
for file in sorted(glob.glob("cli/*.c")):
    text = open(file).read()
    name = re.search(r'^const struct command command_\w+ = \{\n    \.name = "(\w+)"', text, re.M)
    if name:
        found.add(name[1])
        options = re.findall(r'^    \[\w+\] = \{"([a-z-]+)", ("[^"]*"|NULL)', text, re.M)
        for option, value in options:
            typed = "\\-\\-" + option.replace("-", "\\-") + (f' " {value[1:-1]}"'.replace("-", "\\-") if value != "NULL" else "")
            if option != "json" and typed not in parts.get(name[1], ""):
                wrong.append(f"no entry for {name[1]} --{option}")
        wrong += [] if options else [f"the options of {name[1]} were not found"]
wrong += [f"no part for {name}" for name in sorted(found - set(parts))]
wrong += [f"there is no command {name}" for name in sorted(set(parts) - found)]
wrong += [] if len(found) >= 4 else ["the commands were not found"]
for what in wrong:
    print(f"doc/dance.1: {what}")
raise SystemExit(bool(wrong))
PYTHON
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
# The version stands in CMakeLists.txt.
version=$(grep -oP '^project\(dance VERSION \K[0-9.]+' CMakeLists.txt)
[[ $(grep -m 1 -oP '^## \K\S+' CHANGELOG.md) == "$version" ]] || { echo "CHANGELOG.md does not begin with version $version"; missing=1; }
[[ $(head -n 1 packaging/debian/changelog) == "dance ($version"[\)~+]* ]] \
    || { echo "packaging/debian/changelog does not begin with version $version"; missing=1; }
grep -qx "Version: *$version" packaging/rpm/dance.spec || { echo "packaging/rpm/dance.spec is not of version $version"; missing=1; }
exit "$missing"
