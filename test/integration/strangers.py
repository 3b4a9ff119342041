# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Other users of a shared resolver: those who want its answers, and those who want it to stop.

For test_strangers.py and bench/strangers.py. A Stranger is a process of another user that does one of the things
below and then holds what it has, until it is let go.
"""
import array
import contextlib
import ctypes
import errno
import fcntl
import itertools
import mmap
import os
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from conftest import BUILD
from processes import name_of
from test_resolver import GARBAGE, HEADER, NAME, SECURE, ask, control, conversation, query
from zone import accepts, patient, wait_for

LIBC = ctypes.CDLL(None)
PROGRAM = os.path.join(BUILD, "resolver", "dance-resolver")
FORGET = HEADER + b"\x07"
STRANGER = 1000
OTHERS = (0, 100, 1001)  # root, a system user, another ordinary user
LISTENERS = itertools.count()
fresh_names = itertools.count()


class Resolver:
    """A shared resolver in a folder that everybody can reach, started by root."""

    def __init__(self, world, black_hole, *arguments, descriptors_max=None):
        self.folder = tempfile.mkdtemp(prefix="dance-strangers-")
        os.chmod(self.folder, 0o755)
        self.path = os.path.join(self.folder, "sock")
        self.log_path = os.path.join(self.folder, "log")
        anchor = shutil.copy(world.anchor, self.folder)
        conf = os.path.join(self.folder, "unbound.conf")
        with open(conf, "w") as out:
            out.write('server:\n do-not-query-localhost: no\nstub-zone:\n name: "silent.example.net"\n'
                      f" stub-addr: 127.0.0.1@{black_hole}\n")
        for path in (anchor, conf):
            os.chmod(path, 0o644)
        self.argv = [PROGRAM, "--socket", self.path, "--log", "stderr", "--trust-anchor", anchor, "--forward",
                     f"127.0.0.1@{world.zones.port}", "--unbound-config", conf, *arguments]
        if descriptors_max:
            self.argv = ["prlimit", f"--nofile={descriptors_max}", *self.argv]
        self.process = None
        self.start()

    def start(self):
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(self.argv, stderr=log)
        wait_for(lambda: accepts(self.path), what="the socket")

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        with open(self.log_path) as log:
            return log.read()

    def children(self, name):
        """Those of which anything is there."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as children:
            return {pid for pid in map(int, children.read().split()) if not is_gone(pid) and name_of(pid) == name}

    def workers(self):
        return self.children("dance-worker")

    def buriers(self):
        return self.children("dance-burier")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident(self):
        """KiB of the supervisor."""
        return memory(self.pid)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(patient(20)) == 0, self.log()

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)


def memory(pid, what="VmRSS"):
    """KiB, or 0 where the process has gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith(what + ":"):
                return int(line.split()[1])
    return 0


def states(pid):
    """Of its threads: the first one may have ended where another still waits."""
    found = ""
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/stat") as stat:
                found += stat.read().rsplit(")", 1)[1].split()[0]
    return found


def is_gone(pid):
    return not set(states(pid)) - {"Z", "X"}


@contextlib.contextmanager
def being(uid):
    """The kernel says of a connection who made it; for that moment that is uid."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def control_of(path, uid):
    with being(uid):
        return control(path)


def new_name():
    """One that nobody has asked for."""
    return f"n{os.getpid()}x{next(fresh_names)}.wild._device.example.com"


class Voice:
    """A user who has had a conversation for long."""

    def __init__(self, path, uid):
        self.path, self.uid = path, uid
        self.channel = control_of(path, uid)
        self.conversation = conversation(self.channel)
        assert ask(self.conversation, NAME, timeout=60000)[0] == SECURE

    def is_served(self):
        """A kept name and a new one, over what he has and over a conversation and a channel that he makes now."""
        with conversation(self.channel) as second, control_of(self.path, self.uid) as channel, conversation(channel) as third:
            for connection in (self.conversation, second, third):
                for name in (NAME, new_name()):
                    got = ask(connection, name, timeout=60000)
                    assert got[0] == SECURE, (self.uid, name, got)

    def close(self):
        self.conversation.close()
        self.channel.close()


