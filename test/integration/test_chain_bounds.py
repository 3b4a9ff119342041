# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Chains that are made to cost: each is refused, soon, and whoever asks for a name meanwhile is answered as ever."""
import struct
import threading
import time

import pytest

import chain
import keytrap
from chain_wire import chain_query, octets_of, said, tell
from signing import A, CNAME, DNAME, DNSKEY, DS, NS, NSEC, NSEC3, RR, RRSIG, RSA, SOA, TLSA, Key, Zone, bitmap, wire
from test_chains import DEVICE, RIGHT, dns, keeper, made, refused, talk  # noqa: F401 (fixtures)
from test_resolver import BUSY, SECURE, ask
from zone import patient

SOON = 2  # seconds, of a quiet machine
KNOWN = "x.wild._device.example.com"


def trap(made, keys, signatures, bits=4096):
    """A zone whose owner makes validation long: keys of one tag, and signatures by none of them; its chain is as it should be
    but for that."""
    zone = Zone("trap.com", algorithm=RSA, ttl=3600)
    zone.parent = made.com
    name = "a.trap.com"
    tag, more = zone.key.tag, []
    while len(more) < keys:
        more.append(keytrap.colliding_key(tag))
    for rdata in more:
        zone.add("trap.com", DNSKEY, rdata)
    zone.add(name, TLSA, RIGHT)
    ds = [RR("trap.com", DS, 3600, zone.ds())]
    tlsa = [RR(name, TLSA, 3600, RIGHT)]
    head = zone.rrsig(tlsa).rdata[:18 + len(wire("trap.com"))]
    false = [RR(name, RRSIG, 3600, head + b"\x7f" + bytes([i]) * 511) for i in range(signatures)]
    return name, tlsa + false + zone.rrset("trap.com", DNSKEY) + ds + [made.com.rrsig(ds)] + chain.upwards(made.com)


def deep(made, count):
    """Zone below zone, each rightly signed, as many as there is room for."""
    zone, origin = made.com, "com"
    while count:
        origin, count = f"z.{origin}", count - 1
        below = Zone(origin, ttl=3600)
        below.parent = zone
        zone.sets[origin, DS], zone.ttls[origin, DS] = [below.ds()], 3600
        zone = below
    name = "a." + origin
    zone.add(name, TLSA, RIGHT)
    rrs = zone.rrset(name, TLSA) + chain.upwards(zone)
    made.com.sets.pop(("z.com", DS), None)
    made.com.cache.clear()
    return name, rrs


def fill(made, rr):
    """The right chain, and this record as often as 16 KiB have room for."""
    octets = chain.encode(made.chain(DEVICE))
    more, i = b"", 0
    while len(octets) + len(more) + len(rr(i).octets()) <= chain.MAX:
        more, i = more + rr(i).octets(), i + 1
    return DEVICE, octets + more


def costly(made):
    zone = made.of(DEVICE)
    key = Key(RSA, 2048)
    sig = zone.rrset(DEVICE, TLSA)[-1].rdata
    return {
        "colliding keys": trap(made, 5, 14), "one key, many signatures": trap(made, 0, 20),
        "many TLSA records": fill(made, lambda i: RR(DEVICE, TLSA, 3600, struct.pack("!BBBI", 3, 1, 1, i))),
        "many keys": fill(made, lambda i: RR("example.com", DNSKEY, 3600, zone.key.rdata[:-4] + struct.pack("!I", i))),
        "many DS": fill(made, lambda i: RR("example.com", DS, 3600, zone.ds()[:-4] + struct.pack("!I", i))),
        "many signatures": fill(made, lambda i: RR(DEVICE, RRSIG, 3600, sig[:-4] + struct.pack("!I", i))),
        "many signatures of the root's keys": fill(made, lambda i: RR("", RRSIG, 3600, made.root.rrset("", DNSKEY)[-1].rdata[:-4] + struct.pack("!I", i))),
        "many tiny records": fill(made, lambda i: RR("", TLSA, 0, b"")),
        "many names": fill(made, lambda i: RR(f"n{i}", TLSA, 0, b"abc")),
        "many NSEC3 of many iterations": fill(made, lambda i: RR(f"{i:032d}.example.com", NSEC3, 3600, b"\1\0\xff\xff\0\x14" + bytes(20))),
        "many aliases": fill(made, lambda i: RR(f"c{i}.example.com", CNAME, 3600, wire(f"c{i + 1}.example.com"))),
        "deep": deep(made, 22),
        "an exponent as long as the modulus": (DEVICE, made.chain(DEVICE) + [RR("example.com", DNSKEY, 3600, keytrap.colliding_key(None))]),
        "a key of 16,000 bits": (DEVICE, made.chain(DEVICE) + [RR("example.com", DNSKEY, 3600, b"\1\1\3\x08\x03\1\0\1" + b"\xff" * 2000)]),
        "a key that is not signed": (DEVICE, made.chain(DEVICE) + [RR("example.com", DNSKEY, 3600, key.rdata)]),
    }


