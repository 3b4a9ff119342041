# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Chains that dance-resolver collects, over the wire and checked by somebody else (chain.py)."""
import contextlib
import json
import os
import re
import struct
import subprocess
import sys

import pytest

import chain
from conftest import BUILD, let_everybody_in
from hierarchy import Hierarchy
from signing import CNAME, DNAME, TLSA, wire
from test_resolver import ABSENT, BOGUS, BUSY, FAILED, HEADER, INSECURE, PROGRAM, SECURE, ask, control, conversation, converse, query
from zone import Proxy, accepts, patient, wait_for

TLSA_DATA = bytes([3, 1, 1]) + bytes(range(32))
NAMES = ["sensor7._device.example.com", "x.wild._device.example.com", "a.b.wild._device.example.com", "alias._device.example.com",
         "far._device.example.com", "away._device.hashed.com", "a.y.wild._device.hashed.com", "dev._device.soon.com"]


def collect(connection, name, number=1, timeout=10000):
    """Status, TTL, reason and chain."""
    send(connection, name, number, timeout)
    return collected(connection.recv(65536), number)


def send(connection, name, number=1, timeout=10000):
    message = query(number, name, timeout)
    connection.send(message[:5] + b"\x0b" + message[6:])


def collected(message, number=None):
    assert message[:6] == HEADER + b"\x0c", message[:20]
    got, status, ttl, length = struct.unpack("!IBIB", message[6:16])
    reason, rest = message[16:16 + length].decode(), message[16 + length:]
    assert number in (None, got) and len(rest) == 2 + int.from_bytes(rest[:2], "big")
    return status, ttl, reason, rest[2:]


class Collector:
    """A resolver that asks the server at this port, and a conversation with it."""

    def __init__(self, folder, port, anchors, *arguments):
        self.path = os.path.join(folder, "sock")
        self.log_path = os.path.join(folder, "log")
        anchor = os.path.join(folder, "anchors")
        with open(anchor, "w") as out:
            out.write(anchors)
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([PROGRAM, "--socket", self.path, "--log", "stderr", "--log-level", "debug",
                                             "--trust-anchor", anchor, "--forward", f"127.0.0.1@{port}", *arguments],
                                            stderr=log)
        wait_for(lambda: accepts(self.path), what="the socket")
        self.connection = converse(self.path)

    def collect(self, name, **more):
        return collect(self.connection, name, **more)

    def stop(self):
        self.connection.close()
        self.process.terminate()
        assert self.process.wait(patient(20)) == 0, open(self.log_path).read()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = Hierarchy(tmp_path_factory.mktemp("made"), TLSA_DATA)
    example = made.zones["example.com"]
    example.add("moved.example.com", DNAME, wire("_device.example.com"))
    for _ in range(90):
        made.device(example, "big._device.example.com", bytes([3, 1, 0]) + os.urandom(200))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """start(port, anchors, ...)"""
    started = []

    def start(*arguments):
        folder = tmp_path_factory.mktemp("collector")
        let_everybody_in(folder, tmp_path_factory)
        started.append(Collector(str(folder), *arguments))
        return started[-1]
    yield start
    for collector in started:
        collector.stop()


@pytest.fixture(scope="module")
def collector(made, start):
    return start(made.dns.port, made.root.anchor())


@pytest.fixture
def held(made, start):
    """One whose DNS answers nothing before held.release()."""
    proxy = Proxy(made.dns.port, lambda name: Proxy.HELD)
    collector = start(proxy.port, made.root.anchor())
    collector.release = proxy.release
    collector.proxy = proxy
    yield collector
    proxy.stop()


def parts(rrs):
    return {(rr.owner, rr.kind, rr.ttl, rr.rdata) for rr in rrs}


