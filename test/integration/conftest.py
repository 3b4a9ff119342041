# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: a signed zone, a PKI, servers with the module.

Needs (scripts/packages.sh installs it): nsd ldnsutils openssl python3-pytest
python3-cryptography iproute2 util-linux procps valgrind. DANCE_BUILD says where
dance.so and dance-resolver were built, DANCE_PATIENCE how many times as long as on
a quiet machine is waited for what must come (8).
"""
import collections
import os
import re
import shutil
import signal
import subprocess
import tempfile
import types

import pytest

import distribution
import network
import pki
import tls13
from listening import listening
from tls13_after import Conversation
from zone import Zones, break_tlsa, free_port, patient, wait_for

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("DANCE_BUILD", os.path.join(REPOSITORY, "build")))
MODULE = os.path.join(BUILD, "provider", "dance.so")
PROGRAMS = os.path.join(BUILD, "test")


def sanitized():
    """The build has a sanitizer in it: it may be ten times as slow."""
    with open(os.path.join(BUILD, "CMakeCache.txt")) as cache:
        return re.search(r"(?m)^DANCE_SANITIZE:\w+=.", cache.read()) is not None


# A sanitizer build tries every third of what is tried hundreds of times in a row: its processes take five times as long.
THIN = 3 if sanitized() else 1


DEVICE = "sensor7._device.example.com"
USAGES = [(u, s, m) for u in range(4) for s in range(2) for m in range(3)]


def config(path, log, client=None, server=None, dns=None, module=None, providers=None):
    """Write an openssl.cnf in the documented form; the path. providers: others, by name, with their sections."""
    sections = {"client": client, "server": server, "dns": dns}
    lines = ["[default]", "openssl_conf = openssl_init", "nodejs_conf = openssl_init", "[openssl_init]",
             "providers = provider_sect", "[provider_sect]", "default = default_sect",
             *(f"{name} = {name}_sect" for name in providers or {}), "dance = dance_sect", "[default_sect]", "activate = 1"]
    for name, section in (providers or {}).items():
        lines += [f"[{name}_sect]", *(f"{key} = {value}" for key, value in section.items()), "activate = 1"]
    lines.append("[dance_sect]")
    for key, value in {"module": MODULE, "activate": "1", "log": log, "log_level": "info", **(module or {})}.items():
        lines.append(f"{key} = {value}")
    for name, section in sections.items():
        if section is not None:
            lines.append(f"{name} = dance_{name}")
    for name, section in sections.items():
        if section is not None:
            lines.append(f"[dance_{name}]")
            lines += [f"{key} = {value}" for key, value in section.items()]
    with open(path, "w") as out:
        out.write("\n".join(lines) + "\n")
    return str(path)


def environment(conf):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SSL_CERT", "OPENSSL"))}
    if conf:
        env["OPENSSL_CONF"] = str(conf)
    if os.environ.get("DANCE_PRELOAD"):
        env["LD_PRELOAD"] = os.environ["DANCE_PRELOAD"]
    return env


class World:
    """The zone, keys and certificates of the run."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.key, self.other_key = pki.new_key(), pki.new_key()
        self.ca_key = pki.new_key()
        self.ca = pki.certificate(self.ca_key, "dance test CA", ca=True)
        self.other_ca = pki.certificate(pki.new_key(), "another CA", ca=True)
        self.device = pki.certificate(self.key, DEVICE, [DEVICE])
        self.server_key = pki.new_key()
        self.write("server.key", pki.key_pem(self.server_key))
        self.write("server.crt", pki.pem(pki.certificate(self.server_key, "server", ["server.example.com"])))
        self.write("ca.crt", pki.pem(self.ca))
        self.write("client.key", pki.key_pem(self.key))
        self.write("other.key", pki.key_pem(self.other_key))
        self.zones = Zones(folder)
        self.leaves = {}
        right = pki.tlsa(3, 1, 1, self.device)
        wrong = pki.tlsa(3, 1, 1, pki.certificate(self.other_key, "x"))
        lines = [f"sensor7._device {right}", f"wrongkey._device {wrong}", f"bogus._device {right}",
                 "nodata._device A 127.0.0.1", f"*.wild._device {right}",
                 "alias._device CNAME sensor7._device", f"_smtp-client.relay {right}",
                 f"outside {right}", f"doubled._device.example.com {right}", f"ttl0._device {right}", f"ttl2._device {right}", f"several._device {wrong}", f"several._device {right}",
                 f"agile._device {right}", "agile._device " + pki.tlsa(3, 1, 2, pki.certificate(self.other_key, "x")),
                 "unusable._device TLSA 3 1 1 00", "unusable._device TLSA 9 9 9 " + "00" * 32]
        for u, s, m in USAGES:
            name = f"u{u}{s}{m}._device.example.com"
            leaf = self.leaves[name] = self.issue(name)
            stranger = self.other_ca if u in (0, 2) else pki.certificate(self.other_key, name, [name])
            lines.append(f"{name}. " + pki.tlsa(u, s, m, self.ca if u in (0, 2) else leaf))
            lines.append(f"w{name}. " + pki.tlsa(u, s, m, stranger))
            self.leaves["w" + name] = self.issue("w" + name)
        spoil = break_tlsa("bogus._device.example.com")
        # A TTL may be smaller than the one that was signed.
        self.zones.add("example.com", lines,
                       damage=lambda text: re.sub(r"(?m)^(ttl(\d)\._device\.example\.com\.\t)60\t", r"\g<1>\g<2>\t",
                                               spoil(text)))
        self.zones.add("example.net", [f"dev._device {right}"], signed=False)
        self.zones.add("example.org", [f"dev._device {right}"], expired=True)
        self.anchor = self.write("anchors", self.zones.anchors.encode())
        self.zones.start()

    def issue(self, name, sans=None, cn=None):
        """A certificate for name from the test CA."""
        return pki.certificate(self.key, cn or name, [name] if sans is None else sans, issuer=self.ca, issuer_key=self.ca_key)

    def write(self, name, octets):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as out:
            out.write(octets)
        return path

    def path(self, name):
        return os.path.join(self.folder, name)

    def dns(self, **more):
        """With a timeout that lets a busy machine answer, up to the largest that there is."""
        return {"trust_anchor": self.anchor, "forward": f"127.0.0.1@{self.zones.port}",
                "timeout": str(min(60, int(patient(3)))), **more}


