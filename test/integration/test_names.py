# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Which names are let in, and whom a certificate may name."""
import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

import pki
from conftest import DEVICE, entry

RELAY = "_smtp-client.relay.example.com"


@pytest.mark.parametrize("spelling", [DEVICE.upper(), "SENSOR7._Device.Example.COM"])
def test_letter_case_does_not_count(world, s_server, spelling):
    server = s_server("require")
    outcome = server.client().run([entry(world.device, spelling)], world.key)
    assert outcome.accepted, (outcome, server.log.text())
    assert server.log.wait(f"accepted {DEVICE} ")


def test_an_identity_in_upper_case(world, s_server, s_client):
    """Sent as it is configured; the certificate that is made from the key has it in lower case, as servers want it."""
    server = s_server("require")
    done = s_client(server.port, client={"identity": DEVICE.upper(), "private_key": world.path("client.key")})
    assert done.accepted, (done.text, server.log.text())
    assert server.log.wait(f"accepted {DEVICE} ")


@pytest.mark.parametrize("allow,accepted", [
    ("*._device.example.com", True), ("*.example.com", True), ("*", True), (DEVICE.upper(), True),
    ("*._device.example.net, " + DEVICE, True), ("_device.example.com", False),
    ("*.sensor7._device.example.com", False), ("sensor8._device.example.com", False)])
def test_allow(world, s_server, allow, accepted):
    server = s_server("require", allow=allow)
    outcome = server.client().run([entry(world.device, DEVICE)], world.key)
    assert outcome.accepted if accepted else outcome.alert == 40, (outcome, server.log.text())
    if not accepted:
        assert server.log.wait(f"refused {DEVICE}: no pattern of allow matches")


def test_allow_file_is_read_again(world, s_server, tmp_path):
    path = world.write("allowed", b"# nobody yet\nother._device.example.com\n")
    server = s_server("require", allow="nobody.example.com", allow_file=path)
    assert server.client().run([entry(world.device, DEVICE)], world.key).alert == 40
    world.write("allowed", b"other._device.example.com\n*._device.example.com # everybody\n")
    from zone import wait_for
    wait_for(lambda: server.client().run([entry(world.device, DEVICE)], world.key).accepted, 5, "the new list")
    # A faulty file leaves the list as it was, and is complained about.
    world.write("allowed", b"*foo\n")
    server.log.mark()
    wait_for(lambda: server.client().run([entry(world.device, DEVICE)], world.key).accepted
             and "allow_file" in server.log.text(), 5, "the complaint")
    assert "server.allow_file" in server.log.text()


def names_certificate(world, fields=None, sans=()):
    """fields: the subject's (OID, value and maybe string type); sans: as pki.certificate takes them."""
    return pki.certificate(world.key, subject_name=pki.subject(*fields) if fields else x509.Name([]), sans=sans)


CN, O = NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME
GOOD = [([(CN, RELAY)], []), ([(CN, "relay.example.com")], []), (None, []),
        (None, ["relay.example.com", RELAY]), ([(CN, RELAY)], ["relay.example.com"])]
BAD = [([(CN, "admin")], [], "its CN is another name"), ([(CN, "example.com")], [], "its CN is another name"),
       ([(O, "x")], [], "more than one CN"), ([(CN, RELAY), (O, "x")], [], "more than one CN"),
       ([(CN, RELAY), (CN, "admin")], [], "more than one CN"),
       (None, ["relay.example.com", "admin.example.com"], "dNSName"), (None, ["*.example.com"], "dNSName"),
       ([(CN, RELAY)], [x509.RFC822Name("root@example.com")], "another kind of name"),
       ([(CN, RELAY)], [x509.UniformResourceIdentifier("spiffe://x")], "another kind of name"),
       ([(CN, "Relay.Example.COM")], [], "its CN is not in lower case"),
       (None, ["RELAY.example.com"], "a dNSName of its subjectAltName is not in lower case"),
       ([(CN, RELAY, _ASN1Type.BMPString)], [], "its CN is neither UTF8String nor"),
       # Behind the SEQUENCE there are octets more: libssl reads them over.
       (None, b"\x30\x13\x82\x11relay.example.com\0", "its subjectAltName is malformed")]


@pytest.mark.parametrize("fields,sans", GOOD)
def test_certificate_that_names_its_client(world, s_server, fields, sans):
    server = s_server("require", allow="*.example.com")
    outcome = server.client().run([entry(names_certificate(world, fields, sans), RELAY)], world.key)
    assert outcome.accepted, (outcome, server.log.text())


@pytest.mark.parametrize("fields,sans,fault", BAD)
@pytest.mark.parametrize("policy", ["mixed", "require"])
def test_certificate_that_names_somebody_else(world, s_server, policy, fields, sans, fault):
    server = s_server(policy, allow="*.example.com")
    leaf = names_certificate(world, fields, sans)
    assert server.client().run([entry(leaf, RELAY)], world.key).alert == 40
    assert server.log.wait(f"refused {RELAY}: the certificate names somebody else.*{fault}")
    anything = s_server("require", allow="*.example.com", certificate_names="any")
    assert anything.client().run([entry(leaf, RELAY)], world.key).accepted, anything.log.text()


def test_a_device_name_has_no_second_spelling(world, s_server):
    """Only a leading _service label may be left out, not _device in the middle."""
    server = s_server("require")
    for name in ("sensor7.example.com", "_device.example.com", "example.com"):
        assert server.client().run([entry(pki.certificate(world.key, name), DEVICE)], world.key).alert == 40


def test_the_ca_vouches_under_pkix_usages(world, s_server):
    """With PKIX-EE the application's CA checked the other names of the certificate."""
    name = "u111._device.example.com"
    leaf = pki.certificate(world.key, subject_name=pki.subject((O, "Corp"), (CN, name)), sans=[name],
                           issuer=world.ca, issuer_key=world.ca_key)
    server = s_server("require")
    outcome = server.client().run([entry(leaf, name), entry(world.ca)], world.key)
    assert outcome.accepted, (outcome, server.log.text())


def test_the_pkix_name_may_not_ride_on_dane_ta(world, s_server):
    name = "u211._device.example.com"
    leaf = pki.certificate(world.key, subject_name=pki.subject((CN, "admin")), sans=[name],
                           issuer=world.ca, issuer_key=world.ca_key)
    server = s_server("require")
    assert server.client().run([entry(leaf, name), entry(world.ca)], world.key).alert == 40
    assert server.log.wait("the certificate names somebody else")
