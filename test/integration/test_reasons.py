# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What an operator is told of an answer that is not secure, by zones that are so."""
import subprocess

import pytest

import pki
from conftest import environment
from test_resolver import INSECURE, PROGRAM, ask, converse
from zone import Zones, accepts, patient, wait_for

UNKNOWN = "DS 4711 250 9 " + "00" * 32


@pytest.fixture(scope="module")
def zones(world, tmp_path_factory):
    zones = Zones(tmp_path_factory.mktemp("reasons"))
    right = pki.tlsa(3, 1, 1, world.device)
    zones.add("example.com", [f"{child} NS ns.{child}\nns.{child} A 127.0.0.1" for child in ("unsigned", "nods", "unknown")]
              + [f"unknown {UNKNOWN}"])
    zones.add("example.net", [f"dev._device {right}"], iterations=500)
    anchors = zones.anchors
    zones.add("unsigned.example.com", [f"dev._device {right}"], signed=False)
    zones.add("nods.example.com", [f"dev._device {right}"])
    zones.add("unknown.example.com", [f"dev._device {right}"])
    zones.add("example.org", [f"dev._device {right}"])
    zones.write_anchors(anchors)
    zones.start()
    yield zones
    zones.stop()


@pytest.fixture(scope="module")
def say(zones, tmp_path_factory):
    """say(name): what the resolver says of it."""
    sock = str(tmp_path_factory.mktemp("resolver") / "sock")
    process = subprocess.Popen([PROGRAM, "--socket", sock, "--user", "root", "--log", "none", "--trust-anchor", zones.anchor_file,
                                "--forward", f"127.0.0.1@{zones.port}"], env=environment(None))
    wait_for(lambda: accepts(sock), what="the socket")

    def run(name):
        with converse(sock) as s:
            return ask(s, name, timeout=int(patient(3) * 1000))
    yield run
    process.terminate()
    assert process.wait(patient(20)) == 0


@pytest.mark.parametrize("name, reason", [
    ("dev._device.unsigned.example.com", "the zone unsigned.example.com is not signed"),
    ("missing._device.unsigned.example.com", "the zone unsigned.example.com is not signed"),
    ("dev._device.nods.example.com", "the zone nods.example.com is signed, but its parent has no DS record for it"),
    ("dev._device.unknown.example.com", "this libunbound knows no algorithm or digest by which the zone unknown.example.com is "
                                        "signed (algorithm 250, digest 9)"),
    ("missing._device.example.net", "the NSEC3 records of the zone example.net have more iterations than libunbound takes (500)"),
    ("dev._device.example.org", "no trust anchor covers it"),
    ("dev._device.localhost", "libunbound answers such names itself, whatever the DNS says")])
def test_insecure(say, name, reason):
    status, ttl, said = say(name)
    assert (status, said) == (INSECURE, reason) and ttl <= 30
