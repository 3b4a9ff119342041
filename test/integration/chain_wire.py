# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What is said to dance-resolver of chains, by a client that the module is not."""
import contextlib
import os
import shutil
import struct
import subprocess
import tempfile
from typing import NamedTuple

import chain
from conftest import BUILD
from test_resolver import HEADER, converse
from zone import accepts, patient, wait_for

PROGRAM = os.path.join(BUILD, "resolver", "dance-resolver")


class Said(NamedTuple):
    status: int
    ttl: int
    reason: str
    records: list


def chain_query(number, name, octets, only=True, timeout=None):
    name = name.encode() if isinstance(name, str) else name
    timeout = int(patient(5) * 1000) if timeout is None else timeout
    return HEADER + b"\x0a" + struct.pack("!IIBB", number, timeout, only, len(name)) + name + struct.pack("!H", len(octets)) + octets


def said(message):
    """The number of an answer, and what it says."""
    assert message, "the conversation has ended"
    assert message[:6] == HEADER + b"\x03", message
    number, status, ttl, length = struct.unpack("!IBIB", message[6:16])
    reason, at, records = message[16:16 + length].decode(), 17 + length, []
    for _ in range(message[16 + length]):
        size = int.from_bytes(message[at:at + 2], "big")
        records.append(message[at + 2:at + 2 + size])
        at += 2 + size
    assert at == len(message)
    return number, Said(status, ttl, reason, records)


def octets_of(it):
    return it if isinstance(it, bytes) else chain.encode(it)


def tell(connection, name, it, only=True, timeout=None):
    """What becomes of one chain, RRs or octets."""
    connection.send(chain_query(1, name, octets_of(it), only, timeout))
    number, got = said(connection.recv(65536))
    assert number == 1
    return got


def tell_all(connection, cases, only=True, together=8):
    """[(name, RRs or octets)] -> what becomes of each, some at a time."""
    found, sent = {}, 0
    while len(found) < len(cases):
        while sent < len(cases) and sent - len(found) < together:
            name, it = cases[sent]
            connection.send(chain_query(sent, name, octets_of(it), only))
            sent += 1
        number, got = said(connection.recv(65536))
        assert number not in found
        found[number] = got
    return [found[i] for i in range(len(cases))]


@contextlib.contextmanager
def resolver(anchor, forward, *arguments):
    """A resolver; gives a function that makes conversations, with .process and .log()."""
    folder = tempfile.mkdtemp(prefix="dance-chains-")
    os.chmod(folder, 0o755)  # root is not who it remains
    path, log = os.path.join(folder, "sock"), os.path.join(folder, "log")
    anchor = shutil.copy(anchor, os.path.join(folder, "anchor"))
    os.chmod(anchor, 0o644)
    connections = []

    def connect():
        connections.append(converse(path))
        connections[-1].settimeout(patient(60))
        return connections[-1]
    with open(log, "w") as out:
        connect.process = subprocess.Popen([PROGRAM, "--socket", path, "--log", "stderr", "--log-level", "debug", "--trust-anchor", anchor,
                                            "--forward", f"127.0.0.1@{forward}", *arguments], stderr=out)
    connect.path, connect.log = path, lambda: open(log, errors="replace").read()
    try:
        wait_for(lambda: accepts(path), what="the socket")
        yield connect
        assert connect.process.poll() is None, connect.log()
    finally:
        for s in connections:
            s.close()
        connect.process.terminate()
        code, said_last = connect.process.wait(patient(20)), connect.log()
        shutil.rmtree(folder)
        assert code == 0, said_last
