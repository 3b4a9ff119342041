# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""DNSSEC chains, straight to the resolver: what holds, and what does not, whichever way it is broken.

The chains come from a peer of our own (chain.py), whose checker says what each of them proves.
"""
import random
import time

import pytest

import chain
import rfc9102
from chain_wire import resolver, tell, tell_all
from hierarchy import Hierarchy
from signing import CNAME, DAY, DNAME, DNSKEY, DS, NSEC, NSEC3, RR, RRSIG, TLSA, wire
from test_resolver import ABSENT, BOGUS, FAILED, SECURE, ask
from zone import Proxy, patient

RIGHT = bytes([3, 1, 1]) + bytes(range(32))
WRONG = bytes([3, 1, 1]) + bytes(32)
DEVICE = "sensor7._device.example.com"
GOOD = [DEVICE, "brief._device.example.com", "x.wild._device.example.com", "a.b.wild._device.example.com", "alias._device.example.com",
        "far._device.example.com", "away._device.hashed.com", "x.wild._device.hashed.com", "a.y.wild._device.hashed.com",
        "dev._device.a.gap.example.com", "dev._device.p384.com", "dev._device.ed25519.com", "dev._device.rsa.com"]


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    made = Hierarchy(tmp_path_factory.mktemp("hierarchy"), RIGHT)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def dns(made):
    """In front of the zones: it knows what was asked."""
    proxy = Proxy(made.dns.port)
    yield proxy
    proxy.stop()


@pytest.fixture(scope="session")
def keeper(made, dns):
    with resolver(made.anchor_file(), dns.port) as connect:
        yield connect


@pytest.fixture
def talk(keeper):
    with keeper() as connection:
        yield connection


def refused(got, *words):
    """A chain that decides alone, and does not hold: never a record, and a reason that says whose fault it is."""
    assert got.status in (BOGUS, FAILED) and not got.records, got
    assert got.reason.startswith("chain: ") and got.reason.isprintable(), got
    assert not words or any(word in got.reason for word in words), got


# What holds.

@pytest.mark.parametrize("name", GOOD)
def test_holds(made, talk, dns, name):
    rrs, before = made.chain(name), len(dns.seen)
    got = tell(talk, name, rrs)
    assert got.status == SECURE and got.records == [RIGHT] and got.reason == "", got
    assert 0 < got.ttl <= min(rr.ttl for rr in rrs)
    assert dns.seen[before:] == [], "a chain that decides alone asks nobody"
    # As the DNS has it, and in capitals.
    for it, of in ((chain.collected(made.dns.port, name), name), (rrs, name.upper())):
        got = tell(talk, of, it)
        assert got.status == SECURE and got.records == [RIGHT], got


@pytest.mark.parametrize("name", GOOD)
def test_order_repetition_and_lifetime_do_not_matter(made, talk, name):
    rrs = made.chain(name)
    shuffled = random.Random(name).sample(rrs, len(rrs))
    more = [rrs[::-1], shuffled, rrs + rrs[:2], chain.encode(rrs, 0xffff)]
    more += [[rr._replace(owner=rr.owner.upper()) for rr in rrs]]
    for it, got in zip(more, tell_all(talk, [(name, it) for it in more])):
        assert got.status == SECURE and got.records == [RIGHT], (got, more.index(it))


def test_several_records(made, talk):
    name = "several._device.example.com"
    rrs = made.chain(name)
    got = tell(talk, name, rrs)
    assert got.status == SECURE and sorted(got.records) == sorted(rr.rdata for rr in rrs if rr.kind == TLSA) and len(got.records) == 3


# What does not.

@pytest.mark.parametrize("name", GOOD)
def test_each_record_is_needed(made, talk, name):
    rrs = made.chain(name)
    cases = [(name, rrs[:i] + rrs[i + 1:]) for i in range(len(rrs))]
    for i, got in enumerate(tell_all(talk, cases)):
        refused(got)


@pytest.mark.parametrize("name", [DEVICE, "x.wild._device.example.com", "far._device.example.com", "x.wild._device.hashed.com"])
def test_no_octet_may_change(made, talk, name):
    """Except what is nobody's to say: the lifetime, the case of a name, a TTL, which may become less."""
    octets, step = chain.encode(made.chain(name)), 7
    rng = random.Random(name)
    cases = []
    for i in range(rng.randrange(step), len(octets), step):
        changed = bytearray(octets)
        changed[i] ^= 1 << rng.randrange(8)
        cases.append((name, bytes(changed)))
    for (_, it), got in zip(cases, tell_all(talk, cases)):
        try:
            rrs = chain.parse(it)
            chain.holds(rrs, made.anchor, name)
        except (chain.Broken, ValueError, IndexError):
            refused(got)
        else:
            if got.status == SECURE or all(rr.ttl <= 3600 for rr in rrs):
                assert got.status == SECURE and got.records == [RIGHT] and got.ttl <= 3600, (got, rrs)
            else:
                refused(got)


