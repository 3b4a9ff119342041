# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Post-handshake authentication, once and again, and SSLs that serve one client after another."""
import re
import subprocess

import pytest

import pki
from conftest import DEVICE, config, entry, environment
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


def test_the_record_is_looked_up_each_time(world, odd_server, talk):
    """The record went, and its time is over: the connection lives, but is not authenticated again."""
    name = "leaves._device.example.com"
    server = odd_server("-P")
    with world.zones.record(name, pki.tlsa(3, 1, 1, world.device), ttl=1):
        c = talk(server)
        c.handshake([], None)
        proof = ([entry(pki.certificate(world.key, name), name)], world.key)
        assert c.authenticate_again(*proof), server.log.text()
    world.zones.outlived(1)
    assert c.authenticate_again(*proof) is None
    assert c.outcome.alert == 40 and server.log.wait(f"refused {name}: there is no TLSA record"), server.log.text()


def test_a_new_key_the_second_time(world, odd_server, talk):
    """The records of the first time no longer count, and those of the second do."""
    name = "rolls._device.example.com"
    proofs = [([entry(pki.certificate(key, name), name)], key) for key in (world.key, world.other_key)]
    server = odd_server("-P")
    c = talk(server)
    c.handshake([], None)
    for proof in proofs:
        with world.zones.record(name, pki.tlsa(3, 1, 1, pki.certificate(proof[1], name)), ttl=1):
            assert c.authenticate_again(*proof), server.log.text()
        world.zones.outlived(1)
    with world.zones.record(name, pki.tlsa(3, 1, 1, pki.certificate(world.other_key, name)), ttl=1):
        assert c.authenticate_again(*proofs[0]) is None
        assert c.outcome.alert == 40, server.log.text()


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("arguments", [["-X"], ["-A"], ["-X", "-K"], ["-A", "-I"]], ids=" ".join)
def test_where_the_application_verifies_by_itself(world, odd_server, talk, policy, arguments):
    """libssl matches the first time's records; the verdict is by those of each time, when the key is proved."""
    server = odd_server("-V", *arguments, policy=policy)

    def again(entries, key):
        c = talk(server)
        c.handshake([entry(world.device, DEVICE)], world.key)
        assert c.ask(), (c.outcome, server.log.text())
        return c.authenticate_again(entries, key), c.outcome.alert
    said, _ = again([entry(world.device, DEVICE)], world.key)
    assert said and b"verify result 0" in said, server.log.text()
    assert server.log.wait(f"accepted {DEVICE} \\(TLSA 3 1 1")
    stranger = pki.certificate(world.other_key, DEVICE, [DEVICE])
    for entries, key in (([entry(admin(world), DEVICE)], world.key), ([entry(admin(world))], world.key),
                         ([entry(world.device)], world.key), ([entry(stranger, DEVICE)], world.other_key)):
        assert again(entries, key) == (None, 40), server.log.text()


@pytest.mark.parametrize("arguments", [[], ["-X"]], ids=["", "-X"])
def test_authentication_after_a_resumption(world, odd_server, talk, arguments):
    """Whom the session stands for does not stand for the certificate that comes behind it."""
    server = odd_server("-V", *arguments, policy="require")
    c = talk(server)
    c.handshake([entry(world.device, DEVICE)], world.key)
    assert c.ask()
    for entries, good in (([entry(world.device, DEVICE)], True), ([entry(admin(world))], False),
                          ([entry(pki.certificate(world.key, OTHER), OTHER)], False)):
        session = c.sessions.pop()
        again = talk(server, session)
        again.handshake([], None)
        assert again.resumed and again.ask()
        said = again.authenticate_again(entries, world.key)
        assert (said is not None) == good, (entries, said, server.log.text())
        c.sessions += again.sessions


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
        # The last one's key and no name: nobody under dane and require, and under mixed never by the last one's
        # records, but whom an application trusts that trusts everybody... which is seen by none of them.
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


@pytest.mark.parametrize("policy", ["mixed", "dane"])
def test_s_server_asks_s_client_again_and_again(world, start, tmp_path, policy):
    """Both ends with the module: the client conveys the name each time it is asked."""
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key")], server={"policy": policy, "allow": "*._device.example.com"})
    conf = config(tmp_path / "client.cnf", tmp_path / "log",
                  client={"identity": DEVICE, "private_key": world.path("client.key")})
    with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-enable_pha"],
                          env=environment(conf), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as client:
        client.stdin.write(b"first words\n")
        client.stdin.flush()
        assert server.output.wait("first words") and server.log.text() == ""
        for times in (1, 2, 3):
            server.process.stdin.write(b"c\n")  # s_server's command for it
            server.process.stdin.flush()
            wait_for(lambda: server.log.text().count(f"accepted {DEVICE} (TLSA 3 1 1") == times, what=server.log.text())
        client.stdin.write(b"last words\n")
        client.stdin.flush()
        assert server.output.wait("last words")
        client.stdin.close()
