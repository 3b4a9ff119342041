# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What fails, or is not in force, is said and closes: from the first instruction of a process on."""
import os
import re
import subprocess

import pytest

from conftest import DEVICE, MODULE, PROGRAMS, THIN, config, environment
from test_config import listed
from zone import patient

SERVER = {"policy": "require", "allow": "*._device.example.com"}


def run(program, conf, *arguments, timeout=patient(60), env={}):
    done = subprocess.run([os.path.join(PROGRAMS, program), *map(str, arguments)], env={**environment(conf), **env},
                          capture_output=True, text=True, timeout=timeout, errors="replace")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def failing(world, tmp_path):
    """failing(...): the figures of a run of failing_start."""
    # A resolver that is not there: its start is no allocation.
    conf = config(tmp_path / "cnf", tmp_path / "log", server=SERVER, dns={"resolver": "/nonexistent"})

    def start(*arguments):
        text = run("failing_start", conf, "-c", world.path("server.crt"), "-k", world.path("server.key"), *arguments)
        figures = {name: int(n) for name, n in re.findall(r"([a-zA-Z][\w .]*) (\d+)", text.splitlines()[-1])}
        assert figures["admitted"] == 0 and figures["in dance.so"] == 0, text
        return figures
    return start


@pytest.mark.parametrize("in_a_row", [1, 4, 60])
def test_a_start_without_memory_lets_nobody_in(failing, in_a_row):
    """Every allocation around our start fails once, or with others behind it; then a sample of the whole start."""
    whole = failing("-l", 1)
    first = whole["the first of ours"]
    # Before ours: libcrypto stores our parameters, and may lose "policy = require" without a word.
    figures = failing("-r", in_a_row, "-f", first - 60, "-l", first + 160, "-s", THIN)
    assert figures["from dance.so"] > 80 // THIN, figures
    assert figures["handshakes"] > 100 // THIN or in_a_row > 1, figures
    sample = failing("-r", in_a_row, "-s", 131)
    assert sample["runs"] > 30 and sample["handshakes"] > 10, sample


def test_a_handshake_without_memory_lets_nobody_in(failing):
    figures = failing("-h", "-s", 7 * THIN)
    assert min(figures["runs"], figures["handshakes"]) > 100 // THIN and figures["crashed"] == 0, figures


def test_a_start_without_memory_where_nothing_is_configured(world, tmp_path):
    """There is nothing to reach an SSL_CTX for, and nothing may crash."""
    conf = config(tmp_path / "cnf", tmp_path / "log")
    arguments = ["-c", world.path("server.crt"), "-k", world.path("server.key"), "-o"]
    first = int(re.search(r"first of ours (\d+)", run("failing_start", conf, *arguments, "-l", 1)).group(1))
    text = run("failing_start", conf, *arguments, "-f", first - 5, "-l", first + 60)
    assert "in dance.so 0," in text and not text.strip().endswith("admitted 0"), text
    assert int(re.search(r"from dance.so (\d+)", text).group(1)) > 20, text


@pytest.mark.skipif(bool(os.environ.get("DANCE_PRELOAD")), reason="a sanitizer build is tested")
def test_a_start_without_memory_under_valgrind(world, tmp_path):
    """A few of those within our init, silent but for what libcrypto loses by itself."""
    conf = config(tmp_path / "cnf", tmp_path / "log", server=SERVER, dns={"resolver": "/nonexistent"})
    arguments = ["-c", world.path("server.crt"), "-k", world.path("server.key")]
    first = int(re.search(r"first of ours (\d+)", run("failing_start", conf, *arguments, "-l", 1)).group(1))
    done = subprocess.run(["valgrind", "--error-exitcode=99", "--trace-children=yes", "-q",
                           os.path.join(PROGRAMS, "failing_start"), *arguments, "-f", str(first), "-l", str(first + 95),
                           "-s", "19", "-w", "120"], env=environment(conf), capture_output=True, text=True, timeout=patient(60))
    assert done.returncode == 0 and "crashed 0" in done.stdout and "Invalid" not in done.stderr, done.stdout + done.stderr
    assert " admitted 0" in done.stdout, done.stdout


