# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What other domains' names notice of one whose owner makes lookups long.

    slow.py BUILD KIND...

For each kind a line for each sort of others, without the slow domain and with it: the times of 50 and of 99 of 100 lookups and
the longest, in milliseconds, and those that failed; behind that what shows that the owner did what he could. bench/run.py's row o.
Kinds:

    one       no others: how long one KeyTrap lookup takes
    keytrap   fifty names of a zone with colliding keys (see test/integration/keytrap.py) are asked for at once
    late      the same of a domain that answers after two seconds
    alone     300 names are held and asked for all the time: how long their answers take, of how many, and their least TTL
    list      beside 100,000 names of a domain that answers after two seconds, which are held, too
    lists     beside 100,000 domains of one name each

Others: "answered", new names of a domain that has answered before; "new", of domains that nobody has asked for yet.
"""
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "test", "integration"))
os.environ["DANCE_BUILD"] = os.path.realpath(sys.argv[1])
import keytrap  # noqa: E402
import pki  # noqa: E402
from processes import workers  # noqa: E402
from strangers import sealed_list  # noqa: E402
from test_resolver import HEADER, answer, ask, control, conversation, query  # noqa: E402
from zone import Proxy, Zones, accepts, wait_for  # noqa: E402

BUILD = os.environ["DANCE_BUILD"]
TRAP, LATE, HELD = "trap.example.net", "late.example.org", 300
RATE, COUNT, TTL = 40, 400, 20
OTHERS = {"answered": "n%u.wild.example.com", "new": "x.d%u.others"}


class Slow:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="dance-slow-")
        self.zones = z = Zones(self.folder)
        record = pki.tlsa(3, 1, 1, pki.certificate(pki.new_key(), "x"))
        z.add("example.com", [f"*.wild {record}", *(f"held{i} {TTL} {record}" for i in range(HELD))])
        z.add("example.org", [f"*.late {record}"])
        # Each label below this is a registrable domain of its own.
        z.add("others", [f"x.d{i} {record}" for i in range(COUNT + 1)] + [f"* {record}"])
        text, ds = keytrap.zone(TRAP, [f"n{i}" for i in range(51)], bytes(35))
        z.zones[TRAP] = os.path.join(self.folder, TRAP + ".zone")
        with open(z.zones[TRAP], "w") as out:
            out.write(text)
        z.write_anchors(z.anchors + ds)
        z.start()
        self.proxy = Proxy(z.port, lambda name: 2 if ".late." in name or name.startswith("l.s") else 0)
        self.path = os.path.join(self.folder, "socket")
        self.resolver = None

    def start(self, port=None):
        """What answers large needs TCP, which the proxy has not: NSD itself."""
        self.end()
        self.resolver = subprocess.Popen([os.path.join(BUILD, "resolver", "dance-resolver"), "--socket", self.path, "--log", "none",
                                          "--trust-anchor", self.zones.anchor_file, "--forward", f"127.0.0.1@{port or self.proxy.port}",
                                          "--user", "root"])
        wait_for(lambda: accepts(self.path), what="the resolver")
        self.channel = control(self.path)
        self.talk = conversation(self.channel)
        for i in range(40):
            ask(self.talk, f"first{i}.wild.example.com")
        ask(self.talk, "x.d0.others")

    def end(self):
        if self.resolver:
            self.channel.close()
            self.resolver.terminate()
            self.resolver.wait()
            self.resolver = None

    def others(self, sort):
        out = subprocess.run([os.path.join(BUILD, "bench", "cold"), "wire", self.path, OTHERS[sort], "1", str(COUNT), "64", str(RATE)],
                             capture_output=True, text=True, check=True).stdout.split()
        return [float(x) for x in out[1:4]] + [int(out[4])]

    @contextlib.contextmanager
    def fifty(self, form):
        """They are asked for, and none is answered yet; told what was meanwhile: [(seconds, status)]."""
        answers, begin = [], time.monotonic()
        with contextlib.closing(conversation(self.channel)) as talk:
            for i in range(50):
                talk.send(query(i, form.format(i), 60000))
            yield answers
            talk.settimeout(0.001)
            with contextlib.suppress(TimeoutError):
                while True:
                    answers.append(answer(talk.recv(65536))[1])
            answers.append(time.monotonic() - begin)

    def busy(self):
        """Processor time of the worker, in seconds."""
        worker, = workers(self.resolver.pid)
        with open(f"/proc/{worker}/stat") as stat:
            return sum(int(n) for n in stat.read().rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")

    def attack(self, form, port=None):
        for sort in OTHERS:
            self.start(port)
            busy = self.busy()
            print(sort, "without", *self.others(sort), f"busy {self.busy() - busy:.2f} s", flush=True)
            self.start(port)
            busy = self.busy()
            with self.fifty(form) as answers:
                others = self.others(sort)
            *statuses, seconds = answers
            print(sort, "with it", *others, f"busy {self.busy() - busy:.2f} s, {len(statuses)} of its 50 answered in {seconds:.1f} s:",
                  *(f"{statuses.count(s)} with {s}" for s in sorted(set(statuses))), flush=True)

    def one(self):
        self.start(self.zones.port)
        begin = time.monotonic()
        said = ask(self.talk, f"n50.{TRAP}", timeout=60000)
        print("one", time.monotonic() - begin, *said, flush=True)

    def keytrap(self):
        self.attack("n{}." + TRAP, self.zones.port)

    def late(self):
        self.attack("n{}." + LATE)

    def held(self, form):
        """Each of the 300 once a second, for several lives of its record."""
        self.start()
        holders = []
        seen = len(self.proxy.seen)
        for names in ([form.format(i) for i in range(100000)] if form else None, [f"held{i}.example.com" for i in range(HELD)]):
            if names:
                holders.append(conversation(self.channel))
                socket.send_fds(holders[-1], [HEADER + b"\x05"], [sealed_list(names)])
        wait_for(lambda: all(ask(self.talk, f"held{i}.example.com")[0] == 1 for i in range(HELD)))
        times, bad, least, end = [], 0, TTL, time.monotonic() + 4 * TTL
        while time.monotonic() < end:
            begin = time.monotonic()
            for i in range(HELD):
                asked = time.monotonic()
                self.talk.send(query(i, f"held{i}.example.com", 3000))
                _, status, ttl, _ = answer(self.talk.recv(65536))
                times.append(time.monotonic() - asked)
                bad += status != 1
                least = min(least, ttl)
            time.sleep(max(0, begin + 1 - time.monotonic()))
        times.sort()
        print("held", *(f"{1e3 * times[int(len(times) * part)]:.3f}" for part in (0.5, 0.99)), f"{1e3 * times[-1]:.3f}", bad,
              f"{len(times)} asked, least TTL {least},",
              sum("held" not in name for name in self.proxy.seen[seen:]), "questions for others', of 300",
              sum("held" in name for name in self.proxy.seen[seen:]), flush=True)
        for each in holders:
            each.close()

    def alone(self):
        self.held(None)

    def list(self):
        self.held("l{}." + LATE)

    def lists(self):
        self.held("l.s{}.others")

    def stop(self):
        self.end()
        self.proxy.stop()
        self.zones.stop()
        shutil.rmtree(self.folder)


def main():
    slow = Slow()
    try:
        for kind in sys.argv[2:] or ("one", "keytrap", "late", "alone", "list", "lists"):
            print(f"# {kind}, load {os.getloadavg()[0]:.2f}", flush=True)
            getattr(slow, kind)()
    finally:
        slow.stop()


main()
