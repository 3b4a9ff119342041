# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The chain that a client sends: to whom, of which file, and collected by the resolver of its own."""
import os
import re
import signal
import subprocess
import time

import pytest

import chain
import openssls
import pki
from conftest import DEVICE, PROGRAMS, Log, config, environment
from processes import workers
from signing import RR, TLSA
from test_process import resolvers
from test_stapling import CHAIN, SHOWN, WANTED, brought, client, nobody_asked, octets, sent, taker, tree  # noqa: F401 (fixtures)
from tls13 import DANE_CLIENTID
from zone import Proxy, patient, wait_for


# What is sent, and to whom.

@pytest.mark.parametrize("case", ["another certificate", "a stranger", "old", "early"])
def test_only_beside_the_name_and_while_it_holds(world, tree, taker, s_client, client, tmp_path, case):
    server = taker("mixed", "-msg", ask="optional", strict=False)
    server.output.mark()
    arguments, path = [], tmp_path / "own.crt"
    if case == "another certificate":
        path.write_bytes(pki.pem(pki.certificate(world.other_key, "own")))
        arguments = ["-cert", str(path), "-key", world.path("other.key")]
    elif case == "a stranger":
        client["servers"] = "*.example.net"
    else:
        name = "dev._device.past.com" if case == "old" else "dev._device.future.com"
        (tmp_path / "device.chain").write_bytes(octets(tree, name))
    done = s_client(server.port, *arguments, client=client)
    if case == "a stranger":
        assert server.output.wait("<<< TLS 1.3, Handshake .*, Certificate\n    0b 00 00 04 00 00 00 00")
    else:
        assert CHAIN not in sent(server)
        assert (DANE_CLIENTID in sent(server)) == (case != "another certificate")
    if case in ("old", "early"):
        assert done.log.wait(r"client.chain = \S+: the chain's signatures hold from \d+ to \d+ .* it is not sent")
    else:
        assert done.log.text() == ""


def test_an_applications_certificate_with_our_key(world, tree, taker, s_client, client, tmp_path, nobody_asked):
    path = tmp_path / "own.crt"
    path.write_bytes(pki.pem(world.device))
    server = taker("require", "-msg")
    done = s_client(server.port, "-cert", str(path), "-key", world.path("client.key"), client=client)
    assert done.accepted and sent(server)[CHAIN] == octets(tree)