class Stranger:
    """A process of uid that runs act(tell, *arguments), keeps what that gives back, and waits; told() is what it told."""

    def __init__(self, uid, act, *arguments, until="done"):
        read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.closerange(3, write)
                os.closerange(write + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                LIBC.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: what is his of /proc is his again
                tell = lambda text: os.write(write, text.encode() + b"\n")
                held = act(tell, *arguments)  # noqa: F841
                tell("done")
                while True:
                    signal.pause()
            except BaseException as e:  # noqa: BLE001
                os.write(write, f"failed: {e!r}\n".encode())
            finally:
                os._exit(1)
        os.close(write)
        os.set_blocking(read, False)
        self.read, self.text = read, ""
        if until:
            try:
                self.wait(until)
            except BaseException:
                self.let_go()
                raise

    def told(self):
        with contextlib.suppress(BlockingIOError):
            while octets := os.read(self.read, 65536):
                self.text += octets.decode()
        assert "failed" not in self.text, self.text
        return self.text.split("\n")[:-1]

    def wait(self, text):
        # A hundred users who connect seven hundred times each take half a minute of a quiet machine.
        wait_for(lambda: text in self.told(), 60, lambda: f"{text!r} of {self.text!r}")

    def let_go(self):
        if self.pid > 0:
            os.kill(self.pid, signal.SIGKILL)
            os.kill(self.pid, signal.SIGCONT)
            os.waitpid(self.pid, 0)
            os.close(self.read)
            self.pid = 0


# What strangers do. Everything that they get back lives as long as their process.

def pair():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def try_send(s, message, fds=()):
    """As far as it goes without waiting."""
    try:
        s.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [],
                  socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    except OSError as e:
        return e.errno
    return 0


def receive_for_ever(tell, path, file):
    """The lock of a conversation's socket, which he keeps an end of, is held for as long as his file is not read."""
    channel = control(path)
    ours, theirs = pair()
    fd = os.open(file, os.O_RDWR)
    page = mmap.mmap(fd, 4096, flags=mmap.MAP_PRIVATE)
    ours.send(b"x")
    threading.Thread(target=theirs.recv_into, args=(page,), daemon=True).start()
    wait_for(lambda: any(open(f"/proc/self/task/{t}/syscall").read().split()[0] in ("45", "47", "207", "212")
                         for t in os.listdir("/proc/self/task")), what="recvmsg()")
    tell("holding")
    while True:
        # Whatever worker there is gets the end, and something to receive over it.
        try_send(channel, HEADER + b"\x01", [theirs.fileno()])
        try_send(ours, query(1, NAME))
        time.sleep(0.2)


def lingering_to(address):
    """A descriptor whose last close() takes long: what nobody reads is to be sent first."""
    s = socket.create_connection(address)
    s.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            s.send(b"x" * 65536)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 100000))
    return s.detach()


def ask_and_wait(tell, path):
    """A worker is there; what is sent next is sent when we are told to go on."""
    channel = control(path)
    talk = conversation(channel)
    assert ask(talk, NAME, timeout=60000)[0] == SECURE
    tell("asked")
    signal.sigwait({signal.SIGUSR1})
    return channel, talk


def send_what_lingers(tell, path, address, over, message=HEADER + b"\x01"):
    """Over a channel or a conversation; ours is not the last copy."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    channel, talk = ask_and_wait(tell, path)
    for _ in range(3):
        fd = lingering_to(address)
        try_send(channel if over == "channel" else talk, message, [fd])
        os.close(fd)
    return channel, talk


def send_what_is_dirty(tell, path, file):
    """The last close() of a file waits until its pages are written, by whom they belong to."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    channel, talk = ask_and_wait(tell, path)
    fd = os.open(file, os.O_RDWR)
    try_send(channel, HEADER + b"\x01", [fd])
    os.close(fd)
    return channel, talk


def be_turned_away_dirty(tell, path, files):
    """More connections than he may have; whenever he is told to, one who comes then sends one of these, and goes at once."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    held = [control(path) for _ in range(200)]
    tell("waiting")
    for file in files:
        signal.sigwait({signal.SIGUSR1})
        fd = os.open(file, os.O_RDWR)
        with control(path) as channel:
            try_send(channel, HEADER + b"\x01", [fd])
        os.close(fd)
        tell("sent")
    return held


def make_dirty(tell, file):
    fd = os.open(file, os.O_RDWR)
    page = mmap.mmap(fd, 4096)
    page[0:1] = b"x"
    return fd, page


def send_descriptor(tell, path, file, over):
    """One that the worker closes, which waits for its owner."""
    channel = control(path)
    talk = conversation(channel)
    assert ask(talk, NAME, timeout=60000)[0] == SECURE
    fd = os.open(file, os.O_RDWR)
    try_send(channel if over == "channel" else talk, HEADER + b"\x01", [fd])
    return channel, talk, fd


def connect_as_often_as_possible(tell, path, says, most=6000):
    """says: nothing, or a query of a conversation each."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    held = []
    for _ in range(most):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(1)
        try:
            s.connect(path)
        except OSError:
            s.close()
            break
        if says:
            ours, theirs = pair()
            try_send(s, HEADER + b"\x01", [theirs.fileno()])
            theirs.close()
            try_send(ours, query(1, NAME))
            held.append(ours)
        held.append(s)
    return held


