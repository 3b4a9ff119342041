# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""An Internet in a network namespace: the servers of the root, of com and of example.com at their addresses, so far away.

For what only shows when the resolver itself goes from the root to the zone: how many questions a name costs, whom they
are asked of, and what that costs when the servers are not near. Use enter() first, in a process of its own.
"""
import os
import subprocess

import network
import pki
from zone import Zones, patient

# What libunbound has as the root's servers, in several releases. Here they are all one.
ROOTS = ("198.41.0.4 170.247.170.2 199.9.14.201 192.33.4.12 199.7.91.13 192.203.230.10 192.5.5.241 192.112.36.4 198.97.190.53 "
         "192.36.148.17 192.58.128.30 193.0.14.129 199.7.83.42 202.12.27.33").split()
COM, DOMAIN = "192.0.2.1", "192.0.2.2"
WHO = {**{address: "root" for address in ROOTS}, COM: "com", DOMAIN: "example.com"}


def enter():
    """This process moves to a network namespace of its own."""
    network.enter()
    for address in WHO:
        subprocess.run(["ip", "address", "add", address + "/32", "dev", "lo"], check=True)


class Internet:
    def __init__(self, folder, names, far, ttl=3600, servers_ttl=3600, host="ns.example.com.", in_com=()):
        """names: the labels left of example.com that have the TLSA record of self.certificate's key; in_com: those left of com,
        in that zone itself. host: the server of example.com, in either; servers_ttl: what says so. far: the program."""
        self.folder, self.program, self.process = folder, far, None
        self.key = pki.new_key()
        self.certificate = pki.certificate(self.key, "x")
        record = pki.tlsa(3, 1, 1, self.certificate)
        self.servers = {}
        ds, address = "", f"{host} {servers_ttl} A {DOMAIN}"
        for origin, ns, lines in (
                ("example.com", f"@ {servers_ttl} NS {host}", [*([address] if host.endswith(".example.com.") else []),
                                                              *(f"{name} {record}" for name in names)]),
                ("com", f"@ NS ns\nns A {COM}", [f"example {servers_ttl} NS {host}", address,
                                                 *(f"{name} {record}" for name in in_com)]),
                (".", "".join(f"@ NS {chr(97 + i)}.root-servers.net.\n{chr(97 + i)}.root-servers.net. A {address}\n"
                              for i, address in enumerate(ROOTS[:1] + ROOTS[2:])), ["com. NS ns.com.", f"ns.com. A {COM}"])):
            self.servers[origin] = self.sign(origin, [ns, *lines, *ds.splitlines()], ttl)
            ds = self.servers[origin].anchors
        self.anchor = os.path.join(folder, "anchors")
        with open(self.anchor, "w") as out:
            out.write(ds)

    def sign(self, origin, lines, ttl):
        zones = Zones(os.path.join(self.folder, origin.strip(".") or "root"))
        os.mkdir(zones.folder)
        path = os.path.join(zones.folder, "zone")
        with open(path, "w") as out:
            out.write(f"$ORIGIN {origin.strip('.')}.\n$TTL {ttl}\n@ SOA ns hostmaster 1 3600 900 86400 {ttl}\n" + "\n".join(lines) + "\n")
        key = os.path.join(zones.folder, subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", origin], cwd=zones.folder,
                                                        check=True, capture_output=True, text=True).stdout.strip())
        subprocess.run(["ldns-signzone", "-n", path, key], check=True, capture_output=True)
        zones.anchors = open(key + ".ds").read()
        zones.zones[origin] = path + ".signed"
        return zones

    def start(self, milliseconds):
        for zones in self.servers.values():
            zones.start()
        self.distance(milliseconds)

    def distance(self, milliseconds):
        """From now on an answer comes so much later than its question."""
        self.part()
        pairs = [(address, self.servers["." if who == "root" else who].port) for address, who in WHO.items()]
        self.process = subprocess.Popen([self.program, str(milliseconds), os.path.join(self.folder, "questions"),
                                         *(str(x) for pair in pairs for x in pair)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def questions(self):
        """All that was asked since distance(): (who, name, type)."""
        with open(os.path.join(self.folder, "questions")) as lines:
            return [(WHO[address], name, int(kind)) for address, name, kind in (line.split() for line in lines if line.endswith("\n"))]

    def part(self):
        if self.process:
            self.process.terminate()
            self.process.wait(patient(10))
            self.process = None

    def stop(self):
        self.part()
        for zones in self.servers.values():
            zones.stop()
