# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""DTLS, which OpenSSL offers up to 1.2: no client can send dane_clientid there."""
import re

import pytest

import pki


def listening(process):
    """Somebody has the UDP port, seen without sending anything."""
    wanted = f"0100007F:{process.port:04X}"
    return any(line.split()[1] == wanted for line in open("/proc/net/udp").readlines()[1:])


@pytest.fixture
def dtls_server(world, start):
    def run(policy, *arguments, dns=None, **more):
        return start(["openssl", "s_server", "-dtls", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"),
                      "-key", world.path("server.key"), "-CAfile", world.path("ca.crt"), *arguments],
                     server={"policy": policy, "allow": "*", **more}, dns=dns, ready=listening)
    return run


@pytest.fixture
def dtls_client(world, s_client, tmp_path):
    """As the application's CA knows it; or with nothing but the identity of a client section."""
    def run(port, certificate=True):
        if not certificate:
            return s_client(port, "-dtls", "-no_ign_eof")
        leaf = pki.certificate(world.key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
        path = tmp_path / "leaf.crt"
        path.write_bytes(pki.pem(leaf))
        return s_client(port, "-dtls", "-no_ign_eof", "-cert", str(path), "-key", world.path("client.key"),
                        client=False)
    return run


def test_mixed_leaves_the_applications_own_check_alone(world, dtls_server, dtls_client):
    server = dtls_server("mixed", "-Verify", "3", "-verify_return_error")
    done = dtls_client(server.port)
    assert server.output.wait("ping") and "DTLSv1.2" in done.text, done.text
    assert re.search("subject=CN ?= ?pkix client", server.output.text()) and server.log.text() == ""
    # The client's module gives no credential where the server cannot take the name.
    server = dtls_server("mixed", "-Verify", "3", "-verify_return_error")
    refused = dtls_client(server.port, certificate=False)
    assert refused.alert == 40 and "ping" not in server.output.text(), refused.text


def test_chains_are_no_matter(dtls_server, dtls_client):
    """Nothing of them is said before TLS 1.3."""
    server = dtls_server("mixed", "-Verify", "3", "-verify_return_error", chain="only")
    done = dtls_client(server.port)
    assert server.output.wait("ping") and "DTLSv1.2" in done.text and server.log.text() == "", done.text


def test_a_certificate_alone_is_refused(dtls_server, dtls_client):
    server = dtls_server("dane", "-Verify", "3", "-verify_return_error")
    done = dtls_client(server.port)
    assert done.alert == 40 and "ping" not in server.output.text(), (done.text, server.log.text())
    assert server.log.wait("refused a client: the client did not send dane_clientid")


@pytest.mark.parametrize("arguments", [[], ["-Verify", "3", "-verify_return_error"]], ids=["asks not", "asks"])
def test_nobody_gets_in_under_require(dtls_server, dtls_client, arguments):
    """There is no version of it in which a client could say its name."""
    for certificate in (True, False):
        server = dtls_server("require", *arguments)
        done = dtls_client(server.port, certificate)
        assert done.alert == 70 and "ping" not in server.output.text(), (done.text, server.log.text())
        assert server.log.wait("DANE client authentication needs TLS 1.3 .there is no DTLS 1.3")


def test_dane_leaves_clients_without_certificate_alone(dtls_server, dtls_client):
    for arguments in ([], ["-verify", "3"]):
        server = dtls_server("dane", *arguments)
        dtls_client(server.port, certificate=False)
        assert server.output.wait("ping")
