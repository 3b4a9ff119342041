# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Resumption, and how long it may last."""
import os
import re
import time

import pytest

import pki
from conftest import DEVICE, config, entry
from tls13_after import PreSharedKey
from zone import wait_for

POLICIES = ["mixed", "dane", "require"]


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("arguments", [[], ["-no_ticket"]], ids=["ticket", "cache"])
def test_an_accepted_client_resumes(world, s_server, s_client, tmp_path, policy, arguments):
    server = s_server(policy, *arguments)
    session = str(tmp_path / "session")
    first = s_client(server.port, "-sess_out", session)
    assert first.accepted, first.text
    again = s_client(server.port, "-sess_in", session)
    assert again.accepted, (again.text, server.log.text())
    assert "Reused, TLSv1.3" in again.text


def test_session_lives_no_longer_than_the_record(world, s_server, s_client):
    """The zone's TTL is 60 seconds; libssl's own lifetime would be two hours."""
    done = s_client(s_server("mixed", ask="optional").port)
    assert done.accepted, done.text
    hints = [int(h) for h in re.findall(r"TLS session ticket lifetime hint: (\d+)", done.text)]
    assert hints and all(0 < h <= 60 for h in hints), done.text


def test_session_of_an_ordinary_client_keeps_its_lifetime(world, s_server, s_client):
    done = s_client(s_server("mixed", ask="optional").port, client=False)
    assert done.accepted, done.text
    assert all(int(h) == 7200 for h in re.findall(r"TLS session ticket lifetime hint: (\d+)", done.text)), done.text


def test_record_that_may_not_be_kept(world, s_server, s_client):
    """TTL 0: accepted, with a session of a second at the most."""
    name = "ttl0._device.example.com"
    server = s_server("require")
    done = s_client(server.port, client={"identity": name, "private_key": world.path("client.key")})
    assert done.accepted, (done.text, server.log.text())
    assert server.log.wait(f"accepted {name} \\(TLSA 3 1 1, TTL 0 s\\)")
    hints = [int(h) for h in re.findall(r"TLS session ticket lifetime hint: (\d+)", done.text)]
    assert all(h == 1 for h in hints), done.text


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("arguments", [[], ["-no_ticket"]], ids=["ticket", "cache"])
def test_resuming_again_and_again_does_not_prolong(world, s_server, s_client, tmp_path, policy, arguments):
    """Each resumption brings a fresh ticket, with what is left of the first one's lifetime."""
    # With a resolver of its own: what is left of a TTL in a shared one may be next to nothing.
    server = s_server(policy, *arguments, fresh=True)
    session = str(tmp_path / "session")
    done = s_client(server.port, "-sess_out", session)
    first = time.monotonic()
    lifetime = max(int(h) for h in re.findall(r"TLS session ticket lifetime hint: (\d+)", done.text))
    assert done.accepted and 0 < lifetime <= 60
    for seconds in (2, 4):
        wait_for(lambda: time.monotonic() - first > seconds + 0.1)
        done = s_client(server.port, "-sess_in", session, "-sess_out", session)
        assert done.accepted and "Reused, TLSv1.3" in done.text, done.text
        hints = [int(h) for h in re.findall(r"TLS session ticket lifetime hint: (\d+)", done.text)]
        # The first hint is the resumed session's own, the last the fresh ticket's.
        assert hints and hints[-1] <= lifetime - seconds, (hints, lifetime)


def proof(world, name):
    return [entry(pki.certificate(world.key, name), name)], world.key


def record(world, name, ttl):
    return world.zones.record(name, pki.tlsa(3, 1, 1, world.device), ttl)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("arguments", [[], ["-no_ticket"]], ids=["ticket", "cache"])
def test_removed_record_ends_sessions(world, s_server, s_client, tmp_path, policy, arguments):
    """One TTL after the record went, at the latest: by session, by ticket and by a new handshake."""
    name = f"gone-{policy}-{len(arguments)}._device.example.com"
    server = s_server(policy, *arguments, fresh=True)
    session = str(tmp_path / "session")
    conf = config(tmp_path / "client.cnf", tmp_path / "log",
                  client={"identity": name, "private_key": world.path("client.key")})
    with record(world, name, 3):
        first = s_client(server.port, "-sess_out", session, conf=conf)
        assert first.accepted, server.log.text()
        # Resumed without the module, so that nothing but the session speaks for the client.
        again = s_client(server.port, "-sess_in", session, "-sess_out", session, client=False)
        assert again.accepted and "Reused, TLSv1.3" in again.text, again.text
    world.zones.outlived(3)
    server.log.mark()
    late = s_client(server.port, "-sess_in", session, client=False)
    assert not late.accepted and "Reused, TLSv1.3" not in late.text, late.text
    anew = s_client(server.port, conf=conf)
    assert anew.alert == 40 and not anew.accepted, anew.text
    assert server.log.wait(f"refused {name}: there is no TLSA record")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("arguments", [["-V"], ["-V", "-I"], ["-V", "-I", "-H", "-M"], ["-V", "-A"]], ids=" ".join)
