# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Who listens, seen without connecting."""
import os
import socket
import struct

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
HEADER = struct.Struct("=IHHII")
LISTENING = 1 << 10


def listeners(family):
    """The TCP ports of our network namespace at which somebody listens.

    /proc/net/tcp says it too, but goes through a table of all connections that a machine could have: 8 ms for each look.
    """
    question = struct.pack("=BBBxI48x", family, socket.IPPROTO_TCP, 0, LISTENING)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
        kernel.send(HEADER.pack(HEADER.size + len(question), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 0, 0) + question)
        while True:
            said = kernel.recv(1 << 16)
            while said:
                length, kind, *_ = HEADER.unpack_from(said)
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", said, HEADER.size)[0]
                    raise OSError(code, "inet_diag: " + os.strerror(code))
                yield struct.unpack_from("!H", said, HEADER.size + 4)[0]
                said = said[(length + 3) & ~3:]


def listening(process):
    """Somebody listens at the process's port."""
    return any(process.port in listeners(family) for family in (socket.AF_INET, socket.AF_INET6))
