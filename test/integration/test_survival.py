# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Whatever ends a process of the resolver, and at whatever moment: the clients are answered."""
import concurrent.futures
import contextlib
import ctypes
import os
import re
import shutil
import signal
import threading

import pytest

import pki
from conftest import entry, listening, sanitized
from test_allow_file import nginx_command
from test_load import Resolver
from test_process import REQUIRE, alive, is_ours, needs_proc, needs_root, tls_server, workers  # noqa: F401 (fixture)
from test_resolver import ABSENT, FAILED, SECURE, control, look_up
from zone import Proxy, free_port, patient, wait_for

QUICK, SLOW = "ttl0._device.example.com", "slow0._device.example.com"  # kept by nobody
SLOW_SECONDS = 0.3
KILLS = 50


@pytest.fixture
def proxy(world):
    """A DNS with a name that is slow."""
    leaf = pki.certificate(world.key, SLOW)
    with world.zones.record(SLOW, pki.tlsa(3, 1, 1, leaf), 0):
        proxy = Proxy(world.zones.port, lambda name: SLOW_SECONDS if name == SLOW else 0)
        yield proxy
        proxy.stop()


def dns(world, proxy, **more):
    return world.dns(forward=f"127.0.0.1@{proxy.port}", **more)


def shake(world, server, name):
    return server.client(timeout=patient(20)).run([entry(pki.certificate(world.key, name), name)], world.key)


def comm_of(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as comm:
        return comm.read().strip()
    return None


def parent_of(pid):
    with open(f"/proc/{pid}/status") as status:
        return re.search(r"(?m)^PPid:\t(\d+)$", status.read())[1]


def of_resolver(log, but=frozenset()):
    """The living processes of the resolver that writes this log, but for those: supervisors, and workers. What stops a
    worker to look for leaks is a child of it, and none."""
    found = {"dance-resolver": [], "dance-worker": []}
    for pid in filter(str.isdigit, set(os.listdir("/proc")) - but):
        with contextlib.suppress(OSError):
            comm = comm_of(pid)
            if comm in found and log in open(f"/proc/{pid}/cmdline").read() and alive(pid) and is_ours(pid, log) \
                    and comm_of(parent_of(pid)) != "dance-worker":
                found[comm].append(int(pid))
    return found["dance-resolver"], found["dance-worker"]


class Watcher:
    """The most processes of a resolver that were alive at a moment."""

    def __init__(self, log):
        self.log, self.most, self.ended = log, 0, threading.Event()
        # Whoever is something else now stays that, but for the servers, which start resolvers: so looking is quick.
        self.others = {pid for pid in filter(str.isdigit, os.listdir("/proc"))
                       if comm_of(pid) not in ("dance-resolver", "dance-worker", "nginx", "tls_server")}
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        # Not without a pause: who looks all the time takes a processor from those who are looked at.
        while not self.ended.wait(0.002):
            # Who has not given himself his name yet counts as a supervisor.
            self.most = max(self.most, sum(map(len, of_resolver(self.log, self.others))))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *why):
        self.ended.set()
        self.thread.join()


def one_worker(log):
    return wait_for(lambda: of_resolver(log)[1], what="a worker")[0]


def survive(world, server, proxy, log):
    """KILLS rounds of handshakes, known names and slow ones; in each of them the worker is killed when the DNS was asked
    so many times: not at all, when it begins anew, when a slow lookup is under way."""
    interrupted = 0
    with Watcher(log) as watcher, concurrent.futures.ThreadPoolExecutor(8) as pool:
        for number in range(KILLS):
            worker, seen = one_worker(log), len(proxy.seen)
            running = []
            if number % 5:
                running = [pool.submit(shake, world, server, name) for name in 4 * [QUICK, SLOW]]
                wait_for(lambda: len(proxy.seen) - seen >= number % 6 or all(r.done() for r in running), what="queries")
            interrupted += any(not r.done() for r in running)
            os.kill(worker, signal.SIGKILL)
            running += [pool.submit(shake, world, server, name) for name in (QUICK, SLOW)]
            for outcome in running:
                assert outcome.result().accepted, (number, outcome.result(), server.log.text()[-3000:])
            assert not alive(worker)
    assert watcher.most == 2, watcher.most
    assert interrupted > KILLS // 2, interrupted


