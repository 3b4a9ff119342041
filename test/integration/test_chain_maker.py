# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What test_chains.py holds us against is itself right: two ways to make a chain agree, and its own checker needs each RR."""
import subprocess

import pytest

import chain
import rfc9102
from hierarchy import Hierarchy
from signing import RRSIG

TLSA_DATA = bytes([3, 1, 1]) + bytes(range(32))
NAMES = ["sensor7._device.example.com", "x.wild._device.example.com", "a.b.wild._device.example.com", "alias._device.example.com",
         "far._device.example.com", "away._device.hashed.com", "a.y.wild._device.hashed.com"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = Hierarchy(tmp_path_factory.mktemp("made"), TLSA_DATA)
    made.start()
    yield made
    made.stop()


def shape(rrs):
    """Without the signatures and their times, which differ where something was signed twice."""
    return sorted((rr.owner, rr.kind, rr.ttl, rr.rdata[:8] + rr.rdata[16:18] if rr.kind == RRSIG else rr.rdata) for rr in rrs)


@pytest.mark.parametrize("name", NAMES)
def test_two_ways_agree(made, name):
    rrs, asked = made.chain(name), chain.collected(made.dns.port, name)
    assert shape(rrs) == shape(asked)
    for each in (rrs, asked):
        assert chain.holds(chain.parse(chain.encode(each)), made.anchor, name) == [TLSA_DATA]
    for i in range(len(rrs)):
        with pytest.raises(chain.Broken):
            chain.holds(rrs[:i] + rrs[i + 1:], made.anchor, name)


@pytest.mark.parametrize("name", ["dev._device.past.com", "dev._device.future.com", "dev._device.unsigned.com"])
def test_the_checker_refuses(made, name):
    with pytest.raises(chain.Broken):
        chain.holds(made.chain(name), made.anchor, name)


@pytest.mark.parametrize("origin", ["", "com", "example.com", "hashed.com"])
def test_others_find_the_zones_right(made, origin):
    """ldns, which did not make them."""
    key = made.write_key(origin)
    done = subprocess.run(["ldns-verify-zone", "-k", key, made.dns.zones[origin or "."]], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rfc_9102s_own():
    rrs = chain.parse(rfc9102.CHAIN)
    assert chain.encode(rrs) == rfc9102.CHAIN
    assert chain.holds(rrs, rfc9102.ANCHOR, rfc9102.NAME, rfc9102.GOOD) == [rfc9102.TLSA_DATA]
    with pytest.raises(chain.Broken):
        chain.holds(rrs, rfc9102.ANCHOR, rfc9102.NAME)
