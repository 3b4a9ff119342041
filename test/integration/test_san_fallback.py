# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""san_fallback: clients that cannot send dane_clientid. Outside draft-ietf-dance-client-auth-13.

The peers here know nothing of dance: gnutls-cli, Python's ssl, s_client without the module.
"""
import shutil
import subprocess
import sys

import pytest

import pki
from conftest import DEVICE, USAGES, config, environment, listening
from zone import patient

NOBODY = "nothere._device.example.com"
RELAY = "relay.example.com"  # its record is at _smtp-client.relay.example.com


@pytest.fixture
def credential(world):
    """credential(sans, key, ...): the paths of a certificate, from the test CA if issued, and its key."""

    def run(sans, key="client.key", issued=False, cn=None, leaf=None):
        secret = world.key if key == "client.key" else world.other_key
        sans = [sans] if isinstance(sans, str) else sans
        issuer = {"issuer": world.ca, "issuer_key": world.ca_key} if issued else {}
        leaf = leaf or pki.certificate(secret, cn, sans, **issuer)
        chain = pki.pem(leaf) + (pki.pem(world.ca) if issued else b"")
        return world.write("fallback.crt", chain), world.path(key)
    return run


def openssl(world, s_client, port, crt, key):
    done = s_client(port, "-cert", crt, "-key", key, client=False)
    return done.accepted, done.text


def openssl12(world, s_client, port, crt, key):
    done = s_client(port, "-tls1_2", "-cert", crt, "-key", key, client=False)
    return done.accepted, done.text


def gnutls(world, s_client, port, crt, key):
    done = subprocess.run(["gnutls-cli", "--x509cafile", world.path("server.crt"), "--no-ca-verification",
                           "--x509certfile", crt, "--x509keyfile", key, "-p", str(port), "127.0.0.1"],
                          input="ping\n", capture_output=True, text=True, timeout=patient(30), errors="replace")
    return "gnip" in done.stdout, done.stdout + done.stderr


def python(world, s_client, port, crt, key):
    script = ("import socket, ssl, sys\n"
              "context = ssl.create_default_context(cafile=sys.argv[2]); context.check_hostname = False\n"
              "context.load_cert_chain(sys.argv[3], sys.argv[4])\n"
              "with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as s, context.wrap_socket(s) as tls:\n"
              "    tls.sendall(b'ping\\n'); print(tls.recv(100))\n")
    done = subprocess.run(["/usr/bin/python3", "-c", script, str(port), world.path("server.crt"), crt, key],
                          env=environment(None), capture_output=True, text=True, timeout=patient(30))
    return "gnip" in done.stdout, done.stdout + done.stderr


PEERS = [openssl, openssl12, python,
         pytest.param(gnutls, marks=pytest.mark.skipif(shutil.which("gnutls-cli") is None,
                                                       reason="gnutls-cli is not installed"))]


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_peers(world, s_server, s_client, credential, peer, policy):
    server = s_server(policy, san_fallback="yes")
    accepted, text = peer(world, s_client, server.port, *credential(DEVICE))
    if policy == "require" and peer is openssl12:
        # TLS 1.3 at least, come what may (draft-ietf-dance-client-auth-13, section 12).
        assert not accepted and server.log.wait("DANE client authentication needs TLS 1.3")
        return
    assert accepted, (text, server.log.text())
    assert server.log.wait(rf"accepted {DEVICE} \(TLSA 3 1 1, TTL \d+ s\)")
    accepted, text = peer(world, s_client, server.port, *credential(DEVICE, "other.key"))
    assert not accepted, (text, server.log.text())
    assert server.log.wait(f"refused {DEVICE}: no TLSA record authenticates")


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_off_by_default(world, s_server, s_client, credential, policy):
    server = s_server(policy)
    accepted, text = openssl(world, s_client, server.port, *credential(DEVICE))
    assert not accepted, text
    assert DEVICE not in server.log.text()


@pytest.mark.parametrize("peer", [openssl, openssl12])
def test_below_a_service_label(world, s_server, s_client, credential, peer):
    server = s_server("dane", san_fallback="_smtp-client", allow="_smtp-client.relay.example.com")
    accepted, text = peer(world, s_client, server.port, *credential(RELAY))
    assert accepted, (text, server.log.text())
    assert server.log.wait(f"accepted _smtp-client.{RELAY} ")
    accepted, text = peer(world, s_client, server.port, *credential(RELAY, "other.key"))
    assert not accepted and server.log.wait(f"refused _smtp-client.{RELAY}: no TLSA record authenticates")


@pytest.mark.parametrize("usage,selector,mtype", USAGES)
def test_every_record(world, s_server, s_client, credential, usage, selector, mtype):
    server = s_server("dane", san_fallback="yes")
    name = f"u{usage}{selector}{mtype}._device.example.com"
    leaf = world.write("leaf.crt", pki.pem(world.leaves[name]) + pki.pem(world.ca))
    done = s_client(server.port, "-cert", leaf, "-cert_chain", world.path("ca.crt"), "-key", world.path("client.key"),
                    client=False)
    assert done.accepted, (done.text, server.log.text())
    assert server.log.wait(rf"accepted {name} \(TLSA {usage} {selector} {mtype},")
    wrong = "w" + name
    leaf = world.write("leaf.crt", pki.pem(world.leaves[wrong]))
    done = s_client(server.port, "-cert", leaf, "-cert_chain", world.path("ca.crt"), "-key", world.path("client.key"),
                    client=False)
    assert not done.accepted and server.log.wait(f"refused {wrong}: no TLSA record authenticates"), done.text


@pytest.mark.parametrize("policy,accepted", [("mixed", True), ("dane", False), ("require", False)])
@pytest.mark.parametrize("sans", [[], ["a._device.example.com", DEVICE], ["*.wild._device.example.com"]],
                         ids=["none", "two", "wildcard"])
def test_no_name_to_take(world, s_server, s_client, credential, policy, accepted, sans):
    """Under mixed the application's own affair, here a CA that it trusts."""
    server = s_server(policy, san_fallback="yes")
    got, text = openssl(world, s_client, server.port, *credential(sans, issued=True, cn="somebody"))
    assert got == accepted, (text, server.log.text())
    if accepted:
        assert server.log.text() == ""
    else:
        assert server.log.wait("refused a client: the client did not send dane_clientid .*dNSName")


