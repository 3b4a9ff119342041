# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""RFC 9102 chains, made, taken apart, checked and broken by a peer that shares nothing with us or with libunbound.

    chain_of(zone_of, name)       of zones made here (signing.py)
    collected(port, name)         asked of a DNS server, one question for each RRset
    parse(octets), encode(rrs)    the format
    holds(rrs, anchor, name)      the TLSA RDATA that it proves, or Broken
"""
import hashlib
import os
import socket
import struct
import time

from keytrap import key_tag
from signing import (CNAME, DNSKEY, DS, NSEC, NSEC3, RR, RRSIG, TLSA, base32hex, canonical, hashed, is_below, labels, lower,
                     parent_of, signed_data, verifies, wire)
from zone import patient

MAX = 16384


def encode(rrs, lifetime=0):
    return struct.pack("!H", lifetime) + b"".join(rr.octets() for rr in rrs)


class Broken(Exception):
    pass


def name_at(octets, at, compressed=False):
    """A name in a message, and where it ends."""
    found, end = [], None
    while True:
        if at >= len(octets):
            raise Broken("a name does not end")
        length = octets[at]
        if length >= 192 and compressed:
            end = at + 2 if end is None else end
            at = int.from_bytes(octets[at:at + 2], "big") & 0x3fff
            continue
        if length > 63:
            raise Broken("compressed")
        at += 1
        if length == 0:
            return ".".join(found), at if end is None else end
        found.append(octets[at:at + length].decode("latin-1"))
        at += length


def rr_at(octets, at, compressed=False):
    owner, at = name_at(octets, at, compressed)
    if len(octets) < at + 10:
        raise Broken("a record does not end")
    kind, klass, ttl, length = struct.unpack("!HHIH", octets[at:at + 10])
    begin, at = at + 10, at + 10 + length
    if len(octets) < at:
        raise Broken("a record does not end")
    rdata = octets[begin:at]
    if compressed and kind == CNAME:
        rdata = wire(name_at(octets, begin, True)[0])
    return RR(owner, kind, ttl, rdata, klass), at


def parse(octets):
    """The RRs of an AuthenticationChain, whose first two octets are a lifetime."""
    if not 2 < len(octets) <= MAX:
        raise Broken(f"{len(octets)} octets")
    rrs, at = [], 2
    while at < len(octets):
        rr, at = rr_at(octets, at)
        rrs.append(rr)
    return rrs


# Making.

def upwards(zone):
    """DNSKEY and DS RRsets from a zone to the root; where nobody signs, that there is no DS RRset."""
    rrs = []
    while zone is not None:
        if zone.signs:
            rrs += zone.rrset(zone.origin, DNSKEY)
        if zone.parent is not None:
            rrs += zone.parent.rrset(zone.origin, DS) if zone.signs else zone.parent.denial(zone.origin)
        zone = zone.parent
    return rrs


def chain_of(zone_of, name, kind=TLSA):
    """The RRs of a name, in the zones that zone_of(name) gives; a CNAME is followed."""
    rrs, zones = [], []
    while name is not None:
        zone = zone_of(name)
        zones.append(zone)
        owner, following = zone.find(name)
        found = kind if (owner, kind) in zone.sets else CNAME
        expanded = name if owner != name else None
        if (owner, found) not in zone.sets:
            raise Broken(f"there is nothing at {name}")
        rrs += zone.rrset(owner, found, expanded)
        if expanded is not None and zone.signs:
            rrs += zone.denial(following if zone.nsec3 else name)
        name = name_at(zone.sets[owner, CNAME][0], 0)[0] if found == CNAME else None
    for zone in zones:
        rrs += [rr for rr in upwards(zone) if rr not in rrs]
    return rrs


def rrsets(rrs):
    """[[the RRs of one RRset, without RRSIGs]], in the order of their first ones."""
    found = {}
    for rr in rrs:
        if rr.kind != RRSIG:
            found.setdefault((lower(rr.owner), rr.kind), []).append(rr)
    return list(found.values())


# Asking.

def question(name, kind):
    return os.urandom(2) + b"\x01\x10" + struct.pack("!HHHH", 1, 0, 0, 1) + wire(name) + struct.pack("!HH", kind, 1) \
        + b"\0" + struct.pack("!HHIH", 41, 4096, 0x8000, 0)


def asked(port, name, kind):
    """The answer's RRs, and those of the authority section, over TCP."""
    with socket.create_connection(("127.0.0.1", port), timeout=patient(10)) as s:
        sent = question(name, kind)
        s.sendall(struct.pack("!H", len(sent)) + sent)
        with s.makefile("rb") as stream:
            got = stream.read(int.from_bytes(stream.read(2), "big"))
    if got[:2] != sent[:2]:
        raise Broken("an answer to something else")
    questions, answers, authority, _ = struct.unpack("!HHHH", got[4:12])
    at, sections = 12, ([], [])
    for _ in range(questions):
        at = name_at(got, at, True)[1] + 4
    for section, count in zip(sections, (answers, authority)):
        for _ in range(count):
            rr, at = rr_at(got, at, True)
            section.append(rr)
    return sections


