# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Where one row plays: a folder, a signed zone of its own, keys, configurations, processes.

Four clients are in the zone, all with good records, each with a key of its own:

    ALICE   the rightful client
    BOB     allowed as well, but may present himself as ALICE in his certificate
    CAROL   not matched by allow
    LEAVER  whose record, with a TTL of LEAVER_TTL seconds, is removed while the row plays
"""
import os
import shutil
import signal
import subprocess
import sys
import time

from .shared import BUILD, Log, Process, Zones, config, environment, free_port, listening, pki, wait_for

ALICE = "alice.client.example.com"
BOB = "bob.client.example.com"
CAROL = "carol.outside.example.com"
LEAVER = "leaver.client.example.com"
ALLOW = "*.client.example.com"
LEAVER_TTL = 3
SERVER_NAME = "server.example.com"


class Zone(Zones):
    """example.com on an NSD of its own, from which a name can be taken away."""

    def __init__(self, folder, records):
        super().__init__(folder)
        self.records = records
        self.add("example.com", self.lines())

    def lines(self):
        return [f"{name}. {LEAVER_TTL if name == LEAVER else 60} {data}" for name, data in self.records.items()]

    def remove(self, name):
        """Returns when NSD serves the zone without it."""
        del self.records[name]
        self.serve(name, "TLSA", 0)

    def put(self, name, kind, data):
        """Returns when NSD serves the zone with this record of a name that has none."""
        self.records[name] = f"{kind} {data}"
        self.serve(name, kind, 1)

    def serve(self, name, kind, wanted):
        """Sign the zone anew; returns when NSD has so many records of that name."""
        self.add("example.com", self.lines())
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.has(name, kind, wanted), what=f"NSD to serve {wanted} {kind} records of {name}")

    def has(self, name, kind, wanted):
        """NSD says that there are so many records of that name."""
        answer = subprocess.run(["drill", "-p", str(self.port), name, "@127.0.0.1", kind], capture_output=True,
                                text=True, timeout=10).stdout
        return f"ANSWER: {wanted}" in answer


class Stage:
    """Everything in it is readable for servers that give up root, and gone after close()."""

    def __init__(self, folder, raw=False, without=False):
        """raw: all clients and servers have raw_public_key = yes; without: the module is not where they say."""
        self.folder = folder
        self.without = without
        self.raw = {"raw_public_key": "yes"} if raw else {}
        os.makedirs(folder)
        os.chmod(folder, 0o777)
        self.started = []
        self.credentials = {}
        self.claims = {None: ALICE}  # openssl.cnf -> whom its client would like to be taken for
        self.log = Log(self.path("dance.log"))
        self.write("dance.log", "", 0o666)
        # A copy: the clone may lie where users without rights cannot read.
        for part, name in (("provider", "dance.so"), ("resolver", "dance-resolver")):
            os.makedirs(self.path(part))
            shutil.copy(os.path.join(BUILD, part, name), self.path(part, name))
        self.keys = {name: pki.new_key() for name in (ALICE, BOB, CAROL, LEAVER, "stranger", "server", "ca")}
        for name, key in self.keys.items():
            self.write(f"{name}.key", pki.key_pem(key))
        ca = pki.certificate(self.keys["ca"], "an authority that none of the clients has", ca=True)
        self.write("ca.crt", pki.pem(ca))
        server = pki.certificate(self.keys["server"], SERVER_NAME, [SERVER_NAME, "localhost"])
        self.write("server.crt", pki.pem(server))
        self.write("server.pem", pki.key_pem(self.keys["server"]) + pki.pem(server))
        self.zone = Zone(folder, {
            name: pki.tlsa(3, 1, 1, pki.certificate(self.keys[name], name)) for name in (ALICE, BOB, CAROL, LEAVER)})
        self.write("anchor", self.zone.anchors)
        try:
            self.zone.start()
        except AssertionError:
            self.zone.stop()
            raise

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content, mode=0o644):
        """The path of a new file."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, mode)
        return path

    def folder_for(self, name, user=None):
        """The path of a new folder, which belongs to user."""
        path = self.path(name)
        os.makedirs(path)
        if user:
            shutil.chown(path, user)
        return path

    def write_config(self, name, log, **sections):
        module = self.path("provider", "missing.so" if self.without else "dance.so")
        path = config(self.path(name), log, module={"module": module}, **sections)
        # Node.js and s-nail read other names.
        with open(path) as f:
            text = f.read()
        self.write(name, "nodejs_conf = openssl_init\ns-nail = openssl_init\n" + text)
        return path

    def server_config(self, policy, dns=None, **more):
        """openssl.cnf for a server that lets *.client.example.com in. dns: see resolver()."""
        return self.write_config(
            "server.cnf", self.log.path, server={"policy": policy, "allow": ALLOW, **self.raw, **more},
            dns=dns or {"trust_anchor": self.path("anchor"), "forward": f"127.0.0.1@{self.zone.port}"})

    def resolver(self):
        """A dance-resolver of the machine, as its systemd unit starts it; the dns section that names its socket.

        For servers that may start no programs themselves. It is the same one for all who ask.
        """
        path = self.path("resolver.sock")
        if not os.path.exists(path):
            self.start([self.path("resolver", "dance-resolver"), "--socket", path, "--log", "stderr", "--trust-anchor",
                        self.path("anchor"), "--forward", f"127.0.0.1@{self.zone.port}"], None, None,
                       lambda _: os.path.exists(path))
        return {"resolver": path}

    def client_config(self, identity, key=None, certificate=None):
        """openssl.cnf for a client; its path."""
        section = {"identity": identity, "private_key": self.path(f"{key or identity}.key"), **self.raw}
        if certificate:
            section["certificate"] = certificate
        name = f"client-{len(os.listdir(self.folder))}"
        path = self.write_config(name + ".cnf", self.path(name + ".log"), client=section)
        self.claims[path] = ALICE if certificate else identity
        self.credentials[path] = (section["private_key"], certificate or self.certificate(key or identity, identity))
        return path

    def credential(self, conf):
        """(key, certificate) of the client of that openssl.cnf, for programs that must have them in their own files."""
        return self.credentials.get(conf) or (self.path("stranger.key"), self.certificate("stranger", "stranger"))

    def certificate(self, key, cn):
        """The path of a self-signed certificate with this CN."""
        return self.write(f"{cn}-of-{key}.crt", pki.pem(pki.certificate(self.keys[key], cn)))

    def start(self, argv, conf, port=None, ready=listening, log=None):
        """A process with openssl.cnf conf, ready to serve. Relative paths lie in the stage's folder."""
        def started(process):
            # From here on close() ends it, even if it never gets ready.
            if process not in self.started:
                self.started.append(process)
            return ready(process)

        output = self.path(f"output-{len(self.started)}")
        return Process([str(a) for a in argv], conf, log or self.log.path, port, started, output)

    def renew(self, process, number):
        """Send a process the signal that makes it start its workers anew; returns when none of the old ones is left."""
        before = workers(process)
        process.process.send_signal(number)
        wait_for(lambda: workers(process) and not workers(process) & before and listening(process),
                 what=f"new workers in place of {before}")

    def backend(self):
        """A server without TLS that answers a request with the request; its port."""
        port = free_port()
        self.start([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "backend.py"), port], None,
                   port)
        return port

    def run(self, argv, conf=None, text=None, timeout=20):
        """Run a program to its end, or for timeout seconds; (exit code or None, output)."""
        child = subprocess.Popen([str(a) for a in argv], env=environment(conf), stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                                 cwd=self.folder)
        try:
            out, _ = child.communicate((text or "").encode(), timeout)
            return child.returncode, out.decode(errors="replace")
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, _ = child.communicate()
            return None, out.decode(errors="replace")

    def close(self):
        for process in reversed(self.started):
            process.stop()
        self.zone.stop()

    def outputs(self):
        """The last of what the row's processes said, for a report of a failure."""
        said = [f"dance.log:\n{read(self.log.path)[-3000:]}"]
        said += [f"{p.output.path}:\n{read(p.output.path)[-3000:]}" for p in self.started]
        return "\n".join(said)


def read(path):
    with open(path, errors="replace") as f:
        return f.read()


def workers(process):
    """The processes that a process has started: their numbers. A resolver of dance among them is none."""
    tasks = f"/proc/{process.process.pid}/task"
    found = {pid for task in os.listdir(tasks) for pid in of_process(f"{tasks}/{task}/children").split()}
    return {pid for pid in found if not of_process(f"/proc/{pid}/comm").startswith("dance-")}


def of_process(path):
    """A file of /proc; nothing where the process or thread has ended."""
    try:
        return read(path)
    except OSError:
        return ""


def pass_time(since, seconds):
    """Until seconds have gone by since a time.monotonic()."""
    wait_for(lambda: time.monotonic() - since > seconds, seconds + 5)


__all__ = ["ALICE", "BOB", "CAROL", "LEAVER", "LEAVER_TTL", "Stage", "free_port", "listening", "pass_time", "read",
           "wait_for"]