@pytest.mark.parametrize("policy,accepted", [("mixed", True), ("dane", False), ("require", False)])
@pytest.mark.parametrize("name,reason", [("outside.example.com", "no pattern of allow"),
                                         (NOBODY, "there is no TLSA record"),
                                         ("dev._device.example.net", "not secured by DNSSEC")])
def test_ordinary_client(world, s_server, s_client, credential, policy, accepted, name, reason):
    """No record, and none was claimed: under mixed its CA counts as before."""
    server = s_server(policy, san_fallback="yes")
    got, text = openssl(world, s_client, server.port, *credential(name, issued=True))
    assert got == accepted, (text, server.log.text())
    if not accepted:
        assert server.log.wait(f"refused .*{reason}")


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("name,reason", [("bogus._device.example.com", "failed DNSSEC validation"),
                                         ("dev._device.example.org", "failed DNSSEC validation")])
def test_what_cannot_be_told_is_refused(world, s_server, s_client, credential, policy, name, reason):
    """Even with a certificate of a trusted CA: somebody may be keeping the record from us."""
    server = s_server(policy, san_fallback="yes")
    got, text = openssl(world, s_client, server.port, *credential(name, issued=True))
    assert not got, (text, server.log.text())
    assert server.log.wait(f"refused {name}: .*{reason}")


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_no_second_chance_for_whoever_has_a_record(world, s_server, s_client, credential, policy):
    """A certificate of the trusted CA, the name of a DANE client, another key."""
    leaf = pki.certificate(world.other_key, None, [DEVICE], issuer=world.ca, issuer_key=world.ca_key)
    server = s_server(policy, san_fallback="yes")
    got, text = openssl(world, s_client, server.port, *credential(None, "other.key", issued=True, leaf=leaf))
    assert not got, (text, server.log.text())
    assert server.log.wait(f"refused {DEVICE}: no TLSA record authenticates")


@pytest.mark.parametrize("peer", [openssl, openssl12])
def test_certificate_names(world, s_server, s_client, credential, peer):
    server = s_server("dane", san_fallback="yes")
    got, text = peer(world, s_client, server.port, *credential(DEVICE, cn="admin"))
    assert not got and server.log.wait(f"refused {DEVICE}: the certificate names somebody else"), text


@pytest.mark.parametrize("peer", [openssl, openssl12])
def test_a_dns_name_in_upper_case_is_the_same_client(world, s_server, s_client, credential, peer):
    """It is looked up as what it is, also under mixed; but applications would read another spelling."""
    crt, key = credential(DEVICE.upper())
    server = s_server("mixed", san_fallback="yes")
    got, text = peer(world, s_client, server.port, crt, key)
    assert not got and server.log.wait(f"refused {DEVICE}: the certificate names somebody else.*not in lower case"), text
    server = s_server("dane", san_fallback="yes", certificate_names="any")
    got, text = peer(world, s_client, server.port, crt, key)
    assert got and server.log.wait(f"accepted {DEVICE} "), (text, server.log.text())


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_extension_comes_first(world, s_server, s_client, policy):
    """Several dNSNames: the extension says which one is the client (draft, section 8.2)."""
    name = "u211._device.example.com"
    leaf = pki.certificate(world.key, None, ["a._device.example.com", name], issuer=world.ca, issuer_key=world.ca_key)
    crt = world.write("two.crt", pki.pem(leaf) + pki.pem(world.ca))
    server = s_server(policy, san_fallback="yes", certificate_names="any")
    done = s_client(server.port, client={"identity": name, "private_key": world.path("client.key"), "certificate": crt})
    assert done.accepted, (done.text, server.log.text())
    assert server.log.wait(f"accepted {name} ")


@pytest.mark.parametrize("version", ["-tls1_3", "-tls1_2"])
@pytest.mark.parametrize("arguments", [[], ["-no_ticket"]], ids=["ticket", "cache"])
def test_resumption_lives_no_longer_than_the_record(world, s_server, s_client, credential, tmp_path, version, arguments):
    server = s_server("dane", *arguments, san_fallback="yes", fresh=True)
    crt, key = credential(DEVICE)
    session = str(tmp_path / "session")
    first = s_client(server.port, version, "-cert", crt, "-key", key, "-sess_out", session, client=False)
    assert first.accepted, (first.text, server.log.text())
    again = s_client(server.port, version, "-cert", crt, "-key", key, "-sess_in", session, client=False)
    assert again.accepted and "Reused" in again.text, again.text
    text = subprocess.run(["openssl", "sess_id", "-in", session, "-noout", "-text"], capture_output=True, text=True).stdout
    hints = [int(line.split(":")[1].split()[0]) for line in text.splitlines() if "lifetime hint" in line]
    assert all(0 < h <= 60 for h in hints) and (hints or arguments), text
