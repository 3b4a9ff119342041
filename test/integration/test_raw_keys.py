# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Raw public keys (RFC 7250), by configuration alone: no application here has a flag for them."""
import re
import subprocess

import pytest

import pki
from conftest import DEVICE, PROGRAMS, config, environment

VERSION = tuple(int(n) for n in re.search(r"OpenSSL (\d+)\.(\d+)", subprocess.run(
    ["openssl", "version"], capture_output=True, text=True, check=True).stdout).groups())
NEGOTIATED = "Client-to-server raw public key negotiated"
needs_raw_keys = pytest.mark.skipif(VERSION < (3, 2), reason="raw public keys need OpenSSL 3.2")


@pytest.fixture
def raw_client(world, s_client):
    """raw_client(port, name, key, ...): s_client with a client section that offers a raw public key."""

    def run(port, name=DEVICE, key="client.key", *arguments, request="ping\n", **section):
        return s_client(port, *arguments, request=request, client={
            "identity": name, "private_key": world.path(key), "raw_public_key": "yes", **section})
    return run


@needs_raw_keys
@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("ask", [True, "optional"])
def test_both_sides_by_configuration(s_server, raw_client, policy, ask):
    server = s_server(policy, ask=ask, raw_public_key="yes")
    done = raw_client(server.port)
    assert done.accepted and NEGOTIATED in done.text, (done.text, server.log.text())
    assert server.log.wait(rf"accepted {DEVICE} \(TLSA 3 1 1, TTL \d+ s, raw public key\)")


@needs_raw_keys
def test_server_that_was_not_asked_to_ask(s_server, raw_client):
    """require raises s_server -accept without -Verify."""
    server = s_server("require", ask=False, raw_public_key="yes")
    done = raw_client(server.port)
    assert done.accepted and NEGOTIATED in done.text, (done.text, server.log.text())
    assert server.log.wait(f"accepted {DEVICE}.*raw public key")


@needs_raw_keys
@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("ask", [True, "optional"])
@pytest.mark.parametrize("strict", [True, False])
def test_another_key(s_server, raw_client, policy, ask, strict):
    """Refused also where the application's verify callback says yes to everybody: it is not asked."""
    server = s_server(policy, ask=ask, strict=strict, raw_public_key="yes")
    done = raw_client(server.port, DEVICE, "other.key")
    assert done.alert == 40 and not done.accepted and NEGOTIATED in done.text, (done.text, server.log.text())
    assert server.log.wait(f"refused {DEVICE}: no TLSA record authenticates")


@needs_raw_keys
@pytest.mark.parametrize("server_takes,client_offers", [("no", "yes"), ("yes", "no"), ("no", "no")])
def test_certificate_is_the_fallback(world, s_server, s_client, server_takes, client_offers):
    server = s_server("require", raw_public_key=server_takes)
    done = s_client(server.port, client={"identity": DEVICE, "private_key": world.path("client.key"),
                                         "raw_public_key": client_offers})
    assert done.accepted and NEGOTIATED not in done.text, (done.text, server.log.text())
    assert server.log.wait(rf"accepted {DEVICE} \(TLSA 3 1 1, TTL \d+ s\)")


# Only 3 1 x records authenticate a key without a certificate (draft, section 9).
@needs_raw_keys
@pytest.mark.parametrize("usage,selector,mtype", [(u, s, m) for u in range(4) for s in range(2) for m in range(3)])
def test_only_dane_ee_spki_records_count(s_server, raw_client, usage, selector, mtype):
    server = s_server("mixed", raw_public_key="yes")
    name = f"u{usage}{selector}{mtype}._device.example.com"
    done = raw_client(server.port, name)
    assert NEGOTIATED in done.text
    if (usage, selector) == (3, 1):
        assert done.accepted, (done.text, server.log.text())
        assert server.log.wait(rf"accepted {name} \(TLSA 3 1 {mtype}, TTL \d+ s, raw public key\)")
    else:
        assert done.alert == 40 and not done.accepted, (done.text, server.log.text())
        assert server.log.wait(f"refused {name}: no TLSA record authenticates")


