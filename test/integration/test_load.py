# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The resolver under load: slow names, floods, names renewed and looked up ahead of being asked for."""
import contextlib
import fcntl
import os
import re
import signal
import socket
import subprocess
import time

import pytest

import pki
from conftest import DEVICE, Log, entry, environment, sanitized
from test_process import good, kill_resolver, resolvers, tls_server  # noqa: F401 (fixture)
from test_resolver import ABSENT, BOGUS, BUSY, FAILED, HEADER, INSECURE, NAME, PROGRAM, SECURE, answer, ask, converse, query
from zone import Proxy, Zones, accepts, patient, wait_for

SLOW = "slow"


def wanted(name):
    return HEADER + b"\x04" + bytes([len(name)]) + name.encode()


def counted(log, supervisors):
    """What a worker has written when it was told to; it may have to be started yet."""
    log.mark()

    def told():
        for pid in supervisors:
            os.kill(pid, signal.SIGUSR1)
        return re.search("resolver: .* of a domain", log.text()) and log.text()
    return wait_for(told, 10, "the counters")


class Resolver:
    """A dance-resolver of one's own, listening at a socket."""

    def __init__(self, folder, anchor, port, *arguments):
        self.path, self.log = str(folder / "sock"), Log(folder / "log")
        self.process = subprocess.Popen(
            [PROGRAM, "--socket", self.path, "--log", str(folder / "log"), "--user", "root", "--trust-anchor", anchor,
             "--forward", f"127.0.0.1@{port}", *arguments], env=environment(None))
        self.connections = []
        wait_for(lambda: accepts(self.path), what="the socket")

    def connect(self):
        self.connections.append(converse(self.path))
        return self.connections[-1]

    def counters(self):
        text = counted(self.log, [self.process.pid])

        def number(pattern):
            return int(re.search(pattern, text).group(1))
        return {"queries": number(r"(\d+) queries \("), "kept": number(r"(\d+) names kept"), "hits": number(r"(\d+) queries answered"),
                "renewed": number(r"(\d+) renewed ahead"), "held": number(r"(\d+) held"), "flight": number(r"(\d+) lookups in flight"),
                "busy": number(r"refused: (\d+) in all"), "busy_client": number(r"(\d+) of a process"),
                "busy_domain": number(r"(\d+) of a domain")}

    def stop(self):
        for s in self.connections:
            s.close()
        assert self.process.poll() is None, self.log.text()
        self.process.terminate()
        assert self.process.wait(patient(20)) == 0


@pytest.fixture
def proxied(world, tmp_path):
    """proxied(delay, ...): a resolver that asks the zones' server through a proxy with delays."""
    made = []

    def run(delay, *arguments):
        proxy = Proxy(world.zones.port, delay)
        made.append(proxy)
        resolver = Resolver(tmp_path, world.anchor, proxy.port, *arguments)
        made.append(resolver)
        resolver.proxy = proxy
        return resolver
    yield run
    for each in reversed(made):
        each.stop()


def slow_names(seconds):
    return lambda name: seconds if SLOW in name.split(".") else 0


def seconds_for(what):
    """How long it takes, and what it gives."""
    begin = time.monotonic()
    value = what()
    return time.monotonic() - begin, value


def test_thousands_of_slow_lookups_in_flight(proxied):
    """Nobody answers until all are there; the owners' lookups begin a few at a time, and nobody else waits for them."""
    resolver = proxied(slow_names(Proxy.HELD), "--max-per-client", "100000")
    zones = ("example.net", "example.org")
    each = 10 if sanitized() else 25  # a domain has a quarter of what there are descriptors for, 20,000 at the least
    assert ask(resolver.connect(), NAME)[0] == SECURE
    for zone in zones:  # what leads there is known, as it is in a server that runs
        ask(resolver.connect(), f"x.{zone}", 1, 20000)
    connections = [resolver.connect() for _ in range(60)]
    for i, connection in enumerate(connections):
        for j in range(each):
            connection.send(query(j, f"n{i}x{j}.{SLOW}.{zones[i % 2]}", 60000))
    wait_for(lambda: resolver.counters()["flight"] == 60 * each, what="thousands in flight")
    # Meanwhile somebody with a name that is not known yet.
    assert ask(resolver.connect(), "u311._device.example.com")[0] == SECURE
    assert resolver.counters()["flight"] == 60 * each
    resolver.proxy.release()
    statuses = [answer(connection.recv(65536))[1] for connection in connections for _ in range(each)]
    assert {s: statuses.count(s) for s in set(statuses)} == dict.fromkeys((INSECURE, BOGUS), 30 * each)


