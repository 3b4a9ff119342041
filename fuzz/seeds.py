#!/usr/bin/env python3
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzz targets, made of real things: seeds.py FOLDER. Certificates as OpenSSL makes them, a TLS
session, answers of NSD to questions about a signed zone, DNSSEC chains, trust anchors as IANA, unbound-anchor and BIND
write them.

They get each target past its first parse. fuzz/corpus keeps them and, minimised, what fuzzing finds from them
(scripts/fuzz.sh --keep)."""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "test", "integration"))
import chain  # noqa: E402
from signing import CNAME, DNAME, DNSKEY, HOUR, NSEC3, RR, RRSIG, TLSA, Zone, wire  # noqa: E402

NOW = 1700000000  # for the targets that ask for it
folder = sys.argv[1]
work = tempfile.mkdtemp()


def seed(target, name, octets):
    os.makedirs(os.path.join(folder, target), exist_ok=True)
    with open(os.path.join(folder, target, name), "wb") as out:
        out.write(octets if isinstance(octets, bytes) else octets.encode())


def run(*command, stdin=b""):
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, cwd=work).stdout


def der(tag, *content):
    content = b"".join(content)
    size = len(content)
    if size < 128:
        length = bytes([size])
    else:
        octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + length + content


def children(octets):
    """The TLVs inside of one."""
    def head(at):
        size, begin = octets[at + 1], at + 2
        if size & 0x80:
            begin += size & 0x7f
            size = int.from_bytes(octets[at + 2:begin], "big")
        return begin, begin + size
    at, end = head(0)
    while at < end:
        stop = head(at)[1]
        yield octets[at:stop]
        at = stop


def certificates(carried):
    """Whole ones, one with that chain, and their subject and subjectAltName apart: see fuzz_certificate.c."""
    kinds = {
        "plain": ("/CN=a.example.com", "DNS:a.example.com"),
        "label": ("/CN=_mqtt.a.example.com", "DNS:_mqtt.a.example.com,DNS:a.example.com"),
        "empty": ("/", "DNS:a.example.com"),
        "case": ("/CN=A.Example.com", "DNS:A.EXAMPLE.com"),
        "case-cn": ("/CN=A.example.com", "DNS:a.example.com"),
        "case-san": ("/CN=a.example.com", "DNS:a.example.com,DNS:A.example.com"),
        "another-san": ("/CN=a.example.com", "DNS:a.example.com,DNS:b.example.com"),
        "mail": ("/CN=a.example.com", "DNS:a.example.com,email:x@a.example.com"),
        "kinds": ("/C=DE/O=x/CN=a.example.com", "DNS:b.example.com,email:x@example.com,IP:192.0.2.1,URI:dns:a,RID:1.2.3"),
        "other": ("/CN=a.example.com/emailAddress=x@example.com", "otherName:1.2.3;UTF8:a.example.com,dirName:d"),
        "wide": ("/CN=a.example.com", "DNS:*.example.com"),
        "none": ("/CN=a.example.com", None),
        "chain": ("/CN=a.example.com", "DNS:a.example.com\n1.3.6.1.4.1.54392.5.1621 = DER:0000" + carried.hex()),
        "no-chain": ("/CN=a.example.com", "DNS:a.example.com\n1.3.6.1.4.1.54392.5.1621 = DER:00"),
    }
    for name, (subject, san) in kinds.items():
        with open(os.path.join(work, "conf"), "w") as conf:
            conf.write("[req]\ndistinguished_name = n\nx509_extensions = e\nstring_mask = utf8only\n[n]\n[d]\nCN = a.example.com\n[e]\n"
                       + (f"subjectAltName = {san}\n" if san else ""))
        cert = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key",
                   "-subj", subject, "-days", "10", "-outform", "DER", "-config", "conf")
        seed("fuzz_certificate", f"whole-{name}", b"\0" + cert)
        tbs = [part for part in children(next(children(cert))) if part[0] != 0xa0]  # without the version
        subject_der = tbs[4]
        value = b""
        for extensions in (part for part in tbs if part[0] == 0xa3):
            for extension in children(next(children(extensions))):
                fields = list(children(extension))
                if fields[0] == b"\x06\x03\x55\x1d\x11":
                    value = fields[-1][2:]
        seed("fuzz_certificate", f"parts-{name}", b"\1" + bytes([len(subject_der)]) + subject_der + value)
        for usage in (0, 1, 2, 3) if name in ("plain", "kinds") else ():
            seed("fuzz_store", f"{name}-{usage}00", bytes([usage, 0, 0]) + cert)
    key = run("openssl", "pkey", "-in", "key", "-pubout", "-outform", "DER")
    seed("fuzz_store", "311", bytes([3, 1, 1]) + run("openssl", "dgst", "-sha256", "-binary", stdin=key))
    seed("fuzz_store", "310", bytes([3, 1, 0]) + key)
    for name, cn in (("bmp", der(0x1e, "a.example.com".encode("utf-16-be"))), ("t61", der(0x14, b"a.example.com")),
                     ("nul", der(0x0c, b"a.example.com\0.evil.example"))):
        rdns = der(0x30, der(0x31, der(0x30, b"\x06\x03\x55\x04\x03", cn)))
        seed("fuzz_certificate", f"cn-{name}", b"\1" + bytes([len(rdns)]) + rdns)
    return cert


def message(kind, *parts):
    """One of dance_wire.h."""
    return b"DNCE\3" + bytes([kind]) + b"".join(parts)


def chains():
    """Of the shortest zones that there can be, with NSEC, with NSEC3, and without signatures; and what is said of them."""
    since = NOW - int(time.time())
    times = {"begin": since - HOUR, "end": since + 15 * 24 * HOUR}
    root = Zone("", **times)
    zones = {"n": Zone("n", root, **times), "h": Zone("h", root, nsec3=True, **times), "u": Zone("u", root, signs=False)}
    for origin, zone in zones.items():
        for name in ("_a.", "_b.", "*.w."):
            zone.add(name + origin, TLSA, bytes([3, 1, 1]) + bytes(32))
        zone.add("_b." + origin, TLSA, bytes([2, 0, 1]) + bytes(32))
    zones["n"].add("_c.n", CNAME, wire("_a.n")).add("_f.n", CNAME, wire("x.w.h")).add("d.n", DNAME, wire("w.n"))
    rrs = {name: chain.chain_of(lambda at: zones[at.rsplit(".", maxsplit=1)[-1]], name)
           for name in ("_a.n", "_b.n", "_c.n", "_f.n", "x.w.n", "x.w.h", "_a.u")}
    rrs["y.d.n"] = zones["n"].rrset("d.n", DNAME) + [RR("y.d.n", CNAME, HOUR, wire("y.w.n"))] + rrs["_a.n"]
    # What mutations do not come to: the same twice, more than one NSEC3 record, and more of everything than may be.
    rrs["twice"] = rrs["_a.n"] + [RR(rr.owner.upper(), *rr[1:]) for rr in rrs["_a.n"]]
    rrs["nsec3s"] = [rr for denied in zones["h"].denials() for rr in (denied[1], zones["h"].rrsig([denied[1]]))]
    rrs["salt"] = rrs["nsec3s"] + [RR("x.h", NSEC3, HOUR, b"\1\0\0\0\1s\1x")] + [RR("x.h", *rr[1:]) for rr in rrs["nsec3s"] if rr.kind == RRSIG]
    rrs["signatures"] = rrs["_a.n"][:1] + [zones["n"].rrsig(rrs["_a.n"][:1], tag=tag) for tag in range(9)]
    rrs["keys"] = [RR("n", DNSKEY, HOUR, bytes([1, 1, 3, 13]) + bytes([n]) * 64) for n in range(13)] + zones["n"].rrset("n", DNSKEY)[1:]
    rrs["zones"] = [RR("_a." + letter, rr.kind, HOUR, rr.rdata[:18] + wire(letter) + b"s" if rr.kind == RRSIG else rr.rdata)
                    for letter in "abcdefghijklmnopqr" for rr in zones["n"].rrset("_a.n", TLSA)]
    for name, records in rrs.items():
        octets = chain.encode(records)
        for target in ("fuzz_chain", "fuzz_records"):
            seed(target, name.replace(".", "-"), octets)  # one that ends in .h is taken for a header
    seed("fuzz_records", "record", rrs["_a.n"][0].octets())
    octets = chain.encode(rrs["_a.n"])
    sized, query = struct.pack(">H", len(octets)) + octets, struct.pack(">II", 7, 5000)
    for only in (0, 1):
        seed("fuzz_wire_chain", f"chain-{only}", message(10, query, bytes([only, 4]), b"_a.n", sized))
    seed("fuzz_wire_chain", "collect", message(11, query, b"\4_a.n"))
    seed("fuzz_wire_chain", "collected", message(12, struct.pack(">IBIB", 7, 1, 3600, 0), sized))
    seed("fuzz_wire_chain", "late", message(12, struct.pack(">IBIB", 7, 5, 60, 4), b"late", b"\0\0"))
    return octets


def counted():
    """What is counted, and how the resolver is."""
    counts = b"".join(struct.pack(">BBI", outcome, reason, 3) for outcome, reason in ((0, 0), (1, 7), (1, 63), (2, 1), (3, 0)))
    seed("fuzz_wire_status", "counts", message(13, b"\5", counts))
    seed("fuzz_wire_status", "status", message(14, b"\0051.2.3", struct.pack(">5I", 60, 2, 3, 4, 2)))
    for name, figures, fault in (("ready", 23, b""), ("more", 64, b"no socket"), ("fewer", 2, b"")):
        seed("fuzz_wire_status", "user-" + name, message(
            15, struct.pack(">IBIB", 1000, 2, 60, len(fault)), fault, bytes([figures]), struct.pack(f">{figures}Q", *range(figures)),
            b"\3", *(struct.pack(">BBQ", outcome, reason, 9) for outcome, reason in ((0, 0), (1, 3), (2, 63)))))


def sessions(cert):
    """SSL_SESSION in DER (ssl/ssl_asn1.c), with and without a peer, and with application data; and that alone."""
    def mark(name, until=4102444800):
        return b"dance\0" + struct.pack(">Q", until) + name
    marks = {"good": mark(b"a.example.com"), "over": mark(b"a.example.com", 1000000000), "nobody": mark(b"", 0),
             "denied": mark(b"a.example.org"), "short": mark(b"")[:-1], "theirs": b"something of the application's"}
    number = lambda value: der(0x02, value.to_bytes(4, "big"))
    for name, data in marks.items():
        seed("fuzz_session", f"data-{name}", b"\1" + data)
        for accepted in (0, 2):
            for peer in (True, False):
                session = der(0x30, der(2, b"\1"), number(0x304), der(4, b"\x13\x01"), der(4, b"s" * 32), der(4, b"k" * 32),
                              der(0xa1, number(int(time.time()))), der(0xa2, number(7200)),
                              der(0xa3, cert) if peer else b"", der(0xa4, der(4, b"context")), der(0xa5, number(0)),
                              der(0xb2, der(4, data)))
                seed("fuzz_session", f"session-{name}-{accepted}-{int(peer)}", bytes([accepted]) + session)


ZONE = """$ORIGIN example.
$TTL 3600
@ SOA ns. host. 1 3600 600 86400 300
@ NS ns
ns A 192.0.2.1
_a TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
_b 60 TLSA 3 1 1 1111111111111111111111111111111111111111111111111111111111111111
_b 60 TLSA 2 0 1 2222222222222222222222222222222222222222222222222222222222222222
_c CNAME _a
*.w TLSA 3 1 1 3333333333333333333333333333333333333333333333333333333333333333
d DNAME w
"""


def answers():
    """What NSD says of a zone whose signatures are good at the moment that fuzz_signatures.c takes for now."""
    port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    port.bind(("127.0.0.1", 0))
    number = port.getsockname()[1]
    port.close()
    names = {"a": "_a.example", "b": "_b.example", "alias": "_c.example", "wild": "x.w.example", "dname": "y.d.example",
             "absent": "nothere.example", "nodata": "ns.example", "key": "example"}
    for denial in ("nsec", "nsec3"):
        with open(os.path.join(work, "zone"), "w") as out:
            out.write(ZONE)
        key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "example").decode().strip()
        run("ldns-signzone", "-i", "20231101000000", "-e", "20231201000000", *(["-n"] if denial == "nsec3" else []), "-o", "example",
            "zone", key)
        with open(os.path.join(work, "nsd.conf"), "w") as out:
            out.write(f"server:\n ip-address: 127.0.0.1@{number}\n username: \"\"\n chroot: \"\"\n zonesdir: \"{work}\"\n"
                      f" database: \"\"\n pidfile: \"{work}/pid\"\n xfrdfile: \"{work}/xfrd\"\n zonelistfile: \"{work}/list\"\n"
                      f" xfrdir: \"{work}\"\n logfile: \"{work}/log\"\nremote-control:\n control-enable: no\n"
                      f"zone:\n name: example\n zonefile: zone.signed\n")
        nsd = subprocess.Popen([shutil.which("nsd") or "/usr/sbin/nsd", "-d", "-c", os.path.join(work, "nsd.conf")])
        try:
            for name, asked in names.items():
                kind = 48 if name == "key" else 52
                labels = b"".join(bytes([len(label)]) + label.encode() for label in asked.split("."))
                question = struct.pack(">6H", 0x1234, 0, 1, 0, 0, 1) + labels + struct.pack(">B2H", 0, kind, 1) \
                    + struct.pack(">B2HIH", 0, 41, 4096, 0x8000, 0)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.connect(("127.0.0.1", number))
                    s.settimeout(0.2)
                    for _ in range(100):
                        try:
                            s.send(question)
                            answer = s.recv(4096)
                            break
                        except OSError:
                            time.sleep(0.05)
                    else:
                        raise SystemExit("NSD does not answer")
                seed("fuzz_signatures", f"{denial}-{name}", answer)
                seed("fuzz_gathered", f"{denial}-{name}", bytes([kind]) + answer)
        finally:
            nsd.terminate()
            nsd.wait()
    with open(os.path.join(work, key + ".key")) as file:
        return file.read()


def anchors(own):
    iana_ds = ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n" \
              ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n"
    text = own.strip()
    rdata = " ".join(text.split(";")[0].split()[1:])
    seed("fuzz_anchor", "iana", iana_ds)
    seed("fuzz_anchor", "own", own)
    seed("fuzz_anchor", "lines", "$ORIGIN example.\n$TTL 3600\n@ 3600 IN DS ( 1 13 2 ; x\n" + "00" * 32 + " )\n"
         "sub IN DS 2 13 4 " + "00" * 48 + "\n; the end\n")
    for state in range(1, 6):
        seed("fuzz_anchor", f"state-{state}", "; autotrust trust anchor file\n;;id: example. 1\n;;last_queried: 1700000000 ;;x\n"
             f"example. 3600 {rdata} ;{{id = 1 (ksk), size = 256b}} ;;state={state} [ VALID ] ;;count=0 ;;lastchange=1700000000 ;;x\n")
    for path in ("/usr/share/dns/root.key", "/usr/share/dns/root.ds", "/etc/bind/bind.keys"):
        if os.path.exists(path):
            with open(path, "rb") as file:
                seed("fuzz_anchor", os.path.basename(path), file.read())


def texts():
    seed("fuzz_forward", "list", "192.0.2.1, 192.0.2.2@5353, 2001:db8::1, fe80::1%eth0@53")
    seed("fuzz_forward", "tls", "192.0.2.1@853#dot.example, 2001:db8::1#dot.example")
    seed("fuzz_forward", "resolv", "# made by NetworkManager\nsearch example.com\nnameserver 127.0.0.53\nnameserver fe80::1%lo\n"
         "nameserver\t127.1\noptions edns0 trust-ad\nnameserver 2001:db8::1 # x\n")
    seed("fuzz_name_list", "some", "a.example.com\n_b.c.example\nd.example.co.uk\n\nrest")
    seed("fuzz_name_list", "same", "a.example.com\n" * 20)
    for name in ("a.example.com", "_mqtt.dev.example.com", "x" * 63 + ".example", ""):
        seed("fuzz_extension", f"name-{len(name)}", bytes([len(name)]) + name.encode())
    name = b"a.example.com"
    seed("fuzz_wire_query", "query", message(2, struct.pack(">IIB", 7, 5000, len(name)), name))
    seed("fuzz_wire_wanted", "wanted", message(4, bytes([len(name)]), name))
    seed("fuzz_wire_answer", "page", message(6, struct.pack(">Q", 1)))
    records = b"".join(struct.pack(">H", 35) + bytes([3, 1, 1]) + bytes([n]) * 32 for n in range(2))
    seed("fuzz_wire_answer", "secure", message(3, struct.pack(">IBIBB", 7, 1, 3600, 0, 2), records))
    seed("fuzz_wire_answer", "absent", message(3, struct.pack(">IBIBB", 7, 2, 60, 4, 0), b"none"))
    seed("fuzz_wire_answer", "list", message(9, bytes([3]), b"bad"))
    seed("fuzz_machine", "rightful", bytes([1, 0, 1, 5, 6, 9, 11, 15, 16]))
    seed("fuzz_machine", "resumed", bytes([3, 0, 1, 2, 16, 5, 6, 9, 11, 15, 16]))
    seed("fuzz_machine", "forgiven", bytes([0, 0, 1, 5, 6, 10, 13, 15, 16]))
    seed("fuzz_client", "lent", bytes([1, 3, 4, 6, 9, 2, 3, 7, 9]))
    head = "openssl_conf = i\n\n[i]\nproviders = p\nssl_conf = s\n"
    dance = "[p]\ndefault = d\ndance = m\n[d]\nactivate = 1\n[m]\nmodule = dance.so\nactivate = 1\nclient = c\nserver = s2\ndns = n\n"
    dance += "[c]\nidentity = a.example.com\nprivate_key = /k.pem\nservers = *\nchain = yes\n[n]\nresolver = auto\ntimeout = 5000\n"
    dance += "[s2]\npolicy = require\nallow = *.example.com, b.example\nchain = accept\nraw_public_key = yes\nsan_fallback = _device\n"
    seed("fuzz_conf", "dance", head + dance)
    seed("fuzz_conf", "others", head + "[p]\nfips = f\n[f]\nactivate = 1\n[s]\nsystem_default = t\n[t]\nMinProtocol = TLSv1.2\n"
         "CipherString = DEFAULT:@SECLEVEL=2 # x\n")
    seed("fuzz_conf", "include", ".pragma dollarid:on\n.include more\n.include = missing\n" + head + "\0[p]\nq = \"a\\n\" 'b' \\\n c\n"
         "x::y = ${i::providers}\n")
    seed("fuzz_conf", "empty", "")
    for path in ("/etc/ssl/openssl.cnf",):
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                seed("fuzz_conf", "debian", "".join(line for line in file if line[0] not in "#\n"))


try:
    sessions(certificates(chains()))
    anchors(answers())
    counted()
    texts()
finally:
    shutil.rmtree(work)
