# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Early data (0-RTT) comes with a resumed session, and is as authenticated as that; never with a full
handshake, because libssl gives the application none of it there."""
import os
import subprocess

import pytest

import pki
from conftest import DEVICE, config, entry, environment
from tls13_after import PreSharedKey
from zone import wait_for

POLICIES = ["mixed", "dane", "require"]
PSK = "a5" * 32
EARLY = "early, "


@pytest.fixture
def session(world, odd_server, talk):
    """session(server, entries, key): a session with it, made in a full handshake without early data."""
    def make(server, entries, key):
        c = talk(server)
        c.handshake(entries, key)
        assert c.ask() and c.sessions, server.log.text()
        assert EARLY not in server.output.text()
        server.output.mark()
        return c.sessions[0]
    return make


def said_early(server, line):
    return server.output.wait(f"early, not finished: {line}")


@pytest.mark.parametrize("arguments", [["-V"], ["-V", "-I"], ["-V", "-H"], ["-V", "-X"], ["-V", "-A"], ["-V", "-n"]],
                         ids=" ".join)
@pytest.mark.parametrize("policy", POLICIES)
def test_with_the_session_of_a_dane_client(world, odd_server, talk, session, policy, arguments):
    server = odd_server("-e", *arguments, policy=policy)
    ticket = session(server, [entry(world.device, DEVICE)], world.key)
    c = talk(server, ticket, early=b"hello\n")
    c.handshake([], None)
    assert said_early(server, "hello")
    assert c.resumed and c.ask() == f"peer /CN={DEVICE}, verify result 0, resumed 1\n".encode()


@pytest.mark.parametrize("policy", POLICIES)
def test_not_twice(world, odd_server, talk, session, policy):
    """libssl's own protection against replay: the ticket works once, then a full handshake, without it."""
    server = odd_server("-e", "-V", policy=policy)
    ticket = session(server, [entry(world.device, DEVICE)], world.key)
    c = talk(server, ticket, early=b"hello\n")
    c.handshake([], None)
    assert said_early(server, "hello") and c.ask()
    server.output.mark()
    again = talk(server, ticket, early=b"hello\n")
    again.handshake([], None)
    assert not again.resumed and again.ask() is None and again.outcome.alert == 116
    assert EARLY not in server.output.text()


@pytest.mark.parametrize("policy", POLICIES)
def test_not_after_the_record(world, odd_server, talk, session, policy):
    name = f"early-{policy}._device.example.com"
    server = odd_server("-e", "-V", policy=policy)
    with world.zones.record(name, pki.tlsa(3, 1, 1, world.device), 2):
        ticket = session(server, [entry(pki.certificate(world.key, name), name)], world.key)
    world.zones.outlived(2)
    c = talk(server, ticket, early=b"hello\n")
    c.handshake([], None)
    assert not c.resumed and c.ask() is None and c.outcome.alert == 116
    assert EARLY not in server.output.text()


