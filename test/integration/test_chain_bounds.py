# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Chains that are made to cost: each is refused, soon, and whoever asks for a name meanwhile is answered as ever."""
import os
import struct
import threading
import time

import pytest

import chain
import keytrap
from chain_wire import chain_query, octets_of, said, tell
from signing import A, CNAME, DNSKEY, DOT, DS, NS, NSEC, NSEC3, NSEC3PARAM, RR, RRSIG, RSA, SOA, TLSA, Key, Zone, bitmap, wire
from test_chains import DEVICE, RIGHT, dns, keeper, made, refused, talk  # noqa: F401 (fixtures)
from test_resolver import BUSY, SECURE, ask
from zone import patient

SOON = 2  # seconds, of a quiet machine
KNOWN = "x.wild._device.example.com"


def same_tag(tag):
    """The RDATA of a DNSKEY that is nothing unusual but for its tag."""
    modulus = bytearray(b"\xc0" + os.urandom(254) + b"\x01")
    head = struct.pack("!HBB", 256, 3, RSA) + b"\x03\x01\x00\x01"
    for _ in range(4):
        missing = (tag - keytrap.key_tag(head + bytes(modulus))) % 0xffff
        modulus[100:102] = ((int.from_bytes(modulus[100:102], "big") + missing) & 0xffff).to_bytes(2, "big")
    return head + bytes(modulus) if keytrap.key_tag(head + bytes(modulus)) == tag else same_tag(tag)


def trap(made, more, signatures):
    """A zone whose owner makes validation long: keys of one tag, and signatures by none of them; its chain is as it should be
    but for that."""
    zone, name = Zone("trap.com", algorithm=RSA, ttl=3600), "a.trap.com"
    zone.parent = made.com
    for rdata in more(zone.key.tag):
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


def laden(made, false=7):
    """The right chain, each of its signatures behind as many false ones by the same key."""
    rrs = []
    for rr in made.chain(DEVICE):
        if rr.kind == RRSIG:
            rrs += [rr._replace(rdata=rr.rdata[:-4] + struct.pack("!I", i)) for i in range(false)]
        rrs.append(rr)
    return DEVICE, rrs


def aliases(made, counts):
    """From one name to the next, each with so many signatures of which the last is right; all of the zone's own making."""
    zone, rrs = Zone("aliases.com", made.com, ttl=3600), []
    for kind in (NS, DS):  # for this chain alone
        made.com.sets.pop(("aliases.com", kind))
    made.com.cache.clear()
    for i, count in enumerate(counts):
        kind, rdata = (CNAME, wire(f"c{i + 1}.aliases.com")) if i < len(counts) - 1 else (TLSA, RIGHT)
        rrset = [RR(f"c{i}.aliases.com", kind, 3600, rdata)]
        right = zone.rrsig(rrset)
        rrs += rrset + [right._replace(rdata=right.rdata[:-4] + struct.pack("!I", n)) for n in range(count - 1)] + [right]
    ds = [RR("aliases.com", DS, 3600, zone.ds())]
    return "c0.aliases.com", rrs + zone.rrset("aliases.com", DNSKEY) + ds + [made.com.rrsig(ds)] + chain.upwards(made.com)


