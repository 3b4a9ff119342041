# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Who is let in under mixed, dane and require."""
import subprocess

import pytest

import openssls
import pki
from conftest import DEVICE, entry

PYTHON_SERVER = """
import socket, ssl, sys
port, crt, key, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS if mode == "generic" else ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(crt, key)
listener = socket.create_server(("127.0.0.1", port))
while True:
    connection, _ = listener.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.sendall(tls.recv(100)[::-1])
    except OSError as error:
        print(error, flush=True)
"""


def test_the_request_carries_the_empty_name(world, s_server):
    for policy in ("mixed", "dane", "require"):
        outcome = s_server(policy).client().run([entry(world.device, DEVICE)], world.key)
        assert outcome.request_extensions[65280] == b"\0"


@pytest.mark.parametrize("policy,alert", [("mixed", None), ("dane", 40), ("require", 40)])
def test_certificate_of_the_applications_ca_without_extension(world, s_server, policy, alert):
    leaf = pki.certificate(world.key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    server = s_server(policy)
    outcome = server.client().run([entry(leaf)], world.key)
    assert outcome.alert == alert and outcome.accepted == (alert is None), (outcome, server.log.text())
    if alert:
        assert server.log.wait("refused a client: the client did not send dane_clientid")
    else:
        assert server.log.text() == ""


def test_mixed_leaves_the_applications_own_refusal_alone(world, s_server):
    server = s_server("mixed")
    outcome = server.client().run([entry(world.device)], world.key)
    assert outcome.alert not in (None, 40), outcome  # libssl's own alert for an unknown issuer


@pytest.mark.parametrize("policy", ["mixed", "dane"])
def test_dane_is_no_second_chance_for_pkix(world, s_server, policy):
    """A certificate of a trusted CA does not help a client whose DANE identity fails."""
    name = "missing._device.example.com"
    leaf = pki.certificate(world.key, name, [name], issuer=world.ca, issuer_key=world.ca_key)
    server = s_server(policy)
    assert server.client().run([entry(leaf, name)], world.key).alert == 40


@pytest.mark.parametrize("policy,alert", [("mixed", None), ("dane", None), ("require", 116)])
def test_no_certificate(world, s_server, policy, alert):
    server = s_server(policy, ask="optional")
    outcome = server.client().run([], None)
    assert outcome.alert == alert and outcome.accepted == (alert is None), (outcome, server.log.text())
    if alert:
        assert server.log.wait("refused a client: the client sent no certificate")


@pytest.mark.parametrize("policy", ["mixed", "dane"])
def test_application_may_go_on_with_nobody(world, s_server, policy):
    """s_server -Verify without -verify_return_error goes on, and is told so."""
    server = s_server(policy, strict=False)
    outcome = server.client().run([entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key)
    assert outcome.accepted, (outcome, server.log.text())
    assert server.log.wait(f"not authenticated, the application goes on with {DEVICE}")


def test_application_may_not_go_on_under_require(world, s_server):
    server = s_server("require", strict=False)
    outcome = server.client().run([entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key)
    assert outcome.alert == 40, (outcome, server.log.text())


def test_require_asks_where_s_server_does_not(world, s_server):
    server = s_server("require", ask=False)
    assert server.client().run([entry(world.device, DEVICE)], world.key).accepted
    assert server.client().run([], None).alert == 116


@pytest.mark.parametrize("mode", ["server", "generic"])
def test_require_asks_where_python_does_not(world, start, mode):
    server = start(["/usr/bin/python3", "-W", "ignore", "-c", PYTHON_SERVER, "PORT", world.path("server.crt"),
                    world.path("server.key"), mode],
                   server={"policy": "require", "allow": "*._device.example.com"})
    module = subprocess.run(["/usr/bin/python3", "-c", "import _ssl; print(_ssl.__file__)"], capture_output=True,
                            text=True, check=True).stdout.strip()
    assert server.client().run([entry(world.device, DEVICE)], world.key).accepted, server.output.text()
    if openssls.is_other("Python", module):
        assert server.client().run([], None).accepted
        assert server.log.wait(openssls.OTHER)
        return
    wrong = pki.certificate(world.other_key, DEVICE)
    assert server.client().run([entry(wrong, DEVICE)], world.other_key).alert == 40
    assert server.client().run([entry(world.device)], world.key).alert == 40
    assert server.client().run([], None).alert == 116
    assert server.client().run([entry(world.device, DEVICE)], world.key).accepted
    assert "sensor7" in server.log.wait("accepted .*").group(0)


@pytest.mark.parametrize("policy", ["mixed", "dane"])
def test_nobody_is_asked_by_our_own_will(world, s_server, policy):
    outcome = s_server(policy, ask=False).client().run([], None)
    assert outcome.request_extensions is None and outcome.accepted


@pytest.mark.parametrize("policy,accepted,alert", [("mixed", True, None), ("dane", False, 40),
                                                   ("require", False, 70)])
def test_tls12_client_with_certificate(world, s_server, s_client, tmp_path, policy, accepted, alert):
    leaf = pki.certificate(world.key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    path = tmp_path / "leaf.crt"
    path.write_bytes(pki.pem(leaf))
    server = s_server(policy)
    done = s_client(server.port, "-tls1_2", "-cert", str(path), "-key", world.path("client.key"), client=False)
    assert done.accepted == accepted and done.alert == alert, done.text
    if policy == "require":
        assert server.log.wait("DANE client authentication needs TLS 1.3")


def test_tls12_client_without_certificate(world, s_server, s_client):
    assert s_client(s_server("dane", ask="optional").port, "-tls1_2", client=False).accepted
    assert s_client(s_server("require", ask="optional").port, "-tls1_2", client=False).alert == 70


def test_server_that_rules_tls13_out(world, s_server, s_client):
    """Under require nobody gets in, and the log says why."""
    server = s_server("require", "-no_tls1_3")
    assert not s_client(server.port).accepted
    assert server.log.wait("this server's own settings rule TLS 1.3 out")


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_an_application_that_calls_the_callbacks_it_found(world, odd_server, talk, policy):
    """Info callbacks of its own that pass each event on to ours, which passes events on to them."""
    server = odd_server("-V", "-J", policy=policy)
    for entries, good in (([entry(world.device, DEVICE)], True), ([entry(world.device)], False)):
        c = talk(server)
        c.handshake(entries, world.key)
        assert (c.ask() is not None) == good, (server.output.text(), server.log.text())
        server.alive()


@pytest.mark.parametrize("arguments", [["-v"], ["-v", "-I", "-H", "-M"], ["-I", "-H", "-M"], ["-V", "-I", "-H", "-M", "-X"]],
                         ids=" ".join)
@pytest.mark.parametrize("certificate", [False, True], ids=["none", "pkix"])
def test_require_has_no_tls12_whatever_callbacks_are_taken(world, odd_server, s_client, arguments, certificate):
    leaf = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    mine = ["-cert", world.write("pkix.crt", pki.pem(leaf)), "-key", world.path("other.key")] if certificate else []
    server = odd_server(*arguments, policy="require")
    done = s_client(server.port, "-tls1_2", *mine, client=False)
    assert done.alert == 70 and "peer" not in server.output.text(), (done.text, server.output.text())