def two_sections(path, log, first, second):
    """An openssl.cnf with the module in two provider sections, "first" and "second"."""
    lines = ["openssl_conf = openssl_init", "[openssl_init]", "providers = provider_sect", "[provider_sect]",
             "default = default_sect", "first = first", "second = second", "[default_sect]", "activate = 1"]
    for name, sections in (("first", first), ("second", second)):
        lines += [f"[{name}]", f"module = {MODULE}", "activate = 1", f"log = {log}"]
        lines += [f"{key} = {value}" for key, value in sections.get("module", {}).items()]
        lines += [f"{key} = {name}_{key}" for key in sections if key != "module"]
        for key, values in sections.items():
            if key != "module":
                lines += [f"[{name}_{key}]", *(f"{k} = {v}" for k, v in values.items())]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def status(text, name):
    """Whether a provider is active, and what it says of itself."""
    part = re.search(rf"^  {name}\n((?:    .*\n?)*)", text, re.M).group(1)
    return "status: active" in part, re.search("build info: (.*)", part).group(1)


CLIENT = {"identity": DEVICE, "private_key": "/nonexistent/key"}
MIXED = {**SERVER, "policy": "mixed"}


def closed(world, conf):
    """Does nobody get in at a server that asks nobody?"""
    return " admitted 0" in run("failing_start", conf, "-c", world.path("server.crt"), "-k", world.path("server.key"),
                                "-p", "first", "-l", 1)


@pytest.mark.parametrize("first,second", [({"client": CLIENT}, {"server": SERVER}), ({"server": SERVER}, {"client": CLIENT}),
                                          ({"client": CLIENT, "server": SERVER}, {"server": SERVER}),
                                          ({"server": SERVER, "client": CLIENT}, {"server": SERVER, "client": CLIENT})])
def test_two_sections_that_go_together(world, tmp_path, first, second):
    conf = two_sections(tmp_path / "cnf", tmp_path / "log", first, second)
    text = listed(conf)
    for name in "first", "second":
        active, info = status(text, name)
        assert active and f"configuration is good; client: {DEVICE}; server: require" in info, text
    assert closed(world, conf)
    assert "not in force" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("first,second,key", [
    ({"client": CLIENT}, {"client": {**CLIENT, "identity": "b.example.com"}, "server": SERVER}, "client.identity"),
    ({"server": MIXED}, {"server": SERVER}, "server.policy"),
    ({"server": MIXED}, {"server": {**MIXED, "policy": "Require"}}, "server.policy"),
    ({"server": MIXED}, {"module": {"policy": "require"}}, "policy"),
    ({"client": CLIENT}, {"module": {"extension_type": "65282"}, "server": SERVER}, "extension_type"),
    # The resolver may run for the client's chain, with the anchors that the first has.
    ({"client": {**CLIENT, "chain": "yes"}}, {"server": SERVER, "dns": {"trust_anchor": "/nonexistent"}}, "dns.trust_anchor"),
])
def test_a_section_that_may_have_been_meant_to_close_closes(world, tmp_path, first, second, key):
    conf = two_sections(tmp_path / "cnf", tmp_path / "log", first, second)
    text = listed(conf)
    why = f"it says {key} otherwise than the one before"
    active, info = status(text, "second")
    assert not active and info.endswith(f"; not in force: {why}"), text
    active, info = status(text, "first")
    assert not active and info.endswith(f"; configuration has a fault: another configuration is not in force: {why}"), text
    assert closed(world, conf)
    assert f"another configuration is not in force: {why}" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("first,second,key", [
    ({"server": SERVER}, {"server": MIXED}, "server.policy"),
    ({"client": CLIENT, "server": SERVER}, {"client": {**CLIENT, "identity": "b.example.com"}}, "client.identity"),
])
def test_a_section_that_is_not_in_force_says_so(world, tmp_path, first, second, key):
    conf = two_sections(tmp_path / "cnf", tmp_path / "log", first, second)
    text = listed(conf)
    active, info = status(text, "second")
    assert not active and info.endswith(f"; not in force: it says {key} otherwise than the one before"), text
    active, info = status(text, "first")
    assert active and info.endswith("server: require"), text
    assert closed(world, conf)
    assert f"not in force: it says {key} otherwise" in (tmp_path / "log").read_text()