@needs_raw_keys
@pytest.mark.parametrize("name,reason", [
    ("outside.example.com", "no pattern of allow"), ("nothere._device.example.com", "there is no TLSA record"),
    ("bogus._device.example.com", "failed DNSSEC validation"), ("dev._device.example.net", "not secured by DNSSEC"),
    ("unusable._device.example.com", "no TLSA record of the client is usable")])
def test_refusals(s_server, raw_client, name, reason):
    server = s_server("mixed", raw_public_key="yes")
    done = raw_client(server.port, name)
    assert done.alert == 40 and not done.accepted and NEGOTIATED in done.text, (done.text, server.log.text())
    assert server.log.wait(f"refused {name}: .*{reason}")


@needs_raw_keys
def test_usages_count(s_server, raw_client):
    server = s_server("mixed", raw_public_key="yes", usages="dane-ta, pkix-ee")
    done = raw_client(server.port)
    assert done.alert == 40, done.text
    assert server.log.wait("no TLSA record of the client is usable")


@needs_raw_keys
@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_key_without_a_name(world, s_server, s_client, policy):
    """A client that has raw public keys by itself: a key that nobody vouches for is refused."""
    path = world.write("own.crt", pki.pem(world.device))
    server = s_server(policy, ask="optional", strict=False, raw_public_key="yes")
    done = s_client(server.port, "-enable_client_rpk", "-cert", path, "-key", world.path("client.key"), client=False)
    assert done.alert == 40 and not done.accepted and NEGOTIATED in done.text, (done.text, server.log.text())
    assert server.log.wait("refused a client: the client did not send dane_clientid")


@needs_raw_keys
@pytest.mark.parametrize("policy,accepted", [("mixed", True), ("dane", True), ("require", False)])
def test_no_credential_at_all(s_server, s_client, policy, accepted):
    server = s_server(policy, ask="optional", raw_public_key="yes")
    done = s_client(server.port, "-enable_client_rpk", client=False)
    assert done.accepted == accepted, (done.text, server.log.text())
    assert accepted or done.alert == 116


@needs_raw_keys
@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_application_that_takes_raw_keys_by_itself(s_server, raw_client, policy):
    """raw_public_key = no: a DANE client's key is refused with the reason, whoever negotiated it."""
    server = s_server(policy, "-enable_client_rpk", strict=False)
    done = raw_client(server.port)
    assert done.alert == 40 and not done.accepted and NEGOTIATED in done.text, (done.text, server.log.text())
    assert server.log.wait(f"refused {DEVICE}: raw public keys are not accepted here")


@needs_raw_keys
@pytest.mark.parametrize("raw", ["yes", "no"])
def test_application_with_a_certificate_of_its_own(world, s_server, s_client, raw):
    """It would have to be sent as a key: so none is offered."""
    leaf = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    path = world.write("own.crt", pki.pem(leaf))
    server = s_server("mixed", raw_public_key="yes")
    done = s_client(server.port, "-cert", path, "-key", world.path("other.key"), client={
        "identity": DEVICE, "private_key": world.path("client.key"), "raw_public_key": raw})
    assert done.accepted and NEGOTIATED not in done.text, (done.text, server.log.text())
    assert server.log.text() == ""


@needs_raw_keys
def test_servers_that_may_not_learn_the_identity(s_server, raw_client):
    server = s_server("mixed", ask="optional", raw_public_key="yes")
    done = raw_client(server.port, DEVICE, "client.key", "-servername", "other.example.org", servers="*.example.net")
    assert done.accepted and NEGOTIATED not in done.text, (done.text, server.log.text())
    assert server.log.text() == ""


