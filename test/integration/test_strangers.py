# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The shared resolver, and an ordinary user who wants to stop it for the others.

What he does is in strangers.py. Each test sees that others are served while he does it, and that nothing is left
when he has let go.
"""
import contextlib
import os
import pathlib
import random
import signal
import socket
import tempfile
import time

import pytest

import fuse
import strangers
from conftest import THIN
from strangers import (HEADER, NAME, OTHERS, SECURE, STRANGER, Resolver, Stranger, Voice, ask, being,
                       control_of, conversation, is_gone, memory, states)
from test_dns_outcomes import black_hole  # noqa: F401 (fixture)
from zone import accepts, patient, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root is needed, to be others")
NO_FUSE = fuse.reason_without()
needs_fuse = pytest.mark.skipif(NO_FUSE is not None, reason=str(NO_FUSE))
SUBORDINATE = range(100000, 100101)  # /etc/subuid's
SUPERVISOR_MAY_GROW = 2048  # KiB
BURIERS_MAX = 8  # resolver/supervisor/burial.c
PING, STUCK = 10, 30  # seconds, resolver/supervisor/users.h


class Shared:
    """The resolver, and others who use it."""

    def __init__(self, resolver):
        self.resolver = resolver
        self.path = resolver.path
        self.started = []
        self.voices = [Voice(self.path, uid) for uid in OTHERS]
        self.before = resolver.workers()
        assert len(self.before) == len(OTHERS)
        self.descriptors = resolver.descriptors()
        self.resident = resolver.resident()

    def stranger(self, act, *arguments, uid=STRANGER, **more):
        self.started.append(Stranger(uid, act, self.path, *arguments, **more))
        return self.started[-1]

    def others_are_served(self, rounds=3, voices=None):
        for _ in range(rounds):
            for voice in voices or self.voices:
                voice.is_served()
        assert self.before <= self.resolver.workers(), "the others keep their workers: " + self.resolver.log()

    def strange_workers(self):
        return self.resolver.workers() - self.before

    def let_go(self):
        for stranger in self.started:
            stranger.let_go()

    def nothing_is_left(self):
        self.let_go()
        self.others_are_served(1)
        wait_for(lambda: not self.strange_workers() | self.resolver.buriers(), 40,
                 f"the end of {self.strange_workers()}: {self.resolver.log()}")
        wait_for(lambda: self.resolver.descriptors() <= self.descriptors, what="the supervisor's descriptors")
        if not os.environ.get("DANCE_PRELOAD"):
            assert self.resolver.resident() - self.resident < SUPERVISOR_MAY_GROW
        assert self.resolver.workers() == self.before
        self.others_are_served(1)


@pytest.fixture
def descriptors_max():
    """As many as there are."""


@pytest.fixture
def resolver(world, black_hole, descriptors_max):  # noqa: F811
    """One for each test: the workers of another one would be ten seconds alone before they end."""
    # Whose voice is not heard while a hundred strangers connect is none that is idle.
    resolver = Resolver(world, black_hole, "--max-workers", "16", "--idle", "3600", descriptors_max=descriptors_max)
    try:
        yield resolver
        resolver.stop()
    finally:
        resolver.remove()


@pytest.fixture
def shared(resolver):
    shared = Shared(resolver)
    yield shared
    shared.let_go()
    for voice in shared.voices:
        voice.close()
    assert resolver.process.poll() is None, resolver.log()


@contextlib.contextmanager
def mounted(resolver, *never):
    """His file system, in a folder that he can reach."""
    folder = tempfile.mkdtemp(dir=resolver.folder)
    os.chmod(folder, 0o755)
    mount = fuse.Mount(pathlib.Path(folder) / "fuse", never)
    try:
        yield mount
    finally:
        mount.let_go()


def waits_for_ever(pid):
    """No signal ends it, and it is not but for a moment."""
    for _ in range(10):
        if "D" not in states(pid):
            return False
        time.sleep(0.02)
    return True


def stuck(shared, seen=()):
    """A process of his that waits for ever, another one than those."""
    return next((pid for pid in (shared.strange_workers() | shared.resolver.buriers()) - set(seen) if waits_for_ever(pid)), None)


# The kernel makes a process wait.

@needs_fuse
def test_a_lock_that_is_never_given_back(shared):
    """Workers wait in recvmsg(): one after the other is given up, but not for ever."""
    with mounted(shared.resolver, fuse.READ) as mount:
        shared.stranger(strangers.receive_for_ever, mount.file, until="holding")
        first = wait_for(lambda: stuck(shared), what="a worker that waits")
        os.kill(first, signal.SIGKILL)
        shared.others_are_served()
        assert waits_for_ever(first)
        second = wait_for(lambda: stuck(shared, [first]), 90, "the next one")
        shared.others_are_served()
        wait_for(lambda: "the ones before do not end" in shared.resolver.log(), 90, "no more of them")
        shared.others_are_served()
        assert waits_for_ever(first) and waits_for_ever(second) and len(shared.strange_workers()) == 2
    wait_for(lambda: is_gone(first) and is_gone(second), what="their end")
    shared.nothing_is_left()
    with contextlib.closing(Voice(shared.path, STRANGER)) as voice:
        voice.is_served()


@needs_fuse
@pytest.mark.parametrize("over", ["channel", "conversation"])
def test_a_descriptor_that_waits_for_its_owner(shared, over):
    with mounted(shared.resolver, fuse.FLUSH) as mount:
        shared.stranger(strangers.send_descriptor, mount.file, over)
        pid = wait_for(lambda: stuck(shared), what="a worker that waits")
        os.kill(pid, signal.SIGKILL)
        shared.others_are_served()
        assert waits_for_ever(pid)
        # He himself, too, goes only when his file lets him.
    shared.nothing_is_left()


class Unread:
    """A TCP server that reads nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()

    def accept(self):
        """What has come so far."""
        taken = []
        self.listener.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                taken.append(self.listener.accept()[0])
        return taken

    def close(self):
        for s in self.accept():
            s.close()
        self.listener.close()