@pytest.mark.parametrize("name", NAMES)
def test_a_chain_holds(made, collector, name):
    status, ttl, reason, octets = collector.collect(name)
    assert (status, reason) == (SECURE, ""), (status, reason)
    assert octets[:2] == b"\0\0"
    rrs = chain.parse(octets)
    assert chain.holds(rrs, made.anchor, name) == [TLSA_DATA]
    # Nothing is in it that nobody needs, and nothing twice.
    for i in range(len(rrs)):
        with pytest.raises(chain.Broken):
            chain.holds(rrs[:i] + rrs[i + 1:], made.anchor, name)
    assert parts(rrs) == parts(chain.collected(made.dns.port, name)) and len(parts(rrs)) == len(rrs)
    # In half of the time that its signatures have left, or with its records' TTL.
    assert 5 <= ttl <= (45 if "soon" in name else 3600)


def test_an_alias_of_a_whole_tree(made, collector):
    """The CNAME record that a DNAME record makes is not in it: nobody signed it."""
    status, _, reason, octets = collector.collect("sensor7.moved.example.com")
    assert status == SECURE, reason
    rrs = chain.parse(octets)
    assert {rr.kind for rr in rrs} >= {DNAME, TLSA} and CNAME not in {rr.kind for rr in rrs}
    assert chain.holds(rrs, made.anchor, "sensor7._device.example.com") == [TLSA_DATA]


@pytest.mark.parametrize("name,status,reason", [
    ("missing._device.example.com", ABSENT, "the name does not exist"),
    ("ns.example.com", ABSENT, "the name exists, but has no TLSA record"),
    ("dev._device.unsigned.com", INSECURE, "the zone is not signed: unsigned.com."),
    ("dev._device.past.com", BOGUS, ""),
    ("dev._device.future.com", BOGUS, ""),
    ("big._device.example.com", FAILED, "the chain is larger than 16384 octets"),
])
def test_there_is_none(collector, name, status, reason):
    got = collector.collect(name)
    assert got[0] == status and reason in got[2] and got[3] == b"" and got[2], got


def test_up_to_which_anchor(made, start):
    """The uppermost: a server may have another one than the client."""
    name, example = "sensor7._device.example.com", made.zones["example.com"]
    owners = lambda octets: {rr.owner for rr in chain.parse(octets)}
    island = start(made.dns.port, example.anchor())
    octets = island.collect(name)[3]
    assert owners(octets) == {name, "example.com"}
    assert chain.holds(chain.parse(octets), ("example.com", example.ds()), name) == [TLSA_DATA]
    both = start(made.dns.port, example.anchor() + made.root.anchor())
    octets = both.collect(name)[3]
    assert owners(octets) == {name, "example.com", "com", ""}
    assert chain.holds(chain.parse(octets), made.anchor, name) == [TLSA_DATA]


def test_one_collection_for_all(held):
    """Whoever asks meanwhile has the same answer, and whoever asks later has what is kept."""
    name, channel = "sensor7._device.example.com", control(held.path)
    askers = [conversation(channel) for _ in range(4)]
    for number, asker in enumerate(askers):
        send(asker, name, number, 60000)
        send(asker, name.upper(), 100 + number, 60000)
        # What came before has been taken by the time that this is answered.
        assert collect(asker, name, 200, timeout=1)[:3] == (FAILED, 0, "the chain was not collected within 1 ms")
    held.release()
    answers = {collected(asker.recv(65536))[3] for asker in askers for _ in range(2)}
    assert len(answers) == 1 and len(answers.pop()) > 500
    asked = held.proxy.seen.count(name)
    assert asked == 1
    status, ttl, _, _ = held.collect(name)
    assert status == SECURE and ttl <= 3600 and held.proxy.seen.count(name) == asked
    # A flush is a new worker, which has nothing.
    channel.send(HEADER + b"\x07")

    def again():
        # A conversation with the worker that is about to end, ends.
        with contextlib.suppress(OSError), converse(held.path) as other:
            return collect(other, name)[0] == SECURE and held.proxy.seen.count(name) > asked
    wait_for(again, what="another collection")
    held.connection.close()
    held.connection = converse(held.path)
    for s in (*askers, channel):
        s.close()