@pytest.mark.parametrize("name,words", [
    ("dev._device.past.com", ["has ended"]), ("dev._device.future.com", ["has not begun"]), ("dev._device.unsigned.com", [])])
def test_of_another_time_or_of_nobody(made, talk, name, words):
    got = tell(talk, name, made.chain(name))
    refused(got, *words)


def test_rfc_9102s_own(made, talk, tmp_path, dns):
    """Good in 2019."""
    anchor = tmp_path / "rfc9102"
    anchor.write_text(rfc9102.ANCHOR_LINE)
    with resolver(anchor, dns.port) as connect:
        refused(tell(connect(), rfc9102.NAME, rfc9102.CHAIN), "has ended")
    refused(tell(talk, rfc9102.NAME, rfc9102.CHAIN))


def signatures(made, rrs, **wrong):
    """The TLSA RRset with another signature than it should have."""
    tlsa = [rr for rr in rrs if rr.kind == TLSA]
    return tlsa + [made.of(tlsa[0].owner).rrsig(tlsa, **wrong)] + [rr for rr in rrs if rr.owner != tlsa[0].owner]


@pytest.mark.parametrize("wrong", [
    {"end": -5}, {"begin": 600}, {"begin": -40 * DAY, "end": -39 * DAY}, {"tag": 1}, {"signer": "com"}, {"signer": ""},
    {"signer": "hashed.com"}, {"count": 5}, {"count": 2}, {"count": 0}, {"count": 255}], ids=str)
def test_a_signature_that_says_something_else(made, talk, wrong):
    rrs = signatures(made, made.chain(DEVICE), **wrong)
    with pytest.raises(chain.Broken):
        chain.holds(rrs, made.anchor, DEVICE)
    refused(tell(talk, DEVICE, rrs))
    rrs = signatures(made, made.chain(DEVICE))
    assert tell(talk, DEVICE, rrs).records == [RIGHT], "signed anew as it should be"


def test_of_another_name_zone_or_root(made, talk, tmp_path):
    other = made.chain("other._device.example.com")
    assert tell(talk, "other._device.example.com", other).records == [WRONG]
    theirs = Hierarchy(tmp_path, RIGHT)
    mine = made.chain(DEVICE)
    tlsa, rest = mine[:2], mine[2:]
    foreign = theirs.chain(DEVICE)
    renamed = [rr._replace(owner=DEVICE) if rr.owner.startswith("other.") else rr for rr in other]
    child = made.zones["sub.example.com"]
    stolen = [RR(DEVICE, TLSA, 3600, WRONG)]
    for case in (other, made.chain("away._device.hashed.com"), renamed, foreign, tlsa + foreign[2:], foreign[:2] + rest,
                 # Both chains together: what is right must not help what is not.
                 [RR(DEVICE, TLSA, 3600, WRONG)] + other + rest, tlsa,
                 # A zone below, and one beside, that signs for a name that is not its own.
                 stolen + [child.rrsig(stolen)] + chain.upwards(child),
                 stolen + [made.of("hashed.com").rrsig(stolen)] + chain.upwards(made.of("hashed.com")),
                 # The zone's own key, which its parent does not vouch for.
                 mine[:2] + made.of(DEVICE).rrset("example.com", DNSKEY)):
        refused(tell(talk, DEVICE, case))
    # Both chains of names that exist: each counts for its own.
    both = made.chain(DEVICE) + made.chain("other._device.example.com")
    assert tell(talk, DEVICE, both).records == [RIGHT]
    assert tell(talk, "other._device.example.com", both).records == [WRONG]