def test_a_client_that_never_lets_go(world, odd_server, talk, policy, arguments):
    """It resumes as fast as it can, always with its newest ticket and as young as it likes to say, for as
    long as it is let: which is one TTL after the record went, whatever callbacks the application took."""
    name = f"chain-{policy}{''.join(arguments)}._device.example.com".lower()
    server = odd_server(*arguments, policy=policy)

    def resume():
        again = talk(server, tickets[-1])
        again.handshake([], None)
        said = again.ask() if again.resumed else None
        if said is None:
            return False
        assert said == f"peer /CN={name}, verify result 0, resumed 1\n".encode(), server.log.text()
        tickets.extend(again.sessions)
        return True

    ttl = 3
    with record(world, name, ttl):
        c = talk(server)
        c.handshake(*proof(world, name))
        assert b"verify result 0" in c.ask(), server.log.text()
        tickets = c.sessions
        assert tickets and all(1 <= s.lifetime <= ttl for s in tickets), [s.lifetime for s in tickets]
        assert resume(), server.log.text()
    while resume():
        # The whole seconds are libssl's and libunbound's.
        assert time.time() < world.zones.removed + ttl + 1.2, server.log.text()
    for session in tickets[:2] + tickets[-2:]:
        late = talk(server, session)
        late.handshake([], None)
        assert late.ask() is None and late.outcome.alert in (40, 116), (late.outcome, server.log.text())


@pytest.mark.parametrize("policy", POLICIES)
def test_whatever_callbacks_are_taken_a_session_is_watched(world, odd_server, talk, policy):
    """The application took each callback that sees a resumption begin; its clients resume, and those of nobody too."""
    server = odd_server("-v", "-I", "-H", "-M", policy=policy)
    c = talk(server)
    c.handshake([entry(world.device, DEVICE)], world.key)
    assert c.ask() and all(1 <= s.lifetime <= 60 for s in c.sessions) and len(c.sessions) == 2, server.log.text()
    assert server.log.wait(f"accepted {DEVICE}")
    again = talk(server, c.sessions[0])
    again.handshake([], None)
    assert again.resumed and b"verify result 0, resumed 1" in again.ask()
    if policy != "require":
        c = talk(server)
        c.handshake([], None)
        assert c.ask() and len(c.sessions) == 2


def test_a_ticket_of_garbage(world, odd_server, talk):
    """A full handshake, in which require asks."""
    server = odd_server("-V", policy="require")
    c = talk(server)
    c.handshake([entry(world.device, DEVICE)], world.key)
    assert c.ask()
    c.sessions[0].ticket = os.urandom(len(c.sessions[0].ticket))
    late = talk(server, c.sessions[0])
    late.handshake([], None)
    late.after()
    assert not late.resumed and late.outcome.alert == 116


@pytest.mark.parametrize("arguments", [[], ["-I"], ["-H"], ["-X"], ["-K"], ["-I", "-H", "-M"]], ids=lambda a: " ".join(a) or "none")
def test_require_takes_no_session_from_elsewhere(world, odd_server, talk, arguments):
    """Ticket keys outlive a change of policy, and several servers may have the same: a session of a client
    that another server took for its CA's sake, or without a certificate, is not one of a DANE client. It is
    passed over, and the client is asked."""
    pkix = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    other = odd_server("-t", "-v", policy="mixed")
    strict = odd_server("-t", "-v", *arguments, policy="require")
    for entries, key, good in (([entry(pkix)], world.other_key, False), ([], None, False),
                               ([entry(world.device, DEVICE)], world.key, True)):
        c = talk(other)
        c.handshake(entries, key)
        assert c.ask() and c.sessions, other.log.text()
        strict.log.mark()
        again = talk(strict, c.sessions[0])
        again.handshake([], None)
        assert again.resumed == good
        assert (again.ask() is not None) == good, strict.log.text()
        if not good:
            assert again.outcome.alert == 116, again.outcome
            assert strict.log.wait("refused a client: the client sent no certificate")
            # The one who has an identity gets in with it.
            again = talk(strict, c.sessions[0])
            again.handshake([entry(world.device, DEVICE)], world.key)
            assert not again.resumed and again.ask()


@pytest.mark.parametrize("policy", POLICIES)
def test_no_session_of_a_name_that_is_not_allowed(world, odd_server, talk, policy):
    other = odd_server("-t", "-V", policy="require")
    strict = odd_server("-t", "-V", policy=policy, allow="u311._device.example.com")
    c = talk(other)
    c.handshake([entry(world.device, DEVICE)], world.key)
    assert c.ask()
    again = talk(strict, c.sessions[0])
    again.handshake([entry(world.device, DEVICE)], world.key)
    assert not again.resumed and again.ask() is None and again.outcome.alert == 40, strict.log.text()
    assert strict.log.wait(f"refused {DEVICE}: no pattern of allow")