@needs_raw_keys
@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("arguments", [[], ["-no_ticket"]], ids=["ticket", "cache"])
def test_resumption(s_server, raw_client, tmp_path, policy, arguments):
    server = s_server(policy, *arguments, raw_public_key="yes")
    session = str(tmp_path / "session")
    first = raw_client(server.port, DEVICE, "client.key", "-sess_out", session)
    assert first.accepted and NEGOTIATED in first.text, (first.text, server.log.text())
    again = raw_client(server.port, DEVICE, "client.key", "-sess_in", session)
    assert again.accepted and "Reused, TLSv1.3" in again.text, (again.text, server.log.text())


@needs_raw_keys
def test_ordinary_clients_notice_nothing(world, s_server, s_client):
    leaf = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    path = world.write("own.crt", pki.pem(leaf))
    server = s_server("mixed", raw_public_key="yes")
    done = s_client(server.port, "-cert", path, "-key", world.path("other.key"), client=False)
    assert done.accepted and server.log.text() == "", (done.text, server.log.text())


@needs_raw_keys
@pytest.mark.parametrize("raw", ["yes", "no"])
def test_ordinary_server_gets_nothing(world, start, s_client, raw):
    """A server without the module that takes raw public keys: none is sent, and it lets the client pass as before."""
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key"), "-rev", "-verify", "3", "-enable_client_rpk"], conf=False)
    done = s_client(server.port, client={"identity": DEVICE, "private_key": world.path("client.key"),
                                         "raw_public_key": raw})
    assert done.accepted, done.text
    assert server.output.wait("CONNECTION CLOSED")
    assert "No peer certificate or raw public key" in server.output.text(), server.output.text()


@pytest.mark.skipif(VERSION >= (3, 2), reason="this OpenSSL has raw public keys")
def test_older_openssl_refuses_the_key_by_its_name(world, s_server, s_client):
    server = s_server("require", raw_public_key="yes")
    done = s_client(server.port)
    assert done.alert == 40 and not done.accepted
    assert server.log.wait("server.raw_public_key = yes: allowed: no, or yes with OpenSSL 3.2 or later")
    done = s_client(s_server("mixed", ask="optional").port, client={
        "identity": DEVICE, "private_key": world.path("client.key"), "raw_public_key": "yes"})
    assert done.accepted and done.log.wait("client.raw_public_key = yes: allowed: no, or yes with OpenSSL 3.2 or later")


@needs_raw_keys
@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("arguments", [["-V", "-C"], ["-V", "-C", "-I"], ["-V", "-C", "-A"], ["-V", "-C", "-A", "-K"]],
                         ids=" ".join)
def test_verify_callback_that_reads_the_certificate(odd_server, raw_client, policy, arguments):
    """It would crash: it is never called for a raw public key, also by the application's cert_verify_callback."""
    server = odd_server(*arguments, policy=policy, raw_public_key="yes")
    for key, accepted in (("client.key", True), ("other.key", False), ("client.key", True)):
        done = raw_client(server.port, DEVICE, key, request="who\n")
        assert NEGOTIATED in done.text and ("peer (nobody), verify result 0" in done.text) == accepted, (
            done.text, server.log.text())


@needs_raw_keys
@pytest.mark.parametrize("arguments", [["-V", "-C", "-R"], ["-V", "-C", "-R", "-I"]], ids=" ".join)
def test_the_verify_callback_comes_back(world, odd_server, s_client, raw_client, arguments):
    """One SSL for all clients: the next one with a certificate is judged by the application's callback again."""
    server = odd_server(*arguments, raw_public_key="yes")
    paths = {}
    for name in ("wanted", "unwanted"):
        leaf = pki.certificate(world.other_key, name, issuer=world.ca, issuer_key=world.ca_key)
        paths[name] = world.write(name + ".crt", pki.pem(leaf))
    for _ in range(2):
        assert "peer (nobody), verify result 0" in raw_client(server.port, request="who\n").text, server.log.text()
        for name, accepted in (("wanted", True), ("unwanted", False)):
            done = s_client(server.port, "-cert", paths[name], "-key", world.path("other.key"), client=False,
                            request="who\n")
            assert (f"peer /CN={name}, verify result 0" in done.text) == accepted, (done.text, server.log.text())