def closing(pid):
    """It waits for what is to be sent before a socket is closed."""
    try:
        with open(f"/proc/{pid}/wchan") as wchan:
            return wchan.read() in ("sk_stream_wait_close", "wait_woken", "inet_csk_wait", "__tcp_close", "0") and any(
                "tcp_close" in line for task in os.listdir(f"/proc/{pid}/task") for line in open(f"/proc/{pid}/task/{task}/stack"))
    except OSError:
        return False


@pytest.mark.parametrize("end", ["goes on", "is killed"])
@pytest.mark.parametrize("over", ["channel", "conversation"])
def test_what_is_closed_slowly_and_was_never_read(shared, over, end):
    with contextlib.closing(Unread()) as unread:
        stranger = shared.stranger(strangers.send_what_lingers, unread.address, over, until="asked")
        [worker] = shared.strange_workers()
        os.kill(worker, signal.SIGSTOP)
        os.kill(stranger.pid, signal.SIGUSR1)
        stranger.wait("done")
        shared.others_are_served()
        stranger.let_go()
        shared.others_are_served()
        os.kill(worker, signal.SIGCONT if end == "goes on" else signal.SIGKILL)
        if end == "goes on":
            wait_for(lambda: closing(worker), what="a worker that waits")
        shared.others_are_served()
        assert end == "is killed" or closing(worker)
    shared.nothing_is_left()


@needs_fuse
@pytest.mark.parametrize("end", ["goes on", "is killed", "is stopped"])
def test_what_can_not_be_closed_and_was_never_read(shared, end):
    """Whoever has the last copy of a channel waits until he has had enough."""
    with mounted(shared.resolver, fuse.WRITE) as mount:
        stranger = shared.stranger(strangers.send_what_is_dirty, mount.file, until="asked")
        [worker] = shared.strange_workers()
        os.kill(worker, signal.SIGSTOP)
        os.kill(stranger.pid, signal.SIGUSR1)
        stranger.wait("done")
        accomplice = Stranger(STRANGER, strangers.make_dirty, mount.file)
        stranger.let_go()
        shared.others_are_served()
        os.kill(worker, {"goes on": signal.SIGCONT, "is killed": signal.SIGKILL, "is stopped": signal.SIGSTOP}[end])
        if end != "is stopped":
            wait_for(lambda: waits_for_ever(worker), what="a worker that waits")
        shared.others_are_served()
        assert end == "is stopped" or waits_for_ever(worker)
    accomplice.let_go()
    shared.nothing_is_left()