@pytest.fixture
def nginx(world, start, tmp_path):
    started = []
    os.chmod(tmp_path, 0o755)

    def run(dns):
        port = free_port()
        started.append(start(nginx_command(world, tmp_path, port), server=REQUIRE, dns=dns, port=port, ready=listening))
        return started[-1]
    yield run
    for server in started:
        server.stop()







@pytest.fixture
def chrooted(tls_server, tmp_path):  # noqa: F811
    started = []

    def run(dns):
        root = tmp_path / "root"
        root.mkdir()
        started.append(tls_server("-r", str(root), "-t", "8", dns=dns))
        return started[-1]
    yield run
    for server in started:
        server.stop()


SERVERS = pytest.mark.parametrize("server", [
    pytest.param("nginx", marks=pytest.mark.skipif(not os.path.exists("/usr/sbin/nginx"), reason="nginx is not installed")),
    pytest.param("chrooted", marks=[needs_root, needs_proc])])


@pytest.mark.parametrize("way", ["auto", "socket"])
@SERVERS
def test_killed_workers(world, proxy, tmp_path, request, server, way):
    """Fifty times, under eight processes and under a server in whose root there is nothing."""
    run = request.getfixturevalue(server)
    if way == "auto":
        process = run(dns(world, proxy))
        assert shake(world, process, QUICK).accepted, process.log.text()
        survive(world, process, proxy, process.log.path)
        return
    os.chmod(tmp_path, 0o755)
    resolver = Resolver(tmp_path, world.anchor, proxy.port)
    try:
        process = run({"resolver": resolver.path, "timeout": world.dns()["timeout"]})
        assert shake(world, process, QUICK).accepted, process.log.text()
        survive(world, process, proxy, resolver.log.path)
        assert len(workers(resolver.process.pid)) == 1
    finally:
        resolver.stop()


@needs_root
@needs_proc
def test_killed_supervisor(world, proxy, chrooted):
    """The worker goes on for those whom it has, and takes new conversations of theirs."""
    server = chrooted(dns(world, proxy))
    assert shake(world, server, QUICK).accepted
    [supervisor], [worker] = of_resolver(server.log.path)
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not alive(supervisor), what="its end")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for outcome in pool.map(lambda name: shake(world, server, name), 8 * [QUICK, SLOW]):
            assert outcome.accepted, server.log.text()
    assert of_resolver(server.log.path) == ([], [worker])
    # Nobody is left with its last client.
    server.stop()
    wait_for(lambda: not alive(worker), what="its end")


@pytest.mark.parametrize("order", [("supervisor", "worker"), ("worker", "supervisor")], ids="-".join)
def test_killed_both(world, proxy, nginx, order):
    """Whoever can reach the program starts another one."""
    server = nginx(dns(world, proxy))
    for _ in range(3):
        wait_for(lambda: shake(world, server, QUICK).accepted, what="an answer")
        supervisors, [worker] = of_resolver(server.log.path)
        for each in order:
            for pid in supervisors if each == "supervisor" else [worker]:
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(map(alive, [*supervisors, worker])), what="their end")
    # Each process of the server that asks starts one of its own from now on, for want of a channel in common.
    wait_for(lambda: shake(world, server, QUICK).accepted, what="an answer")
    assert len(of_resolver(server.log.path)[0]) <= 8


@needs_root
@needs_proc
def test_a_stuck_worker_is_replaced(world, proxy, chrooted):
    server = chrooted(dns(world, proxy))
    assert shake(world, server, QUICK).accepted
    stuck = one_worker(server.log.path)
    os.kill(stuck, signal.SIGSTOP)
    wait_for(lambda: not alive(stuck), 60, "its end")
    assert shake(world, server, QUICK).accepted, server.log.text()
    assert server.log.wait("the worker is stuck, and is replaced")
    assert one_worker(server.log.path) != stuck