@pytest.fixture(scope="module")
def cases(made):  # noqa: F811
    return costly(made)


KINDS = ["colliding keys", "one key, many signatures", "many TLSA records", "many keys", "many DS", "many signatures",
         "many signatures of the root's keys", "many tiny records", "many names", "many NSEC3 of many iterations", "many aliases", "deep",
         "an exponent as long as the modulus", "a key of 16,000 bits", "a key that is not signed"]


@pytest.mark.parametrize("kind", KINDS)
def test_refused_soon(cases, talk, keeper, kind):  # noqa: F811
    assert set(cases) == set(KINDS)
    name, it = cases[kind]
    assert len(octets_of(it)) <= chain.MAX
    begin = time.monotonic()
    got = tell(talk, name, it)
    took = time.monotonic() - begin
    # What is only too much, or of no use, beside a chain that holds may be passed over.
    if got.status == SECURE:
        assert kind in ("many names", "many DS", "many signatures of the root's keys", "many signatures", "many NSEC3 of many iterations", "many aliases",
                        "deep") and got.records == [RIGHT], got
    else:
        refused(got)
    assert took < patient(SOON), (took, got)
    assert tell(talk, DEVICE, cases["one key, many signatures"][1]).status != SECURE


def test_how_deep_it_may_be(made, talk):  # noqa: F811
    """A domain a few zones down is nothing unusual."""
    name, rrs = deep(made, 6)
    assert chain.holds(rrs, made.anchor, name) == [RIGHT]
    got = tell(talk, name, rrs)
    assert got.status == SECURE and got.records == [RIGHT], got


@pytest.mark.parametrize("kind", [A, NS, SOA, 16, 33, 28, 41, 250, 252, 255, 0, 65280, DNAME])
def test_of_a_type_that_is_not_of_a_chain(made, talk, kind):  # noqa: F811
    """A record of the zone that the resolver makes of a chain, above all: whoever could say who serves the root."""
    for owner in ("", DEVICE, "com"):
        got = tell(talk, DEVICE, made.chain(DEVICE) + [RR(owner, kind, 3600, wire("a.example.net") + bytes(20))])
        if kind != DNAME or got.status != SECURE:
            refused(got)


@pytest.mark.parametrize("klass", [0, 3, 254, 255, 0x8001])
def test_of_another_class(made, talk, klass):  # noqa: F811
    rrs = made.chain(DEVICE)
    for i in range(len(rrs)):
        refused(tell(talk, DEVICE, rrs[:i] + [rrs[i]._replace(klass=klass)] + rrs[i + 1:]))


TEXT = ["\n$INCLUDE /etc/passwd\n", "\n. 1 IN NS a.", "$ORIGIN x.", "@", ";", "\"", "\\", "\\046", ".", "(", ")", " ", "\t", "\r\n", "\0", "\x7f", "\xff", "*",
         "#", "\\#", "a" * 63]