@needs_fuse
@pytest.mark.parametrize("descriptors_max", [400])
def test_what_can_not_be_closed_of_who_is_turned_away(shared):
    """A process waits in the supervisor's place, and the next one begins; when there are too many whoever is there is served."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(mounted(shared.resolver, fuse.WRITE)).file for _ in range(BURIERS_MAX)]
        stranger = shared.stranger(strangers.be_turned_away_dirty, files, until="waiting")
        wait_for(lambda: "turned away: too many connections" in shared.resolver.log(), what="more than he may have")
        buriers, accomplices = set(), []
        for number, file in enumerate(files, 1):
            # He is turned away when he has sent it and has gone, and when it is too late to write it.
            os.kill(shared.resolver.pid, signal.SIGSTOP)
            os.kill(stranger.pid, signal.SIGUSR1)
            wait_for(lambda: stranger.told().count("sent") == number)
            accomplices.append(Stranger(STRANGER, strangers.make_dirty, file))
            os.kill(shared.resolver.pid, signal.SIGCONT)
            burier = wait_for(lambda: stuck(shared, buriers) or waits_for_ever(shared.resolver.pid), what="a process that waits")
            assert burier is not True, "the supervisor waits"
            buriers.add(burier)
            if number == 1:
                shared.others_are_served()
        # Who has been turned away before is told.
        with control_of(shared.path, STRANGER) as refused:
            assert refused.recv(1) == b""
        stranger.let_go()
        wait_for(lambda: "nobody is let in" in shared.resolver.log(), what="too many that have ended")
        for voice in shared.voices:
            assert ask(voice.conversation, NAME, timeout=60000)[0] == SECURE
        assert shared.resolver.buriers() == buriers
    for accomplice in accomplices:
        accomplice.let_go()
    shared.nothing_is_left()


@needs_fuse
def test_the_end_does_not_wait_for_him(world, black_hole):  # noqa: F811
    """He has channels that nobody could close without waiting; the supervisor ends, and the next one begins."""
    resolver = Resolver(world, black_hole)
    try:
        with mounted(resolver, fuse.WRITE) as mount:
            stranger = Stranger(STRANGER, strangers.send_what_is_dirty, resolver.path, mount.file, until="asked")
            [worker] = resolver.workers()
            os.kill(worker, signal.SIGSTOP)
            os.kill(stranger.pid, signal.SIGUSR1)
            stranger.wait("done")
            accomplice = Stranger(STRANGER, strangers.make_dirty, mount.file)
            # So that none but the supervisor has a copy.
            os.kill(worker, signal.SIGKILL)
            stranger.let_go()
            first = resolver.process
            first.terminate()
            wait_for(lambda: not accepts(resolver.path), what="the end of the first one")
            resolver.start()
            with contextlib.closing(Voice(resolver.path, 0)) as voice:
                voice.is_served()
            assert first.wait(patient(20)) == 0
            resolver.stop()
        accomplice.let_go()
    finally:
        resolver.remove()


def test_the_next_one_begins_at_once(world, black_hole):  # noqa: F811
    """However many connections the one before has to let go of."""
    resolver = Resolver(world, black_hole)
    try:
        for _ in range(10):
            held = [control_of(resolver.path, STRANGER) for _ in range(200)]
            resolver.stop()
            resolver.start()
            with contextlib.closing(Voice(resolver.path, 0)) as voice:
                voice.is_served()
            for channel in held:
                channel.close()
        resolver.stop()
    finally:
        resolver.remove()


def test_workers_begin_while_descriptors_linger(shared):
    """A worker that begins is never the one that closes what a stranger left."""
    root = shared.voices[0]
    with contextlib.closing(Unread()) as unread:
        for _ in range(3):
            stranger = shared.stranger(strangers.send_what_lingers, unread.address, "channel", until="asked")
            [worker] = shared.strange_workers()
            os.kill(worker, signal.SIGSTOP)
            os.kill(stranger.pid, signal.SIGUSR1)
            stranger.wait("done")
            for pid in shared.before & shared.resolver.workers():
                os.kill(pid, signal.SIGKILL)
            stranger.let_go()
            for voice in shared.voices:
                voice.conversation.close()
                voice.conversation = conversation(voice.channel)
                assert ask(voice.conversation, NAME, timeout=60000)[0] == SECURE
            shared.before = shared.resolver.workers() - {worker}
            os.kill(worker, signal.SIGKILL)
            wait_for(lambda: is_gone(worker), what="its end")
            wait_for(lambda: len(shared.resolver.workers()) <= len(OTHERS) + 1)
            root.is_served()
            wait_for(lambda: not shared.strange_workers(), 40, "the end of who buries")
    shared.nothing_is_left()


def test_who_was_kept_from_hearing_replaces_nobody(shared):
    """Workers have answered that they live, and the supervisor has come to nothing for longer than it waits for that."""
    for pid in shared.before:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(PING + 1)  # they are asked
    os.kill(shared.resolver.pid, signal.SIGSTOP)
    for pid in shared.before:
        os.kill(pid, signal.SIGCONT)
    time.sleep(STUCK + 1)
    os.kill(shared.resolver.pid, signal.SIGCONT)
    shared.others_are_served()
    assert "is stuck" not in shared.resolver.log()
    shared.nothing_is_left()


# He takes what there is.

@pytest.mark.parametrize("says", [False, True], ids=["silent", "talking"])
def test_connections_of_one_user(shared, says):
    shared.stranger(strangers.connect_as_often_as_possible, says)
    shared.others_are_served()
    assert len(shared.strange_workers()) <= 1
    shared.nothing_is_left()


@pytest.mark.parametrize("says", [False, True], ids=["silent", "talking"])
def test_connections_of_one_who_is_many(shared, says):
    """Subordinate numbers, as containers have them, are nobody's who logs in."""
    stranger = Stranger(0, strangers.one_of_many, shared.path, SUBORDINATE, says)
    shared.started.append(stranger)
    with contextlib.closing(Voice(shared.path, 1002)) as another:
        another.is_served()
        shared.others_are_served()
        assert len(shared.resolver.workers()) <= 16
    stranger.let_go()
    shared.nothing_is_left()


