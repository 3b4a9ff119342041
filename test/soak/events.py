# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What changes around the servers, and what that makes of each client."""
import contextlib
import functools
import os
import random
import shutil
import signal
import subprocess
import threading
import time

from kit.shared import pki
from kit.stage import ALICE, BOB, LEAVER, LEAVER_TTL, Stage, wait_for

EVERY = 4         # seconds between two events, on average
BOB_TTL = 3       # of his records
# A record that was removed may be believed for its TTL, by clocks that count whole seconds and by who asked just before.
GRACE = LEAVER_TTL + 4


class Soaked(Stage):
    """A stage whose clients' keys and records change."""

    def __init__(self, folder):
        self.change = threading.Lock()
        self.changed = threading.Condition()
        self.using = 0                      # clients that read BOB's files now
        self.left = None                    # since when LEAVER has no record; None: it has
        self.came = time.monotonic() - 3600
        super().__init__(folder)
        self.extra = []                     # records of BOB's beside the first
        self.zone.lines = self.lines
        self.publish()                      # with the TTLs from here, before anybody asks

    def lines(self):
        records = {**self.zone.records}
        if self.left is not None:
            records.pop(LEAVER, None)
        ttl = {LEAVER: LEAVER_TTL, BOB: BOB_TTL}
        return [f"{n}. {ttl.get(n, 60)} {d}" for n, d in records.items()] + [f"{BOB}. {BOB_TTL} {d}" for d in self.extra]

    def server_config(self, policy, dns=None, **more):
        """One for each policy, since all servers are on this stage. Postfix (mixed) is in a chroot, and HAProxy (dane) may
        begin no process once it runs: these ask a service."""
        self.server_name = f"server-{policy}.cnf"
        return super().server_config(policy, dns or (self.service if policy in ("mixed", "dane") else None), **more)

    @functools.cached_property
    def service(self):
        return self.resolver()

    def write_config(self, name, log, **sections):
        return super().write_config(self.server_name if name == "server.cnf" else name, log, **sections)

    def prepare_clients(self, confs):
        self.confs = {**confs, **{n: self.client_config(n) for n in (ALICE, BOB, LEAVER)}}

    @contextlib.contextmanager
    def current(self, kind):
        """The client's openssl.cnf, whose key stays what it is meanwhile."""
        with self.changed:
            self.using += 1
        try:
            yield self.confs[kind]
        finally:
            with self.changed:
                self.using -= 1
                self.changed.notify_all()

    def expected(self, kind):
        """Is such a client let in now? None: either may be."""
        if kind in ("wrong key", "outside", "another's CN", "none"):
            return False
        if kind != LEAVER:
            return True
        left, now = self.left, time.monotonic()
        if left is None:
            # A denial may be believed for 30 s.
            return True if now - self.came > 34 else None
        return False if now - left > GRACE else None

    def publish(self):
        """NSD serves the records as they are now."""
        self.zone.serial += 1
        self.zone.add("example.com", self.lines())
        wanted = f"{self.zone.serial}"

        def served():
            os.utime(self.zone.zones["example.com"])
            self.zone.process.send_signal(signal.SIGHUP)
            for _ in range(5):
                time.sleep(0.1)
                answer = subprocess.run(["drill", "-p", str(self.zone.port), "example.com", "@127.0.0.1", "SOA"],
                                        capture_output=True, text=True, timeout=10, check=False).stdout
                if f" {wanted} 3600" in answer:
                    return True
            return False
        wait_for(served, what="NSD to serve the changed zone")


class Events(threading.Thread):
    """One thing after the other, at random."""

    def __init__(self, stage, rows, ended):
        super().__init__(daemon=True)
        self.stage, self.rows, self.ended = stage, rows, ended
        self.counts = {}
        self.failure = None

    def said(self):
        return "; ".join(f"{name.replace('_', ' ')} {n}" for name, n in sorted(self.counts.items()))

    def run(self):
        events = [self.reload_nginx, self.reload_mosquitto, self.reload_postfix, self.leave_or_come, self.roll_over,
                  self.kill_a_worker, self.kill_a_resolver, self.rotate_the_log]
        try:
            while not self.ended.wait(random.uniform(0, 2 * EVERY)):
                event = random.choice(events)
                event()
                self.counts[event.__name__] = self.counts.get(event.__name__, 0) + 1
        except Exception as failure:  # the main thread says it
            self.failure = failure
            self.ended.set()
            raise

    def process_of(self, program):
        return next(p.process for p in self.stage.started if any(program in str(a) for a in p.process.args))

    def reload_nginx(self):
        self.process_of("nginx").send_signal(signal.SIGHUP)

    def reload_mosquitto(self):
        self.process_of("mosquitto").send_signal(signal.SIGHUP)

    def reload_postfix(self):
        subprocess.run(["/usr/sbin/postfix", "-c", self.stage.path("receiver"), "reload"], check=True, capture_output=True)

    def leave_or_come(self):
        if self.stage.left is None:
            self.stage.left = time.monotonic() + 3600  # nobody knows yet
            self.stage.publish()
            self.stage.left = time.monotonic()
        elif time.monotonic() - self.stage.left > 2 * GRACE:
            self.stage.came = time.monotonic() + 3600
            self.stage.left = None
            self.stage.publish()
            self.stage.came = time.monotonic()

    def roll_over(self):
        """BOB's key, as doc/keys.md says: both records, the new key once everybody sees both, the old record goes."""
        stage = self.stage
        key = pki.new_key()
        record = pki.tlsa(3, 1, 1, pki.certificate(key, BOB))
        stage.extra.append(record)
        stage.publish()
        # Who looked just before believes the one record for its TTL.
        if self.ended.wait(BOB_TTL + 2):
            return
        with open(stage.path("new.key"), "w") as out:
            out.write(pki.key_pem(key).decode())
        os.chmod(stage.path("new.key"), 0o644)
        os.rename(stage.path("new.key"), stage.path(f"{BOB}.key"))
        # Who began with the old key ends before its record goes.
        with stage.changed:
            deadline = time.monotonic() + 30
            stage.changed.wait_for(lambda: stage.using == 0 or time.monotonic() > deadline, 15)
        if self.ended.wait(15):
            return
        stage.zone.records[BOB] = record
        stage.extra.remove(record)
        stage.publish()

    def resolvers(self, workers):
        """The pids of this stage's supervisors, or of their workers."""
        pids = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                exe, name = os.readlink(f"/proc/{pid}/exe"), open(f"/proc/{pid}/comm").read().strip()
            except OSError:
                continue
            if exe == self.stage.path("resolver", "dance-resolver") and (name == "dance-worker") == workers:
                pids.append(int(pid))
        return pids

    def kill_one_of(self, pids):
        if pids:
            try:
                os.kill(random.choice(pids), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def kill_a_worker(self):
        self.kill_one_of(self.resolvers(True))

    def kill_a_resolver(self):
        """Not the service's, which systemd would start again: what a server started itself it starts again."""
        services = [p.process.pid for p in self.stage.started]
        self.kill_one_of([p for p in self.resolvers(False) if p not in services])

    def rotate_the_log(self):
        shutil.move(self.stage.log.path, self.stage.log.path + ".1")
        open(self.stage.log.path, "w").close()
        os.chmod(self.stage.log.path, 0o666)
