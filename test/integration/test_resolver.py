# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance-resolver by itself, with clients that the module is not."""
import contextlib
import errno
import os
import re
import socket
import struct
import subprocess
import sys
import time

import pytest

from conftest import BUILD, environment
from test_dns_outcomes import black_hole, silent_dns  # noqa: F401 (fixtures)
from processes import workers
from zone import accepts, patient, wait_for

PROGRAM = os.path.join(BUILD, "resolver", "dance-resolver")
SECURE, ABSENT, INSECURE, BOGUS, FAILED, BUSY = range(1, 7)
HEADER = b"DNCE\x03"
NAME = "sensor7._device.example.com"


PATIENT = min(60000, int(patient(3) * 1000))  # ms; no lookup may wait longer than a minute


def query(number, name, timeout=PATIENT):
    name = name.encode() if isinstance(name, str) else name
    return HEADER + b"\x02" + struct.pack("!IIB", number, timeout, len(name)) + name


def answer(message):
    assert message[:6] == HEADER + b"\x03", message
    number, status, ttl, length = struct.unpack("!IBIB", message[6:16])
    return number, status, ttl, message[16:16 + length].decode()


def ask(connection, name, number=1, timeout=PATIENT):
    connection.send(query(number, name, timeout))
    got = answer(connection.recv(65536))
    assert got[0] == number
    return got[1:]


def control(path):
    """A control channel to the resolver that listens at path."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # Without a limit: with one Python would not wait in the listener's queue.
    s.connect(path)
    s.settimeout(patient(20))
    return s


def announce(channel):
    """A conversation over a control channel that nobody may have taken yet."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def sent():
        # The kernel counts what a user has under way, also what a process that has gone left, until it has tidied up.
        try:
            return socket.send_fds(channel, [HEADER + b"\x01"], [theirs.fileno()])
        except OSError as e:
            if e.errno != errno.ETOOMANYREFS:
                raise
    wait_for(sent, what="the end of what is under way")
    theirs.close()
    ours.settimeout(patient(20))
    return ours


def conversation(channel):
    """A conversation over a control channel."""
    return begun(announce(channel))


def begun(ours):
    """A conversation that the resolver has taken."""
    # The page on which it says that answers no longer count comes before them.
    message, (page,), _, _ = socket.recv_fds(ours, 100, 2)
    assert message[:6] == HEADER + b"\x06" and message[6:] == os.pread(page, 8, 0)[::-1 if sys.byteorder == "little" else 1]
    os.close(page)
    return ours


def look_up(channel, name):
    """In a conversation of its own over the control channel, as the module has one: where it ends, in another one.
    Status and reason."""
    for _ in range(3):
        with contextlib.closing(announce(channel)) as asking, contextlib.suppress(ConnectionError):
            asking.send(query(1, name, int(patient(5) * 1000)))
            message, pages, _, _ = socket.recv_fds(asking, 65536, 1)
            for page in pages:
                os.close(page)
            message = message and asking.recv(65536)
            if message:
                _, status, _, reason = answer(message)
                return status, reason
    raise AssertionError("no answer")


def converse(path):
    """A conversation with the resolver that listens at path, of which nothing else is left."""
    with control(path) as channel:
        return conversation(channel)


@pytest.fixture
def resolver(world, tmp_path, silent_dns):  # noqa: F811
    path = str(tmp_path / "sock")
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen([PROGRAM, "--socket", path, "--log", "stderr", "--log-level", "debug", "--trust-anchor",
                                    world.anchor, "--forward", f"127.0.0.1@{world.zones.port}", "--unbound-config",
                                    silent_dns["unbound_config"], "--max-lookups", "200"], stderr=log)
    connections = []

    def connect():
        connections.append(converse(path))
        return connections[-1]
    connect.path = path
    wait_for(lambda: accepts(path), what="the socket")
    wait_for(lambda: not ask(connect(), NAME)[0] == 0, what="an answer")
    connect.process = process
    yield connect
    for s in connections:
        s.close()
    assert process.poll() is None, open(tmp_path / "log").read()
    process.terminate()
    assert process.wait(patient(20)) == 0, open(tmp_path / "log").read()


@pytest.mark.parametrize("name,status,reason", [
    (NAME, SECURE, ""), ("dev._device.example.net", INSECURE, "no trust anchor covers the zone"),
    ("bogus._device.example.com", BOGUS, "signature verification failed"), ("dev._device.example.org", BOGUS, "expired"),
    ("missing._device.example.com", ABSENT, "the name does not exist"),
    ("nodata._device.example.com", ABSENT, "has no TLSA record")])
def test_outcomes(resolver, name, status, reason):
    for spelling in (name, name.upper()):
        got, ttl, said = ask(resolver(), spelling)
        said = said.replace("signature crypto failed", "signature verification failed")  # libunbound 1.22's words
        assert got == status and reason in said and 0 <= ttl <= 3600


GARBAGE = [b"x", b"DNCE", HEADER, HEADER + b"\x07", HEADER + b"\x03" + bytes(20), query(1, NAME)[:-1], query(1, NAME) + b"x",
           query(1, b""), query(1, NAME, 0), query(1, NAME, 60001), query(1, "a..b"), query(1, "a."), query(1, b"\0" * 10),
           query(1, b"a" * 64), query(1, b"a." * 127), b"DNCE\x01" + query(1, NAME)[5:], bytes(60000)]


