# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What an SSL holds when a handshake begins, from a client before or from the application, speaks for nobody.

libssl copies DANE records in SSL_dup() and keeps them over SSL_clear(), and applications have their own there. An
impostor here has a certificate with the name it claims and signs with the key in it: only that the key is not in the
records of *that name* tells it from the rightful one.
"""
import re

import pytest

import pki
from conftest import DEVICE, attempt, believed, concluded, entry
from test_raw_keys import needs_raw_keys, raw_client  # noqa: F401 (raw_client is a fixture)

ALICE, BOB = DEVICE, "wrongkey._device.example.com"
# With its own verification; libssl's, called by the application; none at all, which only require may not leave to it.
VERIFIES = pytest.mark.parametrize("arguments,policy", [
    *((arguments, policy) for arguments in ("-V", "-V -A", "-v -A") for policy in ("mixed", "dane", "require")),
    ("-V -X", "require"), ("-v", "require"), ("", "require")])


def says(name, key):
    return [entry(pki.certificate(key, name, [name]), name)], key


@pytest.fixture(scope="module")
def people(world):
    """alice(), bob(), and who says a name with the other one's key."""
    return {"alice": says(ALICE, world.key), "bob": says(BOB, world.other_key),
            "alice as bob": says(BOB, world.key), "bob as alice": says(ALICE, world.other_key),
            "alice as nobody": ([entry(pki.certificate(world.key, "admin"))], world.key),
            "nobody": ([], None)}


def check(server, people):
    """Each rightful client behind the other one, and impostors behind each."""
    for who, name in (("alice", ALICE), ("bob", BOB)) * 2:
        result = attempt(server, people[who])
        assert result == believed(name), (who, result, server.log.text())
        for impostor in ("alice as bob", "bob as alice"):
            accepted, read = attempt(server, people[impostor])
            assert accepted <= 0, (impostor, read, server.log.text())


@VERIFIES
@pytest.mark.parametrize("kept", ["-R", "-D"], ids=["SSL_clear", "SSL_dup"])
def test_the_client_before(inheriting_server, people, arguments, policy, kept):
    check(inheriting_server(kept, *arguments.split(), policy=policy), people)


@pytest.mark.parametrize("arguments,policy", [("-V", "mixed"), ("-V -A", "mixed"), ("-V", "dane"), ("-V -A", "dane"),
                                              ("-V", "require"), ("-V -A", "require"), ("-V -X", "require"),
                                              ("", "require")])
@pytest.mark.parametrize("kept", ["-R", "-D"], ids=["SSL_clear", "SSL_dup"])
def test_the_key_of_the_client_before_without_a_name(inheriting_server, people, arguments, policy, kept):
    """Under mixed it is the application's PKIX check that refuses it."""
    server = inheriting_server(kept, *arguments.split(), policy=policy)
    assert attempt(server, people["alice"]) == believed(ALICE), server.log.text()
    for impostor in ("alice as nobody", "nobody"):
        accepted, read = attempt(server, people[impostor])
        assert accepted <= 0, (impostor, read, server.log.text())


@VERIFIES
def test_the_applications_own_records(world, inheriting_server, people, arguments, policy):
    """Alice's is on each SSL, from the application: it does not make her Bob, nor Bob a stranger."""
    record = pki.tlsa(3, 1, 1, world.device).removeprefix("TLSA ")
    check(inheriting_server("-r", record, *arguments.split(), policy=policy), people)


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_the_applications_own_record_of_a_ca(world, inheriting_server, people, policy):
    """Whoever has a certificate of that CA could be anybody."""
    record = pki.tlsa(2, 0, 1, world.ca).removeprefix("TLSA ")
    server = inheriting_server("-V", "-r", record, policy=policy)
    leaf = pki.certificate(world.other_key, ALICE, [ALICE], issuer=world.ca, issuer_key=world.ca_key)
    chain = [entry(leaf, ALICE), entry(world.ca)]
    for _ in range(2):
        assert attempt(server, people["alice"]) == believed(ALICE), server.log.text()
        accepted, read = attempt(server, (chain, world.other_key))
        assert accepted <= 0, (read, server.log.text())


@needs_raw_keys
@VERIFIES
def test_the_applications_expected_key(world, inheriting_server, raw_client, arguments, policy):  # noqa: F811
    """SSL_add_expected_rpk() of Bob's key: no TLSA record of Alice's."""
    expected = world.write("expected.crt", pki.pem(pki.certificate(world.other_key, "expected")))
    server = inheriting_server("-e", expected, *arguments.split(), policy=policy, raw_public_key="yes")
    for name, key, accepted in ((ALICE, "client.key", True), (ALICE, "other.key", False), (BOB, "other.key", True),
                                (BOB, "client.key", False)):
        server.output.mark()
        done = raw_client(server.port, name, key, request="who\n")
        result, read = concluded(server)
        assert (result == 1) == accepted and ("verify result 0" in done.text) == accepted, (
            name, key, read, done.text, server.log.text())


@pytest.mark.parametrize("arguments", ["-V", "-V -A", "-v -A"])
@pytest.mark.parametrize("kept", ["-R", "-D"], ids=["SSL_clear", "SSL_dup"])
@pytest.mark.parametrize("policy", ["mixed", "dane"])
def test_an_older_client_behind(world, inheriting_server, people, tls12, arguments, policy, kept):
    """CN=admin with Alice's key and TLS 1.2: the application is not told that Alice's records verified it."""
    server = inheriting_server(kept, *arguments.split(), policy=policy)
    pkix = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    result, read, _ = tls12(server, pkix, "other.key")
    if policy == "mixed":
        assert read and read.startswith("who, peer /CN=pkix client, verify result 0,"), (read, server.log.text())
    else:
        assert result <= 0, (read, server.log.text())
    for _ in range(2):
        assert attempt(server, people["alice"]) == believed(ALICE), server.log.text()
        result, read, _ = tls12(server, pki.certificate(world.key, "admin"), "client.key")
        assert result <= 0, (read, server.log.text())


@pytest.mark.parametrize("kept", ["-R", "-D", None], ids=["SSL_clear", "SSL_dup", "each its own"])
@pytest.mark.parametrize("policy,arguments", [("require", "-O"), ("require", "-O -A"), ("require", "-O -X"), ("dane", "-O"),
                                              ("dane", "-O -A"), ("mixed", "-O"), ("mixed", "-O -A")])
def test_asked_once(inheriting_server, people, policy, arguments, kept):
    """SSL_VERIFY_CLIENT_ONCE is once for a connection, not once for an SSL: everybody is asked under require. Under
    mixed and dane the application may find that it asked nobody, and then it knows nobody."""
    server = inheriting_server(*filter(None, [kept]), *arguments.split(), policy=policy)
    assert attempt(server, people["alice"]) == believed(ALICE), server.log.text()
    for _ in range(2):
        for impostor in ("alice as bob", "bob as alice", "alice as nobody", "nobody"):
            accepted, read = attempt(server, people[impostor])
            known = read and re.search(r"peer /\S+, verify result 0,", read)
            assert not known if policy != "require" else accepted <= 0, (impostor, read, server.log.text())
        for who, name in (("bob", BOB), ("alice", ALICE)):
            accepted, read = attempt(server, people[who])
            if policy == "require":
                assert (accepted, read) == believed(name), (read, server.log.text())
            else:
                assert accepted == 1 and re.search(rf"peer (/CN={re.escape(name)}|\(nobody\)), ", read), (
                    read, server.log.text())
