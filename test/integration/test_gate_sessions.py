# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Sessions and pre-shared keys from elsewhere let nobody in, and the sessions of rightful clients do.

Ticket keys and session caches outlive a change of policy, and servers share them, also with those that have no dance;
an application may have data of its own in its sessions. Only what we wrote there of a client whom DANE authenticated
counts. Whoever comes with anything else is asked for a certificate, or the handshake ends.
"""
import subprocess

import pytest

from conftest import DEVICE, attempt, believed, visit
from test_gate import FLAGS, SINGLY, impostors, rightful  # noqa: F401 (the last two are fixtures)
from test_raw_keys import VERSION
from tls13 import PSK_DHE_KE, PSK_KE
from tls13_after import PreSharedKey

PSK = PreSharedKey(bytes.fromhex("5a" * 32))
NOBODY = ([], None)
HOW = {"require": [], "dane": ["-V"]}  # the application asks; require does by itself
policies = pytest.mark.parametrize("policy", HOW)


def with_tickets(*names):
    """A server that takes these, and the callback for the ticket key, which is the same for all servers."""
    return ["-t", ",".join(["ticket-key", *names])]


def with_cache(folder, *names):
    """A server that takes these, and has its sessions in a cache that is outside."""
    return ["-t", ",".join(["stateful", "session-new", "session-get", *names]), "-f", str(folder)]


def session_of(server, proof, **kwargs):
    """A session of a client that the server lets in."""
    client, accepted, read = visit(server, proof, **kwargs)
    assert accepted == 1 and client.sessions, (accepted, read, server.log.text())
    return client.sessions[-1]


def check_stranger(server, session, rightful, **kwargs):  # noqa: F811
    """It lets nobody in who has no certificate; a rightful client who comes with it is who he is, or not let in."""
    for retry in (False, True):
        accepted, read = attempt(server, NOBODY, session=session, retry=retry, **kwargs)
        assert accepted <= 0, (retry, read, server.log.text())
        assert "early " not in server.output.text()
    result = attempt(server, rightful, session=session, **kwargs)
    assert result[0] <= 0 or result == believed(DEVICE), (result, server.log.text())
    assert attempt(server, rightful) == believed(DEVICE), server.log.text()


# Where the session is from: the server's policy (None: it has no dance), what it takes, and whom it let in.
ORIGINS = {
    "no dance": (None, [], "no name, of a CA"),
    "no dance, data": (None, ["ticket-data"], "no name, of a CA"),
    "no dance, forgiving": (None, ["verify-yes"], "no name"),
    "no dance, forgiving, data": (None, ["verify-yes", "ticket-data"], "no name"),
    "mixed": ("mixed", [], "no name, of a CA"),
    "mixed, data": ("mixed", ["ticket-data"], "no name, of a CA"),
    "mixed, forgiving": ("mixed", ["verify-yes"], "no name"),
    "mixed, forgiving, data": ("mixed", ["verify-yes", "ticket-data"], "no name"),
}


@policies
@pytest.mark.parametrize("here", ["", "data"])
@pytest.mark.parametrize("origin", ORIGINS)
def test_ticket_from_elsewhere(taking_server, rightful, impostors, origin, here, policy):  # noqa: F811
    their_policy, names, who = ORIGINS[origin]
    session = session_of(taking_server("-V", *with_tickets(*names), policy=their_policy), impostors[who])
    server = taking_server(*HOW[policy], *with_tickets(*filter(None, [here and "ticket-data"])), policy=policy)
    check_stranger(server, session, rightful)


@policies
@pytest.mark.parametrize("origin", ORIGINS)
def test_cached_session_from_elsewhere(taking_server, rightful, impostors, tmp_path, origin, policy):  # noqa: F811
    their_policy, names, who = ORIGINS[origin]
    session = session_of(taking_server("-V", *with_cache(tmp_path, *names), policy=their_policy), impostors[who])
    check_stranger(taking_server(*HOW[policy], *with_cache(tmp_path), policy=policy), session, rightful)


@pytest.mark.parametrize("here", [[], ["ticket-data"], ["all"]], ids=lambda names: ",".join(names) or "none")
@pytest.mark.parametrize("origin", [[], ["ticket-data"]], ids=lambda names: ",".join(names) or "none")
def test_ticket_of_a_client_that_was_not_asked(taking_server, rightful, origin, here):  # noqa: F811
    # libssl itself would have no session of another id context.
    origin = [*origin, *(["session-id-context"] if here == ["all"] else [])]
    session = session_of(taking_server(*with_tickets(*origin), policy=None), NOBODY)
    check_stranger(taking_server(*with_tickets(*here), policy="require"), session, rightful)


@pytest.mark.parametrize("where", ["tickets", "cache"])
def test_without_dance_such_a_session_is_good(taking_server, impostors, tmp_path, where):  # noqa: F811
    """So it is dance that it is not good for."""
    arguments = with_tickets("ticket-data") if where == "tickets" else with_cache(tmp_path, "ticket-data")
    session = session_of(taking_server("-V", *arguments, policy=None), impostors["no name, of a CA"])
    for retry in (False, True):
        result = attempt(taking_server("-V", *arguments, policy=None), NOBODY, session=session, retry=retry)
        assert result == believed("pkix client", resumed=1)


@pytest.mark.parametrize("where", ["tickets", "cache"])
def test_another_session_after_a_retry(taking_server, rightful, impostors, tmp_path, where):  # noqa: F811
    """The second ClientHello has the say; what was found for the first one counts no more."""
    arguments = with_tickets() if where == "tickets" else with_cache(tmp_path)
    foreign = session_of(taking_server("-V", *arguments, policy=None), impostors["no name, of a CA"])
    server = taking_server(*arguments, policy="require")
    good = session_of(server, rightful)
    assert attempt(server, NOBODY, session=good, retry=True) == believed(DEVICE, resumed=1), server.log.text()
    for hellos in ({"then": foreign}, {"then": None}, {"then": None, "empty_psks": [2]}, {"then": PSK}):
        accepted, read = attempt(server, NOBODY, session=good, retry=True, **hellos)
        assert accepted <= 0, (hellos, read, server.log.text())
    result = attempt(server, NOBODY, session=foreign, then=good, retry=True)
    assert result[0] <= 0 or result == believed(DEVICE, resumed=1), (result, server.log.text())
    assert attempt(server, rightful, retry=True) == believed(DEVICE)


@pytest.mark.parametrize("more", [[], ["-z"]], ids=["", "-z"])
@pytest.mark.parametrize("flag", FLAGS.values())
@pytest.mark.parametrize("name", ["psk-find", "psk-server"])
def test_external_pre_shared_key(taking_server, rightful, name, flag, more):  # noqa: F811
    arguments = (flag, name, "-w", PSK.key.hex(), *more)
    assert attempt(taking_server(*arguments, policy="mixed"), NOBODY, session=PSK)[0] == 1
    check_stranger(taking_server(*arguments, policy="require"), PSK, rightful)


@pytest.mark.parametrize("where", ["tickets", "cache"])
def test_early_data(taking_server, rightful, impostors, tmp_path, where):  # noqa: F811
    """The application has none of a stranger's, and that of a rightful client."""
    arguments = ["-s", "early,replays", *(with_tickets() if where == "tickets" else with_cache(tmp_path))]
    strict = taking_server(*arguments, policy="require")
    for origin, names, who in ((None, [], "no name, of a CA"), (None, ["ticket-data"], "no name, of a CA"),
                               ("mixed", [], "no name, of a CA")):
        theirs = with_tickets(*names) if where == "tickets" else with_cache(tmp_path, *names)
        server = taking_server("-V", "-s", "early,replays", *theirs, policy=origin)
        session = session_of(server, impostors[who])
        # Where it is good, it comes with early data.
        assert attempt(server, NOBODY, session=session, early=b"hello\n")[0] == 1 and server.output.wait("early hello")
        check_stranger(strict, session, rightful, early=b"hello\n")
    session = session_of(strict, rightful)
    assert attempt(strict, NOBODY, session=session, early=b"hello\n") == believed(DEVICE, resumed=1), strict.log.text()
    assert strict.output.wait("early hello")


