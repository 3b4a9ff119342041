# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Signed zones and the NSD that serves them, on a free loopback port."""
import contextlib
import datetime
import glob
import heapq
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time


def free_port():
    """A port free for TCP and UDP at this moment."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(("127.0.0.1", tcp.getsockname()[1]))
            except OSError:
                continue
            return tcp.getsockname()[1]


# How many times as long as on a quiet machine a test waits for what must come. A bound costs nothing where
# the tests pass; scripts/mutate.py, whose tests are to fail, takes 1.
PATIENCE = float(os.environ.get("DANCE_PATIENCE", "8"))


def patient(seconds):
    """A bound on waiting, for a machine with other things to do. Not for what a test is about."""
    return seconds * PATIENCE


def wait_for(condition, seconds=20, what="condition"):
    """Poll until condition() is true; its value. Fails the test after patient(seconds); what: words, or what makes them then."""
    seconds = patient(seconds)
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s for {what() if callable(what) else what}"
        time.sleep(0.02)


def accepts(path):
    """Somebody listens at an AF_UNIX SOCK_SEQPACKET socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        try:
            s.connect(path)
        except OSError:
            return False
        return True


class Zones:
    """Zone files of lines, signed or not, in a folder."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.address, self.port = "127.0.0.1", free_port()
        self.zones = {}
        self.sources = {}  # origin -> what add() was given
        self.serial = 1
        self.removed = 0   # when the record that record() added last was gone
        self.anchors = ""
        self.process = None

    def add(self, origin, lines, signed=True, expired=False, ttl=60, damage=None, seconds=None, iterations=1,
            nsec3=True):
        """damage: a function on the text of the signed zone; seconds: for how long its signatures
        are good; iterations: of NSEC3, unless it is NSEC. The anchor is added to the anchors."""
        self.sources[origin] = (lines, signed, expired, ttl, damage, None, iterations, nsec3)
        path = os.path.join(self.folder, origin + ".zone")
        with open(path, "w") as out:
            out.write(f"$ORIGIN {origin}.\n$TTL {ttl}\n@ SOA ns hostmaster {self.serial} 3600 900 86400 {ttl}\n"
                      "@ NS ns\nns A 127.0.0.1\n" + "\n".join(lines) + "\n")
        if signed:
            keys = glob.glob(os.path.join(self.folder, f"K{origin}.+*.key"))
            key = keys[0][:-4] if keys else os.path.join(self.folder, subprocess.run(
                ["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", origin], cwd=self.folder, check=True,
                capture_output=True, text=True).stdout.strip())
            now = datetime.datetime.now(datetime.timezone.utc)
            begin, end = (40, 10) if expired else (1, -30)
            stamp = lambda days: (now - datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%S")
            end = end if seconds is None else -seconds / 86400
            subprocess.run(["ldns-signzone", *(["-n", "-t", str(iterations)] if nsec3 else []), "-i", stamp(begin), "-e",
                            stamp(end), path, key],
                           check=True, capture_output=True)
            path += ".signed"
            if damage:
                text = open(path).read()
                damaged = damage(text)
                assert damaged != text
                open(path, "w").write(damaged)
            if not keys:
                self.anchors += open(key + ".ds").read()
        self.zones[origin] = path

    def write_anchors(self, anchors):
        """A file with these, which others can read; anchor_file is its path."""
        self.anchor_file = os.path.join(self.folder, "anchors")
        with open(self.anchor_file, "w") as out:
            out.write(anchors)
        os.chmod(self.folder, 0o755)

    def start(self):
        conf = os.path.join(self.folder, "nsd.conf")
        with open(conf, "w") as out:
            out.write(f'server:\n ip-address: {self.address}@{self.port}\n username: ""\n zonesdir: "{self.folder}"\n'
                      f' database: ""\n pidfile: "{self.folder}/nsd.pid"\n xfrdfile: "{self.folder}/xfrd"\n'
                      f' zonelistfile: "{self.folder}/zonelist"\n xfrdir: "{self.folder}"\n server-count: 1\n rrl-ratelimit: 0\n'
                      "remote-control:\n control-enable: no\n")
            for origin, path in self.zones.items():
                out.write(f"zone:\n name: {origin}\n zonefile: {path}\n")
        self.process = subprocess.Popen(["nsd", "-d", "-c", conf], stdout=subprocess.DEVNULL,
                                        stderr=open(os.path.join(self.folder, "nsd.log"), "w"))
        wait_for(self.answers, what="NSD")

    def reload(self):
        """Serve the zone files as they are now."""
        self.process.send_signal(signal.SIGHUP)

    def answers(self):
        assert self.process.poll() is None, open(os.path.join(self.folder, "nsd.log")).read()
        return self.ask(b"\x07example\x03com\0\0\x06\0\1") is not None

    @contextlib.contextmanager
    def record(self, name, rdata, ttl):
        """A TLSA record that is published while the block runs, in the zone that has the name's end."""
        origin = next(o for o in self.zones if name.endswith("." + o))
        self.publish(origin, name, f"{name}. {ttl} {rdata}", True)
        try:
            yield
        finally:
            self.publish(origin, name, f"{name}. {ttl} {rdata}", False)
            self.removed = time.time()

    def outlived(self, ttl):
        """Wait until nobody may believe the removed record any more: libunbound counts whole seconds."""
        wait_for(lambda: time.time() > self.removed + ttl + 1.1)

    def publish(self, origin, name, line, there):
        """Sign the zone with or without the line, have NSD read it, and wait until it answers so."""
        lines, *rest = self.sources[origin]
        self.serial += 1
        self.add(origin, lines + [line] if there else [l for l in lines if l != line], *rest)

        def served():
            # A change within a second of the last may pass NSD by: what counts is the file's time.
            os.utime(self.zones[origin])
            self.process.send_signal(signal.SIGHUP)
            end = time.monotonic() + 1
            while time.monotonic() < end:
                # While NSD hands over, the process that goes answers as well as the one that comes.
                if all(self.has_tlsa(name) == there for _ in range(8)):
                    return True
                time.sleep(0.02)
            return False
        wait_for(served, what=f"{name} to be {'there' if there else 'gone'}")

    def has_tlsa(self, name):
        labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
        answer = self.ask(labels + b"\0\0\x34\0\1")
        return None if answer is None else answer[6:8] != b"\0\0"

    def ask(self, question):
        """NSD's answer to an encoded question, or None."""
        with socket.socket(type=socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            try:
                s.sendto(b"\x12\x34" + b"\0\0\0\1" + bytes(6) + question, (self.address, self.port))
                answer = s.recv(4096)
                return answer if answer[:2] == b"\x12\x34" else None
            except OSError:
                return None

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(patient(10))


def break_tlsa(name):
    """A damage function: another record than was signed stands at name."""
    def damage(text):
        return re.sub(rf"(?m)^({re.escape(name)}\.\t\S+\tIN\tTLSA\t\d \d \d )([0-9a-f]{{2}})",
                      lambda m: m.group(1) + ("00" if m.group(2) != "00" else "01"), text)
    return damage


class Proxy:
    """A DNS server in front of another one, on UDP: delay(name) seconds before it passes a query on; None: never;
    HELD: when release() is called."""
    HELD = float("inf")

    def __init__(self, port, delay=lambda name: 0):
        self.upstream, self.delay = ("127.0.0.1", port), delay
        self.port = free_port()
        self.seen = []
        self.socket, self.behind = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
        for s in (self.socket, self.behind):
            # A burst of thousands must not be lost here; root may have more than net.core.rmem_max.
            for option in (socket.SO_RCVBUF, 33):  # SO_RCVBUFFORCE
                try:
                    s.setsockopt(socket.SOL_SOCKET, option, 16 << 20)
                except OSError:
                    pass
            s.setblocking(False)
        self.socket.bind(("127.0.0.1", self.port))
        self.behind.connect(self.upstream)
        self.ended = False
        self.released = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def name(message):
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1").lower())
            at += 1 + message[at]
        return ".".join(labels)

    @staticmethod
    def arrived(s):
        """What is there, one after the other."""
        while True:
            try:
                yield s.recvfrom(65536)
            except OSError:
                return

    def run(self):
        clients, waiting, number = {}, [], 0
        while not self.ended:
            timeout = max(0.001, waiting[0][0] - time.monotonic()) if waiting else 0.2
            select.select([self.socket, self.behind], [], [], min(timeout, 0.2))
            for message, client in self.arrived(self.socket):
                name = self.name(message)
                self.seen.append(name)
                delay = self.delay(name)
                if delay is not None:
                    heapq.heappush(waiting, (time.monotonic() + delay, len(self.seen), message, client))
            now = time.monotonic()
            if self.released.is_set():
                self.released.clear()
                waiting = [(min(at, now), *rest) for at, *rest in waiting]
                heapq.heapify(waiting)
            # No more at a time than the server behind can take.
            while waiting and waiting[0][0] <= now and sum(at > now - 0.5 for _, _, at in clients.values()) < 50:
                _, _, message, client = heapq.heappop(waiting)
                number = (number + 1) & 0xffff
                clients[number] = (client, message[:2], now)
                self.behind.send(number.to_bytes(2, "big") + message[2:])
            for message, _ in self.arrived(self.behind):
                client, identity, _ = clients.pop(int.from_bytes(message[:2], "big"), (None, None, None))
                if client:
                    self.socket.sendto(identity + message[2:], client)

    def release(self):
        """Pass on everything, at once."""
        self.delay = lambda name: 0
        self.released.set()

    def stop(self):
        self.ended = True
        self.thread.join(patient(5))
        self.socket.close()
        self.behind.close()