def costly(made):
    """(name, chain, which bound is said to be passed)."""
    zone = made.of(DEVICE)
    sig, root = zone.rrset(DEVICE, TLSA)[-1].rdata, made.root.rrset("", DNSKEY)[-1].rdata
    tlsa = struct.pack("!BBB", 3, 1, 1)
    return {
        "colliding keys": (*trap(made, lambda tag: [same_tag(tag) for _ in range(10)], 8), "the same tag"),
        "two keys of one tag": (*trap(made, lambda tag: [same_tag(tag)], 1), "the same tag"),
        "slow keys": (*trap(made, lambda tag: [keytrap.colliding_key(tag)], 8), "too large"),
        "many keys, each its own": (*trap(made, lambda tag: [same_tag(tag + i) for i in range(1, 20)], 1), "too many keys"),
        "one key, many signatures": (*trap(made, lambda tag: [], 20), "too many signatures"),
        "many TLSA records": (*fill(made, lambda i: RR(DEVICE, TLSA, 3600, tlsa + struct.pack("!I", i))), "too many records"),
        "many keys": (*fill(made, lambda i: RR("example.com", DNSKEY, 3600, zone.key.rdata[:-4] + struct.pack("!I", i))), "too many"),
        "many DS": (*fill(made, lambda i: RR("example.com", DS, 3600, zone.ds()[:-4] + struct.pack("!I", i))), "too many records"),
        "many signatures": (*fill(made, lambda i: RR(DEVICE, RRSIG, 3600, sig[:-4] + struct.pack("!I", i))), "too many signatures"),
        "many signatures of keys": (*fill(made, lambda i: RR("", RRSIG, 3600, root[:40] + struct.pack("!I", i))), "too many"),
        "many tiny records": (*fill(made, lambda i: RR("", TLSA, 0, b"")), "malformed"),
        "many names": (*fill(made, lambda i: RR(f"n{i}", TLSA, 0, tlsa + b"x")), "too many records"),
        "many NSEC3": (*fill(made, lambda i: RR(f"{i:032d}.example.com", NSEC3, 3600, b"\1\0\0\0\0\x14" + bytes(20))), "too many records"),
        "an NSEC3 of many iterations": (DEVICE, made.chain(DEVICE) + [RR("x.example.com", NSEC3, 3600, b"\1\0\xff\xff\0\x14" + bytes(20))],
                                        "too many iterations"),
        "many aliases": (*fill(made, lambda i: RR(f"c{i}.example.com", CNAME, 3600, wire(f"c{i + 1}.example.com"))), "too many records"),
        "many signatures of aliases": (*aliases(made, [8, 1, 8, 1, 8, 1, 8, 1]), "too many signatures"),
        "deep": (*deep(made, 22), "too many zones"),
        "a key of 16,000 bits": (DEVICE, made.chain(DEVICE) + [RR("example.com", DNSKEY, 3600, b"\1\1\3\x08\x03\1\0\1" + b"\xff" * 2000)],
                                 "too large"),
        "a key that is not signed": (DEVICE, made.chain(DEVICE) + [RR("example.com", DNSKEY, 3600, Key(RSA, 2048).rdata)], "signature"),
    }


@pytest.fixture(scope="module")
def cases(made):  # noqa: F811
    return costly(made)


KINDS = ["colliding keys", "two keys of one tag", "slow keys", "many keys, each its own", "one key, many signatures", "many TLSA records", "many keys",
         "many DS", "many signatures", "many signatures of keys", "many tiny records", "many names", "many NSEC3",
         "an NSEC3 of many iterations", "many aliases", "many signatures of aliases", "deep", "a key of 16,000 bits", "a key that is not signed"]


@pytest.mark.parametrize("kind", KINDS)
def test_refused_soon(cases, talk, kind):  # noqa: F811
    assert set(cases) == set(KINDS)
    name, it, words = cases[kind]
    assert len(octets_of(it)) <= chain.MAX
    begin = time.monotonic()
    got = tell(talk, name, it)
    took = time.monotonic() - begin
    refused(got, words)
    assert took < patient(SOON), (took, got)


def test_as_much_as_there_may_be(made, talk):  # noqa: F811
    """48 signatures, of which 42 are computed for nothing: libunbound may find that too much; it does not take long."""
    begin = time.monotonic()
    got = tell(talk, *laden(made))
    assert got.records == [RIGHT] or refused(got) is None
    assert time.monotonic() - begin < patient(SOON), got
    refused(tell(talk, *laden(made, 8)), "too many")
    assert tell(talk, *laden(made, 1)).records == [RIGHT]


def test_how_long_libunbound_stands_still(made, talk):  # noqa: F811
    """It does so between signatures, and costs nothing meanwhile: but the chains behind it wait."""
    took = []
    for counts in ([8, 1, 7], [1] * 10):
        for _ in range(3):
            begin = time.monotonic()
            assert tell(talk, *aliases(made, counts)).records == [RIGHT]
            took.append(time.monotonic() - begin)
    assert min(took) < patient(0.2), took
    refused(tell(talk, *aliases(made, [8, 1, 8])), "too many signatures")


def test_how_deep_it_may_be(made, talk):  # noqa: F811
    """A domain a few zones down is nothing unusual."""
    name, rrs = deep(made, 6)
    assert chain.holds(rrs, made.anchor, name) == [RIGHT]
    got = tell(talk, name, rrs)
    assert got.status == SECURE and got.records == [RIGHT], got


