# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Files of trust anchors: what counts in them, and what is said of those that are refused."""
import glob
import os
import re
import subprocess

import pytest

import pki
from conftest import DEVICE, entry
from zone import Zones, free_port, patient, wait_for


@pytest.fixture(scope="module")
def anchors(world):
    """The DS record of example.com as its words, the DNSKEY likewise, and one of another key."""
    def words(text, kind):
        return re.search(rf"\bIN\s+{kind}\s+([^;\n]+)", text).group(1)

    def key(origin):
        return words(open(glob.glob(os.path.join(world.folder, f"K{origin}.+*.key"))[0]).read(), "DNSKEY")
    ds = next(line for line in world.zones.anchors.splitlines() if line.startswith("example.com."))
    return {"ds": words(ds, "DS"), "key": key("example.com"), "other": key("example.org")}


def state(number):
    return f" ;{{{{id = 1 (ksk), size = 256b}}}} ;;state={number} [ STATE ] ;;count=0 ;;lastchange=1700000000 ;;x\n"


@pytest.fixture
def outcome(world, s_server):
    """outcome(octets): whether DANCE's client is let in with such a file of anchors, or why not."""
    def run(octets):
        server = s_server("require", dns=world.dns(trust_anchor=world.write("anchor.test", octets)), fresh=True)
        done = server.client().run([entry(world.device, DEVICE)], world.key)
        assert done.accepted or done.alert == 40, (done, server.log.text())
        return server.log.wait(f"(accepted|refused) {DEVICE}.*").group(0)
    return run


GOOD = {
    "ds": "example.com. 3600 IN DS {ds}\n",
    "dnskey": "example.com. DNSKEY {key}",
    "class before TTL": "example.com. IN 172800 DNSKEY {key}\n",
    "over lines": "example.com. IN DNSKEY (\n {key} ; the key\n )\n",
    "directives": "$TTL 1h\n$ORIGIN com.\nexample DS {ds}\n",
    "several zones": "example.org. DNSKEY {other}\n\nEXAMPLE.com. DNSKEY {key}\n",
    "several keys": "example.com. DNSKEY {other}\n DNSKEY {key}\n",
    "CRLF": "; anchors\r\nexample.com. DS {ds}\r\n",
    "VALID": "; autotrust trust anchor file\n;;id: example.com. 1\nexample.com. 60 IN DNSKEY {key}" + state(2),
    "MISSING": "example.com. 60 IN DNSKEY {key}" + state(3),
}


@pytest.mark.parametrize("form", GOOD)
def test_read(outcome, anchors, form):
    assert outcome(GOOD[form].format(**anchors).encode()).startswith(f"accepted {DEVICE}")


BAD = {
    "BOM": ("\ufeffexample.com. DS {ds}\n", "it begins with a byte order mark"),
    "UTF-16": ("e\0x\0", "line 1: this is not a text file"),
    "in TXT only": ('x.example.com. TXT "example.com. DS {ds}"\n', "line 1: a character that no DS"),
    "another type": ("example.com. DS {ds}\nexample.com. A 192.0.2.1\n", "line 2: A is neither DS nor DNSKEY"),
    "INCLUDE": ("$INCLUDE /etc/hostname\n", "line 1: .INCLUDE has no place here"),
    "named.conf": ('trust-anchors {{\n  "." initial-key 257 3 8 "AwEA";\n}};\n', "line 1: { is neither DS nor DNSKEY"),
    "broken key": ("\nexample.com. DNSKEY 257 3 13 A*\n", "line 2: the key is not base64"),
    "nothing": ("; example.com. DS {ds}\n", "there is no DS or DNSKEY record in it"),
    "ADDPEND": ("example.com. DNSKEY {key}" + state(1), "none of its keys is valid"),
    "REVOKED": ("example.com. DNSKEY {key}" + state(4), "none of its keys is valid"),
    "REMOVED": ("example.com. DNSKEY {key}" + state(5), "none of its keys is valid"),
}


@pytest.mark.parametrize("form", BAD)
def test_refused(outcome, anchors, world, form):
    text, why = BAD[form]
    said = outcome(text.format(**anchors).encode())
    assert re.match(rf"refused {DEVICE}: the TLSA lookup failed \({world.path('anchor.test')}: ({why})", said), said


def test_a_pending_key_is_not_believed(outcome, anchors):
    """Beside one that is valid."""
    text = "example.com. DNSKEY {other}" + state(2) + "example.com. DNSKEY {key}" + state(1)
    said = outcome(text.format(**anchors).encode())
    assert said.startswith(f"refused {DEVICE}: the TLSA record failed DNSSEC validation"), said


@pytest.fixture(scope="module")
def rolling(world, tmp_path_factory):
    """A zone with two keys, of which the device's record is signed with the new one alone, and the state file that
    unbound made of the old one and what it saw."""
    folder = tmp_path_factory.mktemp("rolling")
    os.chmod(folder, 0o755)
    keys = [subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "example.com"], cwd=folder, check=True,
                           capture_output=True, text=True).stdout.strip() for _ in range(2)]
    zones = Zones(folder)
    zone = folder / "example.com.zone"
    zone.write_text("$ORIGIN example.com.\n$TTL 60\n@ SOA ns hostmaster 1 3600 900 86400 60\n@ NS ns\nns A 127.0.0.1\n"
                    f"sensor7._device {pki.tlsa(3, 1, 1, world.device)}\n")

    def sign(*with_keys):
        subprocess.run(["ldns-signzone", "-A", str(zone), *with_keys], cwd=folder, check=True, capture_output=True)
    sign(*keys)
    zones.zones["example.com"] = str(zone) + ".signed"
    zones.start()
    state_file = folder / "root.key"
    state_file.write_text((folder / (keys[0] + ".key")).read_text())
    port = free_port()
    (folder / "unbound.conf").write_text(
        f'server:\n interface: 127.0.0.1@{port}\n username: ""\n chroot: ""\n directory: "{folder}"\n use-syslog: no\n'
        f' pidfile: ""\n do-not-query-localhost: no\n do-daemonize: no\n auto-trust-anchor-file: "{state_file}"\n'
        f' logfile: "{folder}/log"\nremote-control:\n control-enable: no\nstub-zone:\n name: "example.com"\n'
        f" stub-addr: 127.0.0.1@{zones.port}\n")
    process = subprocess.Popen(["/usr/sbin/unbound", "-d", "-c", str(folder / "unbound.conf")])
    try:
        wait_for(lambda: "ADDPEND" in state_file.read_text(), what="a pending key")
    finally:
        process.terminate()
        process.wait(patient(10))
    yield zones, keys, sign, state_file
    zones.stop()


@pytest.mark.skipif(not os.path.exists("/usr/sbin/unbound"), reason="unbound is not installed")
@pytest.mark.parametrize("which", [0, 1], ids=["valid", "pending"])
def test_state_file_of_unbound(world, rolling, s_server, which):
    zones, keys, sign, state_file = rolling
    assert re.search(r"state=2 \[ *VALID *\]", state_file.read_text())
    sign(keys[which])
    zones.stop()
    zones.start()
    dns = {**world.dns(), "forward": f"127.0.0.1@{zones.port}", "trust_anchor": str(state_file)}
    server = s_server("require", dns=dns, fresh=True)
    done = server.client().run([entry(world.device, DEVICE)], world.key)
    assert done.accepted == (which == 0), server.log.text()
    assert server.log.wait(f"accepted {DEVICE}" if which == 0 else
                           f"refused {DEVICE}: the TLSA record failed DNSSEC validation")
