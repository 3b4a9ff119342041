# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What DNSSEC chains cost, and what they spare.

    chains.py BUILD [--quick] [--count N] [--rate N] KIND...

Prints lines; bench/run.py's row p. Kinds:

    cost    octets and records of chains of several zones; a new name by chain and by the DNS (on loopback): the time of 50 and
            of 99 of 100, and the resolver's processor time, in milliseconds
    new     nginx, one worker, in a network namespace without a route and without a DNS server: so many new clients at so
            many a second, all with their chains; the same ones again, which are known then; and those with a chain that is
            altered, expired or another's, and what the log says of them (as root)
    beside  nginx: known clients without new ones beside them, and with new ones who have chains
    slow    nginx: new clients, of which the DNS takes two seconds for each hundredth, without chains and with

Latencies are from when a client was due.
"""
import argparse
import collections
import contextlib
import ctypes
import os
import re
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "test", "integration"))
if __name__ == "__main__":
    os.environ["DANCE_BUILD"] = os.path.realpath(sys.argv[1])  # conftest.py takes the module from there
import chain  # noqa: E402
import pki  # noqa: E402
from chain_wire import resolver, said, chain_query  # noqa: E402
from conftest import config, environment  # noqa: E402
from hierarchy import Hierarchy  # noqa: E402
from processes import workers  # noqa: E402
from place import Place  # noqa: E402
from signing import ED25519, P256, RSA  # noqa: E402
from test_resolver import SECURE, query  # noqa: E402
from zone import Proxy, free_port, wait_for  # noqa: E402

NGINX = "/usr/sbin/nginx"
CLONE_NEWNET = 0x40000000
FORM = "n{}._device.example.com"


class Three(Hierarchy):
    """The root, com and example.com, each as it is said: (algorithm, two keys). names: of devices in the last one."""

    def __init__(self, folder, tlsa, kinds, names, **last):
        self.folder, self.tlsa, self.zones, self.dns = folder, tlsa, {}, None
        os.makedirs(folder, exist_ok=True)
        parent = None
        for i, (origin, (algorithm, zsk)) in enumerate(zip(("", "com", "example.com"), kinds)):
            parent = self.zone(origin, parent, algorithm=algorithm, zsk=zsk, **(last if i == 2 else {}))
        self.root = self.zones[""]
        for name in names:
            self.device(parent, name)


TODAY = ((RSA, True), (P256, True))
COSTS = {
    "P-256, one key each": (((P256, False),) * 3, {}, FORM),
    "P-256, two keys each": (((P256, True),) * 3, {}, FORM),
    "P-256 below com and the root as they are today": ((*TODAY, (P256, False)), {}, FORM),
    "the same, a wildcard, NSEC": ((*TODAY, (P256, False)), {}, "n{}.wild._device.example.com"),
    "the same, a wildcard, NSEC3": ((*TODAY, (P256, False)), {"nsec3": True}, "n{}.wild._device.example.com"),
    "Ed25519 below com and the root as they are today": ((*TODAY, (ED25519, False)), {}, FORM),
    "RSA-2048, two keys, below com and the root as they are today": ((*TODAY, (RSA, True)), {}, FORM),
    "RSA-2048, two keys each": (((RSA, True),) * 3, {}, FORM),
}


def processor(pids):
    """Time of each of these processes, in ms."""
    times = {}
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as stat:
            ticks = sum(int(n) for n in stat.read().rsplit(")", 1)[1].split()[11:13])
            times[pid] = ticks * 1e3 / os.sysconf("SC_CLK_TCK")
    return times


def spent(before, pids):
    """Time since then of those that are still there: a checker that had nothing to do may have gone."""
    return sum(time - before.get(pid, 0) for pid, time in processor(pids).items())


def here(program):
    """The processes of that program in our network namespace."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/exe") == program and os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
                yield pid


def quantiles(times):
    times = sorted(times)
    return [times[int((len(times) - 1) * part)] for part in (0.5, 0.99)]