@pytest.mark.parametrize("flag", FLAGS.values())
def test_a_key_exchange_without_diffie_hellman(taking_server, rightful, impostors, flag):  # noqa: F811
    """psk_ke: not under require, where it would pass by a moment at which we look at the session."""
    server = taking_server(*with_tickets(), flag, "no-dhe-kex", policy="require")
    foreign = session_of(taking_server("-V", *with_tickets(), policy=None), impostors["no name, of a CA"])
    for modes in (PSK_KE, PSK_KE + PSK_DHE_KE):
        session = session_of(server, rightful, psk_modes=modes)
        check_stranger(server, foreign, rightful, psk_modes=modes)
        accepted, read = attempt(server, rightful, session=session, psk_modes=modes)
        assert (accepted, read) == believed(DEVICE, resumed=int(modes != PSK_KE)), (read, server.log.text())


@pytest.fixture
def other_hash(s_client):
    """other_hash(server): a session of a client with another hash function than ours, as a pre-shared key."""
    def elements(der):
        """Tag and contents of each; none here is longer than 65535."""
        while der:
            size = der[1] - 0x80 if der[1] > 0x80 else 0
            length = int.from_bytes(der[2:2 + size], "big") if size else der[1]
            yield der[0], der[2 + size:2 + size + length]
            der = der[2 + size + length:]

    def run(server, path):
        done = s_client(server.port, "-ciphersuites", "TLS_AES_256_GCM_SHA384", "-sess_out", str(path), client=False,
                        request="who\n")
        assert "peer (nobody), verify result 0" in done.text, done.text
        der = subprocess.run(["openssl", "sess_id", "-in", str(path), "-outform", "DER"], check=True,
                             capture_output=True).stdout
        fields = dict(elements(next(elements(der))[1]))
        session = PreSharedKey(bytes(32))  # nobody looks at the binder
        session.ticket = next(elements(fields[0xAA]))[1]
        return session
    return run