def storm(tell, path):
    """Connects and goes, again and again, and never waits."""
    tell("done")
    while True:
        burst = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) for _ in range(500)]
        for s in burst:
            with contextlib.suppress(OSError):
                s.connect(path)
        for s in burst:
            s.close()


def one_of_many(tell, path, uids, says):
    """A user with many numbers connects with each.

    Together more than a resolver has descriptors, and not more: what they hold is open files of the whole machine, of which
    tests that run beside this one want some."""
    held, us = [], os.getpid()
    for uid in uids:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                LIBC.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: what is his of /proc is his again
                held = connect_as_often_as_possible(tell, path, says, 70000 // len(uids))  # noqa: F841
                os.write(write, b"x")
                while os.getppid() == us:
                    time.sleep(0.1)
            finally:
                os._exit(0)
        os.close(write)
        os.read(read, 1)
        os.close(read)
        held.append(pid)
    return held


def flood(tell, path, name):
    """Names that are never answered, or never rightly, as fast as they are taken."""
    channel = control(path)
    talks = []
    for _ in range(16):
        talks.append(conversation(channel))
        talks[-1].setblocking(False)
    for number in itertools.count(1):
        for talk in talks:
            try_send(talk, query(number & 0xffffffff, name.format(f"f{number}x{talk.fileno()}"), 60000))
        for i, talk in enumerate(talks):
            try:
                while True:
                    if not talk.recv(65536):
                        raise ConnectionResetError
            except BlockingIOError:
                pass
            except OSError:
                talk.close()
                talks[i] = conversation(channel)
                talks[i].setblocking(False)
        if number == 200:
            tell("done")


def sealed_list(names):
    fd = os.memfd_create("names", os.MFD_ALLOW_SEALING)
    octets = "".join(name + "\n" for name in names).encode()
    while octets:
        octets = octets[os.write(fd, octets):]
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK)
    return fd


def hold_lists(tell, path, count, base):
    """Lists of 100,000 names each, of processes of their own."""
    channel = control(path)
    held, us = [channel], os.getpid()
    for i in range(count):
        fd = sealed_list(f"l{i}x{j}.{base}" for j in range(100000))
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            talk = conversation(channel)
            try_send(talk, HEADER + b"\x05", [fd])
            os.write(write, b"x")
            while os.getppid() == us:
                time.sleep(0.1)
            os._exit(0)
        os.read(read, 1)
        os.close(fd)
        held.append(pid)
    return held


def begin_anew(tell, path):
    """What was found is to be forgotten, again and again: each time a worker ends and the next one begins."""
    channel = control(path)
    tell("done")
    while True:
        try_send(channel, FORGET)
        time.sleep(0.001)


def anything(rng, fds):
    """One message as nobody should send it: octets, ancillary data, flags."""
    kind = rng.randrange(9)
    if kind == 0:
        octets = rng.randbytes(rng.choice((0, 1, 5, 6, 7, 270, 271, 272, 4096, 65536)))
    elif kind == 1:
        octets = rng.choice(GARBAGE)
    elif kind == 2:
        octets = HEADER + bytes([rng.randrange(256)]) + rng.randbytes(rng.randrange(300))
    elif kind == 3:
        octets = bytearray(query(rng.getrandbits(32), f"{rng.getrandbits(16):x}.wild._device.example.com", 1000))
        octets[rng.randrange(len(octets))] = rng.randrange(256)
        octets = bytes(octets)
    elif kind == 4:
        octets = query(rng.getrandbits(32), f"q{rng.getrandbits(10)}.wild._device.example.com", rng.randrange(1, 60001))
    elif kind == 5:
        name, chain = f"c{rng.getrandbits(10)}.wild._device.example.com".encode(), rng.randbytes(rng.choice((1, 3, 40, 2000, 16384)))
        octets = HEADER + b"\x0a" + struct.pack("!IIBB", rng.getrandbits(32), rng.randrange(1, 60001), rng.randrange(2), len(name)) + name \
            + struct.pack("!H", len(chain)) + chain
    else:
        octets = HEADER + bytes([rng.choice((1, 1, 1, 1, *range(2, 13)))])
    ancillary = []
    if rng.randrange(2):
        chosen = rng.choices(fds, k=rng.choice((1, 1, 1, 1, 2, 3, 16, 253)))
        ancillary.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", chosen)))
    if rng.randrange(8) == 0:
        ancillary.append((socket.SOL_SOCKET, 2, struct.pack("iii", os.getpid(), os.getuid(), os.getgid())))  # SCM_CREDENTIALS
    return octets, ancillary, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL | (socket.MSG_OOB if rng.randrange(16) == 0 else 0)


