# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What the reasons say of the DNS: which zone it is, and what is to be done there."""
import os
import re
import subprocess
import time

import pytest

import pki
from conftest import entry
from zone import Zones, free_port, wait_for


class Tree:
    """example.com, which has an anchor, and zones below it and beside it."""

    def __init__(self, folder, record):
        self.zones, self.folder, self.record = Zones(folder), str(folder), record
        self.delegations, self.lines = [], []

    def sign(self, origin, lines, *options, key=None):
        """A zone signed by ldns-signzone with options; its DS records."""
        path = os.path.join(self.folder, origin + ".zone")
        with open(path, "w") as out:
            out.write(f"$ORIGIN {origin}.\n$TTL 60\n@ SOA ns hostmaster 1 3600 900 86400 60\n@ NS ns\nns A 127.0.0.1\n"
                      + "\n".join(lines) + "\n")
        key = key or self.key(origin)
        subprocess.run(["ldns-signzone", *options, path, key], cwd=self.folder, check=True, capture_output=True)
        self.zones.zones[origin] = path + ".signed"
        return open(os.path.join(self.folder, key + ".ds")).read().split(";")[0]

    def key(self, origin, algorithm="ECDSAP256SHA256"):
        return subprocess.run(["ldns-keygen", "-a", algorithm, "-k", origin], cwd=self.folder, check=True,
                              capture_output=True, text=True).stdout.strip()

    def child(self, label, change=lambda ds: ds, lines=(), options=()):
        """A signed zone below example.com; change(DS record) stands in example.com."""
        ds = self.sign(f"{label}.example.com", [f"dev {self.record}", *lines], *options)
        self.lines += [f"{label} NS ns", change(ds)]


    def damage(self, label, pattern, replacement=""):
        self.damage_at(self.zones.zones[f"{label}.example.com"], pattern, replacement)

    @staticmethod
    def damage_at(path, pattern, replacement):
        text = open(path).read()
        damaged = re.sub("(?m)" + pattern, replacement, text)
        assert damaged != text
        open(path, "w").write(damaged)


def reword(place, value):
    """A change of a word of a DS record."""
    def change(ds):
        words = ds.split()
        words[place] = value
        return " ".join(words)
    return change