@pytest.mark.parametrize("kind", [A, NS, SOA, 16, 33, 28, 41, NSEC3PARAM, 250, 252, 255, 0, 65280])
def test_of_a_type_that_is_not_of_a_chain(made, talk, kind):  # noqa: F811
    """Also from a zone's owner, who can sign what he likes: he could say who serves it, or the root."""
    for owner in ("", DEVICE, "example.com"):
        for rdata in (wire("a.example.net"), bytes([127, 0, 0, 1])):
            more = [RR(owner, kind, 3600, rdata)]
            for signature in ([], [made.of(owner).rrsig(more)]):
                refused(tell(talk, DEVICE, made.chain(DEVICE) + more + signature), "of a type that has no place there")


@pytest.mark.parametrize("klass", [0, 3, 254, 255, 0x8001])
def test_of_another_class(made, talk, klass):  # noqa: F811
    rrs = made.chain(DEVICE)
    for i in range(len(rrs)):
        refused(tell(talk, DEVICE, rrs[:i] + [rrs[i]._replace(klass=klass)] + rrs[i + 1:]))


TEXT = ["\n$INCLUDE /etc/passwd\n", "\n. 1 IN NS a.", "$ORIGIN x.", "@", ";", "\"", "\\", "\\046", ".", "(", ")", " ", "\t", "\r\n", "\0", "\x7f", "\xff", "*",
        "#", "\\#", "a" * 63]


@pytest.mark.parametrize("label", TEXT, ids=range(len(TEXT)))
def test_a_name_is_a_name(made, talk, label):  # noqa: F811
    """Whatever its octets are, and though a zone's owner signs them: the resolver makes text of a chain."""
    label, zone, rrs = label.replace(".", DOT), made.of(DEVICE), made.chain(DEVICE)
    for owner in (f"{label}.example.com", f"{label}.{DEVICE}", f"a.{label}.example.com"):
        for kind, rdata in ((TLSA, RIGHT[:-1] + b"x"), (CNAME, wire(owner)), (NSEC, wire(owner) + bitmap({TLSA}))):
            more = [RR(owner, kind, 3600, rdata)]
            # It is there, it is somebody else's, and it changes nothing.
            got = tell(talk, DEVICE, rrs + more + [zone.rrsig(more)])
            assert got.status == SECURE and got.records == [RIGHT], (got, owner, kind)
            refused(tell(talk, DEVICE, rrs + more), "is not signed")
    # Where the name itself leads there.
    alias = [RR("odd.example.com", CNAME, 3600, wire(f"{label}.example.com"))]
    there = [RR(f"{label}.example.com", TLSA, 3600, RIGHT)]
    up = chain.upwards(zone)
    assert tell(talk, "odd.example.com", alias + [zone.rrsig(alias)] + there + [zone.rrsig(there)] + up).records == [RIGHT]
    refused(tell(talk, "odd.example.com", alias + [zone.rrsig(alias)] + up))


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

    def time_of(name):
        begin = time.monotonic()
        status = ask(asking, name, timeout=60000)[0]
        assert status == SECURE, status
        return time.monotonic() - begin
    stop, counted = threading.Event(), {}
    worst = [(name, it) for name, it, _ in cases.values()] + [laden(made)] * len(cases)
    threads = [threading.Thread(target=flood, args=(keeper, worst, stop, counted)) for _ in range(2)]
    for thread in threads:
        thread.start()
    known, new, end = [], [], time.monotonic() + patient(20)
    try:
        while (len(new) < 20 or sum(counted.values()) < 200) and time.monotonic() < end:
            known += [time_of(KNOWN) for _ in range(10)]
            new.append(time_of(f"f{time.monotonic_ns()}.wild._device.example.com"))
    finally:
        stop.set()
        for thread in threads:
            thread.join(patient(30))
    assert not any(thread.is_alive() for thread in threads)
    assert sum(counted.values()) >= 200, "there was a flood"
    known, new = sorted(known), sorted(new)
    assert known[len(known) // 2] < patient(0.02) and known[-1] < patient(0.5), (known[len(known) // 2], known[-1], counted)
    assert new[len(new) // 2] < patient(0.1) and new[-1] < patient(1), (new[len(new) // 2], new[-1], counted)
    # Nothing of it stays.
    end = time.monotonic() + patient(20)
    while (got := tell(asking, DEVICE, made.chain(DEVICE))).status == BUSY and time.monotonic() < end:
        pass
    assert got.records == [RIGHT]