def test_library_contexts_that_are_the_default(world, tmp_path):
    """Hooked where dance is loaded too; where it cannot be, no SSL_CTX is made; what it is not told of is documented."""
    conf = config(tmp_path / "cnf", tmp_path / "log", server=SERVER, dns={"resolver": "/nonexistent"})
    text = run("lib_contexts", "/dev/null", conf, world.path("server.crt"), world.path("server.key"))
    expected = ["default, loads dance: refused", "default, loads dance as well: refused", "not the default: refused",
                "global default: refused",
                "of our own: status 1, dance VERSION; configuration is good; client: none; server: require",
                "for one that does, default does not: no SSL_CTX", "default, does not: admitted",
                "default, has indexes: no SSL_CTX",
                "of one with indexes: status 0, dance VERSION; not in force in this library context: "
                "the application has taken dance's ex_data index there"]
    text = re.sub(r"dance \d[\d.]*;", "dance VERSION;", text)
    # Twice, because the second library contexts lie where the first were.
    assert text.splitlines() == 2 * expected + ["ok"], text
    log = (tmp_path / "log").read_text()
    for why in ("the default library context of the thread that makes it does not load dance",
                "the application has taken dance's ex_data index in this library context"):
        assert log.count(f"no SSL_CTX can be made: {why}") == 1, log


def test_library_contexts_under_a_policy_that_need_not_close(world, tmp_path):
    """As without dance, and said."""
    conf = config(tmp_path / "cnf", tmp_path / "log", server=MIXED, dns={"resolver": "/nonexistent"})
    text = run("lib_contexts", "/dev/null", conf, world.path("server.crt"), world.path("server.key"))
    assert text.count("admitted") == 14 and "no SSL_CTX" not in text, text
    log = (tmp_path / "log").read_text()
    assert log.count("inactive for an SSL_CTX, nobody is authenticated by DANE there: the default library context") == 1, log


@pytest.mark.parametrize("policy", ["dane", "require"])
def test_an_ssl_ctx_that_was_there_before_is_spoken_of(world, tmp_path, policy):
    conf = config(tmp_path / "cnf", tmp_path / "log", server={**SERVER, "policy": policy}, dns={"resolver": "/nonexistent"})
    text = run("late_config", None, world.path("server.crt"), world.path("server.key"), conf)
    assert text.splitlines()[1] == ("1: refused" if policy == "require" else "1: admitted")
    log = (tmp_path / "log").read_text()
    assert log.count("inactive for an SSL_CTX, nobody is authenticated by DANE there: dance did not see it being made") == 1


def test_an_ssl_ctx_that_was_there_before_the_server_section(world, tmp_path):
    """A second file adds the server, from when on everybody is asked; what was made under the first is spoken of."""
    first = config(tmp_path / "first", tmp_path / "log", client=CLIENT)
    second = config(tmp_path / "second", tmp_path / "log", server=SERVER, dns={"resolver": "/nonexistent"})
    with open(first) as f:
        text = f.read()
    with open(first, "w") as f:  # under one name OpenSSL would not come to us again
        f.write(text.replace("dance = dance_sect", "dance_client = dance_sect"))
    text = run("late_config", None, world.path("server.crt"), world.path("server.key"), first, second)
    assert text.splitlines()[2] == "2: refused", text
    log = (tmp_path / "log").read_text()
    assert log.count("it was made before the server section was loaded") == 1, log


def test_an_ssl_ctx_of_a_role_that_is_not_configured_is_no_matter(world, tmp_path):
    """A client's SSL_CTX, where there is no client section."""
    conf = config(tmp_path / "cnf", tmp_path / "log", server=SERVER, dns={"resolver": "/nonexistent"})
    text = run("failing_start", conf, "-c", world.path("server.crt"), "-k", world.path("server.key"), "-l", 1)
    assert "did not see" not in (tmp_path / "log").read_text(), text
