# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The shared resolver as a service: what its clients notice when it is restarted, replaced or stuck.

systemd runs in a container of the test's own, booted by systemd-nspawn from this machine's /usr with an empty /etc
and /var. What the service manager does for that (it keeps descriptors and hands them over) is also done by a small
one in here, for machines where no container can be booted.
"""
import concurrent.futures
import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import uuid

import pytest

import pki
from container import Container, booted
from conftest import BUILD, entry
from test_process import alive, needs_proc, tls_server, workers  # noqa: F401 (fixture)
from test_resolver import PROGRAM, SECURE, announce, ask, begun, control, look_up
from zone import accepts, patient, wait_for

NAME = "ttl0._device.example.com"  # kept by nobody
USER = 54321                       # an ordinary one
TARGET = """[Unit]
Requires=sysinit.target dance-resolver.socket
After=sysinit.target dance-resolver.socket
"""


def answered(channel):
    """A lookup over the control channel brings the records."""
    return look_up(channel, NAME)[0] == SECURE


def let_in(world, server):
    return server.client(timeout=patient(20)).run([entry(pki.certificate(world.key, NAME), NAME)], world.key).accepted


class Machine(Container):
    """A booted container with the service installed."""

    def __init__(self, world, folder, groups):
        self.units, self.programs = folder / "units", folder / "programs"
        self.units.mkdir()
        self.programs.mkdir()
        for path in (folder, self.units, self.programs):
            os.chmod(path, 0o755)
        shutil.copy(PROGRAM, self.programs)
        unit = open(os.path.join(BUILD, "resolver", "dance-resolver.service")).read()
        unit, count = re.subn(r"(?m)^(ExecStart=)\S+/", r"\1/opt/dance/", unit)
        assert count == 1
        (self.units / "dance-resolver.service").write_text(unit)
        shutil.copy(os.path.join(os.path.dirname(__file__), "../../resolver/dance-resolver.socket"), self.units)
        (self.units / "dance-test.target").write_text(TARGET)
        (folder / "machine-id").write_text(uuid.uuid4().hex + "\n")
        # A leak checker traces the process at its end, which the unit's SystemCallFilter does not allow.
        (folder / "options").write_text('ASAN_OPTIONS=detect_leaks=0\n'
                                        'DANCE_RESOLVER_OPTIONS="--trust-anchor /etc/dance/anchors --forward '
                                        f'127.0.0.1@{world.zones.port} --log stderr"\n')
        super().__init__(folder, groups, "--directory=/", "--volatile=yes", f"--bind-ro={folder}/machine-id:/etc/machine-id",
                         f"--bind-ro={self.units}:/etc/systemd/system", f"--bind-ro={self.programs}:/opt/dance",
                         f"--bind-ro={folder}/options:/etc/default/dance-resolver",
                         f"--bind-ro={world.anchor}:/etc/dance/anchors", unit="dance-test.target")


@pytest.fixture(scope="module")
def machine(world, tmp_path_factory):
    with booted(lambda groups: Machine(world, tmp_path_factory.mktemp("machine"), groups)) as container:
        yield container


@pytest.fixture
def channels(machine):
    """Control channels of root and of an ordinary user, over which an answer has come."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(machine.connect(uid)) for uid in (0, 0, USER)]
        assert all(map(answered, opened)), machine.log()
        yield opened


def restart(machine):
    machine.systemctl("restart", "dance-resolver.service")


def upgrade(machine):
    """Another program takes the place of the one that runs, as a package manager does it."""
    path = machine.programs / "dance-resolver"
    shutil.copy(PROGRAM, f"{path}.new")
    os.replace(f"{path}.new", path)
    machine.systemctl("daemon-reload")
    machine.systemctl("try-restart", "dance-resolver.service")


def killed(machine):
    os.kill(machine.supervisor(), signal.SIGKILL)


def ended(machine):
    os.kill(machine.supervisor(), signal.SIGTERM)


def killed_with_workers(machine):
    machine.systemctl("kill", "--signal=KILL", "dance-resolver.service")


ENDS = [restart, upgrade, killed, killed_with_workers]


