# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The root, a few domains below it, and the NSD that serves them all, for chains and for the DNS alike."""
import os

from chain import chain_of
from signing import CNAME, DAY, DNAME, DNSKEY, ED25519, HOUR, P384, RSA, TLSA, Zone, wire
from zone import Zones


class Hierarchy:
    """tlsa: the RDATA of the rightful device's record. zones: each by its origin; served by self.dns, if started."""

    def __init__(self, folder, tlsa):
        self.folder, self.tlsa = str(folder), tlsa
        self.zones, self.dns = {}, None
        self.root = self.zone("")
        self.com = self.zone("com", self.root, algorithm=RSA)
        example = self.zone("example.com", self.com)
        self.device(example, "sensor7._device.example.com")
        self.device(example, "other._device.example.com", bytes([3, 1, 1]) + bytes(32))
        self.device(example, "brief._device.example.com", ttl=7)
        for name in ("*.wild._device.example.com", "_there.wild._device.example.com"):
            self.device(example, name)
        for i in range(3):
            self.device(example, "several._device.example.com", bytes([3, 1, 1]) + bytes([i]) * 32)
        self.device(self.zone("sub.example.com", example), "dev._device.sub.example.com")
        example.add("alias._device.example.com", CNAME, wire("sensor7._device.example.com"))
        example.add("far._device.example.com", CNAME, wire("away._device.hashed.com"))
        example.add("_moved.example.com", DNAME, wire("_device.hashed.com"))
        # Two labels below its parent, of which the one between is no zone.
        self.device(self.zone("a.gap.example.com", example), "dev._device.a.gap.example.com")
        hashes = self.zone("hashed.com", self.com, nsec3=True)
        for name in ("away._device.hashed.com", "*.wild._device.hashed.com", "_there.wild._device.hashed.com"):
            self.device(hashes, name)
        for origin, algorithm in (("p384.com", P384), ("ed25519.com", ED25519), ("rsa.com", RSA)):
            self.device(self.zone(origin, self.com, algorithm=algorithm), "dev._device." + origin)
        # Of other times, and of nobody.
        for origin, more in (("past.com", {"begin": -40 * DAY, "end": -10 * DAY}), ("future.com", {"begin": DAY, "end": 30 * DAY}),
                             ("soon.com", {"end": 90}), ("unsigned.com", {"signs": False})):
            self.device(self.zone(origin, self.com, **more), "dev._device." + origin)

    def zone(self, origin, parent=None, **more):
        self.zones[origin] = Zone(origin, parent, **more)
        return self.zones[origin]

    def device(self, zone, name, tlsa=None, ttl=HOUR):
        zone.add(name, TLSA, self.tlsa if tlsa is None else tlsa, ttl)

    def of(self, name):
        """The zone that a name is in."""
        return max((z for o, z in self.zones.items() if name == o or name.endswith("." + o)), key=lambda z: len(z.origin), default=self.root)

    def chain(self, name):
        return chain_of(self.of, name)

    @property
    def anchor(self):
        return self.root.origin, self.root.ds()

    def write_key(self, origin):
        """A zone's DNSKEY record, in a file."""
        path = os.path.join(self.folder, (origin or "root") + ".key")
        with open(path, "w") as out:
            out.write(self.zones[origin].rrset(origin, DNSKEY)[0].line() + "\n")
        return path

    def anchor_file(self):
        path = os.path.join(self.folder, "root.anchor")
        with open(path, "w") as out:
            out.write(self.root.anchor())
        os.chmod(path, 0o644)
        return path

    def start(self):
        self.dns = Zones(os.path.join(self.folder, "dns"))
        os.makedirs(self.dns.folder, exist_ok=True)
        for origin, zone in self.zones.items():
            self.dns.zones[origin or "."] = os.path.join(self.dns.folder, (origin or "root") + ".zone")
            with open(self.dns.zones[origin or "."], "w") as out:
                out.write(zone.text())
        self.dns.start()

    def stop(self):
        if self.dns:
            self.dns.stop()