def test_slow_names_leave_something_for_the_others(proxied):
    """A flood of names that are never answered, inside one domain and from one process."""
    resolver = proxied(slow_names(None), "--max-lookups", "400", "--max-per-client", "100000")
    assert ask(resolver.connect(), NAME)[0] == SECURE
    usual, (status, *_) = seconds_for(lambda: ask(resolver.connect(), "u312._device.example.com"))
    assert status == SECURE
    floods = [resolver.connect() for _ in range(16)]
    begin = time.monotonic()
    for i, connection in enumerate(floods):
        for j in range(50):
            connection.send(query(j, f"n{j}.x{i}.{SLOW}.example.net", 10000))
    # Of 800 one domain has a quarter of 400; the others are told at once.
    wait_for(lambda: resolver.counters()["busy_domain"] == 700, 5, "the refusals")
    assert resolver.counters()["flight"] == 100
    assert time.monotonic() - begin < 9, "at once"
    # The known, and the unknown of other domains, notice nothing.
    for name, status in ((NAME, SECURE), ("u310._device.example.com", SECURE), ("missing2._device.example.com", ABSENT)):
        took, got = seconds_for(lambda: ask(resolver.connect(), name))
        assert got[0] == status and took < 0.5 + 10 * usual, (got, took, usual)
    statuses = [answer(connection.recv(65536))[1:4] for connection in floods for _ in range(50)]
    assert {s for s, _, _ in statuses} == {FAILED, BUSY}


def test_a_process_has_its_bound(proxied):
    resolver = proxied(slow_names(None), "--max-per-client", "40")
    connection = resolver.connect()
    for j in range(60):
        # Of domains that each may have two at a time: all that are taken begin.
        connection.send(query(j, f"n{j}.{SLOW}.example{j % 30}.net", 1000))
    statuses = [answer(connection.recv(65536))[1] for _ in range(60)]
    assert statuses.count(BUSY) == 25, "an eighth of its 40 is for names that are known"
    # Its lookups go on; that nobody waits for them any more makes no room.
    connection.send(query(1, f"another.{SLOW}.example.net", 1000))
    assert answer(connection.recv(65536))[1] == BUSY
    assert resolver.counters()["busy_client"] == 26
    assert ask(connection, "x.example.com")[0] in (BUSY, ABSENT)


FLOOD = """
import socket, struct, sys
sockets = []
for i in range(2):
    sockets.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    sockets[-1].connect("sock")
    for j in range(50):
        name = f"n.x{i}y{j}z{sys.argv[1]}.slow.e{j % 10}.org".encode()
        sockets[-1].send(b"DNCE\\x03\\x02" + struct.pack("!IIB", j, 20000, len(name)) + name)
print("sent", flush=True)
sys.stdin.read()
"""



def test_who_is_silent_is_waited_for_once(proxied):
    """An event loop that is asked for such a name again and again waits once for each lookup."""
    resolver = proxied(slow_names(None))
    connection = resolver.connect()
    assert ask(connection, f"a.{SLOW}.example.net", 1, 1000)[0] == FAILED
    begin = time.monotonic()
    for i in range(20):
        status, ttl, reason = ask(connection, f"a.{SLOW}.example.net", i, 1000)
        assert (status, ttl) == (FAILED, 0) and "no answer from the DNS for" in reason
    assert time.monotonic() - begin < 10, "not until the deadline each time, which would be 20 seconds"


@contextlib.contextmanager
def own_zones(world, tmp_path, ttl):
    zones = Zones(tmp_path)
    zones.add("example.com", ["sensor7._device " + pki.tlsa(3, 1, 1, world.device),
                              "once._device " + pki.tlsa(3, 1, 1, world.device)], ttl=ttl)
    zones.start()
    anchor = tmp_path / "anchors"
    anchor.write_text(zones.anchors)
    os.chmod(tmp_path, 0o755)
    yield zones, str(anchor)
    zones.stop()