@pytest.mark.parametrize("origin", ["example.com", "hashed.com"])
def test_a_wildcard_is_not_for_everybody(made, talk, origin):
    zone = made.zones[origin]
    there, kind = "_there.wild._device." + origin, NSEC3 if zone.nsec3 else NSEC
    star, up = "*.wild._device." + origin, chain.upwards(zone)
    stretched = zone.rrset(star, TLSA, there)
    for denial in ([], zone.denial(there), zone.denial("x.wild._device." + origin), zone.denial("a._device." + origin),
                   zone.denial(origin), [each for _, rr in zone.denials() for each in (rr, zone.rrsig([rr]))]):
        with pytest.raises(chain.Broken):
            chain.holds(stretched + denial + up, made.anchor, there)
        refused(tell(talk, there, stretched + denial + up))
    # Its denial unsigned, of the zone above, or signed by nobody's key; further up than it reaches.
    name = "x.wild._device." + origin
    denial = [rr for rr in made.chain(name) if rr.kind == kind]
    expanded = zone.rrset(star, TLSA, name)
    for rrset in (expanded, zone.rrset(star, TLSA)):  # as servers answer, and as it stands in the zone
        assert tell(talk, name, rrset + denial + [zone.rrsig(denial[:1])] + up).status == SECURE
        refused(tell(talk, name, rrset + up))
    forged = [rr._replace(ttl=rr.ttl + 1) for rr in denial]
    for rrs in (expanded + denial + up, expanded + denial + [made.com.rrsig(denial[:1])] + up,
                zone.rrset(star, TLSA, "x._device." + origin) + zone.denial("x._device." + origin) + up,
                expanded + forged + [zone.rrsig(forged[:1], tag=1)] + up):
        of = "x._device." + origin if any(rr.owner.startswith("x._device.") for rr in rrs) else name
        refused(tell(talk, of, rrs))


def test_no_delegation_comes_of_a_wildcard(made, talk):
    """The zone above has one, for whatever reason: libunbound would take it for each of its children, with no denial."""
    wild = [RR("*.com", DS, 3600, made.of(DEVICE).ds())]
    expanded = [wild[0]._replace(owner="example.com")]
    below = [rr for rr in made.chain(DEVICE) if not (rr.owner == "example.com" and (rr.kind == DS or rr.rdata[:2] == DS.to_bytes(2, "big")))]
    assert len(below) == len(made.chain(DEVICE)) - 2
    for ds in (wild, expanded):
        refused(tell(talk, DEVICE, below + ds + [made.com.rrsig(ds, "*.com")]), "of a wildcard")


def test_aliases(made, talk):
    """To nowhere, to itself, round and round, and to a name of which something else is said."""
    zone = made.of(DEVICE)
    up = chain.upwards(zone)

    def alias(owner, to):
        rrs = [RR(owner, CNAME, 3600, wire(to))]
        return rrs + [zone.rrsig(rrs)]
    names = [f"c{i}._device.example.com" for i in range(40)]
    long = [rr for a, b in zip(names, names[1:]) for rr in alias(a, b)]
    for rrs in (alias(names[0], "gone._device.example.com"), alias(names[0], names[0]), alias(names[0], names[1]) + alias(names[1], names[0]),
                long, [RR(names[0], CNAME, 3600, wire(DEVICE))] + made.chain(DEVICE), alias(names[0], "other._device.example.com") + zone.rrset(DEVICE, TLSA)):
        refused(tell(talk, names[0], rrs + up))
    assert tell(talk, names[0], alias(names[0], DEVICE) + zone.rrset(DEVICE, TLSA) + up).records == [RIGHT]


def test_a_whole_subtree_elsewhere(made, talk):
    """DNAME: the CNAME that servers make of it is not signed, and need not come."""
    name, to = "away._moved.example.com", "away._device.hashed.com"
    zone, other = made.of(name), made.of(to)
    moved, target = zone.rrset("_moved.example.com", DNAME), other.rrset(to, TLSA)
    up = list(dict.fromkeys(chain.upwards(zone) + chain.upwards(other)))
    for made_of_it in ([], [RR(name, CNAME, 3600, wire(to))]):
        got = tell(talk, name, moved + made_of_it + target + up)
        assert got.status == SECURE and got.records == [RIGHT], got
        refused(tell(talk, name, moved[:1] + made_of_it + target + up))
        refused(tell(talk, name, made_of_it + target + up))
    refused(tell(talk, name, moved + [RR(name, CNAME, 3600, wire("other._device.example.com"))] + zone.rrset("other._device.example.com", TLSA) + up))


