# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The kinds of rows, and how each is played.

An application's file derives from Server and Client and says what is its own:
packages, start(), and for what differs from the rule the attributes and methods
below that are documented as such. What must hold is decided here.
"""
import os
import re
import subprocess
import time

from .attempt import Attempt, chat, keep_alive, s_client
from .stage import ALICE, BOB, CAROL, LEAVER, LEAVER_TTL, free_port, pass_time

# Why each impostor is refused, as dance's log says it behind "refused " (or what else a row's verdict is).
REASONS = {
    "wrong key": rf"{ALICE}: no TLSA record authenticates",
    "outside": rf"{CAROL}: no pattern of allow",
    "another's CN": rf"{BOB}: the certificate names somebody else",
    "none": r"a client: the client sent no certificate",
    "removed": rf"{LEAVER}: there is no TLSA record",
    "resumed": rf"{LEAVER}: there is no TLSA record",  # the session is not taken: a handshake like any other
}


GOES_ON = "not authenticated, the application goes on with"
VERDICTS = rf"dance: (?:accepted|refused|{GOES_ON}) .*"


class Problem(Exception):
    """What failed in a row."""


class CannotRun(Exception):
    """Why a row cannot run here."""


def demand(condition, what):
    if not condition:
        raise Problem(what)


def choose(package):
    """Of a|b the package that this Debian has; of a| it or nothing."""
    names = package.split("|")
    for name in names[:-1]:
        policy = subprocess.run(["apt-cache", "policy", name], capture_output=True, text=True, check=False).stdout
        if "Candidate:" in policy and "Candidate: (none)" not in policy:
            return name
    return names[-1]


class Row:
    """One line of the table."""

    packages = ()          # Debian packages to install; "a|b": whichever this Debian has; "a|": not every Debian has it
    unpacked = ()          # Debian packages that conflict with others: unpacked into the stage's folder "root"
    package = None         # whose version is shown; the first of packages or unpacked if not given
    role = ""
    raw = True             # False: raw public keys say nothing here
    raw_crashes = False    # True: it crashes, sooner or later, when there is no certificate; if not, the row fails
    note = ""              # what the reader of the table should know

    def __init__(self):
        self.cells = {}
        self.problem = None
        self.cannot = None

    @classmethod
    def title(cls):
        return getattr(cls, "name", cls.__name__)

    def version(self):
        package = choose(self.package or [*self.packages, *self.unpacked][0])
        shown = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
        if shown.returncode or not shown.stdout:
            shown = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True)
            found = re.search(r"Candidate: (\S+)", shown.stdout)
            return found.group(1) if found else "?"
        return shown.stdout

    def missing(self):
        """What is wrong with a Debian package that is not installed, or None."""
        for name in self.packages:
            package = choose(name)
            if not package:
                return f"this Debian has no package {name.rstrip('|')}"
            state = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True,
                                   text=True).stdout
            if state != "installed":
                return f"the package {package} is not installed (scripts/apps.sh installs it)"
        return None

    def play(self, stage):
        raise NotImplementedError

    def play_raw(self, stage):
        """The same on a stage whose clients and servers have raw_public_key = yes; what came of it."""
        return ""


class Server(Row):
    """A program that lets TLS clients in. A subclass has at least start()."""

    role = "server"
    policy = "require"
    starttls = None        # protocol for openssl s_client -starttls
    arguments = ()         # more for s_client
    request = b""          # sent after the handshake
    welcome = r"."         # what the application answers to a client that it lets in
    refusal = None         # bytes pattern: how it answers who is not let in, where it does not end the connection
    steps = None           # [(bytes, pattern), ...] instead of request and welcome
    identity = None        # in the answer (or in what saw() returns): a group with the client's name
    verdict = "refused"    # or GOES_ON: a policy lets the application decide, which turns clients away in its own way
    reasons = {}           # what differs from REASONS
    resumes = True         # False: the application's protocol or client does not allow to try it
    server = {}            # more for the server section of openssl.cnf
    quiet = False          # True: the application sees no more than accepted or refused
    open_without = False   # True: without the module, which OpenSSL does not tell, it lets everybody in
    reload = None          # reload(stage): make it read its configuration again; returns when it has

    port = None

    def start(self, stage):
        """Start it with stage.server_config(self.policy); set self.port."""
        raise NotImplementedError

    def attempt(self, stage, conf, *arguments):
        """One client with openssl.cnf conf (None: one without the module)."""
        starttls = ["-starttls", self.starttls] if self.starttls else []
        return s_client(self.port, conf, self.steps or [(self.request, self.welcome)], *starttls, *self.arguments,
                        *arguments, refusal=self.refusal)

    def saw(self, stage, attempt):
        """The text in which the application shows the client's name."""
        return attempt.text

    # ----------------------------------------------------------------------------------------
    def clients(self, stage):
        return {"wrong key": stage.client_config(ALICE, key="stranger"),
                "outside": stage.client_config(CAROL),
                "another's CN": stage.client_config(BOB, certificate=stage.certificate(BOB, ALICE)),
                "none": None}

    def let_in(self, stage, conf, name, *arguments):
        stage.log.mark()
        attempt = self.attempt(stage, conf, *arguments)
        demand(attempt.accepted, f"{name} was not let in: {attempt.text[-2000:]}")
        return attempt

    def refuse(self, stage, conf, kind, *arguments):
        stage.log.mark()
        attempt = self.attempt(stage, conf, *arguments)
        demand(not attempt.accepted, f"{kind}: was let in: {attempt.text[-2000:]}")
        reason = {**REASONS, **self.reasons}[kind]
        if reason:
            stage.log.wait(f"dance: {self.verdict} {reason}")
            said = re.findall(VERDICTS, stage.log.text())
            demand(len(said) == 1, f"{kind}: one verdict should be in the log: {said}")
        self.cells[kind] = "refused"
        return attempt

    def play(self, stage):
        self.start(stage)
        alice = stage.client_config(ALICE)
        attempt = self.let_in(stage, alice, ALICE)
        stage.log.wait(rf"accepted {ALICE} ")
        self.cells["accepted"] = "yes"
        self.cells["identity"] = self.look(stage, attempt)
        for kind, conf in self.clients(stage).items():
            self.refuse(stage, conf, kind)
        self.leave(stage)
        self.let_in(stage, alice, f"{ALICE} after all this")
        if self.reload:
            self.reload(stage)
            self.let_in(stage, alice, f"{ALICE} after a reload")
            stage.log.wait(rf"accepted {ALICE} ")
            for kind in ("wrong key", "none"):
                self.refuse(stage, self.clients(stage)[kind], kind)
            self.cells["reloaded"] = "holds"

    def play_without(self, stage):
        """On a stage where the module is missing: does the application close by its own lines?"""
        self.start(stage)
        alice = stage.certificate("stranger", ALICE)
        let_in = [what for what, arguments in (("no certificate", ()), ("another's", ("-cert", alice, "-key", stage.path("stranger.key"))))
                  if self.attempt(stage, None, *arguments).accepted]
        demand(bool(let_in) == self.open_without, f"without the module it lets in: {', '.join(let_in) or 'nobody'}")
        return "open" if let_in else "closed"

    def play_raw(self, stage):
        if not self.raw_crashes:
            return self.play_raw_keys(stage)
        self.start(stage)
        alice = stage.client_config(ALICE)
        for _ in range(40):
            self.attempt(stage, alice)
            if any((p.process.poll() or 0) < 0 for p in stage.started):
                return "crashes: keep it off"
        raise Problem("it does not crash any more")

    def play_raw_keys(self, stage):
        self.start(stage)
        alice = stage.client_config(ALICE)
        stage.log.mark()
        attempt = self.attempt(stage, alice)
        raw = "raw public key" in stage.log.wait(rf"accepted {ALICE} .*").group()
        found = None if self.quiet or not attempt.accepted else re.search(self.identity, self.saw(stage, attempt))
        shown = found.group(1) if found else ""
        # Nothing, or what the application writes for nothing; never somebody's name.
        demand(ALICE in shown or "." not in shown, f"the application saw {shown}")
        clients = self.clients(stage)
        del clients["another's CN"]  # a raw public key comes with no name
        for kind, conf in clients.items():
            self.refuse(stage, conf, kind)
        # The application may want a certificate and turn away whom dance let in; it must live on.
        demand(self.attempt(stage, alice).accepted == attempt.accepted, "not the same answer twice")
        if not attempt.accepted:
            return "PASS (wants a certificate)"
        if not raw:
            return "PASS (certificates only)"
        return "PASS (sees the name)" if ALICE in shown else "PASS (sees no name)"

    def look(self, stage, attempt):
        if self.quiet:
            return "(none)"
        text = self.saw(stage, attempt)
        found = re.search(self.identity, text)
        demand(found, f"the application shows no identity: {text[-2000:]}")
        shown = found.group(1)
        demand(re.search(rf"(?<![\w.]){re.escape(ALICE)}(?![\w.])", shown), f"the application saw {shown}")
        return shown

    def leave(self, stage):
        """LEAVER comes in, comes back, and is taken out of the DNS."""
        conf, session = stage.client_config(LEAVER), stage.path("session")
        keep = ["-sess_out", session] if self.resumes else []
        self.let_in(stage, conf, LEAVER, *keep)
        before = None
        if self.resumes and os.path.exists(session):
            before = self.let_in(stage, conf, f"{LEAVER}, resuming", "-sess_in", session).resumed
        stage.zone.remove(LEAVER)
        gone = time.monotonic()
        pass_time(gone, LEAVER_TTL + 1)
        self.refuse(stage, conf, "removed")
        if not self.resumes:
            self.cells["resumed"] = "not tried"
        elif before is None:
            self.cells["resumed"] = "no tickets"
        else:
            keep_alive(session)
            self.refuse(stage, conf, "resumed", "-sess_in", session)
            self.cells["resumed"] = "refused" if before else "refused (never does)"


