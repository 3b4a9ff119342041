# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""QUIC with libssl's own API (servers: OpenSSL 3.5 and later), s_client -quic as it is."""
import os
import subprocess

import pytest

import pki
from conftest import DEVICE, PROGRAMS

POLICIES = ["mixed", "dane", "require"]
SERVER = os.path.join(PROGRAMS, "quic_server")


@pytest.fixture(scope="module", autouse=True)
def quic():
    done = subprocess.run([SERVER, "-h"], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())


@pytest.fixture
def quic_server(world, start):
    kept = []

    def run(*arguments, policy="require", **server):
        process = start([SERVER, "-p", "PORT", "-c", world.path("server.crt"), "-k", world.path("server.key"), "-a",
                         world.path("ca.crt"), *arguments],
                        server={"policy": policy, "allow": "*._device.example.com", **server},
                        ready=lambda p: "ready" in p.output.text())
        kept.append(process)
        return process
    yield run
    for process in kept:
        assert process.process.poll() is None, process.output.text()
        process.stop()


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
