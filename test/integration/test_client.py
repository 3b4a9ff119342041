# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The client section, with openssl s_client as it is."""
import os
import re
import shutil
import subprocess

import pytest

import pki
from conftest import DEVICE, PROGRAMS, config, environment
from zone import patient, wait_for


def test_certificate_made_in_memory(world, s_server, s_client):
    server = s_server("require")
    done = s_client(server.port)
    assert done.accepted, done.text
    assert server.log.wait(f"accepted {DEVICE} \\(TLSA 3 1 1")
    assert server.output.wait(f"Peer certificate: CN ?= ?{DEVICE}")


def test_key_by_uri(world, s_server, s_client):
    done = s_client(s_server("require").port,
                    client={"identity": DEVICE, "private_key": "file://" + world.path("client.key")})
    assert done.accepted, done.text


def test_own_certificate_and_chain(world, s_server, s_client):
    name = "u211._device.example.com"
    path = world.write("chain.crt", pki.pem(world.leaves[name]) + pki.pem(world.ca))
    server = s_server("require")
    done = s_client(server.port, client={"identity": name, "private_key": world.path("client.key"),
                                         "certificate": path})
    assert done.accepted, done.text
    assert server.log.wait(f"accepted {name} \\(TLSA 2 1 1")


def test_wrong_key(world, s_server, s_client):
    done = s_client(s_server("require").port, client={"identity": DEVICE, "private_key": world.path("other.key")})
    assert done.alert == 40 and not done.accepted, done.text


def test_certificate_that_is_not_for_the_key(world, s_server, s_client):
    path = world.write("misfit.crt", pki.pem(world.ca))
    done = s_client(s_server("mixed", ask="optional").port,
                    client={"identity": DEVICE, "private_key": world.path("client.key"), "certificate": path})
    assert done.accepted, done.text
    assert done.log.wait("its first certificate is not for client.private_key")


def test_changed_key_is_picked_up(world, start, tls_client, tmp_path):
    """A long-lived client with one SSL_CTX, the key replaced in between."""
    key = tmp_path / "client.key"
    shutil.copy(world.path("other.key"), key)
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key"), "-www"], server={"policy": "require", "allow": DEVICE})
    client = tls_client(client={"identity": DEVICE, "private_key": str(key)})
    assert "handshake failure" in client.ask(f"connect {server.port}")
    shutil.copy(world.path("client.key"), key)
    wait_for(lambda: "200" in client.ask(f"connect {server.port}"), 5, "the new key")


def test_applications_own_certificate_is_respected(world, s_server, s_client):
    """It is sent, and without the extension: it is not the identity's."""
    leaf = pki.certificate(world.other_key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    path = world.write("own.crt", pki.pem(leaf))
    server = s_server("mixed")
    done = s_client(server.port, "-cert", path, "-key", world.path("other.key"))
    assert done.accepted, done.text
    assert server.log.text() == ""
    assert s_client(s_server("require").port, "-cert", path, "-key", world.path("other.key")).alert == 40


def test_applications_own_certificate_with_our_key_is_ours(world, s_server, s_client):
    path = world.write("same.crt", pki.pem(world.device))
    server = s_server("require")
    done = s_client(server.port, "-cert", path, "-key", world.path("client.key"))
    assert done.accepted, done.text
    assert server.log.wait(f"accepted {DEVICE}")


@pytest.mark.parametrize("servers,sni,learns", [
    ("*", "api.example.net", True), ("*.example.net", "api.example.net", True),
    ("*.example.net", "API.Example.Net", True), ("*.example.net", "example.net", False),
    ("*.example.net", "api.example.org", False), ("api.example.net, *.example.org", "x.example.org", True),
    ("*.example.net", None, False), ("*", None, True)])
def test_servers_that_may_learn_the_identity(world, s_server, s_client, servers, sni, learns):
    server = s_server("mixed", ask="optional")
    done = s_client(server.port, *(["-servername", sni] if sni else ["-noservername"]),
                    client={"identity": DEVICE, "private_key": world.path("client.key"), "servers": servers})
    assert done.accepted, done.text
    if learns:
        assert server.log.wait(f"accepted {DEVICE}")
    else:
        assert server.log.text() == ""


def messages(text, direction):
    """The handshake messages that -msg shows, as (name, octets)."""
    found, current = [], None
    for line in text.splitlines():
        head = re.match(r"(<<<|>>>) (.*)", line)
        if head:
            current = None
            kind = re.search(r"Handshake \[length ([0-9a-f]+)\], (\w+)", head.group(2))
            if kind and head.group(1) == direction:
                current = [kind.group(2), ""]
                found.append(current)
        elif current is not None and re.match(r" {4}([0-9a-f]{2} ?)+$", line):
            current[1] += line.strip() + " "
        elif not line.startswith("    "):
            current = None
    return [(name, bytes.fromhex(octets)) for name, octets in found]


def client_hello_shape(hello):
    """A ClientHello without what is random: random, session id, and the contents of key_share."""
    shape = [hello[4:6], hello[38]]
    at = 39 + hello[38]
    for size in (2, 1):
        length = int.from_bytes(hello[at:at + size], "big")
        shape.append(hello[at:at + size + length])
        at += size + length
    at += 2
    while at < len(hello):
        kind, length = int.from_bytes(hello[at:at + 2], "big"), int.from_bytes(hello[at + 2:at + 4], "big")
        shape.append((kind, length, b"" if kind == 51 else hello[at + 4:at + 4 + length]))
        at += 4 + length
    return shape


@pytest.mark.parametrize("module", ["client section", "no section"])
def test_ordinary_server_sees_no_difference(world, start, s_client, tmp_path, module):
    """Octet for octet, but for what is random: ClientHello and Certificate."""
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"),
                    "-key", world.path("server.key"), "-rev", "-verify", "3"], conf=False)
    conf = config(tmp_path / "plain.cnf", tmp_path / "log") if module == "no section" else None
    with_module = s_client(server.port, "-msg", conf=conf)
    without = s_client(server.port, "-msg", client=False)
    assert with_module.accepted and without.accepted
    seen, plain = messages(with_module.text, ">>>"), messages(without.text, ">>>")
    assert [name for name, _ in seen] == [name for name, _ in plain] == ["ClientHello", "Certificate", "Finished"]
    assert client_hello_shape(seen[0][1]) == client_hello_shape(plain[0][1])
    assert seen[1][1] == plain[1][1]


