# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Measure dance: a table of ratios, each pair interleaved in one run, repeated, with median and spread.

    bench/run.sh [--quick] [--long] [ROW...]

The rows are those of doc/performance.md. Figures of one machine, with everything on it: only the ratios
say something, and only when nothing else runs.
"""
import argparse
import fcntl
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "test", "integration"))
import pki  # noqa: E402
from conftest import BUILD, PROGRAMS, World, config, environment  # noqa: E402
from zone import Proxy, accepts, free_port, wait_for  # noqa: E402

BENCH = os.path.join(BUILD, "bench")
RESOLVER = os.path.join(BUILD, "resolver", "dance-resolver")
DEVICE = "sensor7._device.example.com"
NGINX, HAPROXY, UNBOUND = (shutil.which(name, path="/usr/sbin:/usr/bin") for name in ("nginx", "haproxy", "unbound"))


def run(argv, conf=None, **kwargs):
    done = subprocess.run([str(a) for a in argv], env=environment(conf or "/dev/null"), capture_output=True, text=True,
                          timeout=900, **kwargs)
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]}: {done.stderr[-2000:]}")
    return done.stdout


class Bench:
    def __init__(self, arguments):
        self.quick, self.long = arguments.quick, arguments.long
        self.wanted = arguments.row or ROWS
        self.rounds = 3 if self.quick else 7
        self.folder = tempfile.mkdtemp(prefix="dance-bench-")
        os.chmod(self.folder, 0o755)
        self.lines = []
        self.servers = []
        self.world = w = World(self.folder)
        w.write("pkix.crt", pki.pem(w.issue(DEVICE)))
        w.write("nameless.crt", pki.pem(self.nameless()))
        self.add_zone()
        self.conf = {}
        for name, server, client in (
                ("idle", {"policy": "mixed", "allow": "nobody.example.com"}, None),
                ("ee", {"policy": "require", "allow": "*._device.example.com"}, {}),
                ("ta", {"policy": "require", "allow": "*._device.example.com"},
                 {"identity": "u211._device.example.com", "certificate": w.path("ta.crt")})):
            client = None if client is None else {"identity": DEVICE, "private_key": w.path("client.key"), **client}
            self.conf[name] = config(w.path(name + ".cnf"), "none", client=client, server=server, dns=w.dns())
        # The same for a program that has the module in it.
        with open(self.conf["ee"]) as conf:
            self.conf["in"] = w.write("in.cnf", re.sub("^module = .*\n", "", conf.read(), flags=re.M).encode())
        w.write("ta.crt", pki.pem(w.leaves["u211._device.example.com"]) + pki.pem(w.ca))

    def nameless(self):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        import datetime
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        return (x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([]))
                .public_key(self.world.key.public_key()).serial_number(1).not_valid_before(now - day)
                .not_valid_after(now + 30 * day).sign(self.world.key, hashes.SHA256()))

    def add_zone(self):
        """Names by the thousand, in a zone of their own."""
        w = self.world
        w.zones.stop()
        right = pki.tlsa(3, 1, 1, w.device)
        self.names = 2000 if self.quick else 100000 if "i" in self.wanted else 20000
        w.zones.add("bench.example", [f"n{i}._device {right}" for i in range(self.names)] + [f"*.wild._device {right}"], ttl=3600)
        w.anchor = w.write("anchors", w.zones.anchors.encode())
        w.zones.start()
        wait_for(lambda: "n0._device" in run(["drill", "-p", w.zones.port, "n0._device.bench.example", "TLSA", "@127.0.0.1"]), 60)

    def stop(self):
        for server in self.servers:
            self.end(server)
        self.world.zones.stop()
        shutil.rmtree(self.folder)

    @staticmethod
    def end(server):
        if server.poll() is None:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()

    # What is printed.

    def row(self, row, what, values, wanted=None, unit="", below=True):
        values = sorted(values)
        text = f"{statistics.median(values):.3g}{unit}"
        spread = f"{values[0]:.3g} .. {values[-1]:.3g}" if len(values) > 1 else ""
        verdict = ""
        if wanted is not None:
            good = statistics.median(values) <= wanted if below else statistics.median(values) >= wanted
            verdict = f"{'<=' if below else '>='} {wanted:g}{unit}: {'yes' if good else 'NO'}"
        self.lines.append((row, what, text, spread, verdict))
        print(f"{row:3} {what:66} {text:>10}   {spread:20} {verdict}", flush=True)

    def note(self, row, text):
        print(f"{row:3} {text}", flush=True)

    # The rows.

    def handshakes(self, conf, *arguments, count=None, program="handshakes"):
        w = self.world
        count = count or (400 if self.quick else 2000)
        out = run([os.path.join(BENCH, program), "-c", w.path("server.crt"), "-k", w.path("server.key"), "-a", w.path("ca.crt"),
                   "-n", count, "-w", count // 10, *arguments], self.conf.get(conf))
        return [[float(x) for x in line.split()] for line in out.splitlines()]

    def pkix(self, conf=None, *arguments, **kwargs):
        return self.handshakes(conf, "-C", self.world.path("pkix.crt"), "-K", self.world.path("client.key"), *arguments, **kwargs)

    def pair(self, one, other, column=0):
        """Ratios of a column of two measurements, one after the other, again and again; who begins changes."""
        ratios, values = [], []
        for i in range(self.rounds):
            a = b = None
            for which in ((0, 1) if i % 2 == 0 else (1, 0)):
                if which == 0:
                    a = one()[-1][column]
                else:
                    b = other()[-1][column]
            ratios.append(b / a)
            values.append((a, b))
        return ratios, values

    def a(self):
        rates = [self.pkix()[-1] for _ in range(self.rounds)]
        self.row("a", "mutual TLS with a private CA, no module: handshakes/s", [r[0] for r in rates])
        self.row("a", "... CPU time of the server's side of one", [r[1] for r in rates], unit=" us")

    def b(self):
        ratios, _ = self.pair(self.pkix, lambda: self.pkix("idle"))
        self.row("b", "module configured, not used / (a)", ratios, 0.99, below=False)
        ratios, _ = self.pair(self.pkix, lambda: self.pkix("idle"), column=1)
        self.row("b", "... the same, CPU time of the server's side", ratios, 1.01)

    def c(self):
        ratios, _ = self.pair(self.pkix, lambda: self.handshakes("ee"))
        self.row("c", "DANE-EE certificate, known name / (a)", ratios, 1.0, below=False)
        ratios, values = self.pair(self.pkix, lambda: self.handshakes("ee"), column=1)
        self.row("c", "... the same, CPU time of the server's side", ratios, 1.0)
        self.row("c", "the whole decision on a known name", [self.handshakes("in", program="decisions")[-1][0] for _ in range(self.rounds)],
                 15, " us")
        # The client's certificate comes and nobody looks at it: the handshake alone, with warmer caches of the processor.
        _, values = self.pair(lambda: self.pkix(None, "-x"), lambda: self.handshakes("ee"), column=2)
        self.row("c", "... with it the server's side takes longer than with no verification", [ee - bare for bare, ee in values], unit=" us")

    def d(self):
        version = tuple(int(n) for n in re.search(r"OpenSSL (\d+)\.(\d+)", run(["openssl", "version"])).groups())
        w = self.world
        conf = config(w.path("rpk.cnf"), "none", dns=w.dns(),
                      client={"identity": DEVICE, "private_key": w.path("client.key"), "raw_public_key": "yes"},
                      server={"policy": "require", "allow": "*._device.example.com", "raw_public_key": "yes"})
        if version < (3, 2) or "has a fault" in run(["openssl", "list", "-providers", "-verbose"], conf):
            self.note("d", "raw public keys: not with this OpenSSL or this release")
            return
        self.conf["rpk"] = conf
        ratios, _ = self.pair(self.pkix, lambda: self.handshakes("rpk"))
        self.row("d", "DANE-EE raw public key, known name / (a)", ratios, 1.0, below=False)

    def e(self):
        ratios, _ = self.pair(self.pkix, lambda: self.handshakes("ta"))
        self.row("e", "DANE-TA certificate, known name / (a)", ratios)

    def lookups(self, how, resolver, names, forward):
        return [[float(x) for x in line.split()] for line in run(
            [os.path.join(BENCH, "lookups"), how, self.world.anchor, forward, resolver, *names]).splitlines()]

    def f(self):
        count = 100 if self.quick else 400
        for label, delay in (("on loopback", 0), ("with 10 ms to the DNS", 0.01)):
            proxy = Proxy(self.world.zones.port, lambda name, delay=delay: delay) if delay else None
            forward = f"127.0.0.1@{proxy.port if proxy else self.world.zones.port}"
            ratios, known = [], []
            for _ in range(self.rounds):
                names = [f"n{i}._device.bench.example" for i in range(count)]
                bare = self.lookups("bare", "-", names, forward)
                module = self.lookups("module", "auto", names, forward)
                ratios.append(statistics.median(m[0] for m in module) / statistics.median(b[0] for b in bare))
                known.append(statistics.median(m[1] for m in module))
            self.row("f", f"first contact, {label} / bare libunbound lookup", ratios, 1.2)
            if proxy:
                proxy.stop()
        self.row("f", "the lookup of a known name", known, 15, " us")

    def f2(self):
        path = os.path.join(self.folder, "f2.sock")
        resolver = subprocess.Popen([RESOLVER, "--socket", path, "--log", "none", "--trust-anchor", self.world.anchor,
                                     "--forward", f"127.0.0.1@{self.world.zones.port}", "--user", "root"])
        self.servers.append(resolver)
        wait_for(lambda: accepts(path), what="the socket")
        forward = f"127.0.0.1@{self.world.zones.port}"
        name = ["n1._device.bench.example"]
        self.lookups("module", path, name, forward)
        values = [self.lookups("module", path, name, forward)[0][0] for _ in range(10 * self.rounds)]
        self.row("f2", "first lookup of a fresh process, known to the machine's resolver", values, 150, " us")
        self.end(resolver)

    def g(self):
        ratios, _ = self.pair(lambda: self.pkix(None, "-r"), lambda: self.handshakes("ee", "-r"))
        self.row("g", "resumption with DANE / without", ratios)

    def h(self):
        starts = os.path.join(BENCH, "starts")
        count = 50 if self.quick else 300
        for argv in (["openssl", "version"], ["curl", "--version"]):
            if shutil.which(argv[0]) is None:
                self.note("h", f"{argv[0]} is not installed")
                continue
            ratios, absolute = [], []
            for _ in range(self.rounds):
                without = float(run([starts, count, *argv], self.plain()))
                with_module = float(run([starts, count, *argv], self.conf["ee"]))
                ratios.append(with_module / without)
                absolute.append(with_module - without)
            self.row("h", f"{' '.join(argv)}: process start with the module / without", ratios, 1.10)
            self.row("h", "... difference", absolute, unit=" us")

    def plain(self):
        """The same openssl.cnf without the module, so that the file is read in both cases."""
        path = os.path.join(self.folder, "plain.cnf")
        with open(path, "w") as out:
            out.write("openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\n[provider_sect]\n"
                      "default = default_sect\n[default_sect]\nactivate = 1\n")
        return path

    @staticmethod
    def private_kib(pid):
        text = open(f"/proc/{pid}/smaps_rollup").read()
        return sum(int(n) for n in re.findall(r"^Private_\w+:\s+(\d+)", text, re.M))

    def i(self):
        w = self.world
        sizes = []
        for conf in (self.plain(), self.conf["idle"]):
            port = free_port()
            server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", w.path("server.crt"),
                                       "-key", w.path("server.key"), "-quiet"], env=environment(conf),
                                      stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.servers.append(server)
            wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
            sizes.append(self.private_kib(server.pid))
            self.end(server)
        self.row("i", "private memory of an idle s_server, more with the module", [sizes[1] - sizes[0]], unit=" KiB")
        path = os.path.join(self.folder, "i.sock")
        log = os.path.join(self.folder, "i.log")
        resolver = subprocess.Popen([RESOLVER, "--socket", path, "--log", log, "--trust-anchor", w.anchor, "--forward",
                                     f"127.0.0.1@{w.zones.port}", "--user", "root"])
        self.servers.append(resolver)
        wait_for(lambda: accepts(path), what="the socket")
        self.row("i", "private memory of the resolver, empty", [self.private_kib(resolver.pid)], unit=" KiB")
        fd = os.memfd_create("list", os.MFD_ALLOW_SEALING)
        with os.fdopen(os.dup(fd), "wb") as out:
            out.write(b"".join(b"n%d._device.bench.example\n" % i for i in range(self.names)))
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE)
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        holder.connect(path)
        begin = time.monotonic()
        socket.send_fds(holder, [b"DNCE\x03\x05"], [fd])

        def kept():
            offset = os.path.getsize(log)
            resolver.send_signal(signal.SIGUSR1)
            with open(log) as f:
                f.seek(offset)
                found = wait_for(lambda: re.search(r"(\d+) names kept", f.read()))
            return int(found.group(1))
        wait_for(lambda: (time.sleep(0.2), kept() >= self.names)[1], 600, "the names")
        self.row("i", f"looking up {self.names} names ahead", [time.monotonic() - begin], unit=" s")
        self.row("i", f"private memory of the resolver with {self.names} names", [self.private_kib(resolver.pid)], unit=" KiB")
        holder.close()
        self.end(resolver)

    def j(self):
        """One after the other in each round, as everywhere: what the machine does else changes by the minute."""
        counts, n = (1, 2, 8, 64), 640 if self.quick else 3200
        ours, plain, apart = ({threads: [] for threads in counts} for _ in range(3))
        for i in range(self.rounds):
            for threads in counts if i % 2 == 0 else counts[::-1]:
                ours[threads].append(self.handshakes("ee", "-t", threads, count=n)[-1])
                plain[threads].append(self.pkix(None, "-t", threads, count=n)[-1])
            apart[2].append(self.apart("ee", 2, n))
        for threads in counts[1:]:
            wanted = 1.9 if threads == 2 else None
            for what, of in ((f"{threads} threads / 1 ({os.cpu_count()} processors)", ours),
                             ("... the same without the module", plain)):
                self.row("j", what, [many[0] / one[0] for many, one in zip(of[threads], of[1])],
                         wanted if of is ours else None, below=False)
            self.row("j", "... the module's share: one / the other", [a[0] / b[0] * d[0] / c[0] for a, b, c, d in zip(
                ours[threads], ours[1], plain[threads], plain[1])], 0.98 if threads == 2 else None, below=False)
            self.row("j", "... processors busy with it", [many[6] for many in ours[threads]])
        self.row("j", "what the machine can: 2 processes that share nothing / 1", [two / one[0] for two, one in zip(apart[2], ours[1])])
        self.row("j", "... 2 threads / 2 processes", [two[0] / of for two, of in zip(ours[2], apart[2])])

    def apart(self, conf, processes, count):
        """The sum of the rates of several processes at the same time."""
        w = self.world
        argv = [os.path.join(BENCH, "handshakes"), "-c", w.path("server.crt"), "-k", w.path("server.key"), "-a", w.path("ca.crt"),
                "-n", str(count // processes), "-w", str(count // processes // 10)]
        running = [subprocess.Popen(argv, env=environment(self.conf[conf]), stdout=subprocess.PIPE, text=True) for _ in range(processes)]
        return sum(float(p.communicate()[0].split()[0]) for p in running)

    # Servers, with clients of many names.

    def serve(self, kind, port, forward, **server):
        w = self.world
        folder = tempfile.mkdtemp(dir=self.folder)
        os.chmod(folder, 0o755)
        conf = config(os.path.join(folder, "cnf"), "none", dns=w.dns(forward=forward),
                      server={"policy": "require", "allow": "*._device.bench.example, *._device.example.com", **server})
        pem = os.path.join(folder, "server.pem")
        with open(pem, "wb") as out:
            out.write(open(w.path("server.crt"), "rb").read() + open(w.path("server.key"), "rb").read())
        if kind == "nginx":
            text = (f"daemon off; worker_processes 1; error_log /dev/null; pid {folder}/pid;\nevents {{ worker_connections 4096; }}\n"
                    f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n"
                    f"uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\nserver {{ listen 127.0.0.1:{port} ssl backlog=4096; "
                    f"ssl_certificate {pem}; ssl_certificate_key {pem};\nssl_protocols TLSv1.3; ssl_verify_client optional_no_ca; "
                    "location / { return 200 hello; } } }\n")
            argv = [NGINX, "-c", os.path.join(folder, "conf"), "-p", folder]
        elif kind == "haproxy":
            text = (f"global\n ssl-mode-async\n nbthread 1\ndefaults\n mode http\n timeout client 30s\n timeout connect 5s\n"
                    f" timeout server 5s\nfrontend f\n bind 127.0.0.1:{port} ssl crt {pem} verify required ca-file {w.path('ca.crt')}\n"
                    " http-request return status 200 content-type text/plain string hello\n")
            argv = [HAPROXY, "-db", "-f", os.path.join(folder, "conf")]
        else:
            text = ""
            argv = [os.path.join(PROGRAMS, "tls_server"), "-p", str(port), "-c", w.path("server.crt"), "-k", w.path("server.key"),
                    "-V", "-t", "32"]
        with open(os.path.join(folder, "conf"), "w") as out:
            out.write(text)
        process = subprocess.Popen(argv, env=environment(conf), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.servers.append(process)

        def listens():
            assert process.poll() is None, argv
            return socket.socket().connect_ex(("127.0.0.1", port)) == 0
        wait_for(listens, what=kind)
        return process

    def clients(self, port, prefix, domain, *arguments, wait=True):
        w = self.world
        argv = [os.path.join(BENCH, "clients"), "-p", port, "-c", w.path("nameless.crt"), "-k", w.path("client.key"),
                "-f", prefix, "-d", domain, *arguments]
        if wait:
            return [float(x) for x in run(argv).split()]
        return subprocess.Popen([str(a) for a in argv], env=environment("/dev/null"), stdout=subprocess.PIPE, text=True)

    def kinds(self):
        for kind, there in (("haproxy", HAPROXY), ("threads", True), ("nginx", NGINX)):
            if there:
                yield kind
            else:
                self.note("", f"{kind} is not installed")

    def k(self):
        """10,000 names that nobody knows yet; of every hundredth the DNS takes two seconds."""
        count, rate = (300, 60) if self.quick else (10000, 150)
        names = {"haproxy": "HAProxy, ssl-mode-async, 1 thread", "threads": "a server with 32 threads", "nginx": "nginx, 1 worker, no ASYNC"}
        for kind in self.kinds():
            ratios, medians = [], []
            for i in range(1 if self.long or not self.quick else self.rounds):
                results = []
                for slow in (False, True):
                    prefix = f"{kind}{i}{int(slow)}x"
                    proxy = Proxy(self.world.zones.port, lambda name, slow=slow: 2 if slow and re.search(r"x\d*00\.wild", name) else 0)
                    port = free_port()
                    server = self.serve(kind, port, f"127.0.0.1@{proxy.port}")
                    # Latency counts from when a client was due; the first ones warm up.
                    self.clients(port, "warm" + prefix, "wild._device.bench.example", "-n", 20, "-o", 1, "-t", 2)
                    results.append(self.clients(port, prefix, "wild._device.bench.example", "-n", count, "-o", 1, "-t", 64,
                                                "-r", rate, "-s", 100))
                    self.end(server)
                    proxy.stop()
                ratios.append(results[1][3] / results[0][3])
                medians.append(results[1][2] / results[0][2])
                self.note("k", f"{names[kind]}: without {results[0]}, with {results[1]}")
            self.row("k", f"{names[kind]}: p99 of the others with slow names / without", ratios, 1.2 if kind != "nginx" else None)
            self.row("k", "... their median", medians)

    def l(self):
        """Rightful known clients beside strangers whose names do not exist, or are the rightful ones with another key."""
        seconds = 3 if self.quick else 10
        for kind in self.kinds():
            ratios = []
            for _ in range(self.rounds if self.quick else 3):
                port = free_port()
                server = self.serve(kind, port, f"127.0.0.1@{self.world.zones.port}")
                self.clients(port, "n", "_device.bench.example", "-n", 50, "-t", 4)
                results = []
                for flood in ("n", "stranger"):
                    # The same number of handshakes beside them in both cases: those of known names, and of unknown ones.
                    strangers = self.clients(port, flood, "_device.bench.example", "-n", 100000 if flood != "n" else 50, "-S", seconds + 1,
                                             "-r", 100, "-t", 32, wait=False)
                    results.append(self.clients(port, "n", "_device.bench.example", "-n", 50, "-S", seconds, "-r", 100, "-t", 32))
                    strangers.communicate()
                self.end(server)
                assert results[1][1] == 0, f"rightful clients were refused: {results[1]}"
                ratios.append(results[1][3] / results[0][3])
            self.row("l", f"{kind}: p99 of known clients, strangers' names unknown / known", ratios, 1.2)

    def resolver(self):
        path = os.path.join(self.folder, "sock")
        process = subprocess.Popen([RESOLVER, "--socket", path, "--log", "none", "--trust-anchor", self.world.anchor, "--forward",
                                    f"127.0.0.1@{self.world.zones.port}", "--user", "root"])
        self.servers.append(process)
        wait_for(lambda: accepts(path), what="the socket")
        return process, ("wire", path)

    def daemon(self, threads):
        port, conf = free_port(), os.path.join(self.folder, "unbound.conf")
        with open(conf, "w") as out:
            out.write(f"server:\n num-threads: {threads}\n interface: 127.0.0.1@{port}\n do-daemonize: no\n use-syslog: no\n"
                      f' username: ""\n chroot: ""\n pidfile: ""\n directory: "{self.folder}"\n'
                      f" trust-anchor-file: {self.world.anchor}\n do-not-query-localhost: no\n msg-cache-size: 64m\n"
                      " rrset-cache-size: 64m\n num-queries-per-thread: 4096\n outgoing-range: 8192\nremote-control:\n"
                      f' control-enable: no\nforward-zone:\n name: "."\n forward-addr: 127.0.0.1@{self.world.zones.port}\n')
        process = subprocess.Popen([UNBOUND, "-d", "-c", conf], stderr=subprocess.DEVNULL)
        self.servers.append(process)
        wait_for(lambda: "NOERROR" in subprocess.run(["drill", "-p", str(port), "n0._device.bench.example", "TLSA", "@127.0.0.1"],
                                                     capture_output=True, text=True).stdout, what="unbound")
        return process, ("udp", port)

    def cold(self, start, concurrency):
        """Of a resolver that knows the zone and none of the names, as cold.c prints them."""
        process, how = start()
        form = "n%u._device.bench.example"
        run([os.path.join(BENCH, "cold"), *how, form, 0, 1, 1])
        out = run([os.path.join(BENCH, "cold"), *how, form, 1, self.names - 1, concurrency])
        self.end(process)
        rate, median, p99, longest, bad = (float(x) for x in out.split())
        assert bad == 0, out
        return [[rate, median, p99, longest]]

    def m(self):
        """Names that nobody has asked for yet, beside the daemon."""
        if UNBOUND is None:
            self.note("m", "unbound is not installed")
            return
        for concurrency in (64, 256):
            for threads in (1, 2):
                rates, p99 = [], []
                for i in range(self.rounds):
                    pair = [lambda: self.cold(self.resolver, concurrency)[0], lambda: self.cold(lambda: self.daemon(threads), concurrency)[0]]
                    results = [None, None]
                    for which in (0, 1) if i % 2 == 0 else (1, 0):
                        results[which] = pair[which]()
                    rates.append(results[0][0] / results[1][0])
                    p99.append(results[0][2] / results[1][2])
                what = f"{concurrency} cold lookups at a time / unbound, {threads} thread" + "s" * (threads > 1)
                self.row("m", what + ": rate", rates, 0.9 if threads == 1 else None, below=False)
                self.row("m", "... p99", p99, 1.0 if threads == 1 else None)

    def script(self, name, *arguments):
        """Lines of a script of ours, which sets up a world of its own."""
        done = subprocess.run([sys.executable, "-B", os.path.join(os.path.dirname(os.path.abspath(__file__)), name), os.path.realpath(BUILD),
                               *(str(a) for a in arguments)], capture_output=True, text=True, timeout=1800)
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
        return [line.split() for line in done.stdout.splitlines()]

    def n(self):
        """A broker is restarted; see storm.py. As root."""
        for devices, wanted in ((50, None),) if self.quick else ((500, 8), (2000, 30)):
            rounds = [self.script("storm.py", devices, 20) for _ in range(1 if self.quick else 3)]
            for lines in zip(*rounds):
                kind = lines[0][0]
                self.row("n", f"{devices} devices come back, {kind}: the last one is in after", [float(line[1]) for line in lines],
                         wanted if kind == "cold" else None, " s")
                assert all(line[2] == "0" for line in lines), lines

    def o(self):
        """Domains whose owners make lookups long; see slow.py."""
        for line in self.script("slow.py", *(("one", "keytrap", "late") if self.quick else ())):
            self.note("o", " ".join(line))

    def p(self):
        """DNSSEC chains; see chains.py. As root."""
        for line in self.script("chains.py", *(("--quick",) if self.quick else ())):
            self.note("p", " ".join(line))

    def long_run(self):
        lines = self.handshakes("ee", "-s", 10, "-t", 2, count=20000)
        self.row("", "200,000 handshakes: allocated after 20,000", [lines[0][7]], unit=" KiB")
        self.row("", "... after 200,000 / after 20,000", [lines[-1][7] / lines[0][7]], 1.01)
        # malloc keeps what it may need again: up and down by some 100 KiB, whenever something is allocated at another place.
        self.row("", "... resident, after each 20,000", [line[4] for line in lines], unit=" KiB")
        self.row("", "... descriptors more", [lines[-1][5] - lines[0][5]], 0)


ROWS = ["a", "b", "c", "d", "e", "f", "f2", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a few minutes, for seeing that it works")
    parser.add_argument("--long", action="store_true", help="200,000 handshakes, too")
    parser.add_argument("row", nargs="*", choices=[[], *ROWS])
    arguments = parser.parse_args()
    bench = Bench(arguments)
    print(run(["openssl", "version"]).strip(), "on", os.cpu_count(), "processors, load", os.getloadavg()[0])
    try:
        for row in bench.wanted:
            getattr(bench, row)()
        if arguments.long:
            bench.long_run()
    finally:
        bench.stop()


main()
