# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""draft-ietf-dance-client-auth-13, where the other files do not show it already.

doc/conformance.md is the table of its requirements, with the test of each.
"""
import os

import pytest

import pki
import tls13
from conftest import DEVICE, PROGRAMS, entry
from test_raw_keys import VERSION
from zone import Zones

# What is compressed (RFC 8879) cannot be read in -msg.
PLAINLY = ["-msg"] + (["-no_tx_cert_comp", "-no_rx_cert_comp"] if VERSION >= (3, 2) else [])
WILD = "sensor9._device.example.net"
SERVICE = "_smtp-client.device1.example.net"
PLAIN = "device73.example.net"
IDN = "xn--bcher-kva._device.example.net"
ANCHORED = ["ta200._device.example.net", "ta210._device.example.net"]


class DraftZone:
    """The draft's own examples, signed, in a zone of their own."""

    def __init__(self, folder, world):
        self.key = world.key
        self.ca_key = pki.new_key()
        self.ca = pki.certificate(self.ca_key, "an organisation's own CA", ca=True)
        self.other_ca = pki.certificate(pki.new_key(), "an organisation's own CA", ca=True)
        right = pki.certificate(world.key, "x")
        lines = [f"{SERVICE}. " + pki.tlsa(3, 1, 1, right), f"sensor7._device {pki.tlsa(3, 1, 2, right)}",
                 # The draft's wildcard is 2 0 1.
                 "*._device " + pki.tlsa(2, 0, 1, self.ca), f"{PLAIN}. " + pki.tlsa(1, 1, 1, right),
                 "*.fleet " + pki.tlsa(2, 0, 1, self.ca), f"{IDN}. " + pki.tlsa(3, 1, 1, right),
                 f"{ANCHORED[0]}. " + pki.tlsa(2, 0, 0, self.ca), f"{ANCHORED[1]}. " + pki.tlsa(2, 1, 0, self.ca)]
        # Key roll-over: many records, the last one counts.
        lines += ["roll._device " + pki.tlsa(3, 1, 1, pki.certificate(pki.new_key(), "x")) for _ in range(20)]
        lines += ["roll._device " + pki.tlsa(3, 1, 1, right)]
        # Digest agility (RFC 7671, section 9): of the digests of one usage and selector the strongest counts alone.
        lines += ["stale._device " + pki.tlsa(3, 1, 1, right),
                  "stale._device " + pki.tlsa(3, 1, 2, pki.certificate(world.other_key, "x")),
                  "fresh._device " + pki.tlsa(3, 1, 2, right),
                  "fresh._device " + pki.tlsa(3, 1, 1, pki.certificate(world.other_key, "x"))]
        self.zones = Zones(folder)
        self.zones.add("example.net", lines)
        self.zones.start()
        self.anchor = os.path.join(str(folder), "anchors")
        with open(self.anchor, "w") as out:
            out.write(self.zones.anchors)

    def dns(self):
        return {"trust_anchor": self.anchor, "forward": f"127.0.0.1@{self.zones.port}"}

    def issue(self, *names, ca=None, cn=None):
        return pki.certificate(self.key, cn, list(names), issuer=self.ca, issuer_key=self.ca_key)


