# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The second carrier: a DNSSEC chain in the client's certificate, from clients that know nothing of dance.

The name is in the certificate too (san_fallback), and the server has no DNS at all.
"""
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

import chain
import pki
from conftest import DEVICE
from test_chains_tls import NOBODY, made  # noqa: F401 (fixture)
from test_san_fallback import gnutls, openssl, openssl12, python
from zone import patient

OID, PORT = x509.ObjectIdentifier("1.3.6.1.4.1.54392.5.1621"), b"\0\0"
PEERS = [openssl, python, pytest.param(gnutls, marks=pytest.mark.skipif(shutil.which("gnutls-cli") is None, reason="gnutls-cli is not installed"))]


@pytest.fixture
def server(made, s_server):  # noqa: F811
    def run(takes="only", policy="require", **more):
        return s_server(policy, san_fallback="yes", chain=takes, dns={
            "trust_anchor": made.anchor_file(), "timeout": str(int(patient(3))), "forward": f"127.0.0.1@{NOBODY if takes == 'only' else made.dns.port}"},
            **more)
    return run


@pytest.fixture
def credential(world):
    """credential(octets, ...): a self-signed certificate for the device with a chain in it, or with none, and its key."""
    def run(octets, name=DEVICE, key="client.key", times=1):
        secret = world.key if key == "client.key" else world.other_key
        builder = pki.certificate(secret, name, [name])
        again = (x509.CertificateBuilder().subject_name(builder.subject).issuer_name(builder.issuer).public_key(secret.public_key())
                 .serial_number(builder.serial_number).not_valid_before(builder.not_valid_before).not_valid_after(builder.not_valid_after))
        for each in builder.extensions:
            again = again.add_extension(each.value, each.critical)
        if octets is not None:
            again = again.add_extension(x509.UnrecognizedExtension(OID, PORT + octets), False)
        return world.write("carrier.crt", pki.pem(again.sign(secret, hashes.SHA256()))), world.path(key)
    return run


@pytest.mark.parametrize("peer", PEERS)
def test_in(world, server, s_client, made, credential, peer):  # noqa: F811
    here = server()
    accepted, text = peer(world, s_client, here.port, *credential(chain.encode(made.chain(DEVICE))))
    assert accepted, (text, here.log.text())
    assert here.log.wait(f"accepted {DEVICE} ")


def test_in_with_tls_1_2(world, server, s_client, made, credential):  # noqa: F811
    here = server(policy="dane")
    accepted, text = openssl12(world, s_client, here.port, *credential(chain.encode(made.chain(DEVICE))))
    assert accepted, (text, here.log.text())
    assert here.log.wait(f"accepted {DEVICE} ")


@pytest.mark.parametrize("octets,reason", [
    (lambda made: None, "chain-absent"), (lambda made: chain.encode(made.chain(DEVICE)[1:]), "chain"),
    (lambda made: chain.encode(made.chain("other._device.example.com")), "chain"), (lambda made: b"", "chain"),
    (lambda made: bytes(chain.MAX + 1), "chain"), (lambda made: chain.encode(made.chain(DEVICE))[:-1], "chain")],
    ids=["none", "less", "another's", "empty", "too long", "truncated"])
def test_not_in(world, server, s_client, made, credential, octets, reason):  # noqa: F811
    here = server()
    accepted, text = openssl(world, s_client, here.port, *credential(octets(made)))
    assert not accepted, text
    assert here.log.wait(rf"refused .*reason={reason}\b")
    asking = server("accept")
    accepted, text = openssl(world, s_client, asking.port, *credential(octets(made)))
    assert accepted, (text, asking.log.text())


def test_the_key_counts_all_the_same(world, server, s_client, made, credential):  # noqa: F811
    here = server()
    accepted, text = openssl(world, s_client, here.port, *credential(chain.encode(made.chain(DEVICE)), key="other.key"))
    assert not accepted, text
    assert here.log.wait("refused .*reason=tlsa-no-match")


def test_off(world, server, s_client, made, credential):  # noqa: F811
    """Not looked at where chains are not taken."""
    here = server("no")
    accepted, text = openssl(world, s_client, here.port, *credential(chain.encode(made.chain(DEVICE)[1:])))
    assert accepted, (text, here.log.text())
