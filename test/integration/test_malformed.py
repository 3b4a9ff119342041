# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Extensions that no well-behaved client sends, under every policy."""
import pytest

import pki
from conftest import DEVICE, entry
from tls13 import client_name

LONG = ".".join(["a" * 49] * 6)
CASES = {
    "no data": (b"", 50, "does not parse"),
    "length too small": (b"\x03" + DEVICE.encode(), 50, "does not parse"),
    "length too large": (b"\xff" + DEVICE.encode(), 50, "does not parse"),
    "trailing octets": (client_name(DEVICE) + b"x", 50, "does not parse"),
    "trailing octets after an empty name": (b"\0\0", 50, "does not parse"),
    "zero-length name": (b"\0", 40, "empty ClientName"),
    "255 octets": (client_name(LONG[:255]), 40, "longer than 253 octets"),
    "254 octets": (client_name(LONG[:254]), 40, "longer than 253 octets"),
    "long label": (client_name("a" * 64 + "._device.example.com"), 40, "label of more than 63 octets"),
    "empty label": (client_name("sensor7.._device.example.com"), 40, "empty label"),
    "leading dot": (client_name("." + DEVICE), 40, "empty label"),
    "trailing dot": (client_name(DEVICE + "."), 40, "ends with a dot"),
    "root": (client_name("."), 40, "empty label"),
    "NUL inside": (client_name(b"sensor7\0._device.example.com"), 40, "octets other than"),
    "NUL behind": (client_name(DEVICE.encode() + b"\0"), 40, "octets other than"),
    "U-label": (client_name("b\u00fccher._device.example.com"), 40, "octets other than"),
    "8-bit": (client_name(b"\xff\xfe._device.example.com"), 40, "octets other than"),
    "decimal escape": (client_name("\\115ensor7._device.example.com"), 40, "octets other than"),
    "escaped dot": (client_name("a\\.b._device.example.com"), 40, "octets other than"),
    "blank": (client_name("sensor7 ._device.example.com"), 40, "octets other than"),
    "line feed": (client_name("sensor7\ndance: accepted x._device.example.com"), 40, "octets other than"),
    "wildcard": (client_name("*._device.example.com"), 40, "octets other than"),
}


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("case", CASES)
def test_malformed(world, s_server, policy, case):
    data, alert, reason = CASES[case]
    # The application's callback would go on with anybody (strict=False): how an
    # extension was sent is not its business.
    server = s_server(policy, strict=False, allow="*")
    outcome = server.client().run([entry(world.device, data)], world.key)
    assert outcome.alert == alert, (outcome, server.log.text())
    assert server.log.wait(reason)
    assert "accepted" not in server.log.text()


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_on_a_later_entry_only(world, s_server, policy):
    server = s_server(policy, strict=False)
    outcome = server.client().run([entry(world.device), entry(world.ca, DEVICE)], world.key)
    assert outcome.alert == 40, (outcome, server.log.text())
    assert server.log.wait("not on the first CertificateEntry")


def test_on_every_entry(world, s_server):
    """What counts is the first; a copy beside an issuer's certificate is no matter."""
    server = s_server("require")
    outcome = server.client().run([entry(world.device, DEVICE), entry(world.ca, DEVICE)], world.key)
    assert outcome.accepted, (outcome, server.log.text())


@pytest.mark.parametrize("policy", ["mixed", "require"])
def test_twice_on_one_entry(world, s_server, policy):
    server = s_server(policy)
    assert server.client().run([entry(world.device, DEVICE, DEVICE)], world.key).alert == 47


def test_another_extension_type(world, s_server):
    """extension_type is what both sides go by."""
    server = s_server("require", module={"extension_type": "65282"})
    refused = server.client().run([entry(world.device, DEVICE)], world.key)
    assert refused.request_extensions.get(65282) == b"\0" and 65280 not in refused.request_extensions
    assert refused.alert == 40
    assert server.client().run([entry(world.device, DEVICE, kind=65282)], world.key).accepted
