# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""A servername callback that switches the SSL_CTX, as servers with virtual hosts do."""
import pytest

import pki
from conftest import DEVICE, entry

TAKEN = [["-V"], ["-V", "-I"], ["-V", "-H"], ["-V", "-I", "-H"], ["-V", "-I", "-H", "-M"], ["-V", "-K"], ["-V", "-X"], ["-V", "-A"],
         ["-V", "-I", "-K"], ["-V", "-X", "-I", "-K"], ["-V", "-X", "-I", "-H"], ["-V", "-X", "-I", "-H", "-M"], []]


@pytest.fixture
def clients(world, talk):
    """connect(server, "good" | ..., SNI): what the server said and the alert."""
    pkix = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    kinds = {"good": ([entry(world.device, DEVICE)], world.key),
             "wrong key": ([entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key),
             "unnamed": ([entry(world.device)], world.key),
             "pkix": ([entry(pkix)], world.other_key),
             "none": ([], None)}

    def connect(server, kind, name):
        c = talk(server)
        c.handshake(*kinds[kind], name)
        return c.ask() if not c.outcome.alert else None, c.outcome.alert
    return connect


@pytest.mark.parametrize("arguments", TAKEN, ids=lambda a: " ".join(a) or "none")
@pytest.mark.parametrize("name", ["www.example.org", "ask.example.org", "trust.example.org"])
def test_require_holds(odd_server, clients, name, arguments):
    """Whatever verify mode and cert_verify_callback the other context has, and its own verifications."""
    server = odd_server("-S", *arguments, policy="require")
    for _ in range(2):
        said, _ = clients(server, "good", name)
        assert said and b"verify result 0" in said, (said, server.log.text())
        for kind in ("wrong key", "unnamed", "pkix"):
            said, alert = clients(server, kind, name)
            # An application that verifies by itself may be the first to refuse, with an alert of its own.
            assert said is None and (alert == 40 or "-A" in arguments and kind == "unnamed"), (kind, server.log.text())
        assert clients(server, "none", name) == (None, 116), server.log.text()


@pytest.mark.parametrize("first", [["-V"], []], ids=["asks", "asks not"])
@pytest.mark.parametrize("policy", ["mixed", "dane"])
def test_the_other_context_decides_whether_to_ask(odd_server, clients, policy, first):
    server = odd_server("-S", *first, policy=policy)
    for kind in ("good", "wrong key", "unnamed", "pkix", "none"):
        assert clients(server, kind, "www.example.org") == (b"peer (nobody), verify result 0, resumed 0\n", None), kind
    said, _ = clients(server, "good", "ask.example.org")
    assert said and b"verify result 0" in said, server.log.text()
    assert clients(server, "wrong key", "ask.example.org") == (None, 40)
    assert clients(server, "none", "ask.example.org") == (None, 116)
    said, alert = clients(server, "pkix", "ask.example.org")
    assert alert == (40 if policy == "dane" else None), (said, server.log.text())
    said, alert = clients(server, "unnamed", "ask.example.org")
    assert said is None and (alert == 40 if policy == "dane" else alert not in (None, 40))


@pytest.mark.parametrize("policy", ["mixed", "dane"])
def test_a_cert_verify_callback_has_no_say_where_dane_decides(odd_server, clients, policy):
    """One that trusts everybody: under mixed that is its affair with clients that say no name, and with no others."""
    server = odd_server("-S", "-V", policy=policy)
    said, alert = clients(server, "unnamed", "trust.example.org")
    if policy == "mixed":
        assert said and b"verify result 0" in said, server.log.text()
    else:
        assert (said, alert) == (None, 40), server.log.text()
    said, _ = clients(server, "good", "trust.example.org")
    assert said and b"verify result 0" in said, server.log.text()
    assert clients(server, "wrong key", "trust.example.org") == (None, 40), server.log.text()