def test_a_name_that_is_taken_out_of_allow_file_resumes_no_more(world, odd_server, talk, tmp_path):
    allowed = tmp_path / "allowed"
    allowed.write_text(DEVICE + "\n")
    server = odd_server("-V", policy="mixed", allow="u311._device.example.com", allow_file=str(allowed))
    c = talk(server)
    c.handshake([entry(world.device, DEVICE)], world.key)
    assert c.ask() and c.sessions

    def resumes():
        again = talk(server, c.sessions[0])
        again.handshake([entry(world.device, DEVICE)], world.key)
        assert (again.ask() is not None) == again.resumed
        return again.resumed
    assert resumes()
    allowed.write_text("u211._device.example.com\n")
    wait_for(lambda: not resumes(), 10, "the list to count")
    assert server.log.wait(f"refused {DEVICE}: no pattern of allow")


@pytest.mark.parametrize("arguments", [[], ["-I"], ["-H"], ["-K"], ["-n", "-e"]], ids=lambda a: " ".join(a) or "none")
def test_dane_takes_no_session_of_an_ordinary_client(world, odd_server, talk, arguments):
    """Who has a certificate without an identity is refused; who has none, or a DANE identity, is not."""
    pkix = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    other = odd_server("-t", "-v", policy="mixed")
    dane = odd_server("-t", "-v", *arguments, policy="dane")
    for entries, key, good in (([entry(pkix)], world.other_key, False), ([], None, True),
                               ([entry(world.device, DEVICE)], world.key, True)):
        c = talk(other)
        c.handshake(entries, key)
        assert c.ask() and c.sessions, other.log.text()
        again = talk(dane, c.sessions[0])
        again.handshake(entries, key)
        # A ticket without a mark is passed over, whoever's it is: a client that has a certificate may show it.
        assert again.resumed == (good and entries != [])
        said = again.ask()
        assert (said is not None) == good, dane.log.text()
        if not good:
            assert again.outcome.alert == 40 and dane.log.wait("did not send dane_clientid")


@pytest.mark.parametrize("arguments", [[], ["-I"], ["-H"], ["-I", "-H"]], ids=lambda a: " ".join(a) or "none")
def test_whom_the_application_let_pass_it_lets_resume(world, odd_server, talk, arguments):
    """As a client whose verification failed, each time."""
    pkix = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    server = odd_server("-v", "-F", *arguments, policy="dane")
    session = None
    for _ in range(3):
        c = talk(server, session)
        c.handshake([entry(pkix)], world.other_key)
        said = c.ask()
        assert said and b"verify result 0" not in said and c.sessions, (said, c.outcome, server.log.text())
        assert c.resumed == (session is not None)
        session = c.sessions[0]


@pytest.mark.parametrize("arguments", [[], ["-I"], ["-H"], ["-I", "-H"]], ids=lambda a: " ".join(a) or "none")
def test_a_cert_verify_callback_lets_nobody_pass_under_dane(world, odd_server, talk, arguments):
    pkix = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    server = odd_server("-v", "-X", *arguments, policy="dane")
    c = talk(server)
    c.handshake([entry(pkix)], world.other_key)
    assert c.ask() is None and c.outcome.alert == 40 and server.log.wait("did not send dane_clientid")


@pytest.mark.parametrize("arguments", [["-X"], ["-X", "-K"], ["-X", "-I"], ["-X", "-H"]], ids=" ".join)
@pytest.mark.parametrize("key", ["-N", ""], ids=["no ticket key", "tickets"])
def test_the_last_word_is_said_without_a_ticket(world, odd_server, talk, arguments, key):
    """libssl makes none where the application's ticket key callback has no key; who came in finds nobody."""
    server = odd_server("-V", *arguments, *filter(None, [key]), policy="require")
    for entries, good in (([entry(world.device, DEVICE)], True), ([entry(world.device)], False)):
        c = talk(server)
        c.handshake(entries, world.key)
        said = c.ask()
        assert (said is not None) == good, (said, server.log.text())
    assert "peer" not in server.output.text().split("\n", 1)[1], server.output.text()


PSK = "5a" * 32


@pytest.mark.parametrize("arguments", [[], ["-K"], ["-I"], ["-H"], ["-I", "-K"], ["-H", "-K"], ["-N"], ["-I", "-H"],
                                       ["-I", "-H", "-M"]],
                         ids=lambda a: " ".join(a) or "none")
@pytest.mark.parametrize("policy", POLICIES)
def test_external_pre_shared_keys(odd_server, talk, policy, arguments):
    """No certificate is asked for: the application's own affair under mixed and dane, refused under require."""
    server = odd_server("-V", "-w", PSK, *arguments, policy=policy)
    c = talk(server, PreSharedKey(bytes.fromhex(PSK)))
    c.handshake([], None)
    assert c.resumed == (policy != "require")
    said = c.ask()
    if policy == "require":
        assert said is None and "peer (" not in server.output.text(), server.output.text()
        assert c.outcome.alert == 116 and server.log.wait("refused a client: the client sent no certificate")
    else:
        # libssl's word for a session whose verification nobody told it of.
        assert said == b"peer (nobody), verify result 1, resumed 1\n", (c.outcome, server.log.text())
