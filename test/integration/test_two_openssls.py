# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Two OpenSSLs in one process: dance works with the one it is bound to, and leaves the other alone.

Applications that use another OpenSSL than dance.so as a whole are in test_applications.py.
"""
import os
import re
import subprocess

import pytest

import openssls
import pki
from conftest import DEVICE, MODULE, PROGRAMS, config, entry, environment
from test_process import bad, good
from zone import free_port, wait_for

LIBCURL = (re.findall(r"libcurl\.so\.4 .*=> (\S+)", subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True,
                                                                    check=True).stdout) or [None])[0]
needs_curl = pytest.mark.skipif(LIBCURL is None, reason="libcurl is not installed")
REQUIRE = {"policy": "require", "allow": "*._device.example.com"}


@pytest.fixture
def variant(world, start):
    """variant(name): the program tls_server with its OpenSSL linked in this way; it asks for certificates."""
    def run(name, *arguments):
        program = os.path.join(PROGRAMS, name)
        if not os.path.exists(program):
            pytest.skip("OpenSSL's static libraries were not there when the programs were built")
        return start([program, "-p", "PORT", "-c", world.path("server.crt"), "-k", world.path("server.key"), "-a",
                      world.path("ca.crt"), "-V", *arguments], server=REQUIRE,
                     ready=lambda p: re.search("^ready$", p.output.text(), re.M))
    return run


def unnamed(world, server):
    leaf = pki.certificate(world.key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    return server.client().run([entry(leaf)], world.key)


@pytest.mark.parametrize("name,why", [
    ("tls_server_hidden", openssls.OTHER),
    ("tls_server_partly", openssls.INACTIVE + "in this process some functions of OpenSSL come from one copy of it"),
    ("tls_server_own_libssl", "inactive for an SSL_CTX, nobody is authenticated by DANE there: it is of another libssl")],
    ids=["hidden", "partly exported", "own libssl"])
@pytest.mark.parametrize("arguments", [[], ["-f"]], ids=str)
def test_what_is_of_another_openssl_is_left_alone(world, variant, name, why, arguments):
    """As without dance: the application's CA decides, although the policy is require."""
    server = variant(name, *arguments)
    assert server.log.wait(why)
    for _ in range(2):
        outcome = unnamed(world, server)
        assert outcome.accepted and 65280 not in outcome.request_extensions, (outcome, server.output.text())
        refused = bad(world, server)
        assert refused.alert not in (None, 40), (refused, server.output.text())
    wait_for(lambda: server.output.text().count("refused: ") == 2, what="the server's lines")
    assert server.output.text().count("accepted, verify result 0, queue: empty") == 2
    assert server.alive() and server.log.text().count("inactive") == 1


@pytest.mark.parametrize("arguments", [[], ["-f"], ["-t", "4"], ["-X"]], ids=str)
def test_an_openssl_that_the_program_exports_is_the_one(world, variant, arguments):
    """As in Node.js: libssl and libcrypto are in the program, and our calls go there."""
    server = variant("tls_server_exported", *arguments)
    for _ in range(2):
        outcome = good(world, server)
        assert outcome.accepted, (outcome, server.log.text(), server.output.text())
        assert bad(world, server).alert == 40
        assert unnamed(world, server).alert == 40
    assert server.log.text().count(f"accepted {DEVICE}") == 2
    assert "inactive" not in server.log.text()


def test_the_module_needs_nothing_that_an_older_openssl_has_not():
    """Or it would not work in applications that carry one: later functions are looked up (binding.h)."""
    text = subprocess.run(["objdump", "-T", MODULE], capture_output=True, text=True, check=True).stdout
    versions = re.findall(r"\*UND\*.*\bOPENSSL_(\d+\.\d+\.\d+)", text)
    assert len(versions) > 100 and set(versions) <= {"3.0.0", "4.0.0"}


@pytest.fixture
def page(world, start):
    """A server with require that answers HTTP."""
    return start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                  world.path("server.key"), "-www"], server=REQUIRE)


@needs_curl
@pytest.mark.parametrize("order", ["connect curl connect", "curl connect curl"])
@pytest.mark.parametrize("server", [None, REQUIRE], ids=["client", "client and server"])
def test_a_library_that_brings_an_openssl(world, page, tls_client, order, server):
    """A program's own connections and those of a library it loads: with the same OpenSSL, or with two."""
    client = tls_client(client={"identity": DEVICE, "private_key": world.path("client.key")}, server=server,
                        dns=world.dns() if server else None)
    two = openssls.is_other("libcurl", LIBCURL)
    for command in order.split():
        page.log.mark()
        reply = client.ask(f"{command} {page.port}")
        if command == "curl" and two:
            assert "certificate required" in reply
            assert page.log.wait("refused a client: the client sent no certificate")
        else:
            assert "reply: HTTP/1.0 200" in reply, (reply, page.log.text())
            assert page.log.wait(f"accepted {DEVICE}")
    ours, theirs = openssls.libcrypto_of(MODULE), openssls.libcrypto_of(LIBCURL)
    assert re.match(rf"status 1, dance \S+; configuration is good; client: {DEVICE}", client.ask(f"status {ours}"))
    if two:
        assert re.match(r"status 0, dance \S+; inactive: the application uses OpenSSL ", client.ask(f"status {theirs}"))
    assert len(re.findall(openssls.OTHER, client.log.text())) == two


@pytest.mark.parametrize("name,arguments,why", [
    ("tls_server_hidden", [], openssls.OTHER),
    ("tls_server_partly", [], openssls.INACTIVE + "in this process some functions"),
    ("tls_server_own_libssl", [], "inactive for an SSL_CTX, nobody is authenticated by DANE there: it is of another libssl")],
    ids=["hidden", "partly exported", "own libssl"])
@pytest.mark.parametrize("server,value,ends", [(REQUIRE, "exit", True), (REQUIRE, "Exit", True), ({**REQUIRE, "policy": "mixed"}, "exit", True),
                                               (None, "exit", False), (REQUIRE, "open", False)],
                         ids=["exit", "may have been meant as exit", "mixed", "no server section", "open"])
def test_a_server_that_cannot_have_dance_need_not_serve(world, tmp_path, name, arguments, why, server, value, ends):
    program = os.path.join(PROGRAMS, name)
    if not os.path.exists(program):
        pytest.skip("OpenSSL's static libraries were not there when the programs were built")
    conf = config(tmp_path / "cnf", tmp_path / "log", server=server, module={"inactive": value},
                  client={"identity": DEVICE, "private_key": world.path("client.key")})
    # As many handshakes as it makes before it ends: none, and nobody comes.
    process = subprocess.Popen([program, "-p", str(free_port()), "-c", world.path("server.crt"), "-k", world.path("server.key")],
                               env=environment(conf), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    line = process.stdout.readline()
    if ends:
        assert (line, process.wait(10)) == ("", 78)
    else:
        assert line == "ready\n"
        process.terminate()
        process.wait(10)
    process.stdout.close()
    assert re.search(why, (tmp_path / "log").read_text())