class Client(Row):
    """A program that comes to a server under policy require. A subclass has at least command()."""

    role = "client"
    server = ("-rev",)     # openssl s_server's arguments; see also start()
    success = "gnip"       # what the program prints when it was let in
    failure = r"\Z(?!)"    # what it prints when it was not, if it does not end then
    text = b""             # for its standard input
    timeout = 15

    port = None

    def start(self, stage):
        """Start what it comes to; set self.port."""
        self.port = free_port()
        stage.start(["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-cert", stage.path("server.crt"),
                     "-key", stage.path("server.key"), *self.server], stage.server_config("require"), self.port)

    def command(self, stage):
        """Its argv."""
        raise NotImplementedError

    def attempt(self, stage, conf):
        _, text, _ = chat(self.command(stage), conf, [(self.text, f"({self.success})|({self.failure})")], self.timeout,
                          together=True, cwd=stage.folder)
        return self.attempted(re.search(self.success, text, re.M), text)

    @staticmethod
    def attempted(accepted, text):
        return Attempt(bool(accepted), text)

    def play(self, stage):
        self.start(stage)
        stage.log.mark()
        self.come(stage, stage.client_config(ALICE))
        self.impostors(stage)
        stage.log.mark()
        self.come(stage, stage.client_config(ALICE))

    def impostors(self, stage):
        stage.log.mark()
        attempt = self.attempt(stage, stage.client_config(ALICE, key="stranger"))
        demand(not attempt.accepted, f"wrong key: was let in: {attempt.text[-2000:]}")
        stage.log.wait(REASONS["wrong key"])
        self.cells["wrong key"] = "refused"
        stage.log.mark()
        attempt = self.attempt(stage, None)
        demand(not attempt.accepted, f"without the module: was let in: {attempt.text[-2000:]}")
        self.cells["none"] = "refused"

    def play_raw(self, stage):
        self.start(stage)
        stage.log.mark()
        attempt = self.attempt(stage, stage.client_config(ALICE))
        raw = "raw public key" in stage.log.wait(rf"accepted {ALICE} .*").group()
        # The server is often the same program's, which may turn away whom dance let in.
        demand(attempt.accepted or raw, f"{ALICE} was not let in: {attempt.text[-3000:]}")
        self.impostors(stage)
        if not attempt.accepted:
            return "PASS (its server wants a certificate)"
        # Some, such as Apache's mod_proxy, have a callback that may come with a certificate: then it is certificates.
        return "PASS" if raw else "PASS (certificates only)"

    def come(self, stage, conf):
        attempt = self.attempt(stage, conf)
        demand(attempt.accepted, f"{ALICE} was not let in: {attempt.text[-3000:]}")
        stage.log.wait(rf"accepted {ALICE} ")
        self.cells["accepted"] = "yes"
        self.cells["identity"] = f"({ALICE})"


