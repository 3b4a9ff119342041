# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Handshakes that are ASYNC jobs are paused while they wait for DNS; others have their deadline."""
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import openssls
import pki
from conftest import DEVICE, PROGRAMS, entry
from processes import workers
from test_process import REQUIRE, bad, good, resolvers, tls_server  # noqa: F401 (fixture)
from zone import Proxy, free_port, wait_for

EVENT_SERVER = os.path.join(PROGRAMS, "event_server")
SLOW = "u310._device.example.com"


@pytest.fixture
def proxy(world):
    proxy = Proxy(world.zones.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def event_server(world, start, proxy):
    def run(*arguments, **dns):
        return start([EVENT_SERVER, "-p", "PORT", "-c", world.path("server.crt"), "-k", world.path("server.key"), *arguments],
                     server=REQUIRE, dns=world.dns(forward=f"127.0.0.1@{proxy.port}", **dns),
                     ready=lambda p: re.search("^ready$", p.output.text(), re.M))
    return run


def connect(world, server, name):
    return server.client().run([entry(world.leaves.get(name) or pki.certificate(world.key, name), name)], world.key)


def usual(world, server):
    """How long a handshake without a lookup takes at present."""
    begin = time.monotonic()
    assert good(world, server).accepted
    return time.monotonic() - begin


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


@pytest.mark.parametrize("arguments", [["-A"], ["-A", "-s"]], ids=["poll", "spin"])
def test_others_go_on_while_one_waits(world, event_server, proxy, arguments):
    server = event_server(*arguments)
    assert good(world, server).accepted
    proxy.delay = lambda name: Proxy.HELD if name == SLOW else 0
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(connect, world, server, SLOW)
        wait_for(lambda: SLOW in proxy.seen, what="its lookup")
        for _ in range(10):  # known, refused, and unknown
            assert good(world, server).accepted
            assert bad(world, server).alert == 40
        assert connect(world, server, "u311._device.example.com").accepted
        assert not slow.done()
        proxy.release()
        assert slow.result().accepted, server.log.text()
    text = server.output.text()
    assert re.findall(r"accepted, verify result (\d+), queue: (.*)", text) == [("0", "empty")] * 13, text


def test_without_async_one_stalls_the_others_until_the_deadline(world, event_server, proxy):
    """What the advice in doc/performance.md is about."""
    server = event_server(timeout="1")
    assert good(world, server).accepted
    moment = usual(world, server)
    proxy.delay = lambda name: None if name == SLOW else 0
    server.log.mark()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(connect, world, server, SLOW)
        wait_for(lambda: SLOW in proxy.seen, what="its lookup")
        begin = time.monotonic()
        assert good(world, server).accepted
        assert time.monotonic() - begin < 2 + 10 * moment
        assert slow.result().alert == 40
        text = server.log.text()
        assert 0 <= text.find(f"refused {SLOW}") < text.find(f"accepted {DEVICE}"), text
    # The same name again: the lookup is older than the deadline, so nobody waits for it.
    begin = time.monotonic()
    for _ in range(5):
        assert connect(world, server, SLOW).alert == 40
    assert time.monotonic() - begin < 0.8 + 10 * moment
    assert server.log.wait(rf"refused {re.escape(SLOW)}: the TLSA lookup failed \(no answer from the DNS for \d+ ms\)")


def test_many_are_paused_at_once(world, event_server, proxy):
    """Hundreds of jobs of one thread, and not a descriptor more when they are over."""
    server = event_server("-A")
    assert good(world, server).accepted
    before = descriptors(server)
    proxy.delay = lambda name: 1 if ".wild." in name else 0
    names = [f"n{i}.wild._device.example.com" for i in range(100)]
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        outcomes = list(pool.map(lambda name: connect(world, server, name), names))
    took = time.monotonic() - begin
    assert all(o.accepted for o in outcomes), [o for o in outcomes if not o.accepted]
    assert took < 50, "one after the other it is 100 seconds"
    # Idle conversations are kept for the next ones.
    wait_for(lambda: descriptors(server) <= before + 64, what="closed descriptors")
    kept = descriptors(server)
    for _ in range(2):
        more = [name.replace("n", f"m{_}x", 1) for name in names]
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            assert all(o.accepted for o in pool.map(lambda name: connect(world, server, name), more))
    wait_for(lambda: descriptors(server) <= max(kept, before + 64), what="closed descriptors")


def test_deadline_of_a_paused_job(world, event_server, proxy):
    """Also when the resolver itself does not move."""
    server = event_server("-A", timeout="1")
    assert good(world, server).accepted
    moment = usual(world, server)
    [pid] = resolvers(server)
    stopped = [pid, *workers(pid)]
    for each in stopped:
        os.kill(each, signal.SIGSTOP)
    try:
        begin = time.monotonic()
        assert connect(world, server, SLOW).alert == 40
        assert 0.8 < time.monotonic() - begin < 4 + 10 * moment
        assert server.log.wait("dance-resolver cannot be reached.*it did not answer within 1000 ms")
        assert good(world, server).accepted
    finally:
        for each in stopped:
            os.kill(each, signal.SIGCONT)
    wait_for(lambda: connect(world, server, SLOW).accepted, 10, "the resolver's return")


def test_resolver_dies_while_jobs_are_paused(world, event_server, proxy):
    server = event_server("-A")
    assert good(world, server).accepted
    proxy.delay = lambda name: 2 if name == SLOW else 0
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(connect, world, server, SLOW)
        wait_for(lambda: SLOW in proxy.seen, what="its lookup")
        proxy.delay = lambda name: 0
        os.kill(resolvers(server)[0], signal.SIGKILL)
        # Asked again by a fresh one.
        assert slow.result().accepted, server.log.text()


def test_freed_while_paused(world, event_server, proxy):
    """The client goes away: the application frees the SSL in the middle of its job."""
    server = event_server("-A")
    assert good(world, server).accepted
    before = descriptors(server)
    proxy.delay = lambda name: 20 if ".wild." in name else 0
    for i in range(12):  # fewer than a domain has in flight at a time
        name = f"n{i}.wild._device.example.com"
        client = server.client()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            gone = pool.submit(client.run, [entry(pki.certificate(world.key, name), name)], world.key)
            wait_for(lambda: name in proxy.seen, what="its lookup")
            client.sock.shutdown(2)
            gone.result()
    wait_for(lambda: server.output.text().count("gone while paused") == 12)
    assert descriptors(server) <= before + 1
    assert good(world, server).accepted


def test_s_server_async(world, start, proxy):
    """OpenSSL's own: each connection is a job."""
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key"), "-async", "-msg", "-quiet"], server=REQUIRE,
                   dns=world.dns(forward=f"127.0.0.1@{proxy.port}"))
    proxy.delay = lambda name: 0.5 if name == SLOW else 0

    def run(certificate, name, key):
        server.log.mark()
        client = server.client()
        outcome = client.run([entry(certificate, name)], key, request=b"ping\n")
        client.sock.close()
        return outcome
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for name in (SLOW, DEVICE):
            # It answers with what comes on its standard input.
            done = pool.submit(run, world.leaves.get(name) or world.device, name, world.key)
            wait_for(lambda: done.done() or f"accepted {name}" in server.log.text(), what="its verdict")
            server.process.stdin.write(b"gnip\n")
            server.process.stdin.flush()
            assert done.result().accepted, (server.log.text(), server.output.text())
    assert run(pki.certificate(world.other_key, SLOW), SLOW, world.other_key).alert == 40


