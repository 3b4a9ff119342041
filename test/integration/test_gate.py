# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Whatever callbacks an application takes from us: under policy require nobody gets in but whom DANE authenticates,
and under dane it believes nobody else, while the rightful client gets in.

SSL_accept() itself must fail for everybody else: an application may act upon its success at once.

Left out, because the design says that it is not held: an application that takes the security, the info and the
message callback, all three without passing anything on, and asks nobody. So "all" has the security callback that
passes on to what it found.
"""
import os
import re
import subprocess

import pytest

import pki
from conftest import DEVICE, PROGRAMS, attempt, believed, entry, visit
from test_raw_keys import VERSION
from tls13 import extension, vector

# What makes libssl call the callbacks for ALPN and OCSP stapling.
MORE = extension(16, vector(vector(b"x", 1), 2)) + extension(5, b"\1\0\0\0\0")
# The ClientHellos with an empty list of pre-shared keys, and whether there is a HelloRetryRequest. libssl takes such
# a list, and sends no ticket then, with which a last word could be said.
HELLOS = {"plain": {}, "empty psks": {"empty_psks": [1]}, "empty psks after retry": {"empty_psks": [2], "retry": True}}


def takings():
    """The callbacks by name, and where each can be taken."""
    lines = subprocess.run([os.path.join(PROGRAMS, "taking_server"), "-l"], check=True, capture_output=True, text=True)
    return {name: set(where) for name, *where in map(str.split, lines.stdout.splitlines())}


TAKINGS = takings()
FLAGS = {"ctx": "-t", "ssl": "-s"}
SINGLY = [(FLAGS[where], name) for name in TAKINGS for where in ("ctx", "ssl") if where in TAKINGS[name]]
# Early data makes libssl's tickets stateful, "replays" makes them tickets again.
TOGETHER = [("-t", "all"), ("-s", "all"), ("-t", "all", "-s", "all"), ("-t", "all,replays", "-s", "all"),
            ("-t", "all,no-tickets,stateful", "-s", "all"),
            *((flag, pair) for flag in FLAGS.values() for pair in ("security-yes,info", "security-yes,message"))]


@pytest.fixture(scope="module")
def rightful(world):
    return [entry(world.device, DEVICE)], world.key


@pytest.fixture(scope="module")
def impostors(world):
    """What each of them presents: certificates, and the key that signs."""
    pkix = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    return {
        "no certificate": ([], None),
        "no name": ([entry(pki.certificate(world.key, "admin"))], world.key),
        "no name, of a CA": ([entry(pkix)], world.other_key),
        "another key": ([entry(pki.certificate(world.other_key, DEVICE, [DEVICE]), DEVICE)], world.other_key),
        "forged signature": ([entry(world.device, DEVICE)], world.other_key),
    }


def who_gets_in(server, proofs, hellos):
    """Those who do, and how."""
    results = {(who, hello): attempt(server, proof, more=MORE, **HELLOS[hello])
               for who, proof in proofs.items() for hello in hellos}
    return {key: result for key, result in results.items() if result[0] > 0}


@pytest.mark.parametrize("arguments", [(*taken, *dropping) for taken in SINGLY + TOGETHER for dropping in ([], ["-z"])],
                         ids=" ".join)
def test_require(taking_server, rightful, impostors, arguments):
    """The application asks nobody; with -z it says so in each of its callbacks. The rightful client is asked all the
    same, whatever the application set, so it gets in."""
    server = taking_server(*arguments, policy="require")
    got_in = who_gets_in(server, impostors, HELLOS)
    results = [attempt(server, rightful, more=MORE, retry=retry) for retry in (False, True)]
    assert not got_in, (results, server.log.text())
    assert results == [believed(DEVICE)] * 2, (results, server.log.text())


# The application asks nobody after all, or not everybody,
ASKS_LESS = {"servername-none", "mode-none-each-time", "mode-once", "mode-later"}
# goes on with whom it knows to be nobody,
KNOWS = {"verify-callback"}
# or verifies by itself that everybody is good, which is its own word.
TRUSTS = {"verify-yes", "verify-forgive"}


@pytest.mark.parametrize("policy,names", [("mixed", ["another key", "forged signature"]), ("dane", None)],
                         ids=["mixed", "dane"])
@pytest.mark.parametrize("arguments", [taken for taken in SINGLY if taken[1] not in TRUSTS], ids=" ".join)
def test_an_application_that_asks(taking_server, rightful, impostors, arguments, policy, names):
    """It believes nobody but whom DANE authenticates; mixed leaves those who claim no name to the application."""
    server = taking_server("-V", *arguments, policy=policy)
    got_in = who_gets_in(server, {who: impostors[who] for who in names or impostors}, ["plain", "empty psks"])
    result = attempt(server, rightful, more=MORE)
    assert result == believed(DEVICE) or arguments[1] in ASKS_LESS and "peer (nobody)" in result[1], (
        result, server.log.text())
    if arguments[1] in ASKS_LESS | KNOWS:
        got_in = {who: result for who, result in got_in.items() if re.search("peer /.*, verify result 0,", result[1])}
    assert not got_in, server.log.text()


@pytest.mark.parametrize("arguments", [(), ("-t", "message"), ("-t", "all"), ("-s", "all")],
                         ids=lambda a: " ".join(a) or "none")
def test_each_refusal_is_in_the_log_once(taking_server, impostors, arguments):
    server = taking_server(*arguments, policy="require")
    for impostor, alert, reason in (
            ("no certificate", 116, "a client: the client sent no certificate"),
            ("no name", 40, "a client: the client did not send dane_clientid"),
            ("no name, of a CA", 40, "a client: the client did not send dane_clientid"),
            ("another key", 40, f"{DEVICE}: no TLSA record authenticates what the client presented"),
            ("forged signature", 51, f"{DEVICE}: ")):
        server.log.mark()
        client, accepted, _ = visit(server, impostors[impostor], more=MORE)
        lines = re.findall(r"dance: (.*)\n", server.log.text())
        assert len(lines) == 1 and lines[0].startswith(f"refused {reason}"), (impostor, lines)
        assert accepted <= 0 and client.outcome.alert == alert, (impostor, client.outcome)


@pytest.mark.parametrize("arguments", [(), *(taken for taken in SINGLY if re.search("security|version", taken[1])),
                                       *TOGETHER], ids=lambda a: " ".join(a) or "none")
def test_older_versions(world, taking_server, rightful, tls12, arguments):
    """There is no proof in them that require could wait for."""
    server = taking_server(*arguments, policy="require")
    leaf = pki.certificate(world.other_key, DEVICE, [DEVICE], issuer=world.ca, issuer_key=world.ca_key)
    for certificate, key in ((leaf, "other.key"), (world.device, "client.key")):
        accepted, _, done = tls12(server, certificate, key)
        assert accepted <= 0 and done.alert == 70, (done.text, server.log.text())
    assert attempt(server, rightful, more=MORE) == believed(DEVICE), server.log.text()


@pytest.mark.skipif(VERSION >= (4, 0), reason="this OpenSSL has no method of one version")
@pytest.mark.parametrize("arguments", [(), *TOGETHER], ids=lambda a: " ".join(a) or "none")
def test_an_application_without_tls13(world, taking_server, tls12, arguments):
    """TLSv1_2_server_method(): nobody gets in who would without the policy."""
    leaf = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    for policy, good in (("require", False), ("mixed", True)):
        server = taking_server("-m", *arguments, policy=policy)
        accepted, _, done = tls12(server, leaf, "other.key")
        assert (accepted == 1) == good, (policy, done.text, server.log.text())