@pytest.fixture(scope="module")
def tree(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    os.chmod(folder, 0o755)
    record = pki.tlsa(3, 1, 1, world.device)
    tree = Tree(folder, record)
    tree.child("signed", lines=["alias CNAME dev.unsigned.example.com."])
    tree.child("nods", lambda ds: "")
    tree.child("iterations", options=["-n", "-t", "500"])
    tree.child("optout", lines=["sub NS ns.example.com."], options=["-n", "-p"])
    tree.child("algorithm", reword(4, "99"))
    tree.child("digest", reword(5, "77"))
    tree.zones.add("unsigned.example.com", [f"dev {record}", "below NS ns", "alias CNAME dev.signed.example.com."],
                   signed=False)
    tree.sign("below.unsigned.example.com", [f"dev {record}"])
    tree.zones.add("sub.optout.example.com", [f"dev {record}"], signed=False)
    tree.lines += ["unsigned NS ns", f"dev {record}"]
    tree.child("expired", options=["-i", "20200101000000", "-e", "20210101000000"])
    tree.child("future", options=["-i", "20350101000000", "-e", "20360101000000"])
    tree.child("changed")
    tree.damage("changed", "(TLSA\t3 1 1 )..", r"\g<1>00")
    tree.child("stripped")
    tree.damage("stripped", r"^dev.*RRSIG\tTLSA.*\n")
    tree.child("keyless")
    tree.damage("keyless", r"^.*\tDNSKEY\t.*\n|^.*RRSIG\tDNSKEY.*\n")
    tree.child("otherkey", reword(6, "00" * 32))
    tree.child("proofless")
    tree.damage("proofless", r"^.*\tNSEC\t.*\n|^.*RRSIG\tNSEC\t.*\n")
    anchor = tree.sign("example.com", tree.lines, "-n")
    tree.sign("island.example.org", [f"dev {record}"])
    tree.zones.add("example.net", [f"dev {record}"], signed=False)
    other = tree.sign("other.example.org", [f"dev {record}"])
    tree.anchor = world.write("tree.anchors", (anchor + "\n" + reword(4, "99")(other) + "\n").encode())
    tree.config = world.write("tree.conf", b'server:\n local-zone: "local.example.com." static\n')
    tree.zones.start()
    yield tree
    tree.zones.stop()


@pytest.fixture(scope="module")
def tree_server(world, tree, s_server):
    dns = {**world.dns(), "trust_anchor": tree.anchor, "forward": f"127.0.0.1@{tree.zones.port}", "unbound_config": tree.config}
    return lambda **more: s_server("require", allow="*", dns=dns, **more)


@pytest.fixture(scope="module")
def refusal(world, tree_server):
    """refusal(name): what is said of a client of that name."""
    def run(name, server=None):
        server = server or tree_server()
        server.log.mark()
        done = server.client().run([entry(pki.certificate(world.key, name), name)], world.key)
        assert done.accepted or done.alert == 40, (done, server.log.text())
        return server.log.wait(f"(accepted|refused) {name}.*").group(0)
    return run


INSECURE = [
    ("dev.unsigned.example.com", "the zone is not signed: unsigned.example.com."),
    ("missing.unsigned.example.com", "the zone is not signed: unsigned.example.com."),
    ("dev.below.unsigned.example.com", "the zone is not signed: unsigned.example.com."),
    ("dev.nods.example.com", "the zone is signed, but its parent has no DS record for it: nods.example.com."),
    ("missing.nods.example.com", "the zone is signed, but its parent has no DS record for it: nods.example.com."),
    ("nods.example.com", "the zone is signed, but its parent has no DS record for it: nods.example.com."),
    ("dev.algorithm.example.com",
     "the zone has DS records of algorithm 99 only, which this libunbound does not know: algorithm.example.com."),
    ("dev.digest.example.com",
     "the zone has DS records of digest type 77 only, which this libunbound does not know: digest.example.com."),
    ("missing.iterations.example.com",
     "the zone denies with 500 NSEC3 iterations, more than this libunbound takes: iterations.example.com."),
    ("missing.optout.example.com",
     "the zone's denials leave out what is not signed (NSEC3 opt-out): optout.example.com."),
    ("dev.sub.optout.example.com", "the zone is not signed: sub.optout.example.com."),
    ("alias.signed.example.com", "the zone is not signed: unsigned.example.com."),
    ("alias.unsigned.example.com", "the zone is not signed: unsigned.example.com."),
    ("dev.example.net", "no trust anchor covers the zone, which is not signed either: example.net."),
    ("dev.island.example.org", "no trust anchor covers the zone, which is signed: island.example.org."),
    ("dev.other.example.org",
     "the zone's trust anchors do not count here (algorithm 99, digest type 2): other.example.org."),
    ("dev.local.example.com", "libunbound answers for the zone by itself (local-zone): dev.local.example.com."),
]


@pytest.mark.parametrize("name,reason", INSECURE)
def test_insecure(refusal, name, reason):
    assert re.fullmatch(rf"refused {name}: the TLSA record is not secured by DNSSEC \({re.escape(reason)}"
                        r"(, believed for \d+ s still)?\).*", refusal(name))


@pytest.mark.parametrize("name", ["dev.example.com", "dev.signed.example.com", "dev.iterations.example.com",
                                  "dev.optout.example.com"])
def test_secure(refusal, name):
    assert refusal(name).startswith(f"accepted {name}")


BOGUS = [
    ("dev.expired.example.com", "signature expired .*"),
    ("missing.expired.example.com", "signature expired .*"),  # because of the one before
    ("dev.future.example.com", "signature before inception date .*"),
    ("dev.changed.example.com", "(?:[A-Z0-9]+ )?signature (?:verification|crypto) failed .*"),
    ("dev.stripped.example.com", "no signatures .*"),
    ("dev.keyless.example.com", "No DNSKEY record .* keyless.example.com. .*"),
    ("dev.otherkey.example.com", "DS hash mismatches key .* otherkey.example.com. .*"),
    ("missing.proofless.example.com", "no DNSSEC records .*"),
]


@pytest.mark.parametrize("name,reason", BOGUS)
def test_bogus(refusal, name, reason):
    """libunbound's words, without what the line says already."""
    said = refusal(name)
    assert re.fullmatch(rf"refused {name}: the TLSA record failed DNSSEC validation \({reason}\).*", said), said


def test_a_denial_says_how_long_it_stands(refusal, tree_server):
    """The whole TTL is 60 s; what is kept, here or there, says what is left."""
    server = tree_server(fresh=True)

    def left():
        return int(re.search(r"the name does not exist, believed for (\d+) s still\)",
                             refusal("nobody.signed.example.com", server)).group(1))
    first, asked = left(), time.monotonic()
    assert first <= 30
    wait_for(lambda: time.monotonic() > asked + 2)  # not by asking: beyond ten refusals in a second they are counted
    assert left() < first


@pytest.fixture(scope="module")
def short_records(world, tmp_path_factory):
    """A zone with TLSA records of two octets, at the same name as a good one and alone. NSD does not load it; unbound
    serves it."""
    folder = tmp_path_factory.mktemp("short")
    os.chmod(folder, 0o755)
    tree = Tree(folder, pki.tlsa(3, 1, 1, world.device))
    short = r"TYPE52 \# 2 0301"
    anchor = tree.sign("example.com", [f"both {short}", f"both {tree.record}", f"alone {short}"])
    tree.damage_at(os.path.join(folder, "example.com.zone.signed"), r"\tTLSA\t3 1\s*$", "\t" + short.replace("\\", r"\\"))
    port = free_port()
    (folder / "unbound.conf").write_text(
        f'server:\n interface: 127.0.0.1@{port}\n username: ""\n chroot: ""\n directory: "{folder}"\n use-syslog: no\n'
        f' pidfile: ""\n do-daemonize: no\n logfile: "{folder}/log"\n module-config: "iterator"\nremote-control:\n'
        f' control-enable: no\nauth-zone:\n name: "example.com"\n zonefile: "{folder}/example.com.zone.signed"\n'
        " for-upstream: no\n for-downstream: yes\n")
    process = subprocess.Popen(["/usr/sbin/unbound", "-d", "-c", str(folder / "unbound.conf")])
    tree.zones.port, tree.zones.process = port, process
    wait_for(tree.zones.answers, what="unbound")
    yield {**world.dns(), "trust_anchor": world.write("short.anchors", anchor.encode()), "forward": f"127.0.0.1@{port}"}
    tree.zones.stop()


@pytest.mark.skipif(not os.path.exists("/usr/sbin/unbound"), reason="unbound is not installed")
@pytest.mark.parametrize("name,accepted", [("both.example.com", True), ("alone.example.com", False)])
def test_a_record_that_is_too_short(world, s_server, short_records, name, accepted):
    server = s_server("require", allow="*", dns=short_records)
    done = server.client().run([entry(pki.certificate(world.key, name), name)], world.key)
    assert done.accepted == accepted, server.log.text()
    assert server.log.wait(f"accepted {name}" if accepted else
                           f"refused {name}: there is no TLSA record \\(what there is has less than the three octets of a TLSA record")
