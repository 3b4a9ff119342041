# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What libunbound is told: by us, by dns.forward, and by an operator's file."""
import contextlib
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest

import pki
from zone import Zones, accepts, break_tlsa, free_port, patient, wait_for

if __name__ != "__main__":
    from conftest import BUILD
from test_resolver import ABSENT, BOGUS, FAILED, PROGRAM, SECURE, ask, converse

NAME = "sensor7._device.example.com"
BUILT_IN = ["example.test", "example.home.arpa", "10.in-addr.arpa"]
RECORD = pki.tlsa(3, 1, 1, pki.certificate(pki.new_key(), "x"))


@pytest.fixture(scope="module")
def zones(tmp_path_factory):
    """Signed zones of which each has its anchor; that of example.com says that denials last for an hour."""
    zones = Zones(tmp_path_factory.mktemp("zones"))
    zones.add("example.com", [f"sensor7._device {RECORD}", f"bogus._device {RECORD}"], ttl=3600,
              damage=break_tlsa("bogus._device.example.com"))
    # The NSEC record that denies _new.example.net denies neither *.example.net nor z.example.net.
    zones.add("example.net", ["5 A 127.0.0.1"], ttl=3600, nsec3=False)
    for origin in BUILT_IN:
        zones.add(origin, [f"a {RECORD}"])
    with open(os.path.join(zones.folder, "anchors"), "w") as out:
        out.write(zones.anchors)
    zones.start()
    yield zones
    zones.stop()


@contextlib.contextmanager
def running(folder, *arguments):
    """ask(name): what a resolver with these arguments says."""
    path = os.path.join(str(folder), "sock")
    process = subprocess.Popen([PROGRAM, "--socket", path, "--user", "root", "--log", "stderr", *arguments],
                               stderr=open(os.path.join(str(folder), "resolver.log"), "w"))
    try:
        wait_for(lambda: process.poll() is None and accepts(path), what="the resolver")

        def run(name, timeout=60000):
            with converse(path) as s:
                s.settimeout(patient(60))
                return ask(s, name, timeout=timeout)
        yield run
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(patient(20)) == 0


def anchor(zones):
    return ["--trust-anchor", os.path.join(zones.folder, "anchors")]


@pytest.fixture
def resolver(zones, tmp_path):
    """resolver(lines of the operator's file, ...): see running()."""
    with contextlib.ExitStack() as stack:
        def run(*lines, forward=None):
            conf = tmp_path / "unbound.conf"
            conf.write_text("server:\n" + "".join(f" {line}\n" for line in lines))
            return stack.enter_context(running(tmp_path, *anchor(zones), "--forward", forward or f"127.0.0.1@{zones.port}",
                                               *(["--unbound-config", str(conf)] if lines else [])))
        yield run


@pytest.mark.parametrize("line", [
    "serve-expired: yes", "cache-min-ttl: 3600", "cache-min-negative-ttl: 3600", "cache-max-negative-ttl: 31",
    "serve-original-ttl: yes", "aggressive-nsec: yes", "val-permissive-mode: yes", "val-override-date: 20200101000000",
    'val-override-date: "-1"', "val-sig-skew-min: 3600", "val-sig-skew-max: 86400", "ignore-cd-flag: yes",
    'module-config: "iterator"', 'module-config: "respip validator iterator"', 'module-config: "python validator iterator"',
    'module-config: "no-such-module"', 'module-config: ""', 'auto-trust-anchor-file: "/var/lib/dance/root.key"',
    'trust-anchor-file: "/etc/dance/root.key"', 'trusted-keys-file: "/etc/dance/keys"', "no-such-option: yes"])
def test_settings_that_are_refused(resolver, line):
    """By the option's name; nobody is let in by what it would have made of the DNS."""
    said = resolver(line)
    option = line.split(":")[0]
    for name in (NAME, "bogus._device.example.com"):
        status, _, reason = said(name)
        assert status == FAILED and "unbound.conf" in reason and option in reason, reason
        assert "cannot be had" in reason or "can be had" in reason or ":2: error" in reason, reason


