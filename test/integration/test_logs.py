# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What the operator is told, and what becomes of it where nobody reads it."""
import contextlib
import os
import re
import socket
import subprocess

import pytest

from conftest import DEVICE, PROGRAMS
from test_process import REQUIRE, bad, good, needs_root
from zone import patient, wait_for

INFO = 10 << 3 | 6  # authpriv, of <syslog.h>
STAMP = r"[A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d"
# A /dev of one's own, whose /dev/log is what the test binds.
PRIVATE_DEV = ('mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 && '
               'ln -s "$0" /dev/log && exec "$@"')


class Syslog:
    """A daemon at a path, which can be started anew, and need not read."""

    def __init__(self, path):
        self.path, self.socket, self.lines = str(path), None, []
        self.start()

    def start(self):
        self.stop()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)

    def stop(self):
        if self.socket:
            self.socket.close()
            os.unlink(self.path)
        self.socket = None

    def read(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.lines.append(self.socket.recv(65536).decode())
        return self.lines

    def wait(self, pattern):
        """The first match in the lines that came since the last time."""
        def found():
            return next(filter(None, (re.search(pattern, line) for line in self.read())), None)
        match = wait_for(found, 10, f"{pattern!r} in {self.lines}")
        self.lines.clear()
        return match


@pytest.fixture
def syslog(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    for path in (tmp_path, folder):
        os.chmod(path, 0o755)
    tried = subprocess.run(["unshare", "--mount", "sh", "-c", PRIVATE_DEV, "nowhere", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no mount namespace here: {tried.stderr}")
    daemon = Syslog(folder / "socket")
    yield daemon
    daemon.stop()


@pytest.fixture
def server(world, start, syslog):
    """server(...): tls_server that logs to syslog."""
    def run(*arguments, **module):
        return start(["unshare", "--mount", "sh", "-c", PRIVATE_DEV, syslog.path, os.path.join(PROGRAMS, "tls_server"), "-p",
                      "PORT", "-c", world.path("server.crt"), "-k", world.path("server.key"), "-a", world.path("ca.crt"), "-V",
                      *arguments], server=REQUIRE, module={"log": "syslog", **module},
                     ready=lambda p: re.search("^ready$", p.output.text(), re.M))
    return run


def pid_in(line):
    return int(line.group(1))


@needs_root
@pytest.mark.parametrize("arguments", [[], ["-d"], ["-t", "8"], ["-e"], ["-f"]], ids=str)
def test_a_line_as_syslog_has_it(world, server, syslog, arguments):
    """Ident and process are ours, whatever becomes of the process; a daemon that was started anew is reached."""
    s = server(*arguments)
    pids = []
    for _ in range(3):
        assert good(world, s).accepted, s.output.text()
        pids.append(pid_in(syslog.wait(rf"(?s)^<{INFO}>{STAMP} dance\[(\d+)\]: accepted {DEVICE} [^\n]*$")))
        syslog.start()
    assert (pids[0] == s.process.pid) == (arguments not in (["-e"], ["-f"])), pids
    assert len(set(pids)) == (3 if arguments == ["-f"] else 1), pids
    assert "dance: log" not in s.output.text()


@needs_root
def test_from_a_chroot(world, server, syslog, tmp_path):
    """By what was connected before; when that daemon is gone there is no way, which stderr tells once."""
    root = tmp_path / "root"
    root.mkdir()
    s = server("-r", str(root))
    assert good(world, s).accepted
    syslog.wait(f"accepted {DEVICE}")
    syslog.start()
    for _ in range(3):
        assert good(world, s).accepted
    text = s.output.text()
    assert text.count("dance: log = syslog: /dev/log: No such file or directory") == 1, text
    assert re.search(f"said this once, with the first of them: accepted {DEVICE}", text), text


@needs_root
def test_nobody_reads(world, server, syslog):
    """Nothing waits for a daemon that is stuck; later it is told how many lines it missed."""
    s = server()
    for _ in range(int(open("/proc/sys/net/unix/max_dgram_qlen").read()) + 3):
        assert good(world, s).accepted
    assert "dance: log = syslog: /dev/log: Resource temporarily unavailable" in s.output.text()
    syslog.read()
    syslog.lines.clear()
    assert good(world, s).accepted
    syslog.wait(r": \d+ lines are lost: the log could not be written$")
    assert s.output.text().count("dance: log = ") == 1, s.output.text()


@needs_root
def test_nobody_is_there(world, server, syslog):
    """Said once, and handshakes go on; a daemon that comes is found."""
    syslog.stop()
    s = server()
    for _ in range(3):
        assert good(world, s).accepted
    assert s.output.text().count("dance: log = syslog: /dev/log: No such file or directory") == 1, s.output.text()
    syslog.start()
    assert bad(world, s).alert == 40
    syslog.wait(r": 3 lines are lost: the log could not be written$")


def test_a_file_that_cannot_be_opened(world, start, tmp_path):
    s = start([os.path.join(PROGRAMS, "tls_server"), "-p", "PORT", "-c", world.path("server.crt"), "-k",
               world.path("server.key"), "-a", world.path("ca.crt"), "-V"], server=REQUIRE,
              module={"log": tmp_path / "missing" / "log"}, ready=lambda p: re.search("^ready$", p.output.text(), re.M))
    for _ in range(3):
        assert good(world, s).accepted
    text = s.output.text()
    assert text.count(f"dance: log = {tmp_path}/missing/log: No such file or directory; lines are lost") == 1, text
    (tmp_path / "missing").mkdir()
    assert good(world, s).accepted
    wait_for(lambda: (tmp_path / "missing" / "log").exists()
             and "dance: 3 lines are lost: the log could not be written" in (tmp_path / "missing" / "log").read_text(), what="the file")

