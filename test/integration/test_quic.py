# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""QUIC with libssl's own API (servers: OpenSSL 3.5 and later), s_client -quic as it is."""
import concurrent.futures
import os
import subprocess
import time

import pytest

import pki
from conftest import DEVICE, PROGRAMS, config, environment, server_program
from test_stapling import brought, client, nobody_asked, tree  # noqa: F401 (fixtures)
from zone import Proxy, patient, wait_for

POLICIES = ["mixed", "dane", "require"]
SERVER = os.path.join(PROGRAMS, "quic_server")


@pytest.fixture(scope="module", autouse=True)
def quic():
    done = subprocess.run([SERVER, "-h"], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())


quic_server = server_program("quic_server", usual="require", ready=lambda p: "ready" in p.output.text())


@pytest.fixture
def quic_client(world, s_client, tmp_path):
    """quic_client(server, ...): what s_client got; accepted if the server answered."""
    def run(server, *arguments, **kwargs):
        server.output.mark()
        done = s_client(server.port, "-quic", "-alpn", "test", *arguments, **kwargs)
        assert server.alive()
        return done
    return run


def pkix(world, tmp_path):
    """Arguments for a certificate that the application's CA knows, of the identity's own key."""
    path = tmp_path / "leaf.crt"
    path.write_bytes(pki.pem(pki.certificate(world.key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)))
    return "-cert", str(path), "-key", world.path("client.key")


def impostor(world):
    return {"identity": DEVICE, "private_key": world.path("other.key")}


@pytest.mark.parametrize("policy", POLICIES)
def test_client_and_impostor(world, quic_server, quic_client, policy):
    server = quic_server("-V", policy=policy)
    for _ in range(2):
        done = quic_client(server)
        assert done.accepted, (done.text, server.log.text(), server.output.text())
        assert server.output.wait(f"peer /CN={DEVICE}, verify result 0, resumed 0, queue: empty")
        assert server.log.wait(f"accepted {DEVICE} \\(TLSA 3 1 1")
        server.log.mark()
        done = quic_client(server, client=impostor(world))
        assert not done.accepted and server.log.wait(f"refused {DEVICE}: no TLSA record authenticates"), done.text
        assert server.output.wait("ended: .*dance")
        server.log.mark()


@pytest.mark.parametrize("policy,let_in", [("mixed", True), ("dane", False), ("require", False)])
def test_certificate_of_the_applications_own_ca(world, quic_server, quic_client, tmp_path, policy, let_in):
    server = quic_server("-V", policy=policy)
    done = quic_client(server, *pkix(world, tmp_path), client=False)
    assert done.accepted == let_in, (done.text, server.log.text())
    if let_in:
        assert server.output.wait("peer /CN=pkix client, verify result 0") and server.log.text() == ""
    else:
        assert server.log.wait("refused a client: the client did not send dane_clientid")


@pytest.mark.parametrize("policy,let_in", [("mixed", True), ("dane", True), ("require", False)])
def test_no_certificate(quic_server, quic_client, policy, let_in):
    server = quic_server("-v", policy=policy)
    assert quic_client(server, client=False).accepted == let_in, server.log.text()
    if not let_in:
        assert server.log.wait("refused a client: the client sent no certificate")


@pytest.mark.parametrize("arguments", [[], ["-v"], ["-I"], ["-H"], ["-K"], ["-V", "-X"], ["-V", "-X", "-K"],
                                       ["-I", "-H"], ["-V", "-X", "-I", "-H", "-M"]], ids=lambda a: " ".join(a) or "none")
def test_require_holds(world, quic_server, quic_client, tmp_path, arguments):
    """Whatever the application asks for, and whatever callbacks it took."""
    server = quic_server(*arguments)
    done = quic_client(server)
    assert done.accepted, (done.text, server.log.text(), server.output.text())
    for client in (dict(client=impostor(world)), dict(client=False)):
        assert not quic_client(server, **client).accepted, server.log.text()
    assert not quic_client(server, *pkix(world, tmp_path), client=False).accepted
    assert quic_client(server).accepted
    assert "peer (nobody)" not in server.output.text()


def test_asked_whatever_is_taken(quic_server, quic_client):
    """The application asks nobody and took the callbacks that see a handshake go on."""
    server = quic_server("-I", "-H", "-M")
    for client, good in ((None, True), (False, False)):
        assert quic_client(server, client=client).accepted == good, server.log.text()


