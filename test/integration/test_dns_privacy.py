# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Whom the resolver tells which part of a client's name (RFC 9156).

In a network namespace of its own, where port 53 is free: the servers of com and of
example.com, and between the resolver and com's somebody who writes down the questions.
"""
import json
import os
import socket
import subprocess
import sys
import threading

import pytest
from zone import patient

if __name__ != "__main__":
    from conftest import BUILD
    pytestmark = pytest.mark.skipif(os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"]).returncode != 0,
                                    reason="network namespaces need root")

NAME = "sensor7._device.example.com"


def question(message):
    """The name that a DNS query asks for."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels).lower()


class Eavesdropper:
    """Passes what comes to 127.0.0.1, port 53, on to another port of it."""

    def __init__(self, port):
        self.asked, self.port = set(), port
        self.udp = socket.socket(type=socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 53))
        self.tcp = socket.create_server(("127.0.0.1", 53))
        threading.Thread(target=self.pass_datagrams, daemon=True).start()
        threading.Thread(target=self.pass_streams, daemon=True).start()

    def pass_datagrams(self):
        while True:
            message, client = self.udp.recvfrom(65535)
            self.asked.add(question(message))
            with socket.socket(type=socket.SOCK_DGRAM) as server:
                server.settimeout(patient(5))
                server.sendto(message, ("127.0.0.1", self.port))
                self.udp.sendto(server.recv(65535), client)

    def pass_streams(self):
        while True:
            client, _ = self.tcp.accept()
            with client, socket.create_connection(("127.0.0.1", self.port), patient(5)) as server:
                message = client.recv(65535)
                self.asked.add(question(message[2:]))
                server.sendall(message)
                client.sendall(server.recv(65535))


def inside(folder, build):
    """What runs in the namespace: the outcome of a lookup, and the questions that com's server was asked."""
    import pki
    from test_resolver import ask, converse
    from zone import Zones, accepts, wait_for
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    record = pki.tlsa(3, 1, 1, pki.certificate(pki.new_key(), "x"))
    zones = Zones(folder)
    zones.add("example.com", [f"sensor7._device {record}"])
    ds = open(next(os.path.join(folder, f) for f in os.listdir(folder) if f.startswith("Kexample.com") and
                   f.endswith(".ds"))).read()
    os.mkdir(os.path.join(folder, "com"))
    parent = Zones(os.path.join(folder, "com"))
    parent.add("com", ["example NS ns.example", "ns.example A 127.0.0.2", ds])
    zones.address, zones.port = "127.0.0.2", 53
    zones.start()
    parent.start()
    ear = Eavesdropper(parent.port)
    paths = {name: os.path.join(folder, name) for name in ("anchors", "unbound.conf", "socket")}
    with open(paths["anchors"], "w") as out:
        out.write(parent.anchors)
    with open(paths["unbound.conf"], "w") as out:
        out.write("server:\n do-not-query-localhost: no\nstub-zone:\n name: com\n stub-addr: 127.0.0.1@53\n")
    resolver = subprocess.Popen([os.path.join(build, "resolver", "dance-resolver"), "--socket", paths["socket"], "--log",
                                 "stderr", "--user", "root", "--trust-anchor", paths["anchors"], "--unbound-config",
                                 paths["unbound.conf"]])
    wait_for(lambda: accepts(paths["socket"]), what="the resolver")
    with converse(paths["socket"]) as s:
        outcome = ask(s, NAME)
    for process in (resolver, zones.process, parent.process):
        process.terminate()
        process.wait(patient(10))
    print(json.dumps({"outcome": outcome, "asked": sorted(ear.asked)}))


def test_names_are_minimised(tmp_path):
    """Section 12: com's server learns that example.com is wanted, and nothing below it."""
    done = subprocess.run(["unshare", "-n", "--", sys.executable, __file__, str(tmp_path), BUILD], capture_output=True,
                          text=True, timeout=patient(60))
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["outcome"][0] == 1, (seen, done.stderr)
    assert "example.com" in seen["asked"] and not [n for n in seen["asked"] if "_device" in n], seen


if __name__ == "__main__":
    inside(*sys.argv[1:])