@pytest.fixture
def resolver(world, tmp_path):
    """resolver(anchor=None, ...): one of its own, and a control channel to it."""
    made = []
    os.chmod(tmp_path, 0o755)

    def run(*arguments, anchor=None, port=None):
        made.append(Resolver(tmp_path, str(anchor or world.anchor), port or world.zones.port, *arguments))
        made[-1].channel = control(made[-1].path)
        return made[-1]
    yield run
    for each in made:
        each.channel.close()
        each.stop()


def lookup(resolver, name=QUICK):
    return look_up(resolver.channel, name)


def worker_of(resolver):
    return workers(resolver.process.pid)


def test_idle_workers_end(resolver):
    one = resolver("--idle", "1")
    for _ in range(3):
        assert lookup(one)[0] == SECURE
        [worker] = worker_of(one)
        wait_for(lambda: not alive(worker), 30, "the end of a worker that is asked nothing")
        assert not worker_of(one)
    # Its end is no fault.
    assert "killed" not in one.log.text()


def test_an_anchor_that_appears(world, resolver, tmp_path):
    anchor = tmp_path / "anchor"
    one = resolver(anchor=anchor)
    status, reason = lookup(one)
    assert status == FAILED and f"{anchor}: No such file" in reason
    [before] = worker_of(one)
    shutil.copy(world.anchor, anchor)
    wait_for(lambda: lookup(one)[0] == SECURE, what=one.log.text())
    assert worker_of(one) != [before]


def test_an_anchor_that_cannot_be_read_yet(world, tmp_path, resolver):
    """Its time does not change with its mode: it is tried again after a while."""
    anchor = tmp_path / "anchor"
    shutil.copy(world.anchor, anchor)
    os.chmod(anchor, 0)
    one = resolver("--user", "nobody" if os.geteuid() == 0 else "root", anchor=anchor)
    status, reason = lookup(one)
    assert status == FAILED and f"{anchor}: Permission denied" in reason
    os.chmod(anchor, 0o644)
    wait_for(lambda: lookup(one)[0] == SECURE, 30, one.log.text())


def test_an_anchor_that_is_replaced(world, resolver, tmp_path):
    anchor, new = tmp_path / "anchor", tmp_path / "new"
    shutil.copy(world.anchor, anchor)
    one = resolver(anchor=anchor)
    assert lookup(one)[0] == SECURE
    # Another key's digest.
    new.write_text(re.sub(r"(?m)^(example\.com\..*\s)([0-9a-f]{2})", lambda m: m[1] + ("00" if m[2] != "00" else "01"),
                          anchor.read_text()))
    assert new.read_text() != anchor.read_text()
    os.rename(new, anchor)
    wait_for(lambda: lookup(one)[0] not in (SECURE, FAILED), what="the new anchor to be read")
    assert "has changed, the worker begins anew" in one.log.text(), one.log.text()
    anchor.unlink()
    wait_for(lambda: "No such file" in lookup(one)[1], what="the file's end to be seen")
    shutil.copy(world.anchor, anchor)
    wait_for(lambda: lookup(one)[0] == SECURE, what="the old one")


def test_an_unbound_config_that_changes(world, resolver, tmp_path):
    conf = tmp_path / "unbound.conf"
    conf.write_text("server:\n do-not-query-localhost: no\n")
    one = resolver("--unbound-config", str(conf))
    assert lookup(one)[0] == SECURE
    conf.write_text(f'server:\n do-not-query-localhost: no\n local-zone: "{QUICK}." static\n')
    wait_for(lambda: lookup(one)[0] != SECURE, what="the new settings")
    conf.write_text("server:\n do-not-query-localhost: no\n")
    wait_for(lambda: lookup(one)[0] == SECURE, what="the old settings")


