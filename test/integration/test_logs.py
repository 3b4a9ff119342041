# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What the operator is told, and what becomes of it where nobody reads it."""
import concurrent.futures
import contextlib
import os
import re
import shutil
import socket
import subprocess

import pytest

import pki
from conftest import DEVICE, PROGRAMS, REPOSITORY, entry
from test_process import REQUIRE, bad, good, needs_root, tls_server  # noqa: F401 (fixture)
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



def fields_of(line):
    """What programs read of a line: behind its last "; "."""
    return dict(field.split("=") for field in line.rsplit("; ", 1)[1].split(" "))


def said(server, client, *proof, **kwargs):
    """The line of a client, its fields, and the address that the client had."""
    address = "127.0.0.1:%u" % client.sock.getsockname()[1]
    server.log.mark()
    client.run(*proof, **kwargs)
    line = server.log.wait(r"dance: ((accepted|refused) .*)\n").group(1)
    return line, fields_of(line), address


def test_fields(world, s_server):
    server = s_server("require")
    line, fields, address = said(server, server.client(), [entry(world.device, DEVICE)], world.key,
                                 server_name="server.example.com")
    assert line.startswith(f"accepted {DEVICE} (TLSA 3 1 1, TTL {fields['ttl']} s); client="), line
    assert list(fields.items())[:3] == [("client", address), ("server", "server.example.com"), ("identity", DEVICE)], line
    assert list(fields)[3:] == ["ttl"]

    line, fields, address = said(server, server.client(), [entry(pki.certificate(world.other_key, DEVICE), DEVICE)],
                                 world.other_key)
    assert re.match(f"refused {DEVICE}: no TLSA record authenticates what the client presented \\(.*\\); client=", line), line
    ttl = fields.pop("ttl")
    assert 0 < int(ttl) <= 60 and fields == {"client": address, "identity": DEVICE, "reason": "tlsa-no-match"}, line

    line, fields, address = said(server, server.client(), [], None)
    assert fields == {"client": address, "reason": "certificate-absent"}, line


@pytest.mark.parametrize("name", ["x client=192.0.2.1:1 reason=tlsa-no-match", "x\ndance: accepted y", "x; client=192.0.2.1:1",
                                  '"\\', "x" * 255, " " * 255, "\u00fc\x7f\x1b[2J"], ids=repr)
def test_nobody_forges_a_field(world, s_server, name):
    """The server name is the client's own words, as libssl takes it."""
    server = s_server("require")
    line, fields, address = said(server, server.client(), [], None, server_name=name)
    escaped = "".join(c if re.match(r"[A-Za-z0-9._:\[\]-]", c) else "".join(f"\\x{o:02x}" for o in c.encode()) for c in name)
    expected = {"client": address, "server": escaped[:256], "reason": "certificate-absent"}
    assert fields == expected and line == ("refused a client: the client sent no certificate; "
                                           + " ".join("=".join(field) for field in expected.items()))
    assert len(server.log.text().splitlines()) == 1


def test_families(world, start, s_client):
    """One socket for both, as many servers have it."""
    server = start(["openssl", "s_server", "-accept", "PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key"), "-rev", "-Verify", "3"], server={**REQUIRE, "policy": "mixed"})
    for host, pattern in (("127.0.0.1", r"127\.0\.0\.1:\d+"), ("[::1]", r"\[::1\]:\d+")):
        server.log.mark()
        done = s_client(server.port, "-connect", f"{host}:{server.port}", "-noservername")
        assert done.accepted, done.text
        fields = fields_of(server.log.wait(f"accepted {DEVICE} .*").group())
        assert re.fullmatch(pattern, fields["client"]), fields


# TLS 1.2, one cipher suite, one group, one signature algorithm.
OLD_HELLO = bytes.fromhex("160301003f0100003b0303" + "5a" * 32 + "000002c02f01000010" + "000a000400020017"
                          + "000d000400020403")


def scan(port):
    """A scanner that knows nothing newer than TLS 1.2, until the server has done with it."""
    with socket.create_connection(("127.0.0.1", port), timeout=patient(15)) as s:
        s.sendall(OLD_HELLO)
        while s.recv(4096):
            pass


def more_refused(text):
    return sum(map(int, re.findall(r"dance: (\d+) more refused in \d+ s: DANE client authentication needs TLS 1\.3; "
                                   r"reason=protocol-version\n", text)))


def test_a_scanner(world, tls_server):  # noqa: F811
    """Few lines, and none of 4,000 connections goes uncounted, at the end of the process either."""
    server = tls_server("-n", "4000", "-t", "1")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda _: scan(server.port), range(4000)):
            pass
    assert server.process.wait(patient(20)) == 0, server.output.text()
    text = server.log.text()
    alone = re.findall(r"dance: refused a client: .*; client=127\.0\.0\.1:\d+ reason=protocol-version\n", text)
    assert len(text.splitlines()) < 100, text
    assert len(alone) + more_refused(text) == 4000, text