@pytest.fixture
def short(world, tmp_path):
    with own_zones(world, tmp_path, 6) as own:
        yield own


@pytest.fixture
def long(world, tmp_path):
    with own_zones(world, tmp_path, 3600) as own:
        yield own


@pytest.mark.parametrize("hint", [False, True], ids=["asked again", "wanted"])
def test_popular_names_are_renewed_before_they_end(short, tmp_path, hint):
    zones, anchor = short
    proxy = Proxy(zones.port)
    resolver = Resolver(tmp_path, anchor, proxy.port)
    connection = resolver.connect()
    assert ask(connection, NAME)[0] == SECURE
    assert ask(connection, "once._device.example.com")[0] == SECURE
    first = time.monotonic()
    connection.send(wanted(NAME) if hint else query(1, NAME))
    if not hint:
        connection.recv(65536)
    for _ in range(2):  # generations
        before = resolver.counters()["renewed"]
        wait_for(lambda: resolver.counters()["renewed"] > before, 8, "a renewal")
        connection.send(wanted(NAME))
    # From now on the DNS is silent, and nobody notices.
    wait_for(lambda: resolver.counters()["flight"] == 0)
    proxy.delay = lambda name: None
    begin = time.monotonic()
    status, ttl, _ = ask(connection, NAME)
    assert status == SECURE and ttl >= 2
    assert begin - first > 6, "the first answer's TTL is over"
    asked = [name for name in proxy.seen if name.startswith("once.")]
    assert len(asked) == 1, "nobody wanted it again"
    resolver.stop()
    proxy.stop()


def test_the_module_says_whom_it_meets_again(world, tls_server, tmp_path):  # noqa: F811
    """The resolver is not asked for a known client, and renews the record all the same."""
    ttl = 20
    with own_zones(world, tmp_path, ttl) as (zones, anchor):
        server = tls_server(dns=world.dns(trust_anchor=anchor, forward=f"127.0.0.1@{zones.port}"))
        assert good(world, server).accepted
        first = time.monotonic()
        assert good(world, server).accepted
        [pid] = resolvers(server)

        def renewed():
            server.log.mark()
            os.kill(pid, signal.SIGUSR1)
            return int(server.log.wait(r"(\d+) renewed ahead").group(1))
        assert int(re.search(r"resolver: (\d+) queries \(", (renewed(), server.log.text())[1]).group(1)) == 1
        wait_for(renewed, ttl, "a renewal")
        wait_for(lambda: time.monotonic() > first + ttl + 1, ttl + 1, "the end of the first answer")
        zones.stop()
        zones.process = None
        # What was renewed is good for longer, although the DNS has gone.
        assert good(world, server).accepted, server.log.text()


def test_prefetch(world, long, tls_server, tmp_path):  # noqa: F811
    """Names of allow and allow_file are known before anybody comes; wildcards bring nothing."""
    zones, anchor = long
    allowed = tmp_path / "allowed"
    allowed.write_text("*.example.org\n")
    os.chmod(allowed, 0o644)
    server = tls_server(dns=world.dns(trust_anchor=anchor, forward=f"127.0.0.1@{zones.port}"),
                        server={"policy": "require", "prefetch": "yes", "allow_file": str(allowed),
                                "allow": f"{DEVICE}, missing._device.example.com, *._other.example.com"})

    def counters():
        text = counted(server.log, resolvers(server))
        return (int(re.search(r"(\d+) queries \(", text).group(1)), int(re.search(r"(\d+) names kept", text).group(1)),
                int(re.search(r"(\d+) held", text).group(1)))
    wait_for(lambda: counters() == (0, 2, 2), 10, "both names")
    assert good(world, server).accepted
    assert counters()[0] == 1
    # A changed file is seen at a handshake.
    allowed.write_text("once._device.example.com\nsensor7._device.example.com\n")
    wait_for(lambda: good(world, server).accepted and counters()[2] == 3, 10, "the third name")
    # Another resolver is told as well.
    kill_resolver(server)
    wait_for(lambda: good(world, server).accepted and resolvers(server) and counters()[1:] == (3, 3), 15, "the names again")
    zones.stop()
    zones.process = None
    name = "once._device.example.com"
    assert server.client().run([entry(pki.certificate(world.key, name), name)], world.key).accepted