def descriptors_of_every_kind(path):
    def named(s, address):
        s.bind(address)
        s.listen()
        return s
    a, b = pair()
    stream = socket.socketpair()
    datagram = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    held = [a, b, *stream, *datagram, socket.socket(type=socket.SOCK_DGRAM), socket.socket(),
            named(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET), f"\0dance-test-{os.getpid()}-{next(LISTENERS)}"),
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET), control(path)]
    plain = [*os.pipe(), os.open("/dev/null", os.O_RDWR), os.open("/", os.O_RDONLY), os.open("/proc/self/mem", os.O_RDONLY),
             os.open("/dev/zero", os.O_RDONLY), os.memfd_create("open"), sealed_list(["a.example.com"]),
             sealed_list(["No Name"]), sealed_list([]), sealed_list([NAME] * 1000), os.eventfd(0), os.pidfd_open(os.getpid()),
             os.open("/tmp", os.O_PATH)]
    import select
    poller = select.epoll()
    return held + [poller], plain + [s.fileno() for s in held] + [poller.fileno()]


OPTIONS = [(16, 1), (76, 1), (34, 1), (7, 0), (8, 0), (7, 1 << 20), (29, 1), (42, 0), (9, 1), (35, 1), (18, 10)]


def fuzz(tell, path, seed, messages):
    """Messages as nobody should send them, over channels and conversations, whose ends are shut and whose options are
    changed in between: PASSCRED, PASSPIDFD, PASSSEC, buffers, timestamps, PEEK_OFF."""
    rng = random.Random(seed)
    held, fds = descriptors_of_every_kind(path)
    channels, talks = [control(path) for _ in range(4)], []
    for number in range(messages):
        if len(talks) < 8 and rng.randrange(2):
            ours, theirs = pair()
            for level_option in rng.sample(OPTIONS, rng.randrange(3)):
                with contextlib.suppress(OSError):
                    theirs.setsockopt(socket.SOL_SOCKET, *level_option)
            if rng.randrange(8) == 0:
                theirs.shutdown(rng.choice((socket.SHUT_RD, socket.SHUT_WR)))
            try_send(rng.choice(channels), HEADER + b"\x01", [theirs.fileno()])
            talks.append(ours)
            if rng.randrange(4):
                theirs.close()
            else:
                held.append(theirs)  # both of us have it
        s = rng.choice(channels + talks)
        octets, ancillary, flags = anything(rng, fds)
        try:
            s.sendmsg([octets], ancillary, flags)
        except OSError as e:
            assert e.errno != errno.EBADF
            if s in talks and e.errno != errno.EAGAIN:
                talks.remove(s)
                s.close()
        if rng.randrange(50) == 0:
            i = rng.randrange(len(channels))
            if rng.randrange(2):
                channels[i].shutdown(rng.choice((socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)))
            channels[i].close()
            channels[i] = control(path)
        if talks and rng.randrange(20) == 0:
            talk = talks.pop(rng.randrange(len(talks)))
            if rng.randrange(2):
                talk.shutdown(rng.choice((socket.SHUT_RD, socket.SHUT_WR)))
            talk.close()
        if len(held) > 200:
            del held[20:100]
    return held, channels, talks


def give_both_ends(tell, path, names):
    """Conversations of which nobody but the worker has an end, one of each pair with a list that is held."""
    channel = control(path)
    for i in range(20):
        a, b = pair()
        try_send(channel, HEADER + b"\x01", [a.fileno()])
        if i == 0 and names:
            fd = sealed_list(f"b{j}.wild._device.example.com" for j in range(names))
            b.send(query(1, NAME))
            b.settimeout(patient(20))
            b.recv(65536)
            try_send(b, HEADER + b"\x05", [fd])
            os.close(fd)
        while try_send(channel, HEADER + b"\x01", [b.fileno()]) == errno.EAGAIN:
            time.sleep(0.01)
    # The channel's own end, over itself.
    try_send(channel, HEADER + b"\x01", [channel.fileno()])


def leave_pidfds(tell, path, count):
    """The kernel gives whom it sends to a descriptor of ours with each message: SO_PASSPIDFD."""
    channel = control(path)
    ours, theirs = pair()
    try:
        theirs.setsockopt(socket.SOL_SOCKET, 76, 1)
    except OSError:
        tell("no SO_PASSPIDFD")
        return None
    if code := try_send(channel, HEADER + b"\x01", [theirs.fileno()]):
        raise OSError(code, "the conversation is not handed over: " + os.strerror(code))
    theirs.close()
    ours.settimeout(patient(10))
    at_a_time = 20  # each turn is two waits for a processor
    for first in range(0, count, at_a_time):
        try:
            for number in range(first, first + at_a_time):
                ours.send(query(number, NAME))
            if not all(ours.recv(65536) for _ in range(at_a_time)):
                tell(f"ended after {first}")
                break
        except TimeoutError as e:
            raise TimeoutError(f"no answer to one of the {at_a_time} from {first} on") from e
        except OSError as e:
            tell(f"ended after {first}: {e!r}")
            break
    return channel, ours
