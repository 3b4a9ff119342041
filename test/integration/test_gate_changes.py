# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Applications that make up their mind in the middle of a handshake, clients that leave out what libssl waits for, and
what there is besides certificates and TLS 1.3: under policy require it is the same for all of them."""
import pytest

import pki
from conftest import DEVICE, attempt, believed
from test_gate import MORE, TOGETHER, impostors, rightful, who_gets_in  # noqa: F401 (two of them are fixtures)
from test_raw_keys import NEGOTIATED, needs_raw_keys, raw_client  # noqa: F401 (the last one is a fixture)

# When, by which callback, and what it takes then from whoever had it on this SSL. All three of security, info and
# message is what the design says is not held, see test_gate.py.
MOMENTS = ["hello-late", "servername-late", "certificate-late", "status-late", "request-late"]
LATE = ["all", "info", "message", "security-yes", "security-chain", "security-yes,info", "security-yes,message",
        "verify-callback", "mode-once", "mode-later", "session-id-context", "other-context", "no-tickets", "stateful",
        "no-tickets,stateful,info", "psk-find", "no-dhe-kex", "any-version"]
# Once it has chosen its certificate, libssl itself bears no other SSL_CTX, which is one of "all".
FAIR = [(moment, late) for moment in MOMENTS for late in LATE
        if not (moment in ("status-late", "request-late") and late in ("all", "other-context"))]
HELLOS = ["plain", "empty psks"]


def check(server, rightful, impostors):  # noqa: F811
    got_in = who_gets_in(server, impostors, HELLOS)
    result = attempt(server, rightful, more=MORE)
    assert not got_in, (result, server.log.text())
    assert result == believed(DEVICE), (result, server.log.text())


@pytest.mark.parametrize("moment,late", FAIR)
def test_taken_in_the_middle(taking_server, rightful, impostors, moment, late):  # noqa: F811
    check(taking_server("-t", moment, "-L", late, policy="require"), rightful, impostors)


@pytest.mark.parametrize("moment,late", FAIR)
def test_and_dropping_the_verify_mode(taking_server, impostors, moment, late):  # noqa: F811
    """In each callback that it took. It may have the last word then, whether there is a CertificateRequest: whoever is
    not asked does not get in. Without, the rightful client does, see test_taken_in_the_middle."""
    server = taking_server("-t", moment, "-L", late, "-z", policy="require")
    assert not who_gets_in(server, impostors, HELLOS), server.log.text()


@pytest.mark.parametrize("dropping", [[], ["-z"]], ids=["", "dropping"])
@pytest.mark.parametrize("others", ["all", "security-yes", "security-chain", "info", "message", "security-yes,info",
                                    "security-yes,message", "verify-yes", "verify-null", "no-tickets", "ticket-data"])
@pytest.mark.parametrize("how", [("-t", "servername-switch"), ("-s", "other-context")], ids=" ".join)
def test_a_context_to_switch_to(taking_server, rightful, impostors, how, others, dropping):  # noqa: F811
    """What it took, the one that the SSL was made of did not; SSL_set_SSL_CTX() brings some of it."""
    check(taking_server(*how, "-o", others, *dropping, policy="require"), rightful, impostors)


CONFIGURATIONS = pytest.mark.parametrize("arguments", [(), *TOGETHER], ids=lambda a: " ".join(a) or "none")


@CONFIGURATIONS
def test_messages_left_out(taking_server, rightful, arguments):  # noqa: F811
    entries, _ = rightful
    check(taking_server(*arguments, policy="require"), rightful,
          {"no CertificateVerify": (entries, None), "no Certificate": (None, None)})


@CONFIGURATIONS
@pytest.mark.parametrize("section", [{"policy": "require", "allow": "a..b"}, {"policy": "requier"},
                                     {"policy": "require", "usages": "pkix"}], ids=lambda s: " ".join(s.values()))
def test_a_fault_lets_nobody_in(world, taking_server, tls12, rightful, impostors, arguments, section):  # noqa: F811
    """Not those either who would be let in without the fault, see test_gate.py."""
    server = taking_server(*arguments, **section)
    got_in = who_gets_in(server, {"rightful": rightful, **impostors}, HELLOS)
    result = tls12(server, world.device, "client.key")[0]
    assert not got_in and result <= 0, (result, server.log.text())


@needs_raw_keys
@CONFIGURATIONS
def test_raw_public_keys(world, taking_server, s_client, raw_client, arguments):  # noqa: F811
    server = taking_server(*arguments, policy="require", raw_public_key="yes")
    certificate = world.write("own.crt", pki.pem(world.device))

    def nameless(key):
        return s_client(server.port, "-enable_client_rpk", "-cert", certificate, "-key", world.path(key), client=False,
                        request="who\n")
    for done, good in ((raw_client(server.port, request="who\n"), True),
                       (raw_client(server.port, DEVICE, "other.key", request="who\n"), False),
                       (nameless("client.key"), False), (raw_client(server.port, request="who\n"), True)):
        assert NEGOTIATED in done.text, done.text
        assert ("peer (nobody), verify result 0" in done.text) == good, (done.text, server.log.text())
    assert server.output.text().count("accept 1") == 2, server.output.text()