@pytest.mark.parametrize("line", ["serve-expired: no", "cache-min-ttl: 0", 'module-config: "validator iterator"', "prefetch: yes",
                                  "cache-max-negative-ttl: 30", "log-servfail: no", "val-log-level: 0", "cache-max-ttl: 10",
                                  'local-zone: "localhost" nodefault', 'local-zone: "invalid" transparent'])
def test_settings_that_are_taken(resolver, line):
    said = resolver(line)
    assert said(NAME)[0] == SECURE
    assert said("bogus._device.example.com")[0] == BOGUS


@pytest.mark.parametrize("origin", BUILT_IN)
def test_zones_below_built_in_names(resolver, origin):
    said = resolver()
    assert said(f"a.{origin}")[0] == SECURE
    assert said(f"b.{origin}")[0] == ABSENT


@pytest.mark.parametrize("origin", ["example.com", "example.net"])
def test_a_new_record_is_found_when_the_denial_has_ended(zones, resolver, origin):
    """With NSEC3 and with NSEC, whose records deny other names, too, and last for an hour as the denial would."""
    said = resolver("cache-max-negative-ttl: 2")
    first, second = f"first._new.{origin}", f"second._new.{origin}"
    for name in (first, second):
        status, ttl, _ = said(name)
        assert status == ABSENT and ttl <= 2
    count = itertools.count()

    def found(name):
        # The denial of another name brings the zone's SOA record anew.
        assert said(f"z{next(count)}.{origin}")[0] == ABSENT
        return said(name)[0] == SECURE
    with zones.record(first, RECORD, 3600), zones.record(second, RECORD, 3600):
        wait_for(lambda: found(first) and found(second), what="the new records")


def test_denials_last_for_half_a_minute(resolver):
    status, ttl, _ = resolver()("missing.example.com")
    assert status == ABSENT and 25 <= ttl <= 30


@pytest.fixture
def cache(zones, tmp_path):
    """The port of a real Unbound that forwards to the zones' server and keeps what it finds."""
    if not os.path.exists("/usr/sbin/unbound"):
        pytest.skip("unbound is not installed")
    port = free_port()
    conf = tmp_path / "cache.conf"
    conf.write_text(f'server:\n interface: 127.0.0.1@{port}\n username: ""\n chroot: ""\n directory: "{tmp_path}"\n'
                    f' use-syslog: no\n logfile: "{tmp_path}/cache.log"\n pidfile: ""\n do-not-query-localhost: no\n'
                    ' do-daemonize: no\n module-config: "iterator"\nremote-control:\n control-enable: no\n'
                    f'forward-zone:\n name: "."\n forward-addr: 127.0.0.1@{zones.port}\n')
    process = subprocess.Popen(["/usr/sbin/unbound", "-d", "-c", str(conf)])

    def listens():
        assert process.poll() is None
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    wait_for(listens, what="Unbound")
    yield port
    process.terminate()
    process.wait(patient(10))


def test_the_ttl_goes_on_counting(cache, resolver):
    """What was in a cache before us has the rest of its TTL, not that which was signed."""
    said = resolver(forward=f"127.0.0.1@{cache}")
    question = b"".join(bytes([len(l)]) + l.encode() for l in NAME.split(".")) + b"\0\0\x34\0\1"
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        s.settimeout(patient(5))
        # With EDNS, and DO: the signature as well.
        s.sendto(b"\x12\x34\x01\0\0\1\0\0\0\0\0\1" + question + b"\0\0\x29\x10\0\0\0\x80\0\0\0", ("127.0.0.1", cache))
        assert s.recv(4096)[7] > 0
        begin = time.monotonic()
    wait_for(lambda: time.monotonic() - begin > 2.1)
    status, ttl, _ = said(NAME)
    assert status == SECURE and ttl <= 3598


@contextlib.contextmanager
def silence():
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        yield s.getsockname()[1]


@pytest.mark.parametrize("order", ["{0},{1}", "{1},{0}"])
def test_one_of_two_forwarders_is_silent(zones, cache, tmp_path, order):
    """The first contact is answered within the default timeout, whichever is tried first: chance decides that. What a
    first contact takes on this machine when nobody is silent is not what this is about."""
    with running(tmp_path, *anchor(zones), "--forward", f"127.0.0.1@{cache}") as said:
        begin = time.monotonic()
        assert said(NAME, int(patient(3000)))[0] == SECURE
        usual = time.monotonic() - begin
    with silence() as silent:
        forward = order.format(f"127.0.0.1@{silent}", f"127.0.0.1@{cache}")
        for attempt in range(4):
            folder = tmp_path / str(attempt)
            folder.mkdir()
            with running(folder, *anchor(zones), "--forward", forward) as said:
                assert said(NAME, 3000 + int(10000 * usual))[0] == SECURE


