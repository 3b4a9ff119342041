# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Each outcome of the DNS, with a client that holds the right key throughout."""
import os
import socket
import subprocess
import time

import pytest

import pki
from conftest import entry
from zone import free_port, patient, wait_for

REFUSALS = [
    ("dev._device.example.net", "the TLSA record is not secured by DNSSEC"),
    ("bogus._device.example.com", "the TLSA record failed DNSSEC validation"),
    ("dev._device.example.org", "the TLSA record failed DNSSEC validation"),
    ("missing._device.example.com", r"there is no TLSA record \(the name does not exist, believed for \d+ s still\)"),
    ("nodata._device.example.com", r"there is no TLSA record \(the name exists, but has no TLSA record, believed for \d+ s still\)"),
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
    # The resolver is there: what it takes to start it is not what is measured.
    name = "sensor7._device.example.com"
    assert server.client().run([entry(pki.certificate(world.key, name), name)], world.key).accepted
    name = "dev.silent.example.net"
    begin = time.monotonic()
    outcome = server.client().run([entry(pki.certificate(world.key, name), name)], world.key)
    took = time.monotonic() - begin
    assert outcome.alert == 40, server.log.text()
    assert server.log.wait(f"refused {name}: the TLSA lookup failed \\(no answer from the DNS within \\d+ ms")
    assert 0.5 < took < 5, took
    # The next client, with a name that the DNS does answer, is let in.
    name = "after.wild._device.example.com"
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


@pytest.fixture(scope="module")
def dot_forwarder(world, tmp_path_factory):
    """A real Unbound that forwards to the zone's server and answers by DNS over TLS alone."""
    folder = tmp_path_factory.mktemp("dot")
    os.chmod(folder, 0o755)
    port = free_port()
    ca_key = pki.new_key()
    ca = pki.certificate(ca_key, "DoT CA", ca=True)
    key = pki.new_key()
    leaf = pki.certificate(key, "dns.example.net", ["dns.example.net"], issuer=ca, issuer_key=ca_key)
    (folder / "ca.crt").write_bytes(pki.pem(ca))
    (folder / "dns.crt").write_bytes(pki.pem(leaf) + pki.pem(ca))
    (folder / "dns.key").write_bytes(pki.key_pem(key))
    (folder / "unbound.conf").write_text(
        f'server:\n interface: 127.0.0.1@{port}\n tls-port: {port}\n tls-service-pem: "{folder}/dns.crt"\n'
        f' tls-service-key: "{folder}/dns.key"\n username: ""\n chroot: ""\n directory: "{folder}"\n use-syslog: no\n'
        f' pidfile: ""\n do-not-query-localhost: no\n do-daemonize: no\n module-config: "iterator"\n'
        f' logfile: "{folder}/log"\nremote-control:\n control-enable: no\nforward-zone:\n name: "."\n'
        f" forward-addr: 127.0.0.1@{world.zones.port}\n")
    process = subprocess.Popen(["/usr/sbin/unbound", "-d", "-c", str(folder / "unbound.conf")])

    def listens():
        assert process.poll() is None
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    wait_for(listens, what="Unbound")
    (folder / "client.conf").write_text(f'server:\n tls-cert-bundle: "{folder}/ca.crt"\n')
    yield port, str(folder / "client.conf")
    process.terminate()
    process.wait(patient(10))


@pytest.mark.skipif(not os.path.exists("/usr/sbin/unbound"), reason="unbound is not installed")
@pytest.mark.parametrize("name,accepted", [("dns.example.net", True), ("other.example.net", False)])
def test_forwarder_over_tls(world, s_server, dot_forwarder, name, accepted):
    """The forwarder's certificate must be for the name behind #."""
    port, conf = dot_forwarder
    server = s_server("require", dns=world.dns(forward=f"127.0.0.1@{port}\\#{name}", unbound_config=conf))
    device = "sensor7._device.example.com"
    outcome = server.client().run([entry(world.device, device)], world.key)
    if "this libunbound cannot do DNS over TLS" in server.log.text():
        # Then it must not be done in the clear either.
        assert outcome.alert == 40
        pytest.skip("this libunbound is built without DNS over TLS (Debian 12); refused, as it must be")
    assert outcome.accepted if accepted else outcome.alert == 40, server.log.text()
    assert server.log.wait(f"accepted {device}" if accepted else f"refused {device}: the TLSA lookup failed")