@pytest.fixture(scope="module")
def draft(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("draft")
    os.chmod(folder, 0o755)
    zone = DraftZone(folder, world)
    yield zone
    zone.zones.stop()


@pytest.fixture
def server(draft, s_server):
    def run(policy="require", *arguments, **more):
        return s_server(policy, *arguments, dns=draft.dns(), allow="*.example.net", **more)
    return run


@pytest.mark.parametrize("name,record", [(SERVICE, "3 1 1"), ("sensor7._device.example.net", "3 1 2"), (PLAIN, "1 1 1")])
def test_the_three_formats(world, draft, server, name, record):
    """Sections 2 and 3: the server asks for the name as it was sent and builds none."""
    leaf = pki.certificate(world.key, name, [name], issuer=world.ca, issuer_key=world.ca_key)
    s = server()
    outcome = s.client().run([entry(leaf, name), entry(world.ca)], world.key)
    assert outcome.accepted, (outcome, s.log.text())
    assert s.log.wait(rf"accepted {name} \(TLSA {record},")


def test_another_service_of_the_same_client(world, draft, server):
    """Sections 2.1 and 12: a credential for one service is none for another."""
    s = server()
    for other in ("_imap.device1.example.net", "device1.example.net"):
        leaf = pki.certificate(world.key, other)
        outcome = s.client().run([entry(leaf, other)], world.key)
        assert outcome.alert == 40 and s.log.wait(f"refused {other}: there is no TLSA record"), (outcome, s.log.text())


def test_wildcard_with_dane_ta(world, draft, server):
    """Section 3.2: every device that the organisation's CA certified, underscore in the dNSName (section 10)."""
    s = server()
    outcome = s.client().run([entry(draft.issue(WILD), WILD), entry(draft.ca)], world.key)
    assert outcome.accepted, (outcome, s.log.text())
    assert s.log.wait(rf"accepted {WILD} \(TLSA 2 0 1,")


@pytest.mark.parametrize("names", [[], ["sensor8._device.example.net"], ["*._device.example.net"],
                                   ["sensor8._device.example.net", "other._device.example.net"]],
                         ids=["none", "another", "wildcard", "two others"])
def test_wildcard_needs_the_name_in_the_certificate(world, draft, server, names):
    """Sections 5 and 8.2: one device of that CA is not another."""
    s = server(certificate_names="any")
    outcome = s.client().run([entry(draft.issue(*names), WILD), entry(draft.ca)], world.key)
    assert outcome.alert == 40 and not outcome.data, (outcome, s.log.text())
    assert s.log.wait(f"refused {WILD}: no TLSA record authenticates .*ostname mismatch")


def test_a_wildcard_in_the_certificate(world, draft, server):
    """Section 5: the name itself must be there. OpenSSL matches no wildcard beside an underscore in any case."""
    s, name = server(certificate_names="any"), "truck1.fleet.example.net"
    outcome = s.client().run([entry(draft.issue("*.fleet.example.net"), name), entry(draft.ca)], world.key)
    assert outcome.alert == 40 and s.log.wait(f"refused {name}: .*ostname mismatch"), (outcome, s.log.text())
    outcome = s.client().run([entry(draft.issue(name), name), entry(draft.ca)], world.key)
    assert outcome.accepted, (outcome, s.log.text())


def test_wildcard_needs_its_ca(world, draft, server):
    s = server()
    leaf = pki.certificate(world.key, None, [WILD], issuer=world.ca, issuer_key=world.ca_key)
    outcome = s.client().run([entry(leaf, WILD), entry(world.ca)], world.key)
    assert outcome.alert == 40 and s.log.wait(f"refused {WILD}: no TLSA record authenticates"), (outcome, s.log.text())


@pytest.mark.parametrize("position", [0, 1, 2])
def test_several_dns_names(world, draft, server, position):
    """Section 8.2: the ClientName says which of them is the client's."""
    names = ["a._device.example.net", "b._device.example.net", "c._device.example.net"]
    s = server(certificate_names="any")
    outcome = s.client().run([entry(draft.issue(*names), names[position]), entry(draft.ca)], world.key)
    assert outcome.accepted, (outcome, s.log.text())
    assert s.log.wait(f"accepted {names[position]} ")


@pytest.mark.parametrize("name", ANCHORED)
@pytest.mark.parametrize("chain", ["in the record only", "in the chain"])
def test_trust_anchor(world, draft, server, name, chain):
    """RFC 7671, section 5.2: 2 0 0 and 2 1 0 bring the anchor along."""
    s = server()
    more = [entry(draft.ca)] if chain == "in the chain" else []
    outcome = s.client().run([entry(draft.issue(name), name), *more], world.key)
    assert outcome.accepted, (outcome, s.log.text())
    assert s.log.wait(rf"accepted {name} \(TLSA 2 [01] 0,")


@pytest.mark.parametrize("name", ANCHORED)
def test_trust_anchor_of_the_same_name_with_another_key(world, draft, server, name):
    s = server()
    forger = pki.new_key()
    forged = pki.certificate(forger, "an organisation's own CA", ca=True)
    leaf = pki.certificate(world.key, None, [name], issuer=forged, issuer_key=forger)
    outcome = s.client().run([entry(leaf, name), entry(forged)], world.key)
    assert outcome.alert == 40 and s.log.wait(f"refused {name}: no TLSA record authenticates"), (outcome, s.log.text())


def test_one_of_many_records(world, draft, server):
    s, name = server(), "roll._device.example.net"
    outcome = s.client().run([entry(pki.certificate(world.key, name), name)], world.key)
    assert outcome.accepted, (outcome, s.log.text())


@pytest.mark.parametrize("name,accepted", [("fresh", True), ("stale", False)])
def test_digest_agility(world, draft, server, name, accepted):
    s, name = server(), f"{name}._device.example.net"
    outcome = s.client().run([entry(pki.certificate(world.key, name), name)], world.key)
    assert outcome.accepted == accepted, (outcome, s.log.text())


@pytest.mark.parametrize("usage", [0, 1])
def test_pkix_usages_need_a_trusted_ca(world, draft, server, usage):
    """PKIX-EE: the right key, but the certificate is the client's own."""
    s = server()
    outcome = s.client().run([entry(pki.certificate(world.key, PLAIN, [PLAIN]), PLAIN)], world.key)
    assert outcome.alert == 40 and s.log.wait(f"refused {PLAIN}: no TLSA record authenticates"), (outcome, s.log.text())


def test_internationalised_names_are_a_labels(world, draft, server):
    """Section 7: A-labels in the extension, in the DNS and in the certificate."""
    s = server()
    outcome = s.client().run([entry(pki.certificate(world.key, IDN, [IDN]), IDN)], world.key)
    assert outcome.accepted, (outcome, s.log.text())


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("name", ["b\u00fccher._device.example.net".encode(), b"b\xfccher._device.example.net",
                                  b"b\\252cher._device.example.net"], ids=["UTF-8", "Latin-1", "escaped"])
def test_u_labels_and_escapes_are_refused(world, draft, server, policy, name):
    s = server(policy)
    outcome = s.client().run([entry(pki.certificate(world.key, IDN, [IDN]), tls13.client_name(name))], world.key)
    assert outcome.alert == 40 and not outcome.data, (outcome, s.log.text())
    assert s.log.wait("not an acceptable owner name")


def client_extension(text):
    """The octets of dane_clientid in the client's Certificate that s_client -msg shows; None: there is none."""
    from test_client import messages
    found = [m for n, m in messages(text, ">>>") if n == "Certificate"]
    assert len(found) == 1
    at = found[0].find((65280).to_bytes(2, "big"))
    if at < 0:
        return None
    length = int.from_bytes(found[0][at + 2:at + 4], "big")
    return found[0][at + 4:at + 4 + length]


def test_client_sends_the_full_owner_name(world, s_server, s_client):
    """Sections 7 and 8.1: once, beside its own certificate, without the trailing dot."""
    done = s_client(s_server("require").port, *PLAINLY)
    assert done.accepted and client_extension(done.text) == tls13.client_name(DEVICE), done.text


def test_client_says_nothing_to_a_server_that_does_not_ask(world, start, s_client):
    """Sections 7 and 8.1: only where the CertificateRequest has the extension; else not even the certificate goes out."""
    from test_client import messages
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key"), "-rev", "-verify", "3"], conf=False)
    done = s_client(server.port, *PLAINLY)
    assert done.accepted and client_extension(done.text) is None, done.text
    assert [m for n, m in messages(done.text, ">>>") if n == "Certificate"] == [b"\x0b\0\0\x04\0\0\0\0"], done.text
    crt = world.write("same.crt", pki.pem(world.device))
    done = s_client(server.port, *PLAINLY, "-cert", crt, "-key", world.path("client.key"))
    assert done.accepted and client_extension(done.text) is None, done.text


def test_server_says_no_name(world, s_server, s_client):
    """Section 7: zero-length ClientName in the CertificateRequest, which is one octet of extension_data."""
    from test_client import messages
    for policy in ("mixed", "dane", "require"):
        done = s_client(s_server(policy).port, *PLAINLY, client=False)
        found = [m for n, m in messages(done.text, "<<<") if n == "CertificateRequest"]
        assert len(found) == 1 and b"\xff\x00\x00\x01\x00" in found[0], done.text


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("case", ["name", "wrong key", "no record", "bogus", "insecure", "not allowed", "other name", "empty"])
def test_one_alert_for_all(world, s_server, policy, case):
    """Section 12: handshake_failure, whatever the reason."""
    leaf, key, name = world.device, world.key, DEVICE
    if case == "name":
        leaf, name = world.leaves["u201._device.example.com"], "u211._device.example.com"
    if case == "wrong key":
        leaf, key = pki.certificate(world.other_key, DEVICE), world.other_key
    if case == "no record":
        name = "nothere._device.example.com"
    if case == "bogus":
        name = "bogus._device.example.com"
    if case == "insecure":
        name = "dev._device.example.net"
    if case == "not allowed":
        name = "outside.example.com"
    if case == "other name":
        leaf = pki.certificate(world.key, "admin")
    outcome = s_server(policy).client().run([entry(leaf, b"\0" if case == "empty" else name)], key)
    assert outcome.alert == 40 and not outcome.data, outcome


@pytest.mark.parametrize("data", [
    b"\0", b"", b"\1", b"\0\0", b"\xff", tls13.client_name("a"), tls13.client_name("x" * 255), tls13.client_name(DEVICE),
    tls13.client_name("a") + b"\0"], ids=lambda x: x.hex()[:16])
def test_server_that_says_something_else(world, start, s_client, data):
    """Section 7: the server's ClientName is empty. A client tells nothing to one that does not keep to it, and goes on:
    the number is not assigned yet, and may be somebody else's in a handshake in which dance has no part."""
    server = start([os.path.join(PROGRAMS, "request_server"), "PORT", world.path("server.crt"), world.path("server.key"),
                    "65280", data.hex() or "-"], conf=False)
    done = s_client(server.port)
    assert f"presented: {'certificate' if data == bytes(1) else 'none'}" in done.text, done.text