@pytest.mark.parametrize("kind", ["good", "wrong key", "none"])
def test_not_with_a_full_handshake(world, odd_server, talk, kind):
    """Sent all the same, behind a pre-shared key that the server does not know."""
    server = odd_server("-e", "-V", policy="require")
    entries, key = {"good": ([entry(world.device, DEVICE)], world.key), "none": ([], None),
                    "wrong key": ([entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key)}[kind]
    c = talk(server, PreSharedKey(bytes(32)), early=b"hello\n")
    c.handshake(entries, key)
    assert not c.resumed
    said = c.ask()
    assert (said is not None) == (kind == "good"), (said, server.log.text())
    assert EARLY not in server.output.text()


@pytest.mark.parametrize("arguments", [[], ["-I"], ["-H"], ["-X"], ["-K"]], ids=lambda a: " ".join(a) or "none")
def test_require_has_none_of_a_session_from_elsewhere(world, odd_server, talk, session, arguments):
    """The key of the tickets is known to both servers; that of a pre-shared key to the client."""
    pkix = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    other = odd_server("-e", "-n", "-t", "-v", policy="mixed")
    strict = odd_server("-e", "-n", "-t", "-v", "-w", PSK, *arguments, policy="require")
    good = session(other, [entry(world.device, DEVICE)], world.key)
    c = talk(strict, good, early=b"hello\n")
    c.handshake([], None)
    assert said_early(strict, "hello") and c.ask()
    strict.output.mark()
    for ticket in (session(other, [entry(pkix)], world.other_key), session(other, [], None),
                   PreSharedKey(bytes.fromhex(PSK))):
        c = talk(strict, ticket, early=b"hello\n")
        c.handshake([], None)
        assert c.ask() is None and EARLY not in strict.output.text(), strict.output.text()


@pytest.mark.parametrize("early", [None, b"hello\n"], ids=["without", "with"])
@pytest.mark.parametrize("kind", ["wrong key", "no certificate", "pre-shared key", "pkix session", "anonymous session",
                                  "name that is not allowed"])
def test_whoever_is_refused_is_told_so(world, odd_server, talk, session, kind, early):
    """By an alert, whether he sent early data or not: close_notify would say that all is well."""
    pkix = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    other = odd_server("-e", "-n", "-t", "-v", policy="mixed")
    arguments = ["-w", PSK] if kind == "pre-shared key" else []
    allow = "u311._device.example.com" if kind == "name that is not allowed" else "*._device.example.com"
    strict = odd_server("-e", "-n", "-t", "-V", *arguments, policy="require", allow=allow)
    ticket, entries, key = PreSharedKey(bytes(32)), [], None
    if kind == "wrong key":
        entries, key = [entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key
    elif kind == "pre-shared key":
        ticket = PreSharedKey(bytes.fromhex(PSK))
    elif kind == "pkix session":
        ticket = session(other, [entry(pkix)], world.other_key)
    elif kind == "anonymous session":
        ticket = session(other, [], None)
    elif kind == "name that is not allowed":
        ticket = session(other, [entry(world.device, DEVICE)], world.key)
    c = talk(strict, ticket, early=early)
    if c.handshake(entries, key):
        assert c.after() is None
    assert c.outcome.alert in (40, 116), (c.outcome, strict.log.text())
    assert EARLY not in strict.output.text()


@pytest.mark.parametrize("policy", ["mixed", "dane"])
def test_others_have_theirs(world, odd_server, talk, policy):
    server = odd_server("-e", "-v", "-w", PSK, policy=policy)
    c = talk(server, PreSharedKey(bytes.fromhex(PSK)), early=b"hello\n")
    c.handshake([], None)
    assert said_early(server, "hello") and c.ask()


@pytest.mark.parametrize("policy", POLICIES)
def test_s_server_and_s_client(world, start, s_client, tmp_path, policy):
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key"), "-early_data", "-Verify", "3", "-verify_return_error"],
                   server={"policy": policy, "allow": "*._device.example.com"})
    ticket, data = str(tmp_path / "session"), tmp_path / "data"
    data.write_text("octets that came early\n")
    conf = config(tmp_path / "client.cnf", tmp_path / "log",
                  client={"identity": DEVICE, "private_key": world.path("client.key")})
    with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-sess_out", ticket],
                          env=environment(conf), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as first:
        # It ends with its input, and would not wait for a ticket.
        wait_for(lambda: os.path.exists(ticket) and os.path.getsize(ticket) > 0)
        first.stdin.close()
    again = s_client(server.port, "-sess_in", ticket, "-early_data", str(data), "-no_ign_eof", client=False)
    assert "Early data was accepted" in again.text, (again.text, server.output.text())
    assert server.output.wait("octets that came early")
    replayed = s_client(server.port, "-sess_in", ticket, "-early_data", str(data), "-no_ign_eof", client=False)
    assert "Early data was rejected" in replayed.text, replayed.text
    assert server.output.wait("peer did not return a certificate")
    assert server.output.text().count("octets that came early") == 1
