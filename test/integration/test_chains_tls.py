# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""DNSSEC chains in handshakes, from a client that sends them as it likes, to a server that waits for nobody."""
import time

import pytest

import chain
import pki
from conftest import DEVICE, let_everybody_in
from hierarchy import Hierarchy
from signing import RR, TLSA
from test_raw_keys import needs_raw_keys
from tls13 import DANE_CLIENTID, client_name
from zone import Proxy, patient

CHAIN = 65283
WILD = "x.wild._device.example.com"
NOBODY = 9  # a port where no DNS server is


@pytest.fixture(scope="module")
def made(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hierarchy")
    let_everybody_in(folder, tmp_path_factory)
    made = Hierarchy(folder,
                     bytes([3, 1, 1]) + bytes.fromhex(pki.tlsa(3, 1, 1, world.device).split()[-1]))
    made.start()
    made.proxy = Proxy(made.dns.port)
    yield made
    made.proxy.stop()
    made.stop()


@pytest.fixture
def server(made, s_server):
    """server(chain=...): under require, with a DNS server only if it is to ask it."""
    def run(takes, policy="require", forward=None, **more):
        dns = {"trust_anchor": made.anchor_file(), "timeout": str(int(patient(3))),
               "forward": f"127.0.0.1@{forward or (NOBODY if takes == 'only' else made.proxy.port)}"}
        return s_server(policy, dns=dns, chain=takes, **more)
    return run


def entry(certificate, name, *chains, first="name", der=None):
    """A CertificateEntry with a name and what is to pass for chains, in this order or the other one."""
    named = [(DANE_CLIENTID, client_name(name))] if name else []
    brought = [(CHAIN, it if isinstance(it, bytes) else chain.encode(it)) for it in chains]
    return (der or pki.der(certificate), named + brought if first == "name" else brought + named)


def certificate_of(world, name):
    return world.leaves.get(name) or world.issue(name)


def visit(server, world, name, *chains, key=None, **more):
    return server.client().run([entry(certificate_of(world, name), name, *chains, **more)], key or world.key)


def is_in(server, outcome, name):
    assert outcome.accepted, (outcome, server.log.text())
    assert server.log.wait(f"accepted {name} ")


def is_refused(server, outcome, reason, *words):
    assert outcome.alert == 40 and not outcome.accepted, (outcome, server.log.text())
    line = server.log.wait(rf"refused .*reason={reason}\b.*").group(0)
    assert not words or any(word in line for word in words), line
    assert "accepted" not in server.log.text()


def test_offered_where_it_is_taken(server, world):
    for takes, offered in (("no", False), ("accept", True), ("only", True)):
        outcome = visit(server(takes), world, DEVICE)
        assert (CHAIN in outcome.request_extensions) == offered, takes
        assert outcome.request_extensions.get(CHAIN, b"") == b""
        assert outcome.request_extensions[DANE_CLIENTID] == client_name("")


@pytest.mark.parametrize("takes", ["only", "accept"])
@pytest.mark.parametrize("name", [DEVICE, WILD, "alias._device.example.com"])
@pytest.mark.parametrize("first", ["name", "chain"])
def test_in_by_a_chain(server, made, world, takes, name, first):
    here = server(takes, fresh=True)
    before = len(made.proxy.seen)
    is_in(here, visit(here, world, name, made.chain(name), first=first), name)
    assert made.proxy.seen[before:] == [], "nobody was asked"


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_policies(server, made, world, policy):
    here = server("only", policy=policy)
    is_in(here, visit(here, world, DEVICE, made.chain(DEVICE)), DEVICE)
    here.log.mark()
    is_refused(here, visit(here, world, DEVICE, made.chain(DEVICE)[1:]), "chain")


def test_the_key_counts_all_the_same(server, made, world):
    """A chain is nobody's secret: whoever has seen it may send it."""
    here = server("only")
    is_refused(here, visit(here, world, "other._device.example.com", made.chain("other._device.example.com")), "tlsa-no-match")
    here.log.mark()
    thief = pki.certificate(world.other_key, DEVICE, [DEVICE])
    outcome = here.client().run([entry(thief, DEVICE, made.chain(DEVICE))], world.other_key)
    is_refused(here, outcome, "tlsa-no-match")
    here.log.mark()
    # The rightful certificate, and a signature by another key.
    assert visit(here, world, DEVICE, made.chain(DEVICE), key=world.other_key).alert is not None
    assert "accepted" not in here.log.text()


@pytest.mark.parametrize("spoil,words", [
    (lambda made: made.chain("other._device.example.com"), ()),
    (lambda made: made.chain(DEVICE)[:-2], ()), (lambda made: made.chain(DEVICE)[2:], ()),
    (lambda made: [rr._replace(rdata=rr.rdata[:-1] + bytes([rr.rdata[-1] ^ 1])) if rr.kind == TLSA else rr for rr in made.chain(DEVICE)], ()),
    (lambda made: made.chain(WILD)[:2] + chain.upwards(made.of(WILD)), ()),
    (lambda made: b"", ()), (lambda made: b"\0\0", ()), (lambda made: b"\0\0\xc0\x0c" + bytes(20), ()),
    (lambda made: chain.encode(made.chain(DEVICE))[:-1], ()), (lambda made: chain.encode(made.chain(DEVICE)) + b"\0", ()),
    (lambda made: chain.encode(made.chain(DEVICE)) + bytes(chain.MAX), ()), (lambda made: bytes(65000), ())],
    ids=["another name's", "no root", "no TLSA", "altered", "a wildcard's", "empty", "lifetime alone", "compressed", "truncated",
         "an octet more", "too long", "far too long"])
def test_what_does_not_hold(server, made, world, spoil, words):
    """Refused where nothing else counts; and looked up where it may be."""
    here = server("only")
    is_refused(here, visit(here, world, DEVICE, spoil(made)), "chain", *words)
    here.log.mark()
    is_in(here, visit(here, world, DEVICE, made.chain(DEVICE)), DEVICE)
    asking = server("accept", fresh=True)
    before = len(made.proxy.seen)
    is_in(asking, visit(asking, world, DEVICE, spoil(made)), DEVICE)
    assert DEVICE in made.proxy.seen[before:]


def test_of_another_time(server, made, world):
    here = server("only", allow="*")
    for name, word in (("dev._device.past.com", "has ended"), ("dev._device.future.com", "has not begun")):
        here.log.mark()
        is_refused(here, visit(here, world, name, made.chain(name)), "chain", word)


def test_as_long_as_there_may_be(server, made, world):
    """16 KiB are a chain: here, the right one and the same signatures again and again, or one that is refused for what it is."""
    here = server("only")
    rrs = made.chain(DEVICE)
    octets = chain.encode(rrs)
    for length in (chain.MAX, chain.MAX + 1):
        last = RR("x", TLSA, 3600, bytes(length - len(octets) - 13))
        here.log.mark()
        outcome = visit(here, world, DEVICE, octets + last.octets())
        assert len(octets + last.octets()) == length
        if outcome.accepted:
            assert length == chain.MAX
        else:
            is_refused(here, outcome, "chain")


def test_misplaced(server, made, world):
    here = server("only")
    octets = chain.encode(made.chain(DEVICE))
    # Twice.
    assert visit(here, world, DEVICE, octets, octets).alert == 47
    # Beside an issuer's certificate.
    here.log.mark()
    later = (pki.der(world.ca), [(CHAIN, octets)])
    outcome = here.client().run([entry(certificate_of(world, DEVICE), DEVICE), later], world.key)
    is_refused(here, outcome, "chain-absent")
    # Without a name: a chain is no identity.
    here.log.mark()
    outcome = here.client().run([entry(certificate_of(world, DEVICE), None, octets)], world.key)
    assert outcome.alert == 40 and "accepted" not in here.log.text()


def test_where_none_are_taken(server, made, world):
    """What nobody asked for is passed over, as libssl does with what it does not know."""
    off = server("no", fresh=True)
    for number, brought in enumerate((made.chain(DEVICE), made.chain(DEVICE)[1:], b"", bytes(60000))):
        off.log.mark()
        before = len(made.proxy.seen)
        is_in(off, visit(off, world, DEVICE, brought), DEVICE)
        assert (DEVICE in made.proxy.seen[before:]) == (number == 0), "the DNS is asked, once"


def test_nobody_gets_in_by_another_clients_chain(server, made, world):
    """What one client proved is not proved by the next one, who brings none, or another one."""
    here = server("only", fresh=True)
    is_refused(here, visit(here, world, DEVICE), "chain-absent")
    for _ in range(2):
        here.log.mark()
        is_in(here, visit(here, world, DEVICE, made.chain(DEVICE)), DEVICE)
        for brought, reason in (((), "chain-absent"), ((made.chain(DEVICE)[:-1],), "chain"), ((made.chain(WILD),), "chain")):
            here.log.mark()
            is_refused(here, visit(here, world, DEVICE, *brought), reason)
    # Without a certificate, or a name that is not allowed.
    here.log.mark()
    assert here.client().run([], None).alert is not None
    is_refused(here, visit(here, world, "outside.example.com", made.chain(DEVICE)), "name-not-allowed")


def test_a_denial_goes_before_a_chain(server, made, world):
    """The record was removed, and the DNS has said so: a chain that was right yesterday is no way in."""
    zone = made.of(DEVICE)
    name = f"removed{time.monotonic_ns()}._device.example.com"
    rrs = [RR(name, TLSA, 3600, made.tlsa)]
    old = rrs + [zone.rrsig(rrs)] + chain.upwards(zone)
    here = server("accept", fresh=True)
    is_refused(here, visit(here, world, name), "tlsa-absent")
    here.log.mark()
    is_refused(here, visit(here, world, name, old), "tlsa-absent")
    only = server("only")
    is_in(only, visit(only, world, name, old), name)


@needs_raw_keys
def test_no_certificate_and_no_dns_anywhere(server, made, s_client, world, tmp_path):
    """A raw key, a name and a chain, by two openssl.cnf files."""
    path = tmp_path / "chain"
    path.write_bytes(chain.encode(made.chain(DEVICE)))
    here = server("only", raw_public_key="yes")
    done = s_client(here.port, client={"identity": DEVICE, "private_key": world.path("client.key"), "raw_public_key": "yes",
                                       "chain": str(path)})
    assert done.accepted, (done.text, here.log.text())
    assert here.log.wait(f"accepted {DEVICE} .*raw public key")


def test_a_file_by_configuration(server, made, s_client, world, tmp_path):
    """s_client that has nothing but openssl.cnf; the file is replaced in between."""
    path = tmp_path / "chain"
    client = {"identity": DEVICE, "private_key": world.path("client.key"), "chain": str(path)}
    here = server("only")
    for octets, reason in ((None, "chain-absent"), (chain.encode(made.chain(DEVICE)), None), (chain.encode(made.chain(WILD)), "chain"),
                           (b"x", "chain-absent"), (bytes(chain.MAX + 1), "chain-absent")):
        here.log.mark()
        if octets is not None:
            path.write_bytes(octets)
        done = s_client(here.port, client=client)
        if reason is None:
            assert done.accepted, (done.text, here.log.text())
            assert here.log.wait(f"accepted {DEVICE} ")
        else:
            assert not done.accepted and done.alert == 40, (done.text, here.log.text())
            assert here.log.wait(f"reason={reason}")
