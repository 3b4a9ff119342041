# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Chains that dance-resolver collects, over the wire and checked by somebody else (chain.py)."""
import os
import struct
import subprocess

import pytest

import chain
from conftest import let_everybody_in
from hierarchy import Hierarchy
from signing import DS, DNSKEY, RRSIG
from test_resolver import ABSENT, BOGUS, BUSY, FAILED, HEADER, INSECURE, PROGRAM, SECURE, ask, converse, query
from zone import accepts, patient, wait_for

TLSA_DATA = bytes([3, 1, 1]) + bytes(range(32))
NAMES = ["sensor7._device.example.com", "x.wild._device.example.com", "a.b.wild._device.example.com", "alias._device.example.com",
         "far._device.example.com", "away._device.hashed.com", "a.y.wild._device.hashed.com", "dev._device.soon.com"]


def collect(connection, name, number=1, timeout=10000):
    """Status, TTL, reason and chain."""
    message = query(number, name, timeout)
    connection.send(message[:5] + b"\x0b" + message[6:])
    return collected(connection.recv(65536), number)


def collected(message, number):
    assert message[:6] == HEADER + b"\x0c", message[:20]
    got, status, ttl, length = struct.unpack("!IBIB", message[6:16])
    reason, rest = message[16:16 + length].decode(), message[16 + length:]
    assert got == number and len(rest) == 2 + int.from_bytes(rest[:2], "big")
    return status, ttl, reason, rest[2:]


class Collector:
    """A resolver with these zones' root as its anchor, and a conversation with it."""

    def __init__(self, folder, hierarchy, anchors, *arguments):
        self.path = os.path.join(folder, "sock")
        self.log_path = os.path.join(folder, "log")
        anchor = os.path.join(folder, "anchors")
        with open(anchor, "w") as out:
            out.write(anchors)
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([PROGRAM, "--socket", self.path, "--log", "stderr", "--log-level", "debug",
                                             "--trust-anchor", anchor, "--forward", f"127.0.0.1@{hierarchy.dns.port}", *arguments],
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
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def collector(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("collector")
    let_everybody_in(folder, tmp_path_factory)
    collector = Collector(str(folder), made, made.root.anchor())
    yield collector
    collector.stop()


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
