# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The command dance: what it prints, and its exit status (0 good, 1 a fault, 2 the command line means nothing)."""
import json
import os
import re
import stat
import subprocess

import pytest

import pki
from conftest import BUILD, DEVICE, config, environment
from test_dns_outcomes import black_hole, silent_dns  # noqa: F401 (fixtures)
from test_resolver import NAME, resolver  # noqa: F401 (fixture)
from zone import patient

PROGRAM = os.path.join(BUILD, "cli", "dance")
# What no name may be, and what is said of it.
BAD_NAMES = [("a..b", "empty label"), ("", "empty"), (".", "empty label"), ("a b.example.com", "other than letters"),
             ("$ENV.example.com", "other than letters"), ("a\n[x].example.com", "other than letters"), ("a" * 64, "63 octets"),
             ("a." * 127 + "a", "253 octets"), ("\u00fc.example.com", "other than letters"), ("a..", "ends with a dot")]


def dance(*arguments, conf=None, **more):
    return subprocess.run([PROGRAM, *map(str, arguments)], env=environment(conf), capture_output=True, text=True,
                          timeout=patient(30), **more)


def good(*arguments, **more):
    """What it prints."""
    done = dance(*arguments, **more)
    assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr, done.stdout)
    return done.stdout


def commands():
    return re.findall(r"(?m)^  (\w+) ", good("help"))


def test_help_and_version():
    assert re.fullmatch(r"dance \d+\.\d+\.\d+\n", good("--version"))
    assert good("help") == good("--help")
    assert {"lookup", "flush"} <= set(commands())
    for name in commands():
        assert good("help", name).startswith(f"usage: dance {name}") and good("help", name) == good(name, "--help")


@pytest.mark.parametrize("arguments,said", [
    ([], "usage"), (["lokup"], "no command 'lokup'"), (["help", "lokup"], "no command"), (["lookup"], "missing: NAME"),
    (["lookup", NAME, "x"], "'x'"), (["lookup", "--nothing", NAME], "--nothing"), (["lookup", NAME, "--timeout"], "--timeout"),
    (["lookup", NAME, "--timeout", "0"], "1 to 60"), (["lookup", NAME, "--timeout", "3s"], "1 to 60"),
    (["lookup", NAME, "--timeout", "-1"], "1 to 60"), (["lookup", NAME, "--socket", "sock"], "absolute"),
    (["lookup", NAME, "--socket", "/x", "--config", "/y"], "exclude each other"), (["lookup", NAME, "--json=yes"], "--json"),
    (["flush"], "missing: NAME")])
def test_command_lines_that_mean_nothing(arguments, said):
    done = dance(*arguments)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""


@pytest.mark.parametrize("command", ["lookup", "flush"])
@pytest.mark.parametrize("name,said", BAD_NAMES)
def test_bad_names(command, name, said):
    done = dance(command, "--", name)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""


def test_nobody_can_read_the_answer():
    """It was not given, then."""
    with open("/dev/full", "w") as full:
        done = subprocess.run([PROGRAM, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "standard output" in done.stderr


OUTCOMES = [(NAME, "secure", ""), ("dev._device.example.net", "insecure", "no trust anchor covers the zone"),
            ("bogus._device.example.com", "bogus", "signature verification failed"),
            ("missing._device.example.com", "absent", "the name does not exist"),
            ("nodata._device.example.com", "absent", "has no TLSA record")]


@pytest.mark.parametrize("name,status,reason", OUTCOMES)
def test_lookup_at_a_socket(world, resolver, name, status, reason):  # noqa: F811
    asked = ["lookup", "--socket", resolver.path, "--timeout", "30"]
    done = dance(*asked, name.upper() + ".", "--json")
    said = json.loads(done.stdout)
    assert done.stderr == "" and done.returncode == (status != "secure")
    assert (said["name"], said["status"], said["resolver"]) == (name, status, resolver.path) and reason in said["reason"]
    text = dance(*asked, name)
    assert text.returncode == done.returncode and f"; {name}: {status}" in text.stdout and resolver.path in text.stdout
    if status != "secure":
        assert said["records"] == [] and not re.search("(?m)^[^;]", text.stdout)
        return
    # The zone's own line, with what is left of the TTL.
    rdata = pki.tlsa(3, 1, 1, world.device).split()[1:]
    record = said["records"][0]
    assert record == {"usage": 3, "selector": 1, "matching_type": 1, "data": rdata[3], "meaning": "DANE-EE SPKI SHA2-256",
                      "zone": f"{name}. {said['ttl']} IN TLSA {' '.join(rdata)}"} and 0 < said["ttl"] <= 60
    assert re.search(rf"(?m)^{name}\. \d+ IN TLSA {' '.join(rdata)} ; DANE-EE SPKI SHA2-256$", text.stdout)


def test_lookup_as_a_configuration_says(world, tmp_path):
    """With a resolver of its own, which ends; the section of the server is of no interest."""
    conf = config(tmp_path / "server.cnf", tmp_path / "log", server={"policy": "nonsense"}, dns=world.dns())
    done = dance("lookup", "--config", conf, NAME, "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 0 and said["status"] == "secure" and said["resolver"] == "auto"
    assert "started for this lookup" in good("lookup", "--config", conf, NAME)
    assert not os.path.exists(tmp_path / "log")
    # From another folder, by a path that is not absolute.
    done = subprocess.run(["./dance", "lookup", "--config", conf, NAME], cwd=os.path.dirname(PROGRAM), capture_output=True)
    assert done.returncode == 0, done


@pytest.mark.parametrize("text,said", [
    ("", r"\[default\] has no openssl_conf"), ("openssl_conf = init\n[init]\n", r"\[init\] has no providers"),
    ("openssl_conf = init\n[init]\nproviders = p\n[p]\ndefault = d\n[d]\nactivate = 1\n", r"\[p\] has no provider"),
    ("openssl_conf = init\n[init]\nproviders = p\n[p]\ndance = d\n[d]\nactivate = 1\n", "has no dns"),
    ("openssl_conf = init\nthis is no line\n", ":2: OpenSSL cannot read"),
    ("openssl_conf = $ENV::THERE_IS_NONE\n", ":1: OpenSSL cannot read"),
    ("openssl_conf = init\n[init]\nproviders = p\n[p]\ndance = d\n[d]\ndns = s\n[s]\ntimeout = 61\n", "dns.timeout = 61: allowed: 1 to 60"),
    (None, "No such file")])
def test_lookup_with_a_file_that_says_nothing(tmp_path, text, said):
    path = tmp_path / "openssl.cnf"
    if text is not None:
        path.write_text(text)
    done = dance("lookup", "--config", path, NAME)
    assert done.returncode == 1 and str(path) in done.stderr and re.search(said, done.stderr) and done.stdout == ""


def test_lookup_where_nobody_listens(tmp_path):
    done = dance("lookup", "--socket", tmp_path / "sock", NAME, "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1 and said["status"] == "failed" and "No such file" in said["reason"] and said["records"] == []


def test_flush(resolver):  # noqa: F811
    """What is told is what test_flush.py sees done."""
    said = json.loads(good("flush", "--socket", resolver.path, NAME, "--json"))
    assert said["service"] is True and said["status"] == "good"
    assert resolver.path in good("flush", "--socket", resolver.path, NAME)