def test_hup_forgets(world, resolver):
    name = "gone._device.example.com"
    one = resolver()
    with world.zones.record(name, pki.tlsa(3, 1, 1, pki.certificate(world.key, name)), 600):
        assert lookup(one, name)[0] == SECURE
    assert lookup(one, name)[0] == SECURE
    [before] = worker_of(one)
    one.process.send_signal(signal.SIGHUP)
    wait_for(lambda: not alive(before), what="the worker's end")
    assert lookup(one, name)[0] == ABSENT


def test_begun_anew_under_load(world, proxy, nginx):
    """What makes the next worker is noticed by nobody."""
    server = nginx(dns(world, proxy))
    assert shake(world, server, QUICK).accepted, server.log.text()
    [supervisor], _ = of_resolver(server.log.path)
    with Watcher(server.log.path) as watcher, concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            worker = one_worker(server.log.path)
            running = [pool.submit(shake, world, server, name) for name in 4 * [QUICK, SLOW]]
            os.kill(supervisor, signal.SIGHUP)
            for outcome in running:
                assert outcome.result().accepted, (outcome.result(), server.log.text())
            wait_for(lambda: not alive(worker), what="the worker's end")
    assert watcher.most == 2, watcher.most


def calendar_of(worker):
    """The worker's timer on the calendar, which the kernel ends when the calendar is set; its descriptor there."""
    found = []
    for fd in os.listdir(f"/proc/{worker}/fd"):
        text = ""
        with contextlib.suppress(FileNotFoundError):  # closed by now
            text = open(f"/proc/{worker}/fdinfo/{fd}").read()
        # CLOCK_REALTIME; TFD_TIMER_ABSTIME and TFD_TIMER_CANCEL_ON_SET.
        if re.search(r"(?m)^clockid: 0\b", text) and re.search(r"(?m)^settime flags: 0?3\b", text):
            found.append(int(fd))
    [fd] = found
    return fd


@needs_root
def test_the_calendar_steps(resolver):
    """The machine's clock is not ours to set. That the timer is one that setting it ends is seen in the kernel's words;
    it is ended here by a copy of it."""
    libc = ctypes.CDLL(None, use_errno=True)
    one = resolver()
    assert lookup(one)[0] == SECURE
    [worker] = worker_of(one)
    pidfd = os.pidfd_open(worker)
    timer = libc.syscall(438, pidfd, calendar_of(worker), 0)  # pidfd_getfd
    assert timer >= 0, os.strerror(ctypes.get_errno())
    at_once = (ctypes.c_long * 4)(0, 0, 0, 1)
    assert libc.timerfd_settime(timer, 0, at_once, None) == 0
    wait_for(lambda: not alive(worker), what="the worker's end")
    os.close(timer)
    os.close(pidfd)
    assert "the calendar was set" in one.log.text()
    assert lookup(one)[0] == SECURE


@needs_root
def test_a_burst_of_first_conversations(world, proxy, tls_server):  # noqa: F811
    """More processes than the control channel has room for, while nobody takes anything from it."""
    count = 300 if sanitized() else 350
    # The first one waits until the last one is there.
    server = tls_server("-F", dns=dns(world, proxy, timeout="60"))
    try:
        [supervisor] = wait_for(lambda: of_resolver(server.log.path)[0], what="the supervisor")
        assert not of_resolver(server.log.path)[1]
        os.kill(supervisor, signal.SIGSTOP)

        def children():
            with open(f"/proc/{server.process.pid}/task/{server.process.pid}/children") as f:
                return [int(pid) for pid in f.read().split()]

        def waiting(pid):
            """It waits in poll() for an answer, or for room."""
            with contextlib.suppress(OSError):
                return open(f"/proc/{pid}/syscall").read().split()[0] == "7"
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            running = [pool.submit(shake, world, server, QUICK) for _ in range(count)]
            wait_for(lambda: sum(map(bool, map(waiting, children()))) == count, 60, "all of them to wait")
            os.kill(supervisor, signal.SIGCONT)
            outcomes = [r.result() for r in running]
        assert all(o.accepted for o in outcomes), server.log.text()[-3000:]
        assert [len(found) for found in of_resolver(server.log.path)] == [1, 1]
    finally:
        os.kill(supervisor, signal.SIGCONT)
        server.stop()