def test_a_server_that_refuses_is_named(zones, resolver):
    status, _, reason = resolver()("www.example.edu")
    assert status == FAILED and "127.0.0.1" in reason and "REFUSED" in reason, reason


def test_servers_that_nobody_can_reach_are_named(resolver):
    first, second = free_port(), free_port()
    status, _, reason = resolver("infra-cache-min-rtt: 50", "unknown-server-time-limit: 50", "outbound-msg-retry: 1",
                                 forward=f"127.0.0.1@{first},127.0.0.1@{second}")(NAME)
    assert status == FAILED and f"; forward is 127.0.0.1@{first}, 127.0.0.1@{second}" in reason, reason


@pytest.mark.parametrize("text,reason", [(None, "No such file"), ("search example.com\n", "there is no nameserver in it"),
                                         ("nameserver dns.example.com\n", "there is no nameserver in it")])
@pytest.mark.skipif(os.geteuid() != 0, reason="mount namespaces need root")
def test_system_without_servers(zones, tmp_path, text, reason):
    status, _, said = in_namespace(zones, tmp_path, text, "")
    assert status == FAILED and f"/etc/resolv.conf: {reason}" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="mount namespaces need root")
@pytest.mark.parametrize("address", ["127.0.0.9", "127.9", "fe80::53%lo", "fd00::53"])
def test_system(zones, tmp_path, address):
    """Lines that the C library cannot read are no lines for us either."""
    text = f"# nameserver 127.0.0.3\nnameserver ns.example.com\nsearch example.com\nnameserver {address}\noptions edns0\n"
    assert in_namespace(zones, tmp_path, text, address)[0] == SECURE


def in_namespace(zones, tmp_path, text, address):
    if text is not None:
        (tmp_path / "resolv.conf").write_text(text)
    done = subprocess.run(["unshare", "-n", "-m", "--", sys.executable, __file__, str(tmp_path), zones.folder,
                           address], capture_output=True, text=True, timeout=patient(60),
                          env={**os.environ, "DANCE_BUILD": BUILD})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def inside(folder, zone_folder, address):
    """What runs in namespaces of its own: the zones at an address that /etc/resolv.conf names, or nobody."""
    users = [open(f"/etc/{name}").read() for name in ("passwd", "group")]
    for command in ("ip link set lo up", "ip addr add fe80::53/64 dev lo nodad", "ip addr add fd00::53/64 dev lo nodad",
                    "mount -t tmpfs none /etc"):
        subprocess.run(command.split(), check=True, capture_output=True)
    for name, text in zip(("passwd", "group"), users):
        with open(f"/etc/{name}", "w") as out:
            out.write(text)
    ours = os.path.join(folder, "resolv.conf")
    if os.path.exists(ours):
        shutil.copy(ours, "/etc/resolv.conf")
    server = None
    if address:
        with open(os.path.join(zone_folder, "nsd.conf")) as conf:
            text = re.sub(r"ip-address: \S+", f"ip-address: {'127.0.0.9' if address == '127.9' else address}@53", conf.read())
        text = re.sub(r'(pidfile|xfrdfile|zonelistfile|xfrdir): "', f'\\g<0>{folder}/', text)
        text = text.replace(f"{folder}/{zone_folder}", folder)
        path = os.path.join(folder, "nsd.conf")
        with open(path, "w") as out:
            out.write(text)
        server = subprocess.Popen(["nsd", "-d", "-c", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with running(folder, "--trust-anchor", os.path.join(zone_folder, "anchors"), "--forward", "system") as said:
        if address:
            wait_for(lambda: said(NAME)[0] == SECURE, what="an answer")
        print(json.dumps(said(NAME)))
    if server:
        server.terminate()
        server.wait(patient(10))


if __name__ == "__main__":
    inside(*sys.argv[1:])