@pytest.mark.skipif(shutil.which("haproxy", path="/usr/sbin:/usr/bin") is None, reason="haproxy is not installed")
@pytest.mark.parametrize("threads", [1, 4])
def test_haproxy(world, start, proxy, tmp_path, threads):
    """ssl-mode-async: the others go on, on one thread, too; descriptors are where HAProxy looks for them."""
    os.chmod(tmp_path, 0o755)
    pem = tmp_path / "server.pem"
    pem.write_bytes(open(world.path("server.crt"), "rb").read() + open(world.path("server.key"), "rb").read())
    conf = tmp_path / "haproxy.cfg"

    def configure(port):
        conf.write_text(
            f"global\n ssl-mode-async\n nbthread {threads}\ndefaults\n mode http\n timeout client 160s\n timeout connect 40s\n"
            f" timeout server 40s\nfrontend f\n bind 127.0.0.1:{port} ssl crt {pem} verify required ca-file {world.path('ca.crt')}\n"
            " http-request return status 200 content-type text/plain string hello\n")
    port = free_port()
    configure(port)
    server = start(["/usr/sbin/haproxy", "-db", "-f", str(conf)], server=REQUIRE, port=port,
                   dns=world.dns(forward=f"127.0.0.1@{proxy.port}"))
    if openssls.is_other("HAProxy", "/usr/sbin/haproxy"):
        openssls.check_untouched(world, server, strangers=False, request=b"GET / HTTP/1.0\r\n\r\n")
        return

    def http(name, key=world.key):
        return server.client().run([entry(pki.certificate(key, name), name)], key, request=b"GET / HTTP/1.0\r\nConnection: close\r\n\r\n")
    assert b"hello" in http(DEVICE).data, server.log.text()
    before = descriptors(server)
    proxy.delay = lambda name: Proxy.HELD if name == SLOW else 0
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        slow = pool.submit(http, SLOW)
        wait_for(lambda: SLOW in proxy.seen, what="its lookup")
        for _ in range(5):
            assert b"hello" in http(DEVICE).data
            assert http(DEVICE, world.other_key).alert == 40
        assert not slow.done()
        proxy.release()
        assert b"hello" in slow.result().data, server.log.text()
        proxy.delay = lambda name: 1.5 if ".wild." in name else 0
        for r in range(2):
            names = [f"h{r}n{i}.wild._device.example.com" for i in range(40)]
            outcomes = list(pool.map(http, names))
            assert all(b"hello" in o.data for o in outcomes), server.log.text()
        # Where the answer is there at once there is no pause, and no descriptor that HAProxy was not given.
        proxy.delay = lambda name: 0
        assert all(b"hello" in o.data for o in pool.map(http, [f"q{i}.wild._device.example.com" for i in range(200)]))
    assert b"hello" in http(DEVICE).data
    wait_for(lambda: descriptors(server) <= before + 64, what="closed descriptors")