def test_bounds(held, made):
    """Chains that nobody answers for: the next ones are refused at once, and names that are known are not kept waiting."""
    known = "sensor7._device.example.com"
    held.proxy.delay = lambda name: 0 if not name.startswith("never") else Proxy.HELD
    wait_for(lambda: ask(held.connection, known)[0] == SECURE, what="a known name")
    with converse(held.path) as other:
        for number in range(40):
            send(other, f"never{number}._device.example.com", number, 2000)
        for _ in range(40 - 4):
            assert collected(other.recv(65536)) == (BUSY, 0, "too many chains of this process are being collected", b"")
            assert ask(held.connection, known)[0] == SECURE
        # The others are told when their time is up.
        for _ in range(4):
            assert collected(other.recv(65536))[:3] == (FAILED, 0, "the chain was not collected within 2000 ms")
    held.release()
    wait_for(lambda: held.collect(known)[0] == SECURE, what="room")


@pytest.mark.parametrize("message", [b"", b"\0" * 9, struct.pack("!IIB", 1, 3000, 1), struct.pack("!IIB", 1, 0, 1) + b"x",
                                     struct.pack("!IIB", 1, 60001, 1) + b"x", struct.pack("!IIB", 1, 3000, 2) + b"x.",
                                     struct.pack("!IIB", 1, 3000, 3) + b"x y", struct.pack("!IIB", 1, 3000, 1) + b"xx"])
def test_malformed_is_the_end_of_the_conversation(collector, message):
    with converse(collector.path) as other:
        other.send(HEADER + b"\x0b" + message)
        assert other.recv(100) == b""
    assert collector.collect(NAMES[0])[0] == SECURE


def test_askers_that_vanish(held):
    for _ in range(20):
        with converse(held.path) as other:
            for number in range(8):
                send(other, f"x{number}._device.example.com", number, 60000)
    held.release()
    assert wait_for(lambda: held.collect(NAMES[0])[0] == SECURE, what="a chain")


def inside(folder, build):
    """What runs in the namespace."""
    import internet
    internet.enter()
    net = internet.Internet(folder, ["n._device"], os.path.join(build, "test", "far"))
    net.start(0)
    path = os.path.join(folder, "socket")
    resolver = subprocess.Popen([os.path.join(build, "resolver", "dance-resolver"), "--socket", path, "--user", "root", "--log", "stderr",
                                 "--trust-anchor", net.anchor])
    wait_for(lambda: accepts(path), what="the resolver")
    with converse(path) as s:
        status, _, reason, octets = collect(s, "n._device.example.com", timeout=30000)
    resolver.terminate()
    resolver.wait(patient(10))
    questions = net.questions()
    net.stop()
    print(json.dumps([status, reason, octets.hex(), questions, open(net.anchor).read()]))


@pytest.mark.skipif(os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"]).returncode != 0,
                    reason="network namespaces need root")
def test_from_the_root(tmp_path):
    """Servers of the root, of com and of example.com, by what each says, with signers that are not ours."""
    done = subprocess.run(["unshare", "-n", "--", sys.executable, __file__, str(tmp_path), BUILD], capture_output=True, text=True,
                          timeout=patient(60))
    assert done.returncode == 0, done.stderr
    status, reason, octets, questions, anchors = json.loads(done.stdout.splitlines()[-1])
    assert status == SECURE, (reason, done.stderr)
    tag, algorithm, digest_type, digest = re.search(r"(?m)^\.\s.*\bDS\s+(\d+) (\d+) (2) (\S+)", anchors).groups()
    anchor = "", struct.pack("!HBB", int(tag), int(algorithm), int(digest_type)) + bytes.fromhex(digest)
    assert len(chain.holds(chain.parse(bytes.fromhex(octets)), anchor, "n._device.example.com")) == 1
    # Nobody above hears of the name.
    assert {who for who, name, _ in questions if "_device" in name} == {"example.com"}


if __name__ == "__main__":
    inside(sys.argv[1], sys.argv[2])
