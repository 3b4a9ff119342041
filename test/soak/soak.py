# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""scripts/soak.sh: nginx, HAProxy, mosquitto and Postfix for hours. What happens is in events.py, what is measured in
measure.py; here is who comes, and what must become of him."""
import collections
import os
import random
import shutil
import socket
import sys
import tempfile
import threading
import time

import haproxy
import mosquitto
import nginx
import postfix
from events import Events, Soaked
from kit.stage import ALICE, BOB, CAROL, LEAVER
from measure import Measure

THREADS = 3
PAUSE = 0.15      # seconds at most between two clients of a thread
SLOW = 8          # connections that are held open and say half a ClientHello
KINDS = {ALICE: 5, BOB: 3, LEAVER: 2, "wrong key": 2, "outside": 1, "another's CN": 1, "none": 1}


class Verdicts:
    """How often which client got what at which server, and what was wrong."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.wrong = []

    def add(self, server, kind, expected, attempt):
        with self.lock:
            self.counts[server, kind, attempt.accepted] += 1
            if expected is not None and attempt.accepted != expected:
                self.wrong.append(f"{time.strftime('%T')} {server}: {kind} was {'let in' if attempt.accepted else 'refused'}:"
                                  f" {attempt.text[-600:]}")
                print(self.wrong[-1], file=sys.stderr, flush=True)


class Slow(threading.Thread):
    """Connections that begin a handshake and never go on, as long as a server lets them."""

    def __init__(self, ports, ended):
        super().__init__(daemon=True)
        self.ports, self.ended = ports, ended

    def run(self):
        held = []
        while not self.ended.wait(0.5):
            try:
                s = socket.create_connection(("127.0.0.1", random.choice(self.ports)), 2)
                s.sendall(bytes.fromhex("160301020001000100030312"))
                held.append(s)
            except OSError:
                pass  # it is busy, or reloads: the others' verdicts decide
            while len(held) > SLOW:
                held.pop(0).close()


class Clients(threading.Thread):
    """One client after the other."""

    def __init__(self, stage, rows, verdicts, ended):
        super().__init__(daemon=True)
        self.stage, self.rows, self.verdicts, self.ended = stage, rows, verdicts, ended
        self.failure = None

    def one(self, row, kind):
        before = self.stage.expected(kind)
        with self.stage.current(kind) as conf:
            attempt = row.attempt(self.stage, conf)
        # Whose record came or went meanwhile may be treated either way.
        expected = before if before == self.stage.expected(kind) else None
        self.verdicts.add(row.title(), kind, expected, attempt)

    def run(self):
        try:
            while not self.ended.wait(random.uniform(0, PAUSE)):
                self.one(random.choice(self.rows), random.choices(list(KINDS), KINDS.values())[0])
        except Exception as failure:  # the main thread says it
            self.failure = failure
            self.ended.set()
            raise


class Haproxy(haproxy.Haproxy):
    policy = "dane"


def soak(stage, seconds):
    """Everything until the time is up; the text of the report and whether all is well."""
    rows = [nginx.NginxServer(), Haproxy(), mosquitto.Mosquitto(), postfix.PostfixServer()]
    for row in rows:
        row.start(stage)
    stage.prepare_clients({"wrong key": stage.client_config(ALICE, key="stranger"), "outside": stage.client_config(CAROL),
                           "another's CN": stage.client_config(BOB, certificate=stage.certificate(BOB, ALICE)),
                           "none": None})
    verdicts, ended = Verdicts(), threading.Event()
    measure = Measure(stage)
    clients = [Clients(stage, rows, verdicts, ended) for _ in range(THREADS)]
    others = [Slow([row.port for row in rows], ended), Events(stage, rows, ended)]
    for thread in clients + others:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not ended.wait(5):
        measure.sample()
    ended.set()
    for thread in clients + others:
        thread.join(60)
    failures = [t.failure for t in clients + others[1:] if t.failure]
    grown = measure.grown()
    lines = [f"{name:18} {kind:28} {'let in' if accepted else 'refused':8} {n:7}"
             for (name, kind, accepted), n in sorted(verdicts.counts.items())]
    lines += ["", *measure.table(), "", others[1].said()]
    lines += [f"GREW: {line}" for line in grown] + [f"BROKE: {failure!r}" for failure in failures]
    total = sum(verdicts.counts.values())
    lines.append(f"{total} connections in {seconds:.0f} s, {len(verdicts.wrong)} wrong verdicts, {len(grown)} grew, "
                 f"{measure.zombies} zombies, {len(failures)} failures of the soak itself")
    return "\n".join(lines), not (verdicts.wrong or grown or failures or measure.zombies) and total > 0


def main():
    folder = tempfile.mkdtemp(prefix="dance-soak-")
    os.chmod(folder, 0o755)
    stage = Soaked(os.path.join(folder, "stage"))
    try:
        text, good = soak(stage, float(sys.argv[1]) * 3600)
    finally:
        stage.close()
    print(text)
    if good:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"kept: {folder}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