class Log:
    """Lines that come after mark()."""

    def __init__(self, path):
        self.path = str(path)
        self.offset = 0

    def mark(self):
        self.offset = os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def text(self):
        if not os.path.exists(self.path):
            return ""
        with open(self.path, errors="replace") as f:
            f.seek(self.offset)
            return f.read()

    def is_near_its_bound(self):
        """Refusals for one reason that follow are perhaps not said one by one."""
        if not os.path.exists(self.path):
            return False
        with open(self.path, errors="replace") as f:
            said = collections.Counter(re.findall(r" reason=(\S+)", f.read()))
        return max(said.values(), default=0) > 4

    def wait(self, pattern):
        """The first match of a pattern after the mark."""
        return wait_for(lambda: re.search(pattern, self.text()), 10, f"{pattern!r} in: {self.text()}")


class Process:
    """A server that we started: its pid, its output, its log."""

    def __init__(self, argv, conf, log, port, ready, output):
        self.port, self.log, self.output = port, Log(log), Log(output)
        self.process = subprocess.Popen(argv, env=environment(conf), stdin=subprocess.PIPE,
                                        stdout=open(output, "w"), stderr=subprocess.STDOUT)
        wait_for(lambda: self.alive() and ready(self), 20, f"{argv[0]} to listen: {self.output.text()}")

    def alive(self):
        assert self.process.poll() is None, self.output.text()
        return True

    def client(self, **kwargs):
        return tls13.Client(self.port, **kwargs)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patient(10))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        return self.process.returncode


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """A folder of our own: pytest's is shared, and whoever starts pytest next closes it to all but root."""
    if not hasattr(config, "workerinput") and config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="dance-tests-")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))
    # With workers (pytest-xdist) each has its own.
    if not getattr(config.option, "numprocesses", None) and network.is_possible():
        network.enter()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return distribution.scheduler(config, log) if config.option.dist == "load" else None