@pytest.mark.parametrize("end", ENDS, ids=lambda f: f.__name__)
def test_channels_outlive_the_service(machine, channels, end):
    """Whoever has nothing but his control channel does not notice."""
    before = machine.supervisor()
    end(machine)
    assert all(map(answered, channels)), machine.log()
    wait_for(lambda: not alive(before) and machine.supervisor() not in (before, None), what=f"who comes after {before}")
    # A worker whose supervisor was killed serves until systemd ends it as well. These are the next one's:
    assert all(map(answered, channels)), machine.log()
    after = machine.supervisor()
    # The users are told apart as before: an ordinary one's worker stands back.
    usual = nice(after)
    wait_for(lambda: sorted(map(nice, workers(after))) == [usual, stands_back(usual)],
             what=lambda: f"a worker for root and one for {USER}, but not {list(map(nice, workers(after)))}; {machine.log()}")


def nice(pid):
    """None: it has ended."""
    with contextlib.suppress(ProcessLookupError):
        return os.getpriority(os.PRIO_PROCESS, pid)


def stands_back(usual):
    """Behind whoever has what the tests have been given: 19 is the end."""
    return min(usual + 5, 19)


def his_worker(machine):
    supervisor = machine.supervisor()
    [his] = [pid for pid in workers(supervisor) if nice(pid) == stands_back(nice(supervisor))]
    return his


def test_the_users_number(machine, channels):
    his_worker(machine)
    restart(machine)
    assert all(map(answered, channels)), machine.log()
    os.kill(his_worker(machine), signal.SIGKILL)
    assert answered(channels[2])
    wait_for(lambda: f"user {USER}: the worker was killed" in machine.log(), what=f"a line in {machine.log()}")


@needs_proc
@pytest.mark.parametrize("end", ENDS, ids=lambda f: f.__name__)
def test_chrooted_server(machine, world, tls_server, tmp_path, end):  # noqa: F811
    """Handshakes go on all the time, in an application that could not reach the socket again."""
    root = tmp_path / "root"
    root.mkdir()
    server = tls_server("-r", str(root), "-t", "4", dns={"resolver": machine.socket, "timeout": str(int(min(60, patient(5))))})
    assert let_in(world, server), (server.log.text(), machine.log())
    enough = threading.Event()

    def handshakes():
        outcomes = []
        while not enough.is_set():
            outcomes.append(let_in(world, server))
        return outcomes
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = [pool.submit(handshakes) for _ in range(2)]
        try:
            for _ in range(3):
                before = machine.supervisor()
                end(machine)
                wait_for(lambda: machine.supervisor() not in (before, None), what="the next one")
                assert let_in(world, server), (server.log.text(), machine.log())
        finally:
            enough.set()
        for outcomes in running:
            assert all(outcomes.result()), (outcomes.result(), server.log.text(), machine.log())
    server.stop()


def test_many_channels_at_once(machine):
    """systemd takes a descriptor at a time, and has other things to do."""
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(machine.connect()) for _ in range(200)]
        assert all(map(answered, many)), machine.log()
        restart(machine)
        assert all(map(answered, many)), machine.log()
    assert machine.supervisor() is not None


def test_what_has_gone_is_not_kept(machine, channels):
    """systemd lets go of the channels of those who have gone."""
    def stored():
        return int(machine.systemctl("show", "--property=NFileDescriptorStore", "--value", "dance-resolver.service"))
    wait_for(lambda: stored() == len(channels), what=f"{stored()} stored to be {len(channels)}")
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            answered(stack.enter_context(machine.connect()))
        wait_for(lambda: stored() == len(channels) + 20, what="the new ones")
    wait_for(lambda: stored() == len(channels), what="their end")


@pytest.fixture
def watched(machine):
    """With a watchdog that does not take minutes."""
    folder = machine.units / "dance-resolver.service.d"
    folder.mkdir()
    (folder / "watchdog.conf").write_text("[Service]\nWatchdogSec=2\n")
    machine.systemctl("daemon-reload")
    restart(machine)
    yield machine
    shutil.rmtree(folder)
    machine.systemctl("daemon-reload")
    restart(machine)


