#!/usr/bin/python3
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The tables of keys, options and reasons in the documentation are those of the code.

    scripts/tables.py BUILD            write doc/configuration.md's tables anew from BUILD/test/tables
    scripts/tables.py BUILD --check    change nothing; say what differs, and where an entry is missing

doc/configuration.md's tables stand between "<!-- keys: SECTION -->" and "<!-- end of keys -->". Prose cannot be made from a table:
of doc/dance.7, doc/dance-resolver.8, doc/messages.md and openssl.cnf.example each entry is looked for, at its place and
with its default, and an entry of what there is no more. Of each log line doc/messages.md has the words.
"""
import os
import re
import subprocess
import sys

os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECTIONS = ("module", "client", "server", "dns")
wrong = []


def read(path):
    with open(path) as f:
        return f.read()


def rows(build):
    """Of the code: {"key": [[section, name, default, allowed, meaning], ...], "option": ..., "reason": ...}"""
    out = subprocess.run([os.path.join(build, "test", "tables")], check=True, capture_output=True, text=True).stdout
    kinds = {"key": [], "option": [], "reason": []}
    for line in out.splitlines():
        kind, *fields = line.split("\t")
        kinds[kind].append(fields)
    return kinds


def differ(where, found, expected):
    """Both are entries in their order."""
    for entry in expected:
        if found.count(entry) != 1:
            wrong.append(f"{where}: {'no entry' if entry not in found else 'several entries'} for {entry}")
    for entry in sorted(set(found) - set(expected)):
        wrong.append(f"{where}: an entry for {entry}, which there is not")


def markdown(keys, section):
    lines = ["| key | default | allowed | |", "| --- | --- | --- | --- |"]
    for of, name, default, allowed, meaning in keys:
        if of == section:
            shown = {"": "required", "-": ""}.get(default, f"`{default}`")
            cells = (f"`{name}`", shown, allowed, meaning)
            lines.append("| " + " | ".join(re.sub(r"(?<!`)[*|]", r"\\\g<0>", cell).replace("\\#", "`\\#`") for cell in cells) + " |")
    return "\n".join(lines)


def configuration(keys, check):
    text = fresh = read("doc/configuration.md")
    for section in SECTIONS:
        begin, end = f"<!-- keys: {section} -->\n", "\n<!-- end of keys -->"
        if text.count(begin) != 1:
            wrong.append(f"doc/configuration.md: not one table of the keys of {section}")
            continue
        at = fresh.index(begin) + len(begin)
        fresh = fresh[:at] + markdown(keys, section) + fresh[fresh.index(end, at):]
    if fresh != text and check:
        wrong.append("doc/configuration.md: the tables of keys are not those of provider/keys.c: run scripts/tables.py BUILD")
    elif fresh != text:
        with open("doc/configuration.md", "w") as f:
            f.write(fresh)


def plain(text):
    """Of a manual page."""
    return re.sub(r"\\(.)", lambda m: {"e": "\\", "-": "-"}.get(m[1], m[1]), text)


def manual(keys):
    """Each key has its paragraph in its section, which ends with its default."""
    parts = re.split(r"^\.SH KEYS OF THE (\w+)(?: SECTION)?\n(.*?)(?=^\.SH )", read("doc/dance.7"), flags=re.M | re.S)
    found = {parts[i].lower(): parts[i + 1] for i in range(1, len(parts), 3)}
    for section in SECTIONS:
        entries = re.split(r"^\.TP\n\.B ", found.get(section, ""), flags=re.M)[1:]
        texts = {entry.split("\n", 1)[0]: plain(entry) for entry in entries}
        here = {name: default for of, name, default, _, _ in keys if of == section}
        where = f"doc/dance.7: keys of {section}"
        differ(where, [name for name in texts if "," not in name], list(here))
        for name, default in here.items():
            closing = texts.get(name, "").rpartition("\n.br\n")[2]
            # In words where the default is a list.
            expected = "Required." if default == "" else f"Default: {default}." if default != "-" and ", " not in default else "Default: "
            if name in texts and not closing.startswith(expected):
                wrong.append(f"{where}: {name} does not end with: {expected}")
            if name in texts and f"Example: {name} = " not in closing:
                wrong.append(f"{where}: {name} has no example")


def example(keys):
    """Each key stands once in its section, a default commented out."""
    parts = re.split(r"^\[dance_(\w+)\]\n", read("openssl.cnf.example"), flags=re.M)
    found = {{"sect": "module"}.get(parts[i], parts[i]): parts[i + 1] for i in range(1, len(parts), 2)}
    for section in SECTIONS:
        lines = re.findall(r"^(# )?(\w+) = (.*?)(?: {2,}#.*| # .*)?$", found.get(section, ""), flags=re.M)
        here = {name: default for of, name, default, _, _ in keys if of == section}
        where = f"openssl.cnf.example: {section}"
        differ(where, [name for _, name, _ in lines if name not in ("activate", *SECTIONS, "identity" if section == "module" else "")
                       and not (section == "module" and name == "module")], list(here))
        for comment, name, value in lines:
            if comment and here.get(name, "-") not in ("-", "", value.strip()):
                wrong.append(f"{where}: {name} = {value}, but the default is {here[name]}")


def resolver(options):
    text = plain(read("doc/dance-resolver.8"))
    synopsis = re.findall(r"--([a-z-]+)", text.split(".SH DESCRIPTION")[0].split(".SH SYNOPSIS")[1])
    page = text.split(".SH OPTIONS\n")[1].split("\n.SH ")[0]
    heads = re.findall(r"^\.TP\n\.B[IR]? (--.*)$", page, flags=re.M)
    named = [name for head in heads for name in re.findall(r"--([a-z-]+)", head)]
    differ("doc/dance-resolver.8: OPTIONS", named, [name for name, _, _ in options])
    for name, _, default in options:
        if name not in synopsis:
            wrong.append(f"doc/dance-resolver.8: SYNOPSIS has no --{name}")
        entry = re.search(rf"^\.TP\n\.B[IR]? .*--{name}\b.*?(?=^\.TP\n|\Z)", page, flags=re.M | re.S)
        said = re.sub(r"\n(?:\.[A-Z]+ )?", " ", entry[0]) if entry else ""
        if default != "-" and not re.search(rf"Default: {re.escape(default)}\b", said):
            wrong.append(f"doc/dance-resolver.8: --{name} does not say: Default: {default}")


def messages(reasons):
    found = re.findall(r"^### (.*)$", read("doc/messages.md"), flags=re.M)
    texts = [text for _, text in reasons]
    differ("doc/messages.md", [entry for entry in found if entry in texts], texts)
    for name, text in reasons:  # its word for programs, as dance_reason_code() spells it
        code = name.lower().replace("_", "-")
        if f"\n### {text}\n`reason={code}`\n" not in read("doc/messages.md"):
            wrong.append(f"doc/messages.md: not `reason={code}` under: {text}")


def log_lines():
    """The words of each log line stand in doc/messages.md, as they are."""
    page = re.sub(r"\s+", " ", read("doc/messages.md"))
    count = 0
    for folder in ("common", "provider", "resolver"):
        for path in sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names if name.endswith(".c")):
            for call in re.findall(r'dance_log(?:_fields)?\(\w+,(?: [a-z.>-]+,)?\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', read(path)):
                text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', call))
                words = max((part.removeprefix("resolver: ").strip(" :;,()") for part in re.split(r"%[a-z0-9.*]+", text)), key=len)
                count += 1
                # Formats of conversions alone say what something else in this page is.
                if len(words) > 12 and words not in page:
                    wrong.append(f"doc/messages.md: no entry for the log line of {path}: {text}")
    if count < 30:
        wrong.append("the log lines were not found")


def main(build, check):
    tables = rows(build)
    configuration(tables["key"], check)
    manual(tables["key"])
    example(tables["key"])
    resolver(tables["option"])
    messages(tables["reason"])
    log_lines()
    for text in wrong:
        print(text)
    return bool(wrong)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--check"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], len(sys.argv) == 3))
