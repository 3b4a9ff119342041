# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Compressed certificates (RFC 8879): OpenSSL 3.2 and later, built with zlib, brotli or zstd. Where both ends
can, libssl compresses a client's Certificate without being asked to; dane_clientid is inside."""
import os
import re
import subprocess
import zlib

import pytest

import pki
import tls13
from conftest import DEVICE, PROGRAMS, config, entry, environment
from zone import patient

POLICIES = ["mixed", "dane", "require"]
COMPRESS_CERTIFICATE, COMPRESSED, ZLIB = 27, 25, 1


def what_openssl_can():
    """Why this OpenSSL cannot compress certificates, or None."""
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout
    major, minor = map(int, re.search(r"OpenSSL (\d+)\.(\d+)", version).groups())
    disabled = subprocess.run(["openssl", "list", "-disabled"], capture_output=True, text=True).stdout.split()
    if (major, minor) < (3, 2):
        return f"OpenSSL compresses certificates since 3.2; this is {version.strip()}"
    if {"ZLIB", "BROTLI", "ZSTD"} <= set(disabled):
        return "this OpenSSL is built without zlib, brotli and zstd"
    return None


LACK = what_openssl_can()
both_can = pytest.mark.skipif(LACK is not None, reason=LACK or "")


def clients_certificate(text):
    """How s_client -msg says that it sent its certificate: plainly or compressed."""
    return re.search(r">>> TLS 1\.3, Handshake \[length \w+\], (CompressedCertificate|Certificate)\n", text).group(1)


@both_can
@pytest.mark.parametrize("policy", POLICIES)
def test_libssl_compresses_the_clients_certificate(s_server, s_client, policy):
    server = s_server(policy)
    done = s_client(server.port, "-msg")
    assert clients_certificate(done.text) == "CompressedCertificate"
    assert done.accepted and server.log.wait(f"accepted {DEVICE} \\(TLSA 3 1 1"), (done.text, server.log.text())


@both_can
@pytest.mark.parametrize("where", ["client", "server"])
def test_one_end_does_not(s_server, s_client, where):
    server = s_server("require", *(["-no_rx_cert_comp"] if where == "server" else []))
    done = s_client(server.port, "-msg", *(["-no_tx_cert_comp"] if where == "client" else []))
    assert clients_certificate(done.text) == "Certificate" and done.accepted, done.text


@both_can
@pytest.mark.parametrize("policy", POLICIES)
def test_wrong_key(world, s_server, s_client, policy):
    server = s_server(policy)
    done = s_client(server.port, "-msg", client={"identity": DEVICE, "private_key": world.path("other.key")})
    assert clients_certificate(done.text) == "CompressedCertificate" and done.alert == 40, done.text


@both_can
def test_server_that_compressed_its_own_beforehand(s_server, s_client):
    """SSL_CTX_compress_certs() makes the Certificate message before any connection is there: no client's."""
    server = s_server("require", "-cert_comp")
    done = s_client(server.port, "-msg")
    assert re.search("<<< TLS 1.3, Handshake .*, CompressedCertificate", done.text), done.text
    assert clients_certificate(done.text) == "CompressedCertificate" and done.accepted


@both_can
@pytest.mark.parametrize("policy", POLICIES)
def test_client_that_compressed_its_own_beforehand(world, s_server, tmp_path, policy):
    """libssl makes a client's anew for each connection: the name is inside all the same."""
    path = tmp_path / "device.crt"
    path.write_bytes(pki.pem(world.device) + 2 * pki.pem(world.ca))  # so that there is something to compress
    conf = config(tmp_path / "client.cnf", tmp_path / "log",
                  client={"identity": DEVICE, "private_key": world.path("client.key")})
    server = s_server(policy)
    done = subprocess.run([os.path.join(PROGRAMS, "compressing_client"), str(server.port), str(path),
                           world.path("client.key")], env=environment(conf), capture_output=True, text=True, timeout=patient(20))
    assert re.fullmatch("compressed beforehand: yes\ngnip\n", done.stdout), (done, server.log.text())
    assert server.log.wait(f"accepted {DEVICE}")


class Compressing(tls13.Client):
    """Sends its Certificate compressed by zlib, whether or not the server takes that."""
    spoil = staticmethod(lambda octets: octets)

    def send_handshake(self, kind, body):
        if kind == tls13.CERTIFICATE:
            kind, body = COMPRESSED, (ZLIB.to_bytes(2, "big") + len(body).to_bytes(3, "big")
                                      + tls13.vector(self.spoil(zlib.compress(body)), 3))
        super().send_handshake(kind, body)


@both_can
@pytest.mark.parametrize("policy", POLICIES)
def test_by_hand(world, s_server, policy):
    """What the extension says counts inside as it does outside, malformed or missing."""
    server = s_server(policy)

    def run(*args):
        return Compressing(server.port).run(*args)
    good = run([entry(world.device, DEVICE)], world.key)
    assert good.accepted and COMPRESS_CERTIFICATE in good.request_extensions, (good, server.log.text())
    assert run([entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key).alert == 40
    assert run([entry(world.device, b"\x03" + DEVICE.encode())], world.key).alert == 50
    assert run([entry(world.device), entry(world.ca, DEVICE)], world.key).alert == 40
    unnamed = run([entry(world.device)], world.key)
    assert unnamed.alert == 40 if policy != "mixed" else unnamed.alert not in (None, 40)


@both_can
def test_spoiled(world, s_server):
    server = s_server("require")
    client = Compressing(server.port)
    client.spoil = lambda octets: octets[:-8] + bytes(8)
    outcome = client.run([entry(world.device, DEVICE)], world.key)
    assert outcome.alert is not None and not outcome.accepted and "accepted" not in server.log.text(), outcome


@pytest.mark.skipif(LACK is None, reason="this OpenSSL takes compressed certificates")
@pytest.mark.parametrize("policy", POLICIES)
def test_where_it_cannot_nothing_is_offered_or_taken(world, s_server, policy):
    server = s_server(policy)
    outcome = Compressing(server.port).run([entry(world.device, DEVICE)], world.key)
    assert COMPRESS_CERTIFICATE not in outcome.request_extensions
    assert outcome.alert == 10 and "accepted" not in server.log.text(), outcome  # unexpected_message