@pytest.fixture(autouse=True)
def other_openssls(request):
    """What a test notes of an application with another OpenSSL goes into its report, also from a worker of xdist."""
    import openssls
    openssls.noted.clear()
    yield
    request.node.user_properties += [("other openssl", line) for line in openssls.noted]


def pytest_terminal_summary(terminalreporter):
    lines = collections.Counter(value for reports in terminalreporter.stats.values() for report in reports
                                for name, value in set(getattr(report, "user_properties", [])) if name == "other openssl")
    for line, count in sorted(lines.items()):
        terminalreporter.write_line(f"OTHER OPENSSL [{count}] {line}")


def let_everybody_in(folder, tmp_path_factory):
    """Who gives up root must still read what is in this folder of a test."""
    base = tmp_path_factory.getbasetemp()
    for path in (folder, base, *([base.parent] if base.name.startswith("popen-") else [])):
        os.chmod(path, 0o755)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    let_everybody_in(folder, tmp_path_factory)
    world = World(folder)
    yield world
    world.zones.stop()


started = []


@pytest.fixture(scope="module", autouse=True)
def servers_of_a_file():
    """Each has a resolver of its own: hundreds of them, with AddressSanitizer, are more than a machine's memory."""
    yield
    while started:
        started.pop().stop()


@pytest.fixture(scope="session")
def start(world, tmp_path_factory):
    """start(argv, ...): any server with the module; all are ended with the tests of the file that are run here."""

    def run(argv, server=None, dns=None, module=None, conf=True, ready=listening, port=None):
        folder = tmp_path_factory.mktemp("server")
        os.chmod(folder, 0o777)
        log = folder / "dance.log"
        path = config(folder / "openssl.cnf", log, server=server,
                      dns=dns if dns is not None else world.dns(), module=module) if conf else None
        port = port or free_port()
        process = Process([str(a).replace("PORT", str(port)) for a in argv], path, log, port, ready,
                          folder / "output")
        process.conf = path
        started.append(process)
        return process

    return run


@pytest.fixture(scope="session")
def s_server(world, start):
    """s_server(policy, ...): an openssl s_server, one for each configuration."""
    kept = {}

    def run(policy=None, *arguments, ask=True, strict=True, fresh=False, dns=None, module=None, **server):
        key = (policy, arguments, ask, strict, str(dns), str(module), tuple(sorted(server.items())))
        if not fresh and key in kept and kept[key].process.poll() is None:
            if not kept[key].log.is_near_its_bound():
                kept[key].log.mark()
                return kept[key]
            kept[key].stop()
        section = {"allow": "*._device.example.com, *._device.example.net, *._device.example.org",
                   **({"policy": policy} if policy else {}), **server}
        argv = ["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"),
                "-key", world.path("server.key"), "-rev", "-CAfile", world.path("ca.crt"), *arguments]
        argv += ["-Verify", "3"] if ask is True else (["-verify", "3"] if ask == "optional" else [])
        argv += ["-verify_return_error"] if ask and strict else []
        process = start(argv, server={k: v for k, v in section.items() if v is not None}, dns=dns,
                        module=module)
        if not fresh:
            kept[key] = process
        return process

    return run


def server_program(name, usual="mixed", ready=listening):
    """A fixture, run(*arguments, policy=...): the program for this test, which must not die of it. policy None: one
    that has no dance."""

    @pytest.fixture
    def fixture(world, start):
        kept = []

        def run(*arguments, policy=usual, dns=None, **server):
            section = {"policy": policy, "allow": "*._device.example.com", **server} if policy else None
            process = start([os.path.join(PROGRAMS, name), "-p", "PORT", "-c", world.path("server.crt"), "-k",
                             world.path("server.key"), "-a", world.path("ca.crt"), *arguments],
                            server=section, dns=dns, conf=section is not None, ready=ready)
            kept.append(process)
            return process
        yield run
        for process in kept:
            assert process.process.poll() is None, process.output.text()
            process.stop()
    return fixture