@pytest.mark.parametrize("message", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_ends_the_conversation_and_nothing_else(resolver, message):
    other = resolver()
    bad = resolver()
    bad.send(message)
    assert bad.recv(100) == b""
    assert ask(other, NAME)[0] == SECURE


def test_descriptors_of_a_wrong_kind(resolver):
    connection = resolver()
    read, write = os.pipe()
    stream = socket.socketpair()
    for fds in ([read], [write], [stream[0].fileno()], []):
        sender = resolver()
        socket.send_fds(sender, [HEADER + b"\x01"], fds)
    for many in ([read, write], [stream[0].fileno()] * 8):
        sender = resolver()
        socket.send_fds(sender, [HEADER + b"\x01"], many)
        assert sender.recv(10) == b""
    os.close(write)
    # Nobody holds the other end of the pipe any more.
    assert os.read(read, 1) == b""
    os.close(read)
    assert ask(connection, NAME)[0] == SECURE


def lingering():
    """A descriptor whose close() takes ten seconds: a TCP socket that is to wait for what nobody reads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    ours.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            ours.send(b"x" * 65536)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 10))
    return ours.detach(), theirs



def test_a_control_channel_bears_conversations_only(resolver):
    with control(resolver.path) as channel:
        for message in (query(1, NAME), b"garbage"):
            channel.send(message)
        ours = conversation(channel)
    # It outlives the channel.
    assert ask(ours, NAME, 0xffffffff)[0] == SECURE
    ours.close()


def test_deadline_is_kept_and_nobody_else_waits(resolver):
    slow, fast = resolver(), resolver()
    begin = time.monotonic()
    slow.send(query(7, "a.silent.example.net", 500))
    assert ask(fast, NAME)[0] == SECURE
    number, status, _, reason = answer(slow.recv(65536))
    assert (number, status) == (7, FAILED) and "500 ms" in reason
    assert 0.4 < time.monotonic() - begin < 10


def test_flood_of_unknown_names_is_bounded(resolver):
    """Beyond --max-lookups names are refused at once, and served again when the flood is over."""
    statuses = []
    floods = [resolver() for _ in range(8)]
    for i, connection in enumerate(floods):
        for j in range(50):
            connection.send(query(j, f"n{i}x{j}.silent.example.net", 2000))
    assert ask(resolver(), NAME)[0] in (SECURE, BUSY)
    for connection in floods:
        statuses += [answer(connection.recv(65536))[1] for _ in range(50)]
    assert len(statuses) == 400 and set(statuses) == {FAILED, BUSY}
    assert statuses.count(BUSY) >= 200
    wait_for(lambda: ask(resolver(), NAME)[0] == SECURE, 70, "the end of the flood's lookups")


def test_peer_that_does_not_read(resolver):
    """It loses its conversation; nobody waits for it."""
    deaf = resolver()
    with pytest.raises((BrokenPipeError, ConnectionResetError, BlockingIOError, TimeoutError)):
        deaf.settimeout(5)
        for i in range(1_000_000):
            deaf.send(query(i & 0xffffffff, NAME))
    assert ask(resolver(), NAME)[0] == SECURE


def test_clients_that_vanish_in_mid_lookup(resolver):
    for i in range(50):
        connection = resolver()
        connection.send(query(i, f"v{i}.silent.example.net", 3000))
        connection.close()
    assert ask(resolver(), NAME)[0] == SECURE


@pytest.mark.skipif(bool(os.environ.get("DANCE_PRELOAD")), reason="AddressSanitizer keeps freed memory for a while")
def test_memory_does_not_grow_with_garbage(resolver):
    [worker] = workers(resolver.process.pid)

    def resident():
        for line in open(f"/proc/{worker}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1])

    def round_():
        for i in range(300):
            connection = resolver()
            connection.send(query(i, NAME) if i % 2 else b"garbage")
            connection.recv(65536)
            connection.close()
    round_()
    before = resident()
    descriptors = len(os.listdir(f"/proc/{worker}/fd"))
    for _ in range(5):
        round_()
    assert resident() - before < 2000, "KiB"
    wait_for(lambda: len(os.listdir(f"/proc/{worker}/fd")) <= descriptors, what="closed descriptors")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give capabilities away")
def test_capabilities_are_given_up(world, tmp_path):
    """As an application has them that systemd starts as its user with AmbientCapabilities; no thread keeps any."""
    some = "+setuid,+dac_override,+net_bind_service"
    os.chown(tmp_path, 65534, 65534)
    anchor = os.open(world.anchor, os.O_RDONLY)
    program = os.open(PROGRAM, os.O_RDONLY)  # its path may be closed to others
    process = subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=" + some,
                                "--ambient-caps=" + some, f"/proc/self/fd/{program}", "--socket", "sock", "--log", "none",
                                "--trust-anchor", f"/proc/self/fd/{anchor}"], cwd=tmp_path, pass_fds=(anchor, program))
    os.close(anchor)
    os.close(program)
    wait_for(lambda: accepts(str(tmp_path / "sock")), what="the socket")
    with converse(str(tmp_path / "sock")) as s:
        ask(s, NAME)
    [worker] = workers(process.pid)
    wait_for(lambda: len(os.listdir(f"/proc/{worker}/task")) >= 3, what="libunbound's threads")
    for status in [f"/proc/{process.pid}/status", *(f"/proc/{worker}/task/{thread}/status"
                                                    for thread in os.listdir(f"/proc/{worker}/task"))]:
        with open(status) as lines:
            sets = [line.split() for line in lines if re.match("Cap(Inh|Prm|Eff|Amb)", line)]
        assert len(sets) == 4 and all(int(value, 16) == 0 for _, value in sets), sets
    process.terminate()
    assert process.wait(patient(20)) == 0


@pytest.mark.parametrize("arguments", [[], ["--channel", "x"], ["--socket", "a", "--channel", "3"], ["--bogus"],
                                       ["--socket", "/nonexistent/dir/sock"], ["--listen-fds"], ["--channel", "0"]])
def test_bad_command_lines(arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=patient(20), stdin=subprocess.DEVNULL,
                          env=environment(None))
    assert done.returncode != 0