@pytest.mark.parametrize("more", [[], ["-z"]], ids=["", "-z"])
@pytest.mark.parametrize("names", [[], ["message"], ["ticket-data"], ["ticket-data", "message"], ["all", "replays"]],
                         ids=lambda names: ",".join(names) or "none")
@pytest.mark.parametrize("where", ["tickets", "cache"])
def test_a_session_that_the_cipher_suite_rules_out(taking_server, rightful, other_hash, tmp_path, where, names,
                                                   more):  # noqa: F811
    """libssl finds it and leaves it for its hash function; 3.0 sends no ticket then, with which a last word could be
    said."""
    folder = tmp_path / "sessions"
    folder.mkdir()
    arguments = with_tickets(*names) if where == "tickets" else with_cache(folder, *names)
    plain = taking_server(*arguments, policy=None)
    session = other_hash(plain, tmp_path / "session")
    client, accepted, read = visit(plain, NOBODY, session=session)
    assert accepted == 1 and "resumed 0" in read and (VERSION != (3, 0) or not client.sessions)
    check_stranger(taking_server(*arguments, *more, policy="require"), session, rightful)


# The application has no sessions that could be resumed, or data of its own where our word would be.
NOT_RESUMED = {"no-tickets", "servername-no-ticket", "ticket-key-none", "not-resumable", "ticket-data"}

# Behind SSL_stateless() libssl takes no pre-shared key, its own client's neither ("binder does not verify").
RESUMING = [arguments for arguments in SINGLY if arguments[1] != "stateless"]


@pytest.mark.parametrize("policy,arguments", [*(("require", arguments) for arguments in RESUMING),
                                              ("dane", ("-t", "ticket-data")), ("dane", ("-t", "stateful")),
                                              ("dane", ("-t", "ticket-key"))],
                         ids=lambda a: a if isinstance(a, str) else " ".join(a))
def test_the_rightful_resume(taking_server, rightful, policy, arguments):  # noqa: F811
    """Or there is a full handshake where the application's own callbacks rule it out, and never an error."""
    server = taking_server(*HOW[policy], *arguments, policy=policy)
    client, *result = visit(server, rightful)
    assert tuple(result) == believed(DEVICE), server.log.text()
    resumed = int(arguments[1] not in NOT_RESUMED)
    assert client.sessions or not resumed
    for session in client.sessions:
        result = attempt(server, rightful, session=session)
        assert result == believed(DEVICE, resumed), (result, server.log.text())


def test_the_rightful_resume_elsewhere(taking_server, rightful, tmp_path):  # noqa: F811
    """Servers of the same policy may share tickets, and caches."""
    for arguments in (with_tickets(), with_cache(tmp_path)):
        session = session_of(taking_server(*arguments, policy="require"), rightful)
        server = taking_server(*arguments, policy="require")
        for _ in range(2):
            assert attempt(server, NOBODY, session=session) == believed(DEVICE, resumed=1), server.log.text()
