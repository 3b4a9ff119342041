# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Post-handshake authentication, tickets of stubborn clients, SSLs used twice, contexts switched by name."""
import os
import re
import time

import pytest

import pki
from conftest import DEVICE, PROGRAMS, entry
from tls13_after import Conversation
from zone import wait_for

OTHER = "u311._device.example.com"  # another name with a record of the same key


def admin(world):
    """CN=admin with the device's own key: what certificate_names = match is there for."""
    return pki.certificate(world.key, "admin")


def test_post_handshake_authentication(world, odd_server, talk):
    server = odd_server("-P")
    c = talk(server)
    assert c.handshake([], None) and c.outcome.request_extensions is None
    assert b"(nobody)" in c.ask()
    said = c.authenticate_again([entry(world.device, DEVICE)], world.key)
    assert said == f"peer /CN={DEVICE}, verify result 0, resumed 0\n".encode(), (c.outcome, server.log.text())
    assert server.log.wait(f"accepted {DEVICE}")


def test_authenticated_again_as_the_same(world, odd_server, talk):
    server = odd_server("-P")
    c = talk(server)
    c.handshake([], None)
    for _ in range(3):
        said = c.authenticate_again([entry(world.device, DEVICE)], world.key)
        assert said and b"verify result 0" in said, (c.outcome, server.log.text())


@pytest.mark.parametrize("first", ["handshake", "after"])
def test_the_identity_may_not_change(world, odd_server, talk, first):
    server = odd_server("-P" if first == "after" else "-V")
    c = talk(server)
    c.handshake([entry(world.device, DEVICE)] if first == "handshake" else [], world.key)
    if first == "after":
        assert c.authenticate_again([entry(world.device, DEVICE)], world.key)
    assert c.authenticate_again([entry(pki.certificate(world.key, OTHER), OTHER)], world.key) is None
    assert c.outcome.alert == 40, server.log.text()
    assert server.log.wait("the identity of a connection may not change")


@pytest.mark.parametrize("first", ["handshake", "after"])
@pytest.mark.parametrize("said_again", [True, False], ids=["named", "unnamed"])
def test_certificate_names_are_checked_each_time(world, odd_server, talk, first, said_again):
    """The second certificate, of the same key, names somebody else: the application would believe it."""
    server = odd_server("-P" if first == "after" else "-V")
    c = talk(server)
    c.handshake([entry(world.device, DEVICE)] if first == "handshake" else [], world.key)
    if first == "after":
        assert c.authenticate_again([entry(world.device, DEVICE)], world.key), server.log.text()
    said = c.authenticate_again([entry(admin(world), *([DEVICE] if said_again else []))], world.key)
    assert said is None and c.outcome.alert == 40, (said, server.log.text())
    reason = "the certificate names somebody else" if said_again else "the identity of a connection may not change"
    assert server.log.wait(f"refused {DEVICE}: {reason}")


def test_another_key_the_second_time(world, odd_server, talk):
    server = odd_server("-P")
    c = talk(server)
    c.handshake([], None)
    assert c.authenticate_again([entry(world.device, DEVICE)], world.key)
    leaf = pki.certificate(world.other_key, DEVICE, [DEVICE])
    assert c.authenticate_again([entry(leaf, DEVICE)], world.other_key) is None
    assert c.outcome.alert == 40, (c.outcome, server.log.text())


@pytest.mark.parametrize("policy,accepted", [("mixed", True), ("dane", False)])
def test_ordinary_client_after_the_handshake(world, odd_server, talk, policy, accepted):
    server = odd_server("-P", policy=policy)
    leaf = pki.certificate(world.key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    c = talk(server)
    c.handshake([], None)
    said = c.authenticate_again([entry(leaf)], world.key)
    if accepted:
        assert said == b"peer /CN=pkix client, verify result 0, resumed 0\n", (c.outcome, server.log.text())
    else:
        assert said is None and c.outcome.alert == 40, (said, server.log.text())


def test_require_does_not_wait_for_post_handshake_authentication(world, odd_server, talk):
    server = odd_server("-P", policy="require")
    c = talk(server)
    assert c.handshake([], None)
    assert c.after() is None and c.outcome.alert == 116, (c.outcome, server.log.text())
    c = talk(server)
    assert c.handshake([entry(world.device, DEVICE)], world.key)
    assert b"verify result 0" in c.ask()


@pytest.mark.parametrize("arguments", [["-V"], ["-v"], ["-V", "-X"], ["-V", "-I"], ["-V", "-X", "-I"],
                                       ["-V", "-X", "-K"]], ids=" ".join)
@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_one_ssl_for_all(world, odd_server, talk, policy, arguments):
    """SSL_clear() makes an SSL ready for another client, who inherits nothing of the last one's."""
    if "-X" in arguments and policy != "require":
        pytest.skip("an application that verifies nobody has its way under mixed and dane")
    server = odd_server("-R", *arguments, policy=policy)

    def connect(entries, key):
        c = talk(server)
        c.handshake(entries, key)
        said = c.ask() if not c.outcome.alert else None
        c.close()
        return said, c.outcome.alert

    other = pki.certificate(world.key, OTHER)
    stranger = pki.certificate(world.other_key, DEVICE)
    pkix = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    for _ in range(2):
        said, _ = connect([entry(world.device, DEVICE)], world.key)
        assert said and DEVICE.encode() in said and b"verify result 0" in said, (said, server.log.text())
        said, _ = connect([entry(other, OTHER)], world.key)
        assert said and OTHER.encode() in said and b"verify result 0" in said, (said, server.log.text())
        assert connect([entry(stranger, DEVICE)], world.other_key) == (None, 40), server.log.text()
        # The last one's key and no name: nobody under dane and require.
        said, alert = connect([entry(admin(world))], world.key)
        assert said is None, (said, server.log.text())
        if policy != "mixed":
            assert alert == 40, server.log.text()
        said, alert = connect([entry(pkix)], world.other_key)
        if policy == "mixed":
            assert said == b"peer /CN=pkix client, verify result 0, resumed 0\n", (alert, server.log.text())
        else:
            assert (said, alert) == (None, 40), server.log.text()


def test_nothing_is_left_on_the_queue(world, odd_server, talk):
    server = odd_server("-P")
    c = talk(server)
    c.handshake([], None)
    assert c.authenticate_again([entry(world.device, DEVICE)], world.key)
    c.close()
    assert not re.search("ended:", server.output.text()), server.output.text()