def sealed(names):
    """A list as the module hands it to the resolver: a memfd that nobody can change any more."""
    fd = os.memfd_create("list", os.MFD_ALLOW_SEALING)
    with os.fdopen(os.dup(fd), "wb") as f:
        f.write(names)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE)
    return fd


def a_thousand_names():
    return sealed(b"".join(b"n%d._device.example.com\n" % i for i in range(1000)))


def test_prefetch_is_released(world, tmp_path):
    """As long as somebody holds the conversation, and no longer."""
    resolver = Resolver(tmp_path, world.anchor, world.zones.port)
    fd = a_thousand_names()
    connection = resolver.connect()
    socket.send_fds(connection, [HEADER + b"\x05"], [fd])
    wait_for(lambda: resolver.counters()["held"] == 1000)
    wait_for(lambda: resolver.counters()["kept"] == 1000, what="their denials")
    # Another list on the same conversation is one too many; so is a message without one.
    for fds in ([fd], []):
        bad = resolver.connect()
        socket.send_fds(bad, [HEADER + b"\x05"], fds)
        if fds:
            socket.send_fds(bad, [HEADER + b"\x05"], fds)
        assert bad.recv(10) == b""
    connection.close()
    wait_for(lambda: resolver.counters()["held"] == 0)
    os.close(fd)
    resolver.stop()


# A large list; a tenth where reading it takes ten times as long.
MANY = 10000 if sanitized() else 100000


def list_of_names(last=b"\n"):
    """With another last octet it is none, which shows at its end."""
    names = b"".join((b"a" * 60 + b".") * 2 + b"n%05d._device.example.com\n" % i for i in range(MANY))
    return sealed(names[:-1] + last)


@pytest.mark.parametrize("last", [b"!", b"\n"], ids=["no list", "a list"])
def test_nobody_waits_while_lists_are_read(proxied, last):
    """The loop takes up some 64 connections in a turn: those of the third turn are through long before the lists."""
    resolver = proxied(lambda name: 0, "--log-level", "debug")
    senders = {resolver.connect(): list_of_names(last) for _ in range(4)}
    victims = [resolver.connect() for _ in range(130)]
    for each in victims:
        assert ask(each, NAME)[0] == SECURE
    resolver.log.mark()
    os.kill(resolver.process.pid, signal.SIGSTOP)
    for sender, fd in senders.items():
        socket.send_fds(sender, [HEADER + b"\x05"], [fd])
    for victim in victims:
        victim.send(query(1, NAME))
    victims[-1].send(b"garbage")  # says in the log when its turn came
    os.kill(resolver.process.pid, signal.SIGCONT)
    for victim in victims:
        assert answer(victim.recv(65536))[1] == SECURE
    done = "a list of names was refused" if last == b"!" else f"{MANY} names are looked up ahead"
    wait_for(lambda: resolver.log.text().count(done) == 4, 30, "the lists")
    text = resolver.log.text()
    assert 0 <= text.find("a malformed message was dropped") < text.find(done)
    for sender, fd in senders.items():
        sender.close()
        os.close(fd)
    wait_for(lambda: resolver.counters()["held"] == 0)


LISTS = """
import os, socket, sys
for i in range(20):
    if os.fork() == 0:
        sockets = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(4)]
        for s in sockets:
            s.connect("sock")
        os.write(1, b".")
        os.read(0, 1)
        for s in sockets:
            socket.send_fds(s, [b"DNCE\\x03\\x05"], [int(sys.argv[1])])
        os.write(1, b"!")
        for s in sockets:
            s.recv(1)  # its end, as the list is none
        os._exit(0)
for i in range(20):
    os.wait()
"""



def test_orderly_end_with_a_list_held(world, tmp_path):
    """As systemd stops it while servers go on."""
    resolver = Resolver(tmp_path, world.anchor, world.zones.port)
    fd = a_thousand_names()
    connection = resolver.connect()
    socket.send_fds(connection, [HEADER + b"\x05"], [fd])
    os.close(fd)
    wait_for(lambda: resolver.counters()["held"] == 1000)
    resolver.process.terminate()
    assert resolver.process.wait(patient(20)) == 0
    connection.close()
