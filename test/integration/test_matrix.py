# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Every usage, selector and matching type, with the right and with another key."""
import pytest

from conftest import USAGES, entry
import pki


@pytest.mark.parametrize("usage,selector,mtype", USAGES)
@pytest.mark.parametrize("policy", ["mixed", "require"])
def test_right_record(world, s_server, policy, usage, selector, mtype):
    server = s_server(policy)
    name = f"u{usage}{selector}{mtype}._device.example.com"
    outcome = server.client().run([entry(world.leaves[name], name), entry(world.ca)], world.key)
    assert outcome.accepted, (outcome, server.log.text())
    assert server.log.wait(rf"accepted {name} \(TLSA {usage} {selector} {mtype}, TTL \d+ s\)")


@pytest.mark.parametrize("usage,selector,mtype", USAGES)
@pytest.mark.parametrize("policy", ["mixed", "require"])
def test_wrong_record(world, s_server, policy, usage, selector, mtype):
    server = s_server(policy)
    name = f"wu{usage}{selector}{mtype}._device.example.com"
    outcome = server.client().run([entry(world.leaves[name], name), entry(world.ca)], world.key)
    assert outcome.alert == 40, (outcome, server.log.text())
    assert server.log.wait(f"refused {name}: no TLSA record authenticates")


@pytest.mark.parametrize("usage", [0, 1])
def test_pkix_needs_the_applications_ca(world, s_server, usage):
    server = s_server("require", "-CAfile", world.path("server.crt"))
    name = f"u{usage}11._device.example.com"
    outcome = server.client().run([entry(world.leaves[name], name), entry(world.ca)], world.key)
    assert outcome.alert == 40
    assert server.log.wait(f"refused {name}: no TLSA record authenticates")


@pytest.mark.parametrize("usage", [0, 1, 2])
@pytest.mark.parametrize("sans", [[], ["other.example.com"], ["*._device.example.com"]])
def test_dns_name_is_checked_for_usages_0_to_2(world, s_server, usage, sans):
    """SAN only: no wildcard in the certificate, no falling back on the CN."""
    server = s_server("require", certificate_names="any", allow="*")
    name = f"u{usage}11._device.example.com"
    # The same key as the record's, so that nothing but the name stands in the way.
    leaf = pki.certificate(world.key, name, sans, issuer=world.ca, issuer_key=world.ca_key)
    outcome = server.client().run([entry(leaf, name), entry(world.ca)], world.key)
    assert outcome.alert == 40, server.log.text()
    assert server.log.wait(f"refused {name}: no TLSA record authenticates.*[Hh]ostname mismatch")


def test_dane_ta_by_digest_needs_the_anchor_in_the_chain(world, s_server):
    server = s_server("require")
    name = "u211._device.example.com"
    assert server.client().run([entry(world.leaves[name], name)], world.key).alert == 40
    full = "u200._device.example.com"
    outcome = server.client().run([entry(world.leaves[full], full)], world.key)
    assert outcome.accepted, server.log.text()


def test_usages_that_do_not_count(world, s_server):
    server = s_server("require", usages="dane-ee")
    name = "u211._device.example.com"
    assert server.client().run([entry(world.leaves[name], name), entry(world.ca)], world.key).alert == 40
    assert server.log.wait(f"refused {name}: no TLSA record of the client is usable here")


def test_key_not_held_by_the_client(world, s_server):
    """The right certificate without its key: libssl's own CertificateVerify."""
    server = s_server("require")
    name = "u311._device.example.com"
    outcome = server.client().run([entry(world.leaves[name], name)], world.other_key)
    assert outcome.alert == 51, outcome  # decrypt_error
    assert "accepted" not in server.log.text()


@pytest.mark.parametrize("name,accepted", [("several", True), ("agile", False), ("unusable", False)])
def test_several_records(world, s_server, name, accepted):
    """One matching record is enough, but for digest agility (RFC 7671, section 9)."""
    server = s_server("require")
    name += "._device.example.com"
    leaf = pki.certificate(world.key, name)
    outcome = server.client().run([entry(leaf, name)], world.key)
    assert outcome.accepted if accepted else outcome.alert == 40, (outcome, server.log.text())
    if name.startswith("unusable"):
        assert server.log.wait("no TLSA record of the client is usable here")
