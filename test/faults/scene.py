# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Where faults are injected: servers under policy require, the rightful client, a stranger; and what must hold."""
import collections
import os
import re
import signal
import subprocess
import time

from kit.shared import BUILD, Process, listening, pki
from kit.stage import ALICE, BOB, Stage, free_port, read, wait_for
from tls13 import Client, client_name, DANE_CLIENTID

# Seconds within which the rightful client must get in once a fault is over. A worker that is stuck is replaced after 30 to
# 40 (USERS_STUCK_MS).
RECOVERY = 90
NGINX = """
daemon off; user {user}; pid {folder}/{name}.pid; error_log {folder}/{name}.error info; worker_processes 1;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_protocols TLSv1.3; ssl_verify_client on;
    ssl_certificate {folder}/server.crt; ssl_certificate_key {folder}/server.key;
    ssl_client_certificate {folder}/ca.crt;
    return 200 "in";
  }}
}}
"""


class Violation(Exception):
    """A property that does not hold."""


class Begun(Process):
    """A process of which nothing is expected yet."""

    def alive(self):
        return True


class Record(collections.Counter):
    """What became of the faults of a kind: (kind, what) -> how often."""

    def __init__(self):
        super().__init__()
        self.violations = []

    def lines(self):
        kinds = collections.defaultdict(list)
        for (kind, what), number in sorted(self.items()):
            kinds[kind].append(f"{number} {what}")
        return [f"{kind:44} {'; '.join(whats)}" for kind, whats in kinds.items()]


def pick(count, most):
    """Of 1 to count so many, evenly."""
    return range(1, count + 1, max(1, -(-count // most)))


class Scene(Stage):
    """A stage on which ALICE's records are kept by nobody (their TTL is 0), so that each handshake asks; BOB's are."""

    def __init__(self, folder):
        super().__init__(folder)
        self.zone.lines = lambda: [f"{name}. {0 if name == ALICE else 600} {data}"
                                   for name, data in self.zone.records.items()]
        self.zone.serial += 1
        self.zone.add("example.com", self.zone.lines())
        self.zone.reload()
        wait_for(self.is_fresh, what="NSD to serve the records with a TTL of 0")
        self.proofs = {}
        for who, name in ((ALICE, ALICE), (BOB, BOB), ("stranger", ALICE), ("stranger as " + BOB, BOB)):
            key = self.keys["stranger" if who.startswith("stranger") else who]
            self.proofs[who] = ([(pki.der(pki.certificate(key, name)), [(DANE_CLIENTID, client_name(name))])], key)
        self.number = 0
        self.slowest = (0, "")  # recovery, in seconds, and from what

    def is_fresh(self):
        os.utime(self.zone.zones["example.com"])
        self.zone.reload()
        time.sleep(0.1)
        return re.search(rf"(?m)^{ALICE}\.\s+0\s", subprocess.run(
            ["drill", "-p", str(self.zone.port), ALICE, "@127.0.0.1", "TLSA"], capture_output=True, text=True,
            timeout=10, check=False).stdout)

    def write_config(self, name, log, **sections):
        """A new file each time."""
        self.number += 1
        return super().write_config(f"{self.number}-{name}", log, **sections)

    # -- servers ------------------------------------------------------------------------------------------
    def service(self, name, wrap=lambda argv: argv, user=None):
        """dance-resolver as a service; (its process, the dns section that names its socket)."""
        path = self.path(f"{name}.sock")
        if os.path.exists(path):
            os.unlink(path)
        argv = [self.path("resolver", "dance-resolver"), "--socket", path, "--log", "stderr", "--trust-anchor",
                self.path("anchor"), "--forward", f"127.0.0.1@{self.zone.port}", *(["--user", user] if user else [])]
        return self.begin(wrap(argv), None), {"resolver": path, "timeout": "3"}

    def begin(self, argv, conf, port=None):
        """A process that may end before it is ready, which is then no failure of the stage."""
        process = Begun([str(a) for a in argv], conf, self.log.path, port, lambda _: True,
                        self.path(f"output-{len(self.started)}"))
        self.started.append(process)
        return process

    def own_dns(self):
        return {"trust_anchor": self.path("anchor"), "forward": f"127.0.0.1@{self.zone.port}", "timeout": "3"}

    def s_server(self, wrap=lambda argv: argv, conf=None, dns=None, **more):
        port = free_port()
        argv = ["/usr/bin/openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", self.path("server.crt"), "-key",
                self.path("server.key"), "-rev"]
        return self.begin(wrap(argv), conf or self.server_config("require", dns or self.own_dns(), **more), port)

    def nginx(self, name, dns, wrap=lambda argv: argv, user="nobody nogroup", **more):
        port = free_port()
        conf = self.write(f"{name}.conf", NGINX.format(folder=self.folder, name=name, port=port, user=user))
        argv = ["/usr/sbin/nginx", "-e", self.path(f"{name}.error"), "-c", conf]
        server = self.begin(wrap(argv), self.server_config("require", dns, **more), port)
        server.errors = self.path(f"{name}.error")
        return server

    def end(self, process):
        """What it ended with, by itself or by us."""
        return process.stop()

    # -- clients ------------------------------------------------------------------------------------------
    def is_let_in(self, server, who, timeout=8):
        try:
            outcome = Client(server.port, timeout=timeout).run(*self.proofs[who], "server.example.com", b"GET / HTTP/1.0\r\n\r\n")
        except (OSError, AssertionError):
            return False
        # The one sends the line back to front, the other one answers it.
        return b"0.1/PTTH" in outcome.data or b"200 OK" in outcome.data

    def try_both(self, server, timeout=8):
        """While a fault may be there. Whether the rightful client got in; nobody else may."""
        if self.is_let_in(server, "stranger", timeout):
            raise Violation("the stranger was let in")
        return self.is_let_in(server, ALICE, timeout)

    def recovers(self, server, what="the fault", keep=lambda: None, within=RECOVERY, who=ALICE):
        """Once it is over. keep(): called meanwhile, to start again what systemd would."""
        began = time.monotonic()
        while not self.is_let_in(server, who):
            if time.monotonic() - began > within:
                raise Violation(f"the rightful client is not let in {within} s after {what}: {self.last_lines()}")
            self.lives(server)
            keep()
            time.sleep(0.05)
        if self.is_let_in(server, "stranger"):
            raise Violation(f"the stranger was let in after {what}")
        self.slowest = max(self.slowest, (time.monotonic() - began, what))

    def lives(self, server):
        """Nothing of the application has crashed, and it is there."""
        self.has_not_crashed(server)
        if server.process.poll() is not None:
            raise Violation(f"the application ended with {server.process.poll()}: {server.output.text()[-1500:]}")

    def has_not_crashed(self, server, why="a fault"):
        code = server.process.poll()
        if code is not None and code < 0:
            raise Violation(f"by {why} the application ended by {signal.Signals(-code).name}: {server.output.text()[-1500:]}")
        if hasattr(server, "errors") and os.path.exists(server.errors):
            crash = re.search(r"exited on signal \d+", read(server.errors))
            if crash:
                raise Violation(f"nginx: {crash.group()}")

    def last_lines(self):
        return "".join(read(self.log.path).splitlines(True)[-4:])


def ready(server):
    """Is it listening (True), or has it ended before (False)?"""
    return wait_for(lambda: "ended" if server.process.poll() is not None else listening(server) and "listens",
                    20, "the server to listen or to end") == "listens"


__all__ = ["ALICE", "BOB", "BUILD", "Record", "Scene", "Violation", "pick", "ready", "wait_for"]
