# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""A broker is restarted and all its devices come back at once, the DNS some way off.

    storm.py BUILD DEVICES MILLISECONDS [KIND...]

Prints a line for each kind: the seconds until the last device is connected, those refused, and the questions that a name
cost. bench/run.py's row n; as root, in a network namespace of its own. Kinds:

    plain   the broker without the module, the devices' certificate among its CAs: what it takes in any case
    near    the resolver starts with the broker, and the DNS answers at once
    cold    the resolver starts with the broker: it knows no name
    known   the resolver has gone on while the broker was restarted
    listed  as cold, with the names in allow_file and prefetch = yes
"""
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "test", "integration"))
if __name__ == "__main__":
    os.environ["DANCE_BUILD"] = os.path.realpath(sys.argv[1])  # conftest.py takes the module from there
import internet  # noqa: E402
from place import Place  # noqa: E402
from zone import accepts, free_port, wait_for  # noqa: E402

KINDS = ("plain", "near", "cold", "known", "listed")


class Storm(Place):
    def __init__(self, build, devices, milliseconds):
        super().__init__("storm")
        self.build, self.devices, self.milliseconds = build, devices, milliseconds
        internet.enter()
        self.net = internet.Internet(self.folder, [f"n{i}._device" for i in range(devices)], os.path.join(build, "test", "far"))
        self.net.start(0)
        self.write_client(self.net.key)
        self.write("names", "".join(f"n{i}._device.example.com\n" for i in range(devices)).encode())
        self.socket = os.path.join(self.folder, "socket")
        self.resolver = None

    def start_resolver(self):
        self.end(self.resolver)
        self.resolver = subprocess.Popen([os.path.join(self.build, "resolver", "dance-resolver"), "--socket", self.socket, "--log",
                                          "none", "--trust-anchor", self.net.anchor, "--user", "root"])
        wait_for(lambda: accepts(self.socket), what="the resolver")

    def start_broker(self, kind):
        from conftest import config, environment
        port = free_port()
        server = {"policy": "require", "allow": "*._device.example.com"}
        if kind == "listed":
            server.update(allow="n0._device.example.com", allow_file=self.path("names"), prefetch="yes")
        conf = config(self.path("cnf"), "none", server=server, dns={"resolver": self.socket, "timeout": 60})
        text = (f"listener {port} 127.0.0.1\ncafile {self.path('client.crt')}\ncertfile {self.path('client.crt')}\n"
                f"keyfile {self.path('client.key')}\nrequire_certificate true\nallow_anonymous true\nuser root\n")
        conf = "/dev/null" if kind == "plain" else conf
        broker = subprocess.Popen(["/usr/sbin/mosquitto", "-c", self.write("broker.conf", text.encode())], env=environment(conf),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Nobody connects to see whether it listens: that would be a device.
        wait_for(lambda: f":{port:04X} " in open("/proc/self/net/tcp").read(), what="the broker")
        return broker, port

    def storm(self, kind):
        self.net.distance(0 if kind == "near" else self.milliseconds)
        if kind != "known" or self.resolver is None:
            self.start_resolver()
        before = len(self.net.questions())
        broker, port = self.start_broker(kind)
        out = subprocess.run([os.path.join(self.build, "bench", "clients"), "-p", str(port), "-c", self.path("client.crt"), "-k",
                              self.path("client.key"), "-f", "n", "-d", "_device.example.com", "-n", str(self.devices), "-t",
                              str(self.devices), "-m"], env={**os.environ, "OPENSSL_CONF": "/dev/null"}, capture_output=True,
                             text=True, check=True).stdout.split()
        self.end(broker)
        return float(out[4]) / 1e6, int(out[1]), (len(self.net.questions()) - before) / self.devices

    def stop(self):
        self.end(self.resolver)
        self.net.stop()
        super().stop()


def main():
    storm = Storm(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
    try:
        for kind in sys.argv[4:] or KINDS:
            print(kind, *storm.storm(kind), flush=True)
    finally:
        storm.stop()


main()