def test_what_was_counted_is_said_at_the_next_line(world, tls_server):  # noqa: F811
    server = tls_server()
    for _ in range(30):
        scan(server.port)

    def over():
        assert good(world, server).accepted
        return more_refused(server.log.text())
    assert server.log.text().count("refused a client") == 10
    assert wait_for(over, 30, "the number") == 20


def test_children_count_for_themselves(world, tls_server):  # noqa: F811
    server = tls_server("-f")
    for _ in range(15):
        scan(server.port)
    wait_for(lambda: server.log.text().count("refused a client") == 15, what=server.log.text())
    assert "more refused" not in server.log.text()


# As rsyslog writes them, the journal gives them out, and a file of ours has them.
PREFIXES = {"syslog": "Nov 26 13:32:17 mx dance[4711]: ", "journal": "2026-11-26T13:32:17+0000 mx dance[4711]: ",
            "file": "2026-11-26T13:32:17Z [4711] dance: "}
SHUT_OUT = [("refused a client: the client sent no certificate; client=192.0.2.7:4711 reason=certificate-absent", "192.0.2.7"),
            ("refused a.example.com: no TLSA record authenticates what the client presented (x; client=192.0.2.1:1 reason=signature); "
             "client=[2001:db8::7]:4711 server=mx.example.net identity=a.example.com reason=tlsa-no-match ttl=30", "2001:db8::7"),
            ("refused a client: the client did not send dane_clientid; client=192.0.2.9:1 server=x\\x20y reason=extension-absent",
             "192.0.2.9")]
LEFT_ALONE = ["accepted a.example.com (TLSA 3 1 1, TTL 30 s); client=192.0.2.7:4711 identity=a.example.com ttl=30",
              "refused a.example.com: the TLSA lookup failed (...); client=192.0.2.7:4711 identity=a.example.com reason=tlsa-failed",
              "not authenticated, the application goes on with a client: the client did not send dane_clientid; "
              "client=192.0.2.7:4711 reason=extension-absent",
              "12 more refused in 10 s: the client sent no certificate; reason=certificate-absent",
              # Words of somebody else's, and no address: an application that moves the octets by itself.
              "refused a client: x; client=192.0.2.1:1 server=y; reason=certificate-absent",
              "refused a client: x; client=192.0.2.1:1; reason=certificate-absent",
              "refused a client: x; client=192.0.2.1:1 reason=signature (y); reason=certificate-absent"]


def shut_out(text, tmp_path):
    """Whom fail2ban-regex finds with doc/fail2ban/dance.conf, where it belongs, in a log."""
    log, filters = tmp_path / "lines", tmp_path / "filter.d"
    log.write_text(text)
    filters.mkdir(exist_ok=True)
    for path in ("/etc/fail2ban/filter.d/common.conf", os.path.join(REPOSITORY, "doc/fail2ban/dance.conf")):
        shutil.copy(path, filters)
    ran = subprocess.run(["fail2ban-regex", "--out", "id", str(log), str(filters / "dance.conf")],
                         capture_output=True, text=True, timeout=patient(60))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.split()


@pytest.mark.parametrize("kind", PREFIXES)
def test_fail2ban(kind, tmp_path):
    lines = [PREFIXES[kind] + line for line in [line for line, _ in SHUT_OUT] + LEFT_ALONE]
    assert shut_out("\n".join(lines) + "\n", tmp_path) == [address for _, address in SHUT_OUT]


def test_fail2ban_reads_our_log(world, s_server, tmp_path):
    server = s_server("require")
    for proof in (([entry(world.device, DEVICE)], world.key), ([], None),
                  ([entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key)):
        said(server, server.client(), *proof, server_name="x; client=192.0.2.1:1")
        assert shut_out(server.log.text(), tmp_path) == (["127.0.0.1"] if proof[1] != world.key else [])


def test_the_filter_knows_the_reasons():
    """Each of its words is a reason's."""
    with open(os.path.join(REPOSITORY, "provider/reasons.h")) as f:
        codes = {name.lower().replace("_", "-") for name in re.findall(r"^    X\((\w+),", f.read(), re.M)}
    with open(os.path.join(REPOSITORY, "doc/fail2ban/dance.conf")) as f:
        pattern = re.search(r"(?m)^_reason = \(\?:(.*)\)$", f.read()).group(1)
    words = [head + tail for head, tails in re.findall(r"([a-z-]+)(?:\(\?:([a-z|-]+)\))?(?:\||$)", pattern)
             for tail in tails.split("|")]
    assert len(words) > 10 and set(words) <= codes, set(words) - codes