FAULTS = {
    "missing": (None, "it cannot be read: No such file or directory"),
    "a folder": ("folder", "it is no file"),
    "empty": (b"", "it is no DNSSEC chain: those have up to 16384 octets"),
    "too long": (bytes(16385), "it is no DNSSEC chain: those have up to 16384 octets"),
    "no records": (b"\0\0", "it is no DNSSEC chain"),
    "text": (b"sensor7._device.example.com TLSA 3 1 1 00\n", "it is no DNSSEC chain"),
    "a record cut off": (b"\0\0\0\0\x34\0\1\0\0\0\x3c\0\x23\3\1\1", "it is no DNSSEC chain"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_file_that_is_none(s_server, s_client, client, brought, case):
    """The handshake goes on with the name alone, and the DNS decides."""
    what, words = FAULTS[case]
    brought.unlink()
    if what == "folder":
        brought.mkdir()
    elif what is not None:
        brought.write_bytes(what)
    done = s_client(s_server("require", chain="accept").port, client=client)
    assert done.accepted, done.text
    assert done.log.text().count("client.chain") == 1
    assert done.log.wait(rf"client\.chain = {re.escape(str(brought))}: {words}; no chain is sent")


def test_a_fifo_stops_nobody(s_server, s_client, client, brought):
    brought.unlink()
    os.mkfifo(brought)
    done = s_client(s_server("require", chain="accept").port, client=client)
    assert done.accepted and done.log.wait("it is no file; no chain is sent")


def test_a_file_is_read_again(taker, tree, tls_client, client, brought):
    """A client that lives: another chain takes the place of the first, and a fault leaves it."""
    server = taker("require", "-msg", fresh=True)
    lives = tls_client(client=client)

    def arrives():
        server.output.mark()
        lives.ask(f"connect {server.port}")
        return sent(server).get(CHAIN)
    first, second = octets(tree), chain.encode(list(reversed(tree.chain(DEVICE))))
    assert arrives() == first
    fresh = brought.with_suffix(".new")
    fresh.write_bytes(second)
    fresh.rename(brought)
    wait_for(lambda: arrives() == second, what="the new file to be sent")
    brought.write_bytes(b"nothing")
    wait_for(lambda: arrives() == second and "it is no DNSSEC chain; the chain before is sent" in lives.log.text(),
             what="the faulty file to be noticed")
    brought.unlink()
    wait_for(lambda: arrives() == second and "it cannot be read" in lives.log.text(), what="it to be missed")
    brought.write_bytes(first)
    wait_for(lambda: arrives() == first, what="the first one to be back")


# Collected.

@pytest.fixture
def served(tree, tmp_path):  # noqa: F811
    """tree's zones in the DNS, for clients alone; and who asks."""
    tree.folder, kept = str(tmp_path), tree.folder
    tree.start()
    tree.folder = kept
    tree.proxy = Proxy(tree.dns.port)
    yield tree
    tree.proxy.stop()
    tree.stop()


@pytest.fixture
def collecting(world, served):
    """The sections of a client that has its chain collected."""
    return {"client": {"identity": DEVICE, "private_key": world.path("client.key"), "chain": "yes"},
            "dns": {"trust_anchor": served.anchor_file(), "forward": f"127.0.0.1@{served.proxy.port}"}}


def test_collected(taker, served, tls_client, collecting, nobody_asked):  # noqa: F811
    """It is there when it is: no handshake waits. The server has no DNS, and the client nothing but openssl.cnf."""
    server = taker("require", "-msg", fresh=True)
    lives = tls_client(**collecting, module={"log_level": "debug"})

    def arrives():
        server.output.mark()
        lives.ask(f"connect {server.port}")
        return sent(server).get(CHAIN)
    got = wait_for(arrives, what="a chain")
    assert server.log.wait(WANTED)
    assert {rr.octets() for rr in chain.parse(got)} == {rr.octets() for rr in served.chain(DEVICE)}
    before = len(served.proxy.seen)
    for _ in range(3):
        assert arrives() == got
    assert served.proxy.seen[before:] == []
    assert "client.chain" not in lives.log.text()


def test_collected_again(taker, served, tls_client, collecting):  # noqa: F811
    """When the TTL is over, by who connects next; the chain before is sent meanwhile."""
    name = "brief._device.example.com"
    collecting["client"]["identity"] = name
    server = taker("require", "-msg", fresh=True)
    lives = tls_client(**collecting)

    def arrives():
        server.output.mark()
        lives.ask(f"connect {server.port}")
        return CHAIN in sent(server)
    wait_for(arrives, what="a chain")
    before = len(served.proxy.seen)
    wait_for(lambda: arrives() and name in served.proxy.seen[before:], 20, "the next collection")


@pytest.mark.parametrize("chain_of,starts", [("no", False), ("file", False), ("yes", True)])
def test_a_client_starts_a_resolver_only_to_collect(taker, served, tls_client, collecting, brought, chain_of, starts):  # noqa: F811
    collecting["client"]["chain"] = str(brought) if chain_of == "file" else chain_of
    lives = tls_client(**collecting)
    lives.ask(f"connect {taker('mixed', ask='optional', strict=False).port}")
    assert bool(resolvers(lives)) == starts


def test_nobody_waits_for_one(s_server, served, tls_client, collecting):  # noqa: F811
    """The client's DNS is silent: handshakes go on with the name alone."""
    served.proxy.delay = lambda name: None
    server = s_server("require", *SHOWN, chain="accept", fresh=True)
    lives = tls_client(**collecting)
    for _ in range(5):
        server.output.mark()
        begin = time.monotonic()
        assert lives.ask(f"connect {server.port}").startswith("reply")
        # A collection has a minute.
        assert time.monotonic() - begin < 30 and CHAIN not in sent(server)
    assert server.log.text().count(f"accepted {DEVICE}") == 5


@pytest.mark.parametrize("fault,words", [
    ({"resolver": "/nonexistent/resolver"}, "the resolver cannot be asked: .*No such file"),
    ({"timeout": "0"}, "the resolver cannot be asked: dns.timeout = 0"), ({}, f"there is none of unknown._device.example.com: ")])
def test_why_there_is_none(s_server, served, tls_client, collecting, fault, words):  # noqa: F811
    if not fault:
        collecting["client"]["identity"] = "unknown._device.example.com"
    collecting["dns"].update(fault)
    server = s_server("mixed", *SHOWN, ask="optional", strict=False, chain="accept", fresh=True)
    lives = tls_client(**collecting)

    def said():
        lives.ask(f"connect {server.port}")
        return re.search(rf"client\.chain = yes: {words}.*; no chain is sent", lives.log.text())
    wait_for(said, what="the reason")
    for _ in range(3):
        lives.ask(f"connect {server.port}")
    assert lives.log.text().count("client.chain = yes: ") == 1


def test_the_resolver_dies_meanwhile(taker, served, tls_client, collecting):  # noqa: F811
    server = taker("mixed", "-msg", ask="optional", strict=False, fresh=True)
    served.proxy.delay = lambda name: None
    lives = tls_client(**collecting)
    lives.ask(f"connect {server.port}")
    wait_for(lambda: served.proxy.seen, what="a resolver that asks")
    [supervisor] = resolvers(lives)
    for pid in (*workers(supervisor), supervisor):
        os.kill(pid, signal.SIGKILL)
    served.proxy.delay = lambda name: 0

    def arrives():
        server.output.mark()
        lives.ask(f"connect {server.port}")
        return CHAIN in sent(server)
    wait_for(arrives, 20, "a chain of another resolver")
    assert lives.log.wait("client.chain = yes: the resolver ended while it was asked; no chain is sent")


def test_what_the_dns_says_goes_first(world, s_server, served, s_client, client, brought, tmp_path):  # noqa: F811
    """The server has looked the name up, and there is no record any more: a chain of yesterday is no way in."""
    name = "gone._device.example.com"
    zone, rrs = served.of(name), [RR(name, TLSA, 3600, served.tlsa)]
    brought.write_bytes(chain.encode(rrs + [zone.rrsig(rrs)] + chain.upwards(zone)))
    server = s_server("require", fresh=True, chain="accept", dns={
        "trust_anchor": served.anchor_file(), "timeout": str(int(patient(3))), "forward": f"127.0.0.1@{served.proxy.port}"})
    client = {**client, "identity": name}
    assert not s_client(server.port, client={**client, "chain": "no"}).accepted
    assert server.log.wait(f"refused {name}: there is no TLSA record")
    server.log.mark()
    assert not s_client(server.port, client=client).accepted
    assert server.log.wait(f"refused {name}: there is no TLSA record")
    # And where it was never asked, the chain holds.
    other = s_server("require", fresh=True, chain="accept", dns={"trust_anchor": served.anchor_file(), "forward": f"127.0.0.1@{served.proxy.port}"})
    assert s_client(other.port, client=client).accepted, other.log.text()


PYTHON = """
import concurrent.futures, os, socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
context.check_hostname = False
def connect(port):
    with socket.create_connection(("127.0.0.1", port)) as s, context.wrap_socket(s) as t:
        t.sendall(b"ping\\n")
        return t.recv(64)
for line in sys.stdin:
    what, port = line.split()
    if what == "fork":
        child = os.fork()
        if child == 0:
            os._exit(b"gnip" not in connect(int(port)))
        print(os.waitpid(child, 0)[1], flush=True)
    else:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            print([r for r in pool.map(connect, [int(port)] * int(what)) if b"gnip" not in r], flush=True)
"""


def test_threads_and_children(world, taker, served, start, collecting, tmp_path):  # noqa: F811
    """All threads send what one of them has had collected, and so does a child, at once."""
    import _ssl
    if openssls.is_other("Python", _ssl.__file__):
        pytest.skip("Python uses another OpenSSL")
    server = start([os.path.join(PROGRAMS, "tls_server"), "-p", "PORT", "-c", world.path("server.crt"), "-k", world.path("server.key"),
                    "-a", world.path("ca.crt"), "-t", "8"], dns=served.dns_section,
                   server={"policy": "require", "allow": "*._device.example.com", "chain": "only"})
    messages = taker("mixed", "-msg", ask="optional", strict=False, fresh=True)
    conf = config(tmp_path / "python.cnf", tmp_path / "python.log", **collecting)
    with subprocess.Popen(["/usr/bin/python3", "-c", PYTHON, world.path("server.crt")], env=environment(conf), text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as lives:
        def ask(what, port):
            lives.stdin.write(f"{what} {port}\n")
            lives.stdin.flush()
            return lives.stdout.readline().strip()

        def arrives():
            messages.output.mark()
            ask(1, messages.port)
            return CHAIN in sent(messages)
        wait_for(arrives, what="a chain")
        assert ask(64, server.port) == "[]", server.log.text()
        served.proxy.delay = lambda name: None
        for _ in range(3):
            assert ask("fork", server.port) == "0", server.log.text()
        lives.stdin.close()
    assert server.log.text().count(f"accepted {DEVICE}") == 67
    assert Log(tmp_path / "python.log").text() == ""
