# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Each outcome of the DNS, with a client that holds the right key throughout."""
import socket
import time

import pytest

import pki
from conftest import entry
from zone import free_port

REFUSALS = [
    ("dev._device.example.net", "the TLSA record is not secured by DNSSEC"),
    ("bogus._device.example.com", "the TLSA record failed DNSSEC validation"),
    ("dev._device.example.org", "the TLSA record failed DNSSEC validation"),
    ("missing._device.example.com", r"there is no TLSA record \(the name does not exist\)"),
    ("nodata._device.example.com", r"there is no TLSA record \(the name exists, but has no TLSA record\)"),
    ("dev._device.example.edu", r"the TLSA lookup failed \(the DNS answers (SERVFAIL|REFUSED)"),
]


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("name,reason", REFUSALS)
def test_refused(world, s_server, policy, name, reason):
    server = s_server(policy, allow="*")
    outcome = server.client().run([entry(pki.certificate(world.key, name), name)], world.key)
    assert outcome.alert == 40, (outcome, server.log.text())
    assert server.log.wait(f"refused {name}: {reason}")


@pytest.mark.parametrize("name", ["sensor7._device.example.com", "any.wild._device.example.com",
                                  "a.b.c.wild._device.example.com", "alias._device.example.com"])
def test_secure(world, s_server, name):
    server = s_server("require")
    outcome = server.client().run([entry(pki.certificate(world.key, name), name)], world.key)
    assert outcome.accepted, (outcome, server.log.text())
    assert server.log.wait(f"accepted {name} ")


def test_refusal_is_on_the_error_queue(world, s_server):
    """An application that logs OpenSSL's queue, as s_server does, shows the reason."""
    server = s_server("require")
    server.output.mark()
    name = "missing._device.example.com"
    assert server.client().run([entry(pki.certificate(world.key, name), name)], world.key).alert == 40
    assert server.output.wait(f"dance:.*there is no TLSA record.*{name}: the name does not exist")


@pytest.fixture(scope="module")
def black_hole():
    """A DNS server that never answers."""
    with socket.socket(type=socket.SOCK_DGRAM) as s, socket.socket() as t:
        port = free_port()
        s.bind(("127.0.0.1", port))
        t.bind(("127.0.0.1", port))
        t.listen(16)
        yield port


@pytest.fixture(scope="module")
def silent_dns(world, black_hole):
    path = world.write("silent.conf", (
        f'server:\n do-not-query-localhost: no\nstub-zone:\n name: "silent.example.net"\n'
        f" stub-addr: 127.0.0.1@{black_hole}\n").encode())
    return world.dns(unbound_config=path, timeout="1")


def test_silence_ends_at_the_deadline(world, s_server, silent_dns):
    server = s_server("require", dns=silent_dns, allow="*")
    name = "dev.silent.example.net"
    begin = time.monotonic()
    outcome = server.client().run([entry(pki.certificate(world.key, name), name)], world.key)
    took = time.monotonic() - begin
    assert outcome.alert == 40, server.log.text()
    assert server.log.wait(f"refused {name}: the TLSA lookup failed \\(no answer from the DNS within \\d+ ms")
    assert 0.5 < took < 5, took
    # The next client, with a name that the DNS does answer, is let in.
    name = "sensor7._device.example.com"
    assert server.client().run([entry(pki.certificate(world.key, name), name)], world.key).accepted


def test_missing_trust_anchor_file(world, s_server):
    server = s_server("require", dns=world.dns(trust_anchor="/nonexistent/anchor"))
    name = "sensor7._device.example.com"
    assert server.client().run([entry(pki.certificate(world.key, name), name)], world.key).alert == 40
    assert server.log.wait("the TLSA lookup failed.*/nonexistent/anchor: No such file")


def test_resolver_program_is_missing(world, s_server):
    server = s_server("require", dns=world.dns(resolver="/nonexistent/dance-resolver"))
    name = "sensor7._device.example.com"
    assert server.client().run([entry(pki.certificate(world.key, name), name)], world.key).alert == 40
    assert server.log.wait("dance-resolver cannot be reached.*/nonexistent/dance-resolver")
