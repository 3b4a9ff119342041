# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""A zone whose owner keeps libunbound busy (KeyTrap): who has nothing to do with it does not wait."""
import os
import select

import pytest

import keytrap
import pki
from test_dns_settings import NAME, running
from test_resolver import BOGUS, SECURE, answer, converse, query
from zone import Zones, patient

ORIGIN = "trap.example.net"
NAMES = 8


@pytest.fixture(scope="module")
def zones(tmp_path_factory):
    zones = Zones(tmp_path_factory.mktemp("trap"))
    record = pki.tlsa(3, 1, 1, pki.certificate(pki.new_key(), "x"))
    # The first is kept; the second is known, and looked up again each second.
    zones.add("example.com", [f"sensor7._device {record}", f"known._device 1 {record}"])
    text, ds = keytrap.zone(ORIGIN, [f"n{i}" for i in range(NAMES)], bytes(35), 8, 8)
    zones.zones[ORIGIN] = os.path.join(zones.folder, ORIGIN + ".zone")
    with open(zones.zones[ORIGIN], "w") as out:
        out.write(text)
    with open(os.path.join(zones.folder, "anchors"), "w") as out:
        out.write(zones.anchors + ds)
    zones.start()
    yield zones
    zones.stop()


def test_nobody_else_waits(zones, tmp_path):
    """While the first of many such lookups is under way: what is kept is answered, and what is known is looked up."""
    with running(tmp_path, "--trust-anchor", os.path.join(zones.folder, "anchors"), "--forward",
                 f"127.0.0.1@{zones.port}") as said, converse(str(tmp_path / "sock")) as trap:
        known = "known._device.example.com"
        assert said(NAME)[0] == SECURE and said(known)[0] == SECURE
        trap.settimeout(patient(60))
        for i in range(NAMES):
            trap.send(query(i, f"n{i}.{ORIGIN}", 60000))
        answered = []

        def arrived():
            while select.select([trap], [], [], 0)[0]:
                answered.append(answer(trap.recv(65536)))
            return len(answered)
        rounds = 0
        while arrived() < 1:
            assert said(NAME)[0] == SECURE and said(known)[0] == SECURE
            rounds += 1
        # They took less than what the attacker waits for.
        # How many depends on what libunbound validates with; were they kept waiting, it would be one.
        assert rounds > 1, rounds
        assert all(status == BOGUS for _, status, _, _ in answered), answered
        # And the process ends in order, in the middle of it: see running().
