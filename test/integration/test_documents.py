# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""scripts/tables.py notices each entry that is not there, or not what the code says."""
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import BUILD

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TABLES = [line.split("\t") for line in subprocess.run([f"{BUILD}/test/tables"], check=True, capture_output=True,
                                                      text=True).stdout.splitlines()]
PAGES = ("doc/configuration.md", "openssl.cnf.example", "doc/dance.7", "doc/dance-resolver.8", "doc/messages.md")


@pytest.fixture()
def copy(tmp_path):
    for page in (*PAGES, "scripts/tables.py"):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        shutil.copy(SOURCE / page, tmp_path / page)
    for folder in ("common", "provider", "resolver"):
        (tmp_path / folder).symlink_to(SOURCE / folder)
    return tmp_path


def check(copy):
    return subprocess.run([copy / "scripts/tables.py", BUILD, "--check"], capture_output=True, text=True)


def is_noticed(copy, page, pattern, replacement, word):
    text = (copy / page).read_text()
    changed, count = re.subn(pattern, replacement, text, count=1, flags=re.M)
    assert count == 1, (page, pattern)
    (copy / page).write_text(changed)
    done = check(copy)
    (copy / page).write_text(text)
    assert done.returncode == 1 and page in done.stdout and word in done.stdout, (page, pattern, done)


def test_they_are_the_same(copy):
    done = check(copy)
    assert (done.returncode, done.stdout) == (0, "")
    assert {kind: sum(of == kind for of, *_ in TABLES) >= 15 for kind in ("key", "option", "reason")} == dict.fromkeys(
        ("key", "option", "reason"), True)


@pytest.mark.parametrize("section,key", [row[1:3] for row in TABLES if row[0] == "key"])
def test_a_key(copy, section, key):
    heading = {"module": "MODULE"}.get(section, f"{section.upper()} SECTION")
    within = rf"(?s:(^\.SH KEYS OF THE {heading}\n(?:(?!^\.SH ).)*?))"
    is_noticed(copy, "doc/dance.7", within + rf"^\.TP\n\.B {key}\n", r"\1", f"no entry for {key}")
    is_noticed(copy, "doc/dance.7", within + rf"^\.B {key}\n", r"\1.B " + key + "s\n", f"{key}s, which there is not")
    is_noticed(copy, "doc/configuration.md", rf"(?s:(^<!-- keys: {section} -->\n(?:(?!^<!-- end).)*?))^\| `{key}` .*\n", r"\1", "tables of keys")
    part = {"module": "sect"}.get(section, section)
    is_noticed(copy, "openssl.cnf.example", rf"(?s:(^\[dance_{part}\]\n(?:(?!^\[).)*?))^(?:# )?{key} = ", r"\1# x", f"no entry for {key}")


@pytest.mark.parametrize("section,key,default", [row[1:4] for row in TABLES if row[0] == "key" and row[3] not in ("", "-")])
def test_a_default(copy, section, key, default):
    if ", " not in default:
        heading = {"module": "MODULE"}.get(section, f"{section.upper()} SECTION")
        is_noticed(copy, "doc/dance.7", rf"(?s:(^\.SH KEYS OF THE {heading}\n(?:(?!^\.SH ).)*?^\.B {key}\n(?:(?!^\.TP).)*?))^Default: ",
                   r"\1Default: not", key)


@pytest.mark.parametrize("option,default", [(row[1], row[3]) for row in TABLES if row[0] == "option"])
def test_an_option(copy, option, default):
    written = re.escape("\\-\\-" + option.replace("-", "\\-"))
    is_noticed(copy, "doc/dance-resolver.8", rf"(?s:(^\.SH OPTIONS\n.*?^\.TP\n\.BI? ?R? ?.*?)){written}(?![\\\w])", r"\1x", option)
    if default != "-":
        is_noticed(copy, "doc/dance-resolver.8", rf"(?s:({written}(?![\\\w])[^\n]*\n(?:(?!^\.TP).)*?Default:\s(?:\.[A-Z]+ )?)){re.escape(default)}",
                   r"\1x", option)


@pytest.mark.parametrize("reason", [row[2] for row in TABLES if row[0] == "reason"])
def test_a_reason(copy, reason):
    is_noticed(copy, "doc/messages.md", rf"^### {re.escape(reason)}$", "### something else", reason)
    is_noticed(copy, "doc/messages.md", rf"^(### {re.escape(reason)}\n`reason=)", r"\1x", reason)


@pytest.mark.parametrize("words", ["the calendar was set", "a malformed message was dropped", "the worker is stuck", "does not sign, the handshake"])
def test_a_log_line(copy, words):
    is_noticed(copy, "doc/messages.md", words, "it is so", "no entry for the log line")
