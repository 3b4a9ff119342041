# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What the module keeps of the DNS's answers, and for how long it is believed."""
import os
import re
import signal
import time

import pytest

import pki
from conftest import DEVICE, entry
from test_process import REQUIRE, bad, good, resolvers, tls_server  # noqa: F401 (fixture)
from zone import Zones, wait_for


def queries(server):
    """How many queries the server's resolver has had."""
    server.log.mark()
    for pid in resolvers(server):
        os.kill(pid, signal.SIGUSR1)
    return int(server.log.wait(r"resolver: (\d+) queries").group(1))


@pytest.mark.parametrize("arguments", [[], ["-t", "8"]], ids=["plain", "threads"])
def test_a_known_client_costs_no_query(world, tls_server, arguments):  # noqa: F811
    server = tls_server(*arguments)
    assert good(world, server).accepted
    before = queries(server)
    for _ in range(20):
        assert good(world, server).accepted
        assert bad(world, server).alert == 40
    assert queries(server) == before == 1
    # A denial is kept as well.
    name = "missing._device.example.com"
    for _ in range(5):
        assert server.client().run([entry(pki.certificate(world.key, name), name)], world.key).alert == 40
    assert queries(server) == 2


def test_a_record_that_may_not_be_kept_is_asked_for_each_time(world, tls_server):  # noqa: F811
    name = "ttl0._device.example.com"
    server = tls_server()
    for i in range(3):
        assert server.client().run([entry(pki.certificate(world.key, name), name)], world.key).accepted
        assert queries(server) == i + 1


def test_children_look_for_themselves(world, tls_server):  # noqa: F811
    server = tls_server("-f")
    for i in range(3):
        assert good(world, server).accepted
    assert queries(server) == 3


def test_what_is_left_of_the_ttl_counts(world, tls_server):  # noqa: F811
    """Each handshake is told what is left, so that no session outlives the record by more."""
    server = tls_server()
    lives = []
    begin = time.monotonic()
    for i in range(4):
        wait_for(lambda: time.monotonic() - begin > 1.1 * i)
        server.log.mark()
        assert good(world, server).accepted
        lives.append(int(server.log.wait(rf"accepted {re.escape(DEVICE)} \(TLSA 3 1 1, TTL (\d+) s\)").group(1)))
    assert queries(server) == 1
    assert all(a > b for a, b in zip(lives, lives[1:])), lives


@pytest.fixture
def short(world, tmp_path):
    """A zone of one's own, to be changed."""
    os.chmod(tmp_path, 0o755)
    zones = Zones(tmp_path)
    yield zones
    zones.stop()


def serve(zones, tmp_path, world, tls_server):  # noqa: F811
    anchor = tmp_path / "anchors"
    anchor.write_text(zones.anchors)
    zones.start()
    return tls_server(dns=world.dns(trust_anchor=str(anchor), forward=f"127.0.0.1@{zones.port}"))


def last_let_in(world, server, what):
    """When the last handshake began that was still let in, before one was refused: what it takes is the machine's affair."""
    began = [time.monotonic()]

    def refused():
        began.append(time.monotonic())
        return good(world, server).alert == 40
    wait_for(refused, what=what)
    return began[-2]


def test_a_removed_record_shuts_out_within_its_ttl(world, short, tmp_path, tls_server):  # noqa: F811
    record = "sensor7._device " + pki.tlsa(3, 1, 1, world.device)
    short.add("example.com", [record], ttl=4)
    server = serve(short, tmp_path, world, tls_server)
    assert good(world, server).accepted
    short.add("example.com", ["other A 127.0.0.1"], ttl=4)
    short.reload()
    # While NSD hands over, the process that goes answers as well as the one that comes.
    wait_for(lambda: all(short.has_tlsa(DEVICE) is False for _ in range(8)), what="the record to be gone")
    removed = time.monotonic()
    assert last_let_in(world, server, "the end of the record") < removed + 4 + 1.5
    # And it is back as soon as its denial is over.
    short.add("example.com", [record], ttl=4)
    short.reload()
    wait_for(lambda: good(world, server).accepted, 10, "the record's return")


def test_a_record_ends_with_its_signature(world, short, tmp_path, tls_server):  # noqa: F811
    """TTL one hour, but the signatures are good for ten seconds only."""
    short.add("example.com", ["sensor7._device " + pki.tlsa(3, 1, 1, world.device)], ttl=3600, seconds=10)
    signed = time.monotonic()
    server = serve(short, tmp_path, world, tls_server)
    assert good(world, server).accepted, server.log.text()
    left = int(server.log.wait(r"accepted .*, TTL (\d+) s").group(1))
    assert left <= 10, server.log.text()
    assert last_let_in(world, server, "the end of the signature") < signed + 13
    assert server.log.wait("refused .*the TLSA record failed DNSSEC validation.*expired")