def test_connections_of_many(shared):
    """Whatever ordinary users do, root and the system's users are served, also those who were not there yet."""
    stranger = Stranger(0, strangers.one_of_many, shared.path, range(2000, 2101), True)
    shared.started.append(stranger)
    with contextlib.closing(Voice(shared.path, 101)) as another:
        another.is_served()
        shared.others_are_served(voices=[voice for voice in shared.voices if voice.uid < 1000])
        assert len(shared.resolver.workers()) <= 16
    stranger.let_go()
    # There was no room for another ordinary user.
    wait_for(lambda: shared.resolver.descriptors() <= shared.descriptors, what="room")
    shared.nothing_is_left()


@pytest.mark.parametrize("descriptors_max", [100])
def test_no_descriptor_is_left(resolver):
    """Each user is one more: who comes then waits at the door, and is served when some have gone."""
    held = [control_of(resolver.path, uid) for uid in SUBORDINATE[:60]] + [control_of(resolver.path, 0) for _ in range(60)]
    wait_for(lambda: "no connection can be taken" in resolver.log(), what="the last one")
    late = control_of(resolver.path, 0)
    for channel in held:
        channel.close()
    with late, conversation(late) as talk:
        assert ask(talk, NAME, timeout=60000)[0] == SECURE
    wait_for(lambda: resolver.descriptors() < 30, what="descriptors")