class Forwarder(Client):
    """One that takes HTTP in the clear and is a TLS client of the server behind it. curl asks it, and knows nothing of dance."""

    server = ("-www",)
    success = "s_server"

    def forward(self, stage, conf):
        """Start it with that openssl.cnf: what stage.start() returns."""
        raise NotImplementedError

    def attempt(self, stage, conf):
        started = self.forward(stage, conf)
        self.local = started.port
        try:
            return super().attempt(stage, None)
        finally:
            started.stop()

    def command(self, stage):
        return ["curl", "-s", "-m", "10", f"http://127.0.0.1:{self.local}/"]


class OwnTests(Row):
    """An application's own tests of client certificates: under policy mixed each must end as it does without dance."""

    raw = False
    role = "own tests"
    results = r""          # for each test a match: its name and its outcome
    least = 1              # so many must have passed
    timeout = 300

    def command(self, stage):
        raise NotImplementedError

    def play(self, stage):
        def run(conf):
            _, text = stage.run(self.command(stage), conf, timeout=self.timeout)
            return dict(re.findall(self.results, text, re.M))

        before, after = run(None), run(stage.server_config("mixed"))
        passed = sum(outcome == "ok" for outcome in before.values())
        demand(passed >= self.least, f"only {passed} tests pass without dance: {before}")
        changed = {name: (outcome, after.get(name)) for name, outcome in before.items() if after.get(name) != outcome}
        demand(not changed, f"with dance: {changed}")
        self.cells["accepted"] = f"{passed} as before"


class NotOpenSSL(Row):
    """A program that Debian links with another TLS library: no OpenSSL provider can reach it.

    That is looked up in the package's files each time; should it change, the row fails.
    """

    raw = False
    role = "-"
    file = None            # of the first of unpacked

    def play(self, stage):
        out = subprocess.run(["objdump", "-p", stage.path("root", self.file)], capture_output=True, text=True,
                             check=True).stdout
        needed = re.findall(r"NEEDED\s+(\S+)", out)
        demand("libssl.so.3" not in needed, "it is linked with OpenSSL now: give it a row of its own")
        tls = [n for n in needed if re.match(r"lib(gnutls|nss3|ssl3|mbedtls|wolfssl)\b", n)]
        raise CannotRun(f"Debian links it with {' '.join(tls) or 'no TLS library'}, not with OpenSSL")