@pytest.mark.parametrize("policy", POLICIES)
def test_resumption(quic_server, quic_client, tmp_path, policy):
    server = quic_server("-V", policy=policy)
    session = str(tmp_path / "session")
    assert quic_client(server, "-sess_out", session).accepted
    done = quic_client(server, "-sess_in", session, client=False)
    assert done.accepted, (done.text, server.log.text())
    assert server.output.wait(f"peer /CN={DEVICE}, verify result 0, resumed 1")


TIMEOUT, SLOW = 2, 1
BUSY = r"too many TLSA lookups are in flight \(other clients of the QUIC listener have waited enough, the lookup goes on"


@pytest.fixture
def dns_at_will(world):
    """A DNS that has no answer to silent names, and one after SLOW seconds to slow ones."""
    delays = {"silent": None, "slow": SLOW}
    proxy = Proxy(world.zones.port, lambda name: delays.get(name.partition("-")[0], 0))
    yield proxy
    proxy.stop()


def test_silent_names_delay_others_once(world, quic_server, quic_client, dns_at_will, tmp_path):
    """libssl holds the listener's lock while a handshake waits for the DNS, so all its clients wait. They do so once;
    then a name whose answer is not there is refused at once, and gets in when it is."""
    server = quic_server("-V", dns=world.dns(forward=f"127.0.0.1@{dns_at_will.port}", timeout=TIMEOUT))

    def connect(name):
        conf = config(tmp_path / f"{name}.cnf", tmp_path / f"{name}.log",
                      client={"identity": name, "private_key": world.path("client.key")})
        begin = time.monotonic()
        return quic_client(server, conf=conf).accepted, time.monotonic() - begin
    assert connect(DEVICE)[0], server.log.text()
    silent = [f"silent-{i}.wild._device.example.com" for i in range(8)]  # more refusals in a second are counted, not said
    with concurrent.futures.ThreadPoolExecutor(len(silent)) as pool:
        others = [pool.submit(connect, name) for name in silent]
        wait_for(lambda: any(name in dns_at_will.seen for name in silent), what="a lookup")
        accepted, seconds = connect(DEVICE)
        others = [other.result() for other in others]
    assert accepted and seconds < 2 * TIMEOUT, (seconds, others, server.log.text())
    assert all(not in_ and seconds < 2 * TIMEOUT for in_, seconds in others), (others, server.log.text())
    # The resolver goes on with a lookup, whatever became of its client.
    slow = "slow-1.wild._device.example.com"
    begin = time.monotonic()
    assert not connect(slow)[0] and server.log.wait(f"refused {slow}: {BUSY}")
    wait_for(lambda: time.monotonic() > begin + SLOW)
    assert connect(slow)[0] or connect(slow)[0], server.log.text()


@pytest.fixture
def other_library(world, tmp_path):
    """The handshake as other QUIC libraries have libssl do it, both ends in one process; what the server says."""

    def run(policy, identity="client.key", *arguments):
        client = {"identity": DEVICE, "private_key": world.path(identity)} if identity else None
        conf = config(tmp_path / "openssl.cnf", tmp_path / "log", client=client, dns=world.dns(),
                      server={"policy": policy, "allow": "*._device.example.com"})
        done = subprocess.run([os.path.join(PROGRAMS, "quic_tls"), world.path("server.crt"), world.path("server.key"),
                               *arguments], env=environment(conf), capture_output=True, text=True, timeout=patient(20))
        assert done.returncode == 0, done
        return done.stdout
    return run


@pytest.mark.parametrize("policy", POLICIES)
def test_handshakes_for_another_library(other_library, policy):
    assert other_library(policy, "client.key", "ask") == f"client: /CN={DEVICE}, verify result 0\n"
    assert other_library(policy, "other.key", "ask") == \
        "refused: no TLSA record authenticates what the client presented, alert 40\n"
    assert other_library(policy, None, "ask").endswith("alert 116\n")


def test_require_asks_for_another_library_too(other_library):
    assert other_library("require") == f"client: /CN={DEVICE}, verify result 0\n"
    assert other_library("require", "other.key").endswith("alert 40\n")
    assert other_library("require", None).endswith("alert 116\n")
    assert other_library("dane", None) == "client: (nobody), verify result 0\n"


def test_a_chain(quic_server, quic_client, tree, client, nobody_asked):  # noqa: F811
    """In place of a lookup, for which other clients of the listener would have to wait."""
    server = quic_server("-V", dns=tree.dns_section, chain="only")
    for _ in range(2):
        done = quic_client(server, client=client)
        assert done.accepted and server.log.wait(f"accepted {DEVICE} \\(TLSA 3 1 1"), (done.text, server.log.text())
        server.log.mark()
        assert not quic_client(server, client={**client, "chain": "no"}).accepted
        assert server.log.wait("reason=chain-absent")
        server.log.mark()
