# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Signed zones and the NSD that serves them, on a free loopback port."""
import datetime
import glob
import os
import re
import signal
import socket
import subprocess
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


def wait_for(condition, seconds=20, what="condition"):
    """Poll until condition() is true; its value. Fails the test after seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


class Zones:
    """Zone files of lines, signed or not, in a folder."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.port = free_port()
        self.zones = {}
        self.anchors = ""
        self.process = None

    def add(self, origin, lines, signed=True, expired=False, ttl=60, damage=None, seconds=None):
        """damage: a function on the text of the signed zone; seconds: for how long its signatures
        are good. The anchor is added to the anchors."""
        path = os.path.join(self.folder, origin + ".zone")
        with open(path, "w") as out:
            out.write(f"$ORIGIN {origin}.\n$TTL {ttl}\n@ SOA ns hostmaster 1 3600 900 86400 {ttl}\n"
                      "@ NS ns\nns A 127.0.0.1\n" + "\n".join(lines) + "\n")
        if signed:
            keys = glob.glob(os.path.join(self.folder, f"K{origin}.+*.key"))
            key = keys[0][:-4] if keys else os.path.join(self.folder, subprocess.run(
                ["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", origin], cwd=self.folder, check=True,
                capture_output=True, text=True).stdout.strip())
            now = datetime.datetime.utcnow()
            begin, end = (40, 10) if expired else (1, -30)
            stamp = lambda days: (now - datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%S")
            end = end if seconds is None else -seconds / 86400
            subprocess.run(["ldns-signzone", "-n", "-i", stamp(begin), "-e", stamp(end), path, key],
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

    def start(self):
        conf = os.path.join(self.folder, "nsd.conf")
        with open(conf, "w") as out:
            out.write(f'server:\n ip-address: 127.0.0.1@{self.port}\n username: ""\n zonesdir: "{self.folder}"\n'
                      f' database: ""\n pidfile: "{self.folder}/nsd.pid"\n xfrdfile: "{self.folder}/xfrd"\n'
                      f' zonelistfile: "{self.folder}/zonelist"\n xfrdir: "{self.folder}"\n server-count: 1\n'
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
        with socket.socket(type=socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            try:
                s.sendto(b"\x12\x34" + b"\0\0\0\1" + bytes(6) + b"\x07example\x03com\0\0\x06\0\1",
                         ("127.0.0.1", self.port))
                return s.recv(512)[:2] == b"\x12\x34"
            except OSError:
                return False

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)


def break_tlsa(name):
    """A damage function: another record than was signed stands at name."""
    def damage(text):
        return re.sub(rf"(?m)^({re.escape(name)}\.\t\S+\tIN\tTLSA\t\d \d \d )([0-9a-f]{{2}})",
                      lambda m: m.group(1) + ("00" if m.group(2) != "00" else "01"), text)
    return damage