def test_no_section_changes_nothing_on_the_server(world, start, s_client):
    """The CertificateRequest of a server without a server section."""
    servers = [start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                      world.path("server.key"), "-rev", "-verify", "3"], conf=conf, dns={} if conf else None)
               for conf in (False, True)]
    # The second has the module, with a dns section alone.
    requests = [[m for n, m in messages(s_client(s.port, "-msg", client=False).text, "<<<") if n == "CertificateRequest"]
                for s in servers]
    assert requests[0] == requests[1] and len(requests[0]) == 1


@pytest.mark.parametrize("module", [True, False], ids=["a server with the module", "a server without"])
def test_one_ssl_for_several_servers(world, start, odd_server, tmp_path, module):
    """What one server may learn the next one may not, though the application uses the same SSL for both."""
    friend = odd_server("-v")
    other = odd_server("-v") if module else start(
        [os.path.join(PROGRAMS, "odd_server"), "-p", "PORT", "-c", world.path("server.crt"), "-k",
         world.path("server.key"), "-v"], conf=False)
    conf = config(tmp_path / "client.cnf", tmp_path / "log",
                  client={"identity": DEVICE, "private_key": world.path("client.key"), "servers": "*.example.net"})
    ways = [str(friend.port), "a.example.net", str(other.port), "b.example.com", str(friend.port), "c.example.net"]
    done = subprocess.run([os.path.join(PROGRAMS, "reusing_client"), *ways], env=environment(conf),
                          capture_output=True, text=True, timeout=patient(20))
    known = f"peer /CN={DEVICE}, verify result 0, resumed 0\n"
    assert done.stdout == known + "peer (nobody), verify result 0, resumed 0\n" + known, (done, friend.log.text())


def test_changed_key_in_a_connection_that_stays(world, start, tmp_path):
    """Asked again after the handshake, the client has another key than before, and so has the record."""
    name = "renews._device.example.com"
    key = tmp_path / "client.key"
    key.write_bytes(pki.key_pem(world.key))
    said = tmp_path / "log"
    said.touch()
    conf = config(tmp_path / "client.cnf", said, client={"identity": name, "private_key": str(key)})
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key")], server={"allow": "*._device.example.com"})

    def say(client, words):
        client.stdin.write(words.encode() + b"\n")
        client.stdin.flush()
        assert server.output.wait(words)

    def ask(client, words):
        server.process.stdin.write(b"c\n")  # s_server's command for it
        server.process.stdin.flush()
        wait_for(lambda: f"accepted {name}" in server.log.text(), what=lambda: "".join(
            [server.output.text(), server.log.text(), said.read_text(), (tmp_path / "output").read_text()]))
        server.log.mark()
        say(client, words)  # comes behind its Finished, before which nobody can be asked again
    with open(tmp_path / "output", "w") as output, subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-enable_pha", "-state"],
            env=environment(conf), stdin=subprocess.PIPE, stdout=output, stderr=output) as client:
        say(client, "words")
        with world.zones.record(name, pki.tlsa(3, 1, 1, world.device), 1):
            ask(client, "more words")
        key.write_bytes(pki.key_pem(world.other_key))
        world.zones.outlived(1)
        with world.zones.record(name, pki.tlsa(3, 1, 1, pki.certificate(world.other_key, name)), 1):
            ask(client, "last words")
        client.stdin.close()
