# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The second carrier: a DNSSEC chain in the client's certificate, from clients that know nothing of dance.

The name is in the certificate too (san_fallback), and the server has no DNS at all.
"""
import shutil
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

import chain
import pki
from conftest import DEVICE
from test_chains_tls import NOBODY, entry, is_in, is_refused, made  # noqa: F401 (fixture)
from test_dtls import dtls_server  # noqa: F401 (fixture)
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


# Of the same length, and made the first one where a certificate is to have it twice: its own signature is wrong then, which
# nobody looks at under DANE-EE(3).
OTHER_OID = x509.ObjectIdentifier("1.3.6.1.4.1.54392.5.1622")
DER_OF_OIDS = b"\x83\xa8\x78\x05\x8c\x56", b"\x83\xa8\x78\x05\x8c\x55"


def carrier(secret, octets, name=DEVICE, second=None, critical=False):
    """DER of a self-signed certificate for the device with a chain in it, or with none, or with two."""
    model = pki.certificate(secret, name, [name])
    builder = (x509.CertificateBuilder().subject_name(model.subject).issuer_name(model.issuer).public_key(secret.public_key())
               .serial_number(model.serial_number).not_valid_before(model.not_valid_before).not_valid_after(model.not_valid_after))
    for each in model.extensions:
        builder = builder.add_extension(each.value, each.critical)
    for oid, it in ((OID, octets), (OTHER_OID, second)):
        if it is not None:
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, PORT + it), critical)
    der = pki.der(builder.sign(secret, hashes.SHA256()))
    assert der.count(DER_OF_OIDS[0]) == (second is not None)
    return der.replace(*DER_OF_OIDS)


@pytest.fixture
def credential(world):
    """credential(octets, ...): carrier()'s certificate in a file, and that of its key."""
    def run(octets, key="client.key", **more):
        secret = world.key if key == "client.key" else world.other_key
        return world.write("carrier.crt", ssl.DER_cert_to_PEM_cert(carrier(secret, octets, **more)).encode()), world.path(key)
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


def test_twice_is_none(world, server, s_client, made, credential):  # noqa: F811
    """Nor does the order help: whoever reads the one must not be told another than who reads the other."""
    here, octets = server(), chain.encode(made.chain(DEVICE))
    assert openssl(world, s_client, here.port, *credential(octets))[0]
    for first, second in ((octets, octets), (octets, b""), (b"", octets), (octets, octets[:-1])):
        here.log.mark()
        accepted, text = openssl(world, s_client, here.port, *credential(first, second=second))
        assert not accepted, text
        assert here.log.wait(r"refused .*reason=chain-absent\b")


def test_critical_or_not(world, server, s_client, made, credential):  # noqa: F811
    """It is the same chain."""
    here = server()
    accepted, text = openssl(world, s_client, here.port, *credential(chain.encode(made.chain(DEVICE)), critical=True))
    assert accepted, (text, here.log.text())


def test_only_in_the_certificate_itself(world, server, made):  # noqa: F811
    """An issuer's is not looked at, nor that of who says a name in dane_clientid."""
    octets, plain = chain.encode(made.chain(DEVICE)), carrier(world.key, None)
    here = server()
    is_in(here, here.client().run([entry(None, None, der=carrier(world.key, octets))], world.key), DEVICE)
    here.log.mark()
    is_refused(here, here.client().run([entry(None, None, der=plain), (carrier(world.other_key, octets), [])], world.key), "chain-absent")
    here.log.mark()
    is_refused(here, here.client().run([entry(None, DEVICE, der=carrier(world.key, octets))], world.key), "chain-absent")
    # Of a name that is not the certificate's: the chain is whoever's it is, and the name the certificate's.
    here.log.mark()
    other = "other._device.example.com"
    is_refused(here, here.client().run([entry(None, None, der=carrier(world.key, octets, name=other))], world.key), "chain")
    here.log.mark()
    is_refused(here, here.client().run([entry(None, other, octets, der=carrier(world.key, octets))], world.key), "chain")


def test_in_with_dtls(world, dtls_server, s_client, made, credential):  # noqa: F811
    """Where no extension of TLS 1.3 is."""
    dns = {"trust_anchor": made.anchor_file(), "timeout": str(int(patient(3))), "forward": f"127.0.0.1@{NOBODY}"}
    here = dtls_server("dane", "-Verify", "3", "-verify_return_error", san_fallback="yes", chain="only", dns=dns)
    crt, key = credential(chain.encode(made.chain(DEVICE)))
    done = s_client(here.port, "-dtls", "-no_ign_eof", "-cert", crt, "-key", key, client=False)
    assert here.log.wait(f"accepted {DEVICE} ") and here.output.wait("ping"), done.text
    here.log.mark()
    crt, key = credential(None)
    done = s_client(here.port, "-dtls", "-no_ign_eof", "-cert", crt, "-key", key, client=False)
    assert done.alert == 40 and here.log.wait("reason=chain-absent"), done.text


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