@pytest.mark.parametrize("origin", ["com", "example.com"])
def test_up_to_whichever_anchor_there_is(made, dns, tmp_path, origin):
    """A server may trust a zone and nothing above it; what comes with a chain from there up is no matter."""
    anchor = tmp_path / "anchor"
    anchor.write_text(made.zones[origin].anchor())
    with resolver(anchor, dns.port) as connect, connect() as talk:
        rrs = made.chain(DEVICE)
        below = [rr for rr in rrs if rr.owner.endswith(origin) and not (rr.owner == origin and (
            rr.kind == DS or rr.kind == RRSIG and rr.rdata[:2] == DS.to_bytes(2, "big")))]
        for it in (rrs, below):
            got = tell(talk, DEVICE, it)
            assert got.status == SECURE and got.records == [RIGHT], got
        refused(tell(talk, "dev._device.past.com", made.chain("dev._device.past.com")))
        if origin == "example.com":
            refused(tell(talk, "away._device.hashed.com", made.chain("away._device.hashed.com")))


# For how long.

def test_believed_no_longer_than_anything_of_it(made, talk):
    def ttl(rrs, name=DEVICE):
        got = tell(talk, name, rrs)
        assert got.status == SECURE, got
        return got.ttl
    rrs = made.chain(DEVICE)
    assert ttl(made.chain("brief._device.example.com"), "brief._device.example.com") <= 7
    assert ttl(made.chain("dev._device.soon.com"), "dev._device.soon.com") <= 90
    for kind in (TLSA, DNSKEY, DS, RRSIG):
        assert ttl([rr._replace(ttl=9) if rr.kind == kind else rr for rr in rrs]) <= 9
    assert ttl([rr._replace(ttl=0x7fffffff) for rr in rrs]) <= 3600, "never longer than was signed"
    assert ttl(signatures(made, rrs, end=50)) <= 50
    for beyond in (0x80000000, 0xffffffff):
        got = tell(talk, DEVICE, [rr._replace(ttl=beyond) for rr in rrs])
        assert got.status != SECURE or got.ttl <= 3600


# Beside the DNS.

def test_the_dns_goes_first(made, talk, keeper, dns):
    """What it said a moment ago counts, and what a chain says is not kept for others."""
    zone = made.of(DEVICE)

    def unpublished(label):
        rrs = [RR(f"{label}{time.monotonic_ns()}._device.example.com", TLSA, 3600, RIGHT)]
        return rrs[0].owner, rrs + [zone.rrsig(rrs)] + chain.upwards(zone)
    name, rrs = unpublished("removed")
    assert ask(talk, name, timeout=60000)[0] == ABSENT
    for only in (False, True):
        assert tell(talk, name, rrs, only=only).status == ABSENT, "a denial is fresher than a chain"
    name, rrs = unpublished("unknown")
    before = len(dns.seen)
    got = tell(talk, name, rrs, only=False)
    assert got.status == SECURE and got.records == [RIGHT] and dns.seen[before:] == []
    assert ask(keeper(), name, timeout=60000)[0] == ABSENT, "others may not want chains"
    assert tell(talk, name, rrs, only=False).status == ABSENT


@pytest.mark.parametrize("spoil", [
    lambda made, rrs: rrs[1:], lambda made, rrs: signatures(made, rrs, end=-5), lambda made, rrs: b"x", lambda made, rrs: b"\0\0\xc0\x0c",
    lambda made, rrs: made.chain("other._device.example.com")], ids=["less", "expired", "short", "malformed", "other"])
def test_what_does_not_hold_is_looked_up(made, talk, dns, spoil):
    name = f"n{time.monotonic_ns()}.wild._device.example.com"
    got = tell(talk, name, spoil(made, made.chain(DEVICE)), only=False)
    assert got.status == SECURE and got.records == [RIGHT], got
    assert name in dns.seen
    if made.chain(DEVICE) != spoil(made, made.chain(DEVICE)):
        refused(tell(talk, name, spoil(made, made.chain(DEVICE)), only=True))


def test_the_deadline_is_kept(made, talk):
    begin = time.monotonic()
    for number in range(20):
        got = tell(talk, DEVICE, made.chain(DEVICE), timeout=1)
        assert got.status in (SECURE, FAILED), got
    assert time.monotonic() - begin < patient(3)
