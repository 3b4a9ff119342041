# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Signed zones made without any DNS software: RFC 4034, 4035 and 5155 by hand, primitives from python3-cryptography.

What a signer would never make is made here as easily as what is right: signatures of another time, of another key or
zone, denials that are left out. NSD serves what text() gives, so that a chain and the DNS can be held against each other.
"""
import base64
import hashlib
import struct
import time
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keytrap import key_tag

A, NS, CNAME, SOA, DNAME, DS, RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM, TLSA = 1, 2, 5, 6, 39, 43, 46, 47, 48, 50, 51, 52
RSA, P256, P384, ED25519 = 8, 13, 14, 15
CURVES = {P256: (ec.SECP256R1(), hashes.SHA256(), 32), P384: (ec.SECP384R1(), hashes.SHA384(), 48)}
HOUR, DAY = 3600, 86400


class RR(NamedTuple):
    """owner: a name without its last dot, the root's is empty."""
    owner: str
    kind: int
    ttl: int
    rdata: bytes
    klass: int = 1

    def octets(self):
        return wire(self.owner) + struct.pack("!HHIH", self.kind, self.klass, self.ttl, len(self.rdata)) + self.rdata

    def line(self):
        """Of a zone file, in RFC 3597's form."""
        return f"{self.owner}. {self.ttl} CLASS{self.klass} TYPE{self.kind} \\# {len(self.rdata)} {self.rdata.hex()}"


def lower(name):
    """As the DNS has it: ASCII letters alone."""
    return name.lower() if isinstance(name, bytes) else name.encode("latin-1").lower().decode("latin-1")


def labels(name):
    return [label for label in name.split(".") if label]


DOT = "\uff0e"  # one within a label, where these zones need one


def wire(name):
    return b"".join(bytes([len(label)]) + label.replace(DOT, ".").encode("latin-1") for label in labels(name)) + b"\0"


def canonical(name):
    """A key that sorts names as RFC 4034 6.1 wants it."""
    return [label.encode("latin-1").lower() for label in reversed(labels(name))]


def is_below(name, zone):
    return canonical(name)[:len(labels(zone))] == canonical(zone)


def parent_of(name):
    return ".".join(labels(name)[1:])