@pytest.mark.parametrize("label", TEXT, ids=range(len(TEXT)))
def test_a_name_is_a_name(made, talk, keeper, label):  # noqa: F811
    """Whatever its octets are: the resolver makes text of a chain."""
    def odd(*more):
        octets = label.encode("latin-1")
        return bytes([len(octets)]) + octets + b"".join(wire(m) for m in more)
    octets = chain.encode(made.chain(DEVICE))
    for owner in (odd(""), odd("example.com"), odd(DEVICE)):
        record = owner + struct.pack("!HHIH", TLSA, 1, 3600, 35) + bytes([3, 1, 1]) + bytes(32)
        got = tell(talk, DEVICE, octets + record)
        assert got.records in ([], [RIGHT]), got
        if got.status != SECURE:
            refused(got)
    # In the RDATA of what is signed: a CNAME to it, an NSEC up to it.
    zone = made.of(DEVICE)
    for kind, rdata in ((CNAME, odd("example.com")), (NSEC, odd("example.com") + bitmap({TLSA}))):
        rrs = [RR("odd.example.com", kind, 3600, rdata)]
        refused(tell(talk, "odd.example.com", rrs + [zone.rrsig(rrs)] + chain.upwards(zone)))
    assert tell(talk, DEVICE, made.chain(DEVICE)).records == [RIGHT]


def test_rdata_that_is_none(made, talk):  # noqa: F811
    """Too short for its type, of no length, or with names that do not end."""
    for kind in (TLSA, DNSKEY, DS, RRSIG, NSEC, NSEC3, CNAME):
        for rdata in (b"", b"\0", b"\xc0\x0c", b"\x3f", b"\xff" * 20, bytes(18), bytes(300)):
            for owner in (DEVICE, "example.com"):
                got = tell(talk, DEVICE, made.chain(DEVICE) + [RR(owner, kind, 3600, rdata)])
                assert got.records in ([], [RIGHT]), got
                if got.status != SECURE:
                    refused(got)


def test_a_message_that_is_none(made, keeper):  # noqa: F811
    """Ends the conversation, and nothing else."""
    octets = chain.encode(made.chain(DEVICE))
    good = chain_query(1, DEVICE, octets)
    for message in (good[:-1], good + b"x", chain_query(1, DEVICE, b""), chain_query(1, "", octets), chain_query(1, DEVICE, octets, timeout=0),
                    chain_query(1, DEVICE, octets, timeout=60001), chain_query(1, DEVICE, octets, only=2), chain_query(1, "a..b", octets),
                    chain_query(1, DEVICE, bytes(chain.MAX + 1)), good[:20]):
        bad = keeper()
        bad.send(message)
        assert bad.recv(100) == b""
    assert tell(keeper(), DEVICE, octets).records == [RIGHT]


def flood(keeper, cases, until, counted):  # noqa: F811
    """As many chains as are taken, of every costly kind and ten at a time, until told to stop."""
    connection = keeper()
    messages = [chain_query(0, name, octets_of(it)) for name, it in cases]
    waiting = sent = 0
    while not until.is_set():
        while waiting < 40:
            connection.send(messages[sent % len(messages)])
            sent, waiting = sent + 1, waiting + 1
        _, got = said(connection.recv(65536))
        assert got.status != SECURE or got.records == [RIGHT]
        counted[got.status] = counted.get(got.status, 0) + 1
        waiting -= 1


def test_a_flood_keeps_nobody_waiting(made, keeper, cases, dns):  # noqa: F811
    """A known name, a new one and, when it is over, a chain."""
    asking = keeper()
    assert ask(asking, KNOWN, timeout=60000)[0] == SECURE

    def times(count, of):
        found = []
        for i in range(count):
            begin = time.monotonic()
            status = ask(asking, of(i), timeout=60000)[0]
            assert status == SECURE, status
            found.append(time.monotonic() - begin)
        return sorted(found)
    stop, counted = threading.Event(), {}
    worst = [cases[kind] for kind in ("colliding keys", "one key, many signatures", "deep", "many signatures", "many names")]
    threads = [threading.Thread(target=flood, args=(keeper, worst, stop, counted)) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        known = times(300, lambda i: KNOWN)
        new = times(30, lambda i: f"f{time.monotonic_ns()}.wild._device.example.com")
    finally:
        stop.set()
        for thread in threads:
            thread.join(patient(30))
    assert not any(thread.is_alive() for thread in threads)
    assert sum(counted.values()) > 20, "there was a flood"
    assert known[150] < patient(0.02) and known[-1] < patient(0.5), (known[150], known[-1], counted)
    assert new[15] < patient(0.1) and new[-1] < patient(1), (new[15], new[-1], counted)
    # Nothing of it stays.
    end = time.monotonic() + patient(20)
    while (got := tell(asking, DEVICE, made.chain(DEVICE))).status == BUSY and time.monotonic() < end:
        pass
    assert got.records == [RIGHT]