class Bench(Place):
    def __init__(self, arguments):
        self.count, self.rate, self.quick = arguments.count, arguments.rate, arguments.quick
        self.build = os.environ["DANCE_BUILD"]
        super().__init__("chains")
        self.key = pki.new_key()
        self.tlsa = bytes([3, 1, 1]) + bytes.fromhex(pki.tlsa(3, 1, 1, pki.certificate(self.key, "x")).split()[-1])
        self.write_client(self.key)
        server = pki.new_key()
        self.write("server.pem", pki.pem(pki.certificate(server, "server")) + pki.key_pem(server))
        self.processes = []

    def stop(self):
        for process in self.processes:
            self.end(process)
        super().stop()

    def three(self, label, kinds, names, **last):
        return Three(self.path(label), self.tlsa, kinds, names, **last)

    # What a chain costs.

    def cost(self):
        count = 100 if self.quick else 500
        for i, (label, (kinds, last, form)) in enumerate(COSTS.items()):
            names = [form.format(n) for n in range(count)]
            wild = "wild" in form
            made = self.three(f"cost{i}", kinds, ["*.wild._device.example.com"] if wild else names + [form.format("warm")], **last)
            made.start()
            chains = {name: chain.encode(made.chain(name)) for name in names}
            records = len(made.chain(names[0]))
            rows = []
            for how in ("chain", "dns"):
                with resolver(made.anchor_file(), made.dns.port) as connect:
                    talk = connect()
                    warm = form.format("warm")
                    self.timed(talk, chain_query(0, warm, chain.encode(made.chain(warm))) if how == "chain" else query(0, warm, 60000))
                    before = processor(workers(connect.process.pid))
                    times = [self.timed(talk, chain_query(0, name, chains[name]) if how == "chain" else query(0, name, 60000)) for name in names]
                    rows += [*quantiles(times), spent(before, workers(connect.process.pid)) / count]
            made.stop()
            print(f"cost | {label} | {len(chains[names[0]]):,} octets | {records} records | by chain %.2f (%.2f), processor %.2f ms | "
                  "by DNS %.2f (%.2f), processor %.2f ms" % tuple(rows), flush=True)

    @staticmethod
    def timed(talk, message):
        begin = time.monotonic()
        talk.send(message)
        _, got = said(talk.recv(65536))
        if got.status != SECURE:
            raise RuntimeError(f"a name that should be good: {got}")
        return (time.monotonic() - begin) * 1e3

    # nginx.

    @contextlib.contextmanager
    def nginx(self, made, takes, forward=None):
        """One worker, with that value of chain; the port, and its log so far."""
        folder, port = tempfile.mkdtemp(dir=self.folder), free_port()
        os.chmod(folder, 0o777)
        log = os.path.join(folder, "dance.log")
        conf = config(os.path.join(folder, "cnf"), log, dns={"trust_anchor": made.anchor_file(), "timeout": 30,
                                                           **({"forward": f"127.0.0.1@{forward}"} if forward else {})},
                      server={"policy": "require", "allow": "*._device.example.com", "chain": takes})
        text = (f"daemon off; worker_processes 1; error_log /dev/null; pid {folder}/pid;\nevents {{ worker_connections 4096; }}\n"
                f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n"
                f"uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\nserver {{ listen 127.0.0.1:{port} ssl backlog=4096; "
                f"ssl_certificate {self.path('server.pem')}; ssl_certificate_key {self.path('server.pem')};\nssl_protocols TLSv1.3; "
                "ssl_verify_client optional_no_ca; location / { return 200 hello; } } }\n")
        with open(os.path.join(folder, "conf"), "w") as out:
            out.write(text)
        process = subprocess.Popen([NGINX, "-c", os.path.join(folder, "conf"), "-p", folder], env=environment(conf), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        wait_for(lambda: process.poll() is None and f":{port:04X} " in open("/proc/self/net/tcp").read(), what="nginx")
        yield port, lambda: open(log, errors="replace").read()
        self.end(process)

    def clients(self, port, count, offset=0, chains=None, rate=None, threads=64, slow=0, seconds=0, wait=True):
        argv = [os.path.join(self.build, "bench", "clients"), "-p", port, "-c", self.path("client.crt"), "-k", self.path("client.key"), "-f", "n",
                "-d", "_device.example.com", "-n", count, "-o", offset, "-t", threads, "-r", rate or self.rate]
        argv += (["-x", chains] if chains else []) + (["-s", slow] if slow else []) + (["-S", seconds] if seconds else [])
        process = subprocess.Popen([str(a) for a in argv], env=environment("/dev/null"), stdout=subprocess.PIPE, text=True)
        return self.result(process) if wait else process

    @staticmethod
    def result(process):
        out, _ = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"clients: {out}")
        return [float(x) for x in out.split()]

    def chains(self, label, made, numbers, change=lambda octets: octets):
        path = self.path(label + ".chains")
        with open(path, "wb") as out:
            for i in numbers:
                octets = change(chain.encode(made.chain(FORM.format(i))))
                out.write(struct.pack("!H", len(octets)) + octets)
        return path

    @staticmethod
    def show(kind, what, result):
        accepted, refused, median, p99, longest = result[:5]
        print(f"{kind} | {what} | {accepted:.0f} in, {refused:.0f} refused | 50 of 100: {median / 1e3:.2f}, 99: {p99 / 1e3:.2f}, "
              f"longest {longest / 1e3:.2f} ms", flush=True)
        return p99

    def new(self):
        """No lookup can be made here: there is lo, and nobody on it has a DNS server."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
        assert routes == "", routes
        few = 100
        names = [FORM.format(i) for i in range(self.count + few)]
        made = self.three("new", (*TODAY, (P256, False)), names)
        all_of_them = self.chains("good", made, range(self.count))
        bad = {"altered": self.chains("altered", made, range(few), lambda octets: octets[:80] + bytes([octets[80] ^ 1]) + octets[81:]),
               "another's": self.chains("another", made, range(1, few + 1)),
               "no root of ours": self.chains("foreign", self.three("foreign", (*TODAY, (P256, False)), names[:few]), range(few))}
        zone = made.zones["example.com"]
        zone.begin, zone.end = -7200, -3600
        zone.cache.clear()
        bad["expired"] = self.chains("expired", made, range(few))
        zone.begin, zone.end = -3600, 30 * 86400
        zone.cache.clear()
        with self.nginx(made, "only") as (port, log):
            self.clients(port, few, self.count, self.chains("warm", made, range(self.count, self.count + few)))
            p99 = []
            for what in ("new, by their chains", "the same, known"):
                programs = [list(here(program)) for program in (os.path.realpath(NGINX), os.path.join(self.build, "resolver", "dance-resolver"))]
                before = [processor(pids) for pids in programs]
                p99.append(self.show("new", what, self.clients(port, self.count, 0, all_of_them)))
                took = [spent(was, pids) / self.count for pids, was in zip(programs, before)]
                print(f"new | {what} | processor time of a client: nginx {took[0]:.2f}, the resolver {took[1]:.2f} ms", flush=True)
            print(f"new | p99, new / known | {p99[0] / p99[1]:.2f}", flush=True)
            print(f"new | refused in the log: {re.findall('refused .*', log())[:5]}", flush=True)
        # Each at a server of its own: a log says the same thing only so often.
        for what, path in bad.items():
            with self.nginx(made, "only") as (port, log):
                self.show("new", what, self.clients(port, few, 0, path))
                reasons = collections.Counter(re.findall(r"reason=(\S+)", log()))
                words = re.search(r"refused \S+: ([^;]*)", log())
                print(f"new | {what} | reasons in the log: {dict(reasons)}, the first in words: {words and words[1]}", flush=True)

    def beside(self):
        """Known ones, all from the DNS and without chains; the new ones are twice as many as would fit into their time."""
        known, seconds = 50, 5 if self.quick else 20
        new = seconds * self.rate + self.rate
        made = self.three("beside", (*TODAY, (P256, False)), [FORM.format(i) for i in range(known + new)])
        made.start()
        chains = self.chains("beside", made, range(known, known + new))
        for _ in range(1 if self.quick else 3):
            with self.nginx(made, "accept", made.dns.port) as (port, _):
                self.clients(port, known)
                p99 = [self.show("beside", "known ones alone, twice as many", self.clients(port, known, seconds=seconds, rate=2 * self.rate))]
                others = self.clients(port, new, known, chains, wait=False)
                p99.append(self.show("beside", "known ones, and as many new ones with chains", self.clients(port, known, seconds=seconds)))
                self.show("beside", "the new ones", self.result(others))
                print(f"beside | p99 of known ones, with new ones / alone | {p99[1] / p99[0]:.2f}", flush=True)
        made.stop()

    def slow(self):
        count = min(self.count, 300 if self.quick else 2000)
        made = self.three("slow", (*TODAY, (P256, False)), [FORM.format(i) for i in range(count + 20)])
        made.start()
        chains = self.chains("slow", made, range(count))
        proxy = Proxy(made.dns.port, lambda name: 2 if re.match(r"n(\d*00|0)\._device", name) else 0)
        for what, path in (("without chains", None), ("with chains", chains)):
            with self.nginx(made, "accept", proxy.port) as (port, _):
                self.clients(port, 20, count)
                self.show("slow", what, self.clients(port, count, 0, path, slow=100))
        proxy.stop()
        made.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("kind", nargs="*", default=[])
    arguments = parser.parse_intermixed_args()
    arguments.count = arguments.count or (1000 if arguments.quick else 10000)
    bench = Bench(arguments)
    try:
        # "new" leaves the network for good.
        for kind in sorted(arguments.kind or ("cost", "beside", "slow", "new"), key=lambda kind: kind == "new"):
            print(f"# {kind}, load {os.getloadavg()[0]:.2f}", flush=True)
            getattr(bench, kind)()
    finally:
        bench.stop()


main()