def test_watchdog(watched, channels):
    stuck = watched.supervisor()
    os.kill(stuck, signal.SIGSTOP)
    wait_for(lambda: not alive(stuck), 30, "the watchdog")
    assert all(map(answered, channels)), watched.log()
    assert "watchdog" in watched.log().lower()


class Manager:
    """What systemd does for a service: it listens, keeps descriptors, and starts the service with them."""

    def __init__(self, world, folder):
        self.world, self.folder = world, folder
        self.path = str(folder / "resolver.sock")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen()
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind(str(folder / "notify"))
        self.notified.setblocking(False)
        self.stored, self.words, self.pid = [], [], None

    def hear(self):
        """Take what the service says; the first lines of it so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                text, fds, _, _ = socket.recv_fds(self.notified, 4096, 16)
                lines = text.decode().split("\n")
                assert bool(fds) == (lines[0] == "FDSTORE=1"), lines
                self.stored += fds
                self.words += lines
        return self.words

    def start(self, *more):
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 500) for fd in (self.listener.fileno(), *self.stored)]
        argv = [PROGRAM, "--listen-fds", "--log", str(self.folder / "log"), "--trust-anchor", self.world.anchor, "--forward",
                f"127.0.0.1@{self.world.zones.port}", *more]
        self.words = []
        self.pid = os.posix_spawn(
            "/bin/sh", ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *argv],
            {**os.environ, "LISTEN_FDS": str(len(high)), "NOTIFY_SOCKET": str(self.folder / "notify"),
             "WATCHDOG_USEC": "600000"},
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, 3 + i) for i, fd in enumerate(high)])
        for fd in high:
            os.close(fd)
        wait_for(lambda: "READY=1" in self.hear(), what=f"READY=1: {self.log()}")

    def log(self):
        return (self.folder / "log").read_text() if (self.folder / "log").exists() else ""

    def end(self, sig):
        os.kill(self.pid, sig)
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return status

    def close(self):
        if self.pid is not None:
            self.end(signal.SIGKILL)
        for fd in self.stored:
            os.close(fd)
        self.listener.close()
        self.notified.close()


@pytest.fixture
def manager(world, tmp_path):
    # The service gives up root, and its log is there before.
    os.chmod(tmp_path, 0o777)
    manager = Manager(world, tmp_path)
    yield manager
    manager.close()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_stored_channels_are_taken_over(manager, sig):
    manager.start()
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(control(manager.path)) for _ in range(5)]
        assert all(map(answered, opened)), manager.log()
        wait_for(lambda: manager.hear().count("FDSTORE=1") == 5, what="the descriptors")
        for _ in range(3):
            before = workers(manager.pid)
            assert len(before) == 1
            status = manager.end(sig)
            assert os.WIFSIGNALED(status) if sig == signal.SIGKILL else status == 0
            if sig == signal.SIGKILL:
                # systemd's KillMode=control-group.
                for pid in before:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, sig)
            wait_for(lambda: not any(map(alive, before)), what="the worker's end")
            # What is sent in the meantime waits.
            asking = announce(opened[0])
            manager.start()
            begun(asking)
            assert ask(asking, NAME)[0] == SECURE
            asking.close()
            assert all(map(answered, opened)), manager.log()
        # They need not be stored anew.
        assert manager.hear().count("FDSTORE=1") == 0 and len(manager.stored) == 5


def test_alive_is_said_until_stopped(manager):
    manager.start()
    wait_for(lambda: manager.hear().count("WATCHDOG=1") > 3, what="signs of life")
    os.kill(manager.pid, signal.SIGSTOP)
    manager.hear()
    os.kill(manager.pid, signal.SIGCONT)
    assert accepts(manager.path)


def test_a_burst_of_channels_is_stored(manager):
    """The manager does not listen for a while, and its queue is short."""
    manager.start()
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(control(manager.path)) for _ in range(100)]
        wait_for(lambda: manager.hear().count("FDSTORE=1") == 100, what=f"{len(manager.stored)} descriptors to be 100")
        assert all(map(answered, opened)), manager.log()
        manager.end(signal.SIGTERM)
        manager.start()
        assert all(map(answered, opened)), manager.log()
