# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""A file system of one file, whose owner answers what he likes: what an ordinary user may mount (fusermount).

Whoever reads, writes or closes that file waits for him, many of them in a way that no signal ends.
"""
import ctypes
import errno
import os
import signal
import stat
import struct

LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, RELEASE, FLUSH, INIT = 1, 2, 3, 4, 14, 15, 16, 18, 25, 26
BATCH_FORGET = 42
WRITEBACK_CACHE = 1 << 16
SIZE = 1 << 20
LIBC = ctypes.CDLL(None, use_errno=True)


def attributes(node):
    kind = stat.S_IFDIR | 0o755 if node == 1 else stat.S_IFREG | 0o666
    return struct.pack("<QQQQQQIIIIIIIIII", node, SIZE, 0, 0, 0, 0, 0, 0, 0, kind, 1, 0, 0, 0, 4096, 0)


def answer(opcode, node, body):
    """The answer to a request; a number: an error."""
    if opcode == INIT:
        return struct.pack("<IIIIHHIIHH8I", 7, 31, 0, WRITEBACK_CACHE, 64, 48, 65536, 1, 16, 0, *[0] * 8)
    if opcode == LOOKUP:
        return struct.pack("<QQQQII", 2, 0, 3600, 3600, 0, 0) + attributes(2)
    if opcode in (GETATTR, SETATTR):
        return struct.pack("<QII", 3600, 0, 0) + attributes(node)
    if opcode == OPEN:
        return struct.pack("<QII", 1, 0, 0)
    if opcode == READ:
        return bytes(struct.unpack_from("<QQI", body)[2])
    if opcode == WRITE:
        return struct.pack("<II", struct.unpack_from("<QQI", body)[2], 0)
    return b"" if opcode in (RELEASE, FLUSH) else errno.ENOSYS


def serve(device, never):
    """Answer everything but the requests of some kinds."""
    while True:
        try:
            request = os.read(device, 1 << 18)
        except OSError as e:
            if e.errno in (errno.EINTR, errno.ENOENT):
                continue
            return
        _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
        if opcode in never or opcode in (FORGET, BATCH_FORGET):
            continue
        said = answer(opcode, node, request[40:])
        error, said = (-said, b"") if isinstance(said, int) else (0, said)
        try:
            os.write(device, struct.pack("<IiQ", 16 + len(said), error, unique) + said)
        except OSError:
            pass  # who asked has gone


class Mount:
    """At folder, until let_go(); file: its file. never: the kinds of requests that are not answered."""

    def __init__(self, folder, never):
        """OSError where there is no FUSE."""
        self.folder = str(folder)
        self.file = os.path.join(self.folder, "file")
        os.makedirs(self.folder, exist_ok=True)
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        if LIBC.mount(b"stranger", self.folder.encode(), b"fuse", 2 | 4, options) != 0:  # MS_NOSUID | MS_NODEV
            os.close(device)
            raise OSError(ctypes.get_errno(), "mount")
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.closerange(3, device)
                os.closerange(device + 1, 4096)
                serve(device, never)
            finally:
                os._exit(0)
        os.close(device)

    def let_go(self):
        """The end of it: whatever waits gets an error."""
        if self.pid > 0:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
            LIBC.umount2(self.folder.encode(), 2)  # MNT_DETACH


def reason_without():
    """Why there is no FUSE here; None where there is."""
    if os.geteuid() != 0:
        return "mounting needs root"
    try:
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            Mount(folder, ()).let_go()
    except OSError as e:
        return f"no FUSE here: {e}"
    return None