def test_a_storm_at_the_door(shared):
    for _ in range(3):
        shared.stranger(strangers.storm)
    shared.others_are_served()
    for voice in shared.voices:
        for _ in range(21 // THIN):
            with strangers.control_of(shared.path, voice.uid) as channel, conversation(channel) as talk:
                assert ask(talk, NAME, timeout=60000)[0] == SECURE
    shared.nothing_is_left()


# He asks.

@pytest.mark.parametrize("name", ["{}.silent.example.net", "{}.bogus._device.example.com", "bogus._device.example.com",
                                  "{}.wild._device.example.com", "{}._device.example.org"])
def test_questions(shared, name):
    shared.stranger(strangers.flood, name)
    shared.others_are_served()
    [worker] = shared.strange_workers()
    assert not is_gone(worker)
    shared.nothing_is_left()


def test_lists(shared):
    """Far more names than are taken; a worker's memory is bounded, and it is his."""
    shared.stranger(strangers.hold_lists, 4, "silent.example.net")
    shared.others_are_served()
    [worker] = shared.strange_workers()
    assert os.environ.get("DANCE_PRELOAD") or memory(worker) < 512 << 10
    assert max(memory(pid) for pid in shared.before) < max(memory(worker), 64 << 10)
    shared.nothing_is_left()


def test_beginning_anew(shared):
    """A worker for each time that he asks to forget: no more of them than his share of time."""
    for uid in range(3000, 3006):
        shared.stranger(strangers.begin_anew, uid=uid)
    shared.others_are_served()
    shared.nothing_is_left()


def test_garbage(shared):
    """It ends a conversation, and does nothing to the channel."""
    for number, message in enumerate(strangers.GARBAGE):
        channel, bad = (strangers.control_of(shared.path, STRANGER) for _ in range(2))
        with channel, bad, conversation(channel) as talk, conversation(bad) as other:
            assert ask(other, NAME, timeout=60000)[0] == SECURE
            talk.send(message)
            if message != strangers.FORGET:  # which over a channel is in order
                bad.send(message)
            assert talk.recv(100) == b"", number
            assert ask(other, NAME, timeout=60000)[0] == SECURE, number
            shared.others_are_served(1)
    shared.nothing_is_left()


SEED = int(os.environ.get("DANCE_SEED", random.randrange(1 << 32)))


def test_anything(shared):
    print("DANCE_SEED =", SEED)
    before = len(shared.resolver.log())
    for i in range(2):
        shared.stranger(strangers.fuzz, SEED + i, 6000, until=None)
    while not all("done" in stranger.told() for stranger in shared.started):
        shared.others_are_served(1)
    shared.others_are_served()
    assert "the worker was killed" not in shared.resolver.log()[before:], f"DANCE_SEED={SEED}"
    shared.nothing_is_left()


# He passes things on.

def test_what_he_hands_to_others_is_his(shared):
    """Whoever holds a connection asks the worker of the one who made it."""
    with strangers.control_of(shared.path, STRANGER) as channel, conversation(channel) as talk:
        assert ask(talk, NAME, timeout=60000)[0] == SECURE
        [worker] = shared.strange_workers()
        # As root now, with what he gave us.
        with conversation(channel) as given:
            assert ask(given, NAME, timeout=60000)[0] == SECURE
        assert shared.strange_workers() == {worker}
        with strangers.control_of(shared.path, 0) as his, conversation(channel) as given:
            # Root's channel as a conversation of his: it is the worker's of a stranger to serve, or not.
            socket.send_fds(channel, [HEADER + b"\x01"], [his.fileno()])
            shared.others_are_served()
            assert ask(given, NAME, timeout=60000)[0] == SECURE
    shared.nothing_is_left()



def test_descriptors_that_the_kernel_adds(shared):
    stranger = shared.stranger(strangers.leave_pidfds, 2000)
    if "no SO_PASSPIDFD" in stranger.told():
        pytest.skip("no SO_PASSPIDFD here")
    found = shared.strange_workers()
    assert len(found) == 1, (found, stranger.text, shared.resolver.log())
    [worker] = found
    assert len(os.listdir(f"/proc/{worker}/fd")) < 1000
    shared.others_are_served()
    shared.nothing_is_left()


# He lays hands on it.

def test_signals_and_the_like(shared):
    with strangers.control_of(shared.path, STRANGER) as channel, conversation(channel) as talk:
        assert ask(talk, NAME, timeout=60000)[0] == SECURE
        everybody = {shared.resolver.pid, *shared.resolver.workers()}
        with being(STRANGER):
            for pid in everybody:
                for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGHUP, signal.SIGUSR1, 0):
                    with pytest.raises(PermissionError):
                        os.kill(pid, number)
                for path in ("mem", "environ", "maps", "fd", "cwd", "root"):
                    with pytest.raises(PermissionError):
                        os.listdir(f"/proc/{pid}/fd") if path == "fd" else open(f"/proc/{pid}/{path}", "rb").read(1)
        assert not any(is_gone(pid) for pid in everybody)
        shared.others_are_served()
    shared.nothing_is_left()


def test_what_kills_his_worker_kills_nobody_elses(shared):
    """As the kernel does when memory is short; his next question has the next worker."""
    with contextlib.closing(Voice(shared.path, STRANGER)) as voice:
        [worker] = shared.strange_workers()
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: is_gone(worker), what="its end")
        shared.others_are_served()
        voice.conversation.close()
        voice.conversation = conversation(voice.channel)
        voice.is_served()
    shared.nothing_is_left()