def collected(port, name, anchor=""):
    """The chain of a name's TLSA RRset as a server at this port has it, up to the zone `anchor`."""
    answers, authority = asked(port, name, TLSA)
    rrs = answers + [rr for rr in authority if rr.kind in (NSEC, NSEC3)
                     or rr.kind == RRSIG and int.from_bytes(rr.rdata[:2], "big") in (NSEC, NSEC3)]
    waiting, done = [signer(rr) for rr in rrs if rr.kind == RRSIG], set()
    while waiting:
        zone = waiting.pop(0)
        if zone in done:
            continue
        done.add(zone)
        rrs += asked(port, zone, DNSKEY)[0]
        if zone != anchor:
            above = asked(port, zone, DS)[0]
            rrs += above
            waiting += [signer(rr) for rr in above if rr.kind == RRSIG]
    return rrs


def signer(rrsig):
    return name_at(rrsig.rdata, 18)[0]


# Checking.

def covered(rrs, name, wildcard_labels):
    """A denial among rrs, validated already, that the name from which a wildcard was expanded does not exist."""
    following = ".".join(labels(name)[-(wildcard_labels + 1):])
    for rr in rrs:
        if rr.kind == NSEC:
            begin, end, point = canonical(rr.owner), canonical(name_at(rr.rdata, 0)[0]), canonical(name)
        elif rr.kind == NSEC3 and is_below(name, parent_of(rr.owner)):
            begin, end, point = lower(labels(rr.owner)[0]), base32hex(rr.rdata[6:26]), base32hex(hashed(following))
        else:
            continue
        if begin < point < end or end <= begin and (point > begin or point < end):
            return True
    return False


def holds(rrs, anchor, name, now=None):
    """The TLSA RDATA that rrs prove at the name under an anchor (owner, DS RDATA); Broken, if they do not."""
    now = time.time() if now is None else now
    keys = {}  # zone -> its validated DNSKEY RDATA
    if any(rr.klass != 1 for rr in rrs):
        raise Broken("not of the class IN")

    def signed(rrset):
        """The RRSIG that validates, of a zone whose keys are known."""
        first = rrset[0]
        for sig in rrs:
            if sig.kind != RRSIG or lower(sig.owner) != lower(first.owner) or int.from_bytes(sig.rdata[:2], "big") != first.kind:
                continue
            count, (end, begin, tag), zone = sig.rdata[3], struct.unpack("!IIH", sig.rdata[8:18]), signer(sig)
            if not begin <= now <= end or not is_below(first.owner, zone) or count > len(labels(first.owner)):
                continue
            head = sig.rdata[:18] + lower(wire(zone))
            star = "*." + ".".join(labels(first.owner)[-count:]) if count < len(labels(first.owner)) else None
            if any(key_tag(key) == tag and verifies(key, sig.rdata[len(head):], signed_data(head, rrset, star)) for key in keys.get(lower(zone), ())):
                return sig
        return None

    trusted = [anchor] + [(lower(rr.owner), rr.rdata) for rr in rrs if rr.kind == DS]
    sets = rrsets(rrs)
    changed = True
    while changed:
        changed = False
        for rrset in sets:
            zone = lower(rrset[0].owner)
            if rrset[0].kind != DNSKEY or zone in keys:
                continue
            ds = [rdata for owner, rdata in trusted if owner == zone and ((owner, rdata) == anchor or signed(
                [rr for rr in rrs if rr.kind == DS and lower(rr.owner) == zone]))]
            entry = [rr.rdata for rr in rrset if any(rdata[3] == 2 and hashlib.sha256(wire(zone) + rr.rdata).digest() == rdata[4:] for rdata in ds)]
            keys[zone] = entry
            if entry and signed(rrset):
                keys[zone], changed = [rr.rdata for rr in rrset], True
            else:
                del keys[zone]
    good = [(rrset, signed(rrset)) for rrset in sets]
    good = {(lower(rrset[0].owner), rrset[0].kind): (rrset, sig) for rrset, sig in good if sig}
    proven = [rr for rrset, _ in good.values() for rr in rrset]
    for _ in range(8):
        for kind in (TLSA, CNAME):
            rrset, sig = good.get((lower(name), kind), (None, None))
            if rrset is None:
                continue
            if sig.rdata[3] < len(labels(name)) and not covered(proven, name, sig.rdata[3]):
                raise Broken(f"{name} is of a wildcard, and nothing says that it does not exist itself")
            if kind == TLSA:
                return [rr.rdata for rr in rrset]
            name = name_at(rrset[0].rdata, 0)[0]
            break
        else:
            break
    raise Broken(f"nothing is proven of {name}")