odd_server = server_program("odd_server")
taking_server = server_program("taking_server")
inheriting_server = server_program("inheriting_server")


def visit(server, proof, **kwargs):
    """A client of taking_server or inheriting_server, with (entries, key), that has gone again: it, and what
    SSL_accept() came to, and what the application read and believed then."""
    server.output.mark()
    client = Conversation(server.port, **kwargs)
    try:
        if client.handshake(*proof, "server.example.com"):
            client.ask()
    finally:
        client.close()
    return client, *concluded(server)


def attempt(server, proof, **kwargs):
    """What became of a visit."""
    return visit(server, proof, **kwargs)[1:]


def believed(name, resumed=0):
    """What an application says that a client of this name was let in with."""
    return 1, f"who, peer /CN={name}, verify result 0, resumed {resumed}"


def concluded(server):
    """What the server, which must not die of it, says of the connection since server.output.mark()."""
    def said(pattern):
        return wait_for(lambda: re.search(pattern, server.output.text()) or server.alive() and None, 10,
                        f"{pattern!r} in: {server.output.text()}").group(1)
    accepted = int(said(r"accept (-?\d+)"))
    return accepted, said(r"read (.*)\n") if accepted == 1 else None


@pytest.fixture
def talk(world):
    """talk(server): a conversation; the server has one at a time, so the last one ends."""
    opened = []

    def run(server, *args, **kwargs):
        if opened:
            opened[-1].close()
        opened.append(Conversation(server.port, *args, **kwargs))
        return opened[-1]
    yield run
    for conversation in opened:
        conversation.close()


@pytest.fixture
def s_client(world, tmp_path):
    """s_client(port, ...): run openssl s_client with a client section; its output."""

    def run(port, *arguments, client=None, conf=None, module=None, request="ping\n"):
        log = tmp_path / "client.log"
        if conf is None and client is not False:
            conf = config(tmp_path / "client.cnf", log, module=module, client=client or {
                "identity": DEVICE, "private_key": world.path("client.key")})
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", world.path("server.crt"),
             "-ign_eof", *arguments],
            env=environment(conf), input=request + "CLOSE\n", capture_output=True, text=True, timeout=patient(30),
            errors="replace")
        text = done.stdout + done.stderr
        alert = re.search(r"SSL alert number (\d+)", text)
        return types.SimpleNamespace(
            text=text, code=done.returncode, alert=int(alert.group(1)) if alert else None,
            accepted="gnip" in text, log=Log(log))

    return run


@pytest.fixture
def tls12(world, s_client):
    """tls12(server, certificate, key): an ordinary client of TLS 1.2; what taking_server or inheriting_server says of
    it, and what it says itself."""
    def run(server, certificate, key):
        path = world.write("tls12.crt", pki.pem(certificate))
        server.output.mark()
        done = s_client(server.port, "-tls1_2", "-cert", path, "-key", world.path(key), client=False, request="who\n")
        return *concluded(server), done
    return run


class Client:
    """The program tls_client: ask(command) gives its line."""

    def __init__(self, world, conf, log):
        self.log = Log(log)
        self.process = subprocess.Popen([os.path.join(PROGRAMS, "tls_client"), world.path("server.crt")],
                                        env=environment(conf), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"tls_client ended: {self.process.wait()}"
        return line

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(patient(20))


@pytest.fixture
def tls_client(world, tmp_path):
    """tls_client(client=...): a client that lives until the test ends, and must end well."""
    started = []

    def run(**sections):
        log = tmp_path / "tls_client.log"
        started.append(Client(world, config(tmp_path / "tls_client.cnf", log, **sections), log))
        return started[-1]

    yield run
    codes = [client.stop() for client in started]
    assert codes == [0] * len(codes)


def entry(certificate, *names, kind=tls13.DANE_CLIENTID):
    """A CertificateEntry with a dane_clientid for each name (raw data where it is bytes)."""
    return (pki.der(certificate), [(kind, n if isinstance(n, bytes) else tls13.client_name(n)) for n in names])