class Key:
    """A zone's key; flags 257: it signs keys, as all of ours do."""

    def __init__(self, algorithm=P256, bits=2048, flags=257):
        self.algorithm = algorithm
        if algorithm == RSA:
            self.private = rsa.generate_private_key(65537, bits)
            numbers = self.private.public_key().public_numbers()
            public = b"\x03\x01\x00\x01" + numbers.n.to_bytes(bits // 8, "big")
        elif algorithm == ED25519:
            self.private = ed25519.Ed25519PrivateKey.generate()
            public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            curve, _, size = CURVES[algorithm]
            self.private = ec.generate_private_key(curve)
            numbers = self.private.public_key().public_numbers()
            public = numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")
        self.rdata = struct.pack("!HBB", flags, 3, algorithm) + public
        self.tag = key_tag(self.rdata)

    def sign(self, octets):
        if self.algorithm == RSA:
            return self.private.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        if self.algorithm == ED25519:
            return self.private.sign(octets)
        _, digest, size = CURVES[self.algorithm]
        r, s = utils.decode_dss_signature(self.private.sign(octets, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def verifies(rdata, signature, octets):
    """A signature by the key of this DNSKEY RDATA."""
    algorithm, public = rdata[3], rdata[4:]
    try:
        if algorithm == RSA:
            size, at = (public[0], 1) if public[0] else (int.from_bytes(public[1:3], "big"), 3)
            numbers = rsa.RSAPublicNumbers(int.from_bytes(public[at:at + size], "big"), int.from_bytes(public[at + size:], "big"))
            numbers.public_key().verify(signature, octets, padding.PKCS1v15(), hashes.SHA256())
        elif algorithm == ED25519:
            ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, octets)
        else:
            curve, digest, size = CURVES[algorithm]
            numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(public[:size], "big"), int.from_bytes(public[size:], "big"), curve)
            numbers.public_key().verify(utils.encode_dss_signature(int.from_bytes(signature[:size], "big"),
                                                                   int.from_bytes(signature[size:], "big")),
                                        octets, ec.ECDSA(digest))
    except (InvalidSignature, KeyError, ValueError):
        return False
    return True


def signed_data(head, rrs, owner=None):
    """What an RRSIG whose RDATA begins with this says to be signed; owner: the wildcard that rrs were made of."""
    ttl, = struct.unpack("!I", head[4:8])
    rdatas = sorted({lower(rr.rdata) if rr.kind == CNAME else rr.rdata for rr in rrs})
    first = lower(wire(rrs[0].owner if owner is None else owner)) + struct.pack("!HHI", rrs[0].kind, rrs[0].klass, ttl)
    return head + b"".join(first + struct.pack("!H", len(rdata)) + rdata for rdata in rdatas)


def bitmap(kinds):
    """All of ours are in the first window."""
    octets = bytearray(max(kinds) // 8 + 1)
    for kind in kinds:
        octets[kind // 8] |= 0x80 >> kind % 8
    return bytes([0, len(octets)]) + bytes(octets)


def hashed(name):
    """RFC 5155 with no salt and no more iterations, as RFC 9276 wants it."""
    return hashlib.sha1(lower(wire(name))).digest()


def base32hex(octets):
    return base64.b32encode(octets).decode().translate(
        str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHIJKLMNOPQRSTUV")).lower()


class Zone:
    """begin, end: when its signatures are good, in seconds from now. zsk: another key, of the same algorithm, signs all but the
    keys. dnskey: more DNSKEY RDATA. signs: False, and it is a zone that nobody signs."""

    def __init__(self, origin, parent=None, algorithm=P256, bits=2048, ttl=HOUR, nsec3=False, begin=-HOUR, end=30 * DAY, signs=True,
                 zsk=False, dnskey=()):
        self.origin, self.parent, self.ttl, self.nsec3, self.signs = origin, parent, ttl, nsec3, signs
        self.begin, self.end = begin, end
        self.key = Key(algorithm, bits)
        self.zsk = Key(algorithm, bits, flags=256) if zsk else self.key
        self.ttls, self.sets, self.cache = {}, {}, {}
        ns = "ns." + origin if origin else "ns"
        self.add(origin, SOA, wire(ns) + wire("hostmaster." + origin) + struct.pack("!IIIII", 1, 3600, 900, 86400, ttl))
        self.add(origin, NS, wire(ns))
        self.add(ns, A, bytes([127, 0, 0, 1]))
        if signs:
            for rdata in {self.key.rdata: 0, self.zsk.rdata: 0, **dict.fromkeys(dnskey, 0)}:
                self.add(origin, DNSKEY, rdata)
        if nsec3 and signs:
            self.add(origin, NSEC3PARAM, bytes([1, 0, 0, 0, 0]))
        if parent:
            parent.add(origin, NS, wire(ns))
            if signs:
                parent.add(origin, DS, self.ds())

    def add(self, owner, kind, rdata, ttl=None):
        self.sets.setdefault((owner, kind), []).append(rdata)
        self.ttls[owner, kind] = self.ttl if ttl is None else ttl
        self.cache.clear()
        return self

    def ds(self):
        return struct.pack("!HBB", self.key.tag, self.key.algorithm, 2) + hashlib.sha256(wire(self.origin) + self.key.rdata).digest()

    def anchor(self):
        return f"{self.origin}. {self.ttl} IN DS {self.key.tag} {self.key.algorithm} 2 {self.ds()[4:].hex()}\n"

    def rrsig(self, rrs, owner=None, key=None, tag=None, signer=None, begin=None, end=None, count=None):
        """The RRSIG over rrs; owner: the wildcard that they are made of. The others say what is not as it should be."""
        first, now = rrs[0], int(time.time())
        key = key or (self.key if first.kind == DNSKEY else self.zsk)
        of = first.owner if owner is None else owner
        if count is None:
            count = len([label for label in labels(of) if label != "*"])
        head = struct.pack("!HBBIIIH", first.kind, key.algorithm, count, first.ttl,
                           now + (self.end if end is None else end), now + (self.begin if begin is None else begin),
                           key.tag if tag is None else tag) + wire(self.origin if signer is None else signer)
        return RR(first.owner, RRSIG, first.ttl, head + key.sign(signed_data(head, rrs, of)))

    def rrset(self, owner, kind, name=None):
        """The RRs and their RRSIG; name: what a wildcard owner is to be expanded to."""
        if (owner, kind, name) not in self.cache:
            rrs = [RR(owner if name is None else name, kind, self.ttls[owner, kind], rdata) for rdata in self.sets[owner, kind]]
            self.cache[owner, kind, name] = rrs + ([self.rrsig(rrs, owner)] if self.signs else [])
        return list(self.cache[owner, kind, name])

    # What is not there.

    def owners(self):
        """What has data of this zone, a delegation's name included, in canonical order."""
        cuts = {owner for owner, kind in self.sets if kind == NS and owner != self.origin}
        return sorted({owner for owner, _ in self.sets if not any(is_below(owner, cut) and owner != cut for cut in cuts)}, key=canonical)

    def kinds(self, owner):
        kinds = {kind for o, kind in self.sets if o == owner}
        if owner != self.origin and NS in kinds:
            return kinds & {NS, DS} | ({RRSIG} if DS in kinds or not self.nsec3 else set())
        return kinds | {RRSIG} if kinds else kinds

    def denials(self):
        """All NSEC or NSEC3 records of the zone: (where it begins, the RR), in their order."""
        if "denials" not in self.cache:
            owners = self.owners()
            if self.nsec3:
                nodes = {parent for owner in owners for parent in (".".join(labels(owner)[i:]) for i in range(len(labels(owner))))
                         if is_below(parent, self.origin)} | {self.origin}
                ring = sorted((hashed(node), node) for node in nodes)
                after = [point for point, _ in ring[1:] + ring[:1]]
                rrs = [(point, RR(f"{base32hex(point)}.{self.origin}".rstrip("."), NSEC3, self.ttl, bytes([1, 0, 0, 0, 0, 20]) + following
                        + (bitmap(self.kinds(node)) if self.kinds(node) else b""))) for (point, node), following in zip(ring, after)]
            else:
                rrs = [(canonical(owner), RR(owner, NSEC, self.ttl, wire(following) + bitmap(self.kinds(owner) | {NSEC, RRSIG})))
                       for owner, following in zip(owners, owners[1:] + owners[:1])]
            self.cache["denials"] = rrs
        return self.cache["denials"]

    def denial(self, name):
        """The RR whose interval has the name, or that is at it, and its RRSIG."""
        point = hashed(name) if self.nsec3 else canonical(name)
        before = [rr for begin, rr in self.denials() if begin <= point] or [self.denials()[-1][1]]
        return [before[-1], self.rrsig([before[-1]])]

    def find(self, name):
        """Where the data of a name is: at itself, or at the wildcard that stands for it, or nowhere."""
        owners = {owner for owner, _ in self.sets}
        if name in owners:
            return name, None
        closest, following = parent_of(name), name
        while not any(is_below(owner, closest) for owner in owners):
            closest, following = parent_of(closest), closest
        return ("*." + closest, following) if "*." + closest in owners else (None, following)

    def text(self):
        """A zone file. What lies below a cut is its glue."""
        lines = [f"$ORIGIN {self.origin}." if self.origin else "$ORIGIN ."]
        owners = set(self.owners())
        for owner, kind in self.sets:
            rrs = self.rrset(owner, kind)
            cut = owner != self.origin and (owner, NS) in self.sets
            signed = owner in owners and not (cut and kind != DS)
            lines += [rr.line() for rr in rrs if signed or rr.kind != RRSIG]
        if self.signs:
            for _, rr in self.denials():
                lines += [rr.line(), self.rrsig([rr]).line()]
        return "\n".join(lines) + "\n"
