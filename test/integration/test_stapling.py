# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Chains sent and taken by unmodified applications with openssl.cnf alone, and at every moment of a connection's life.

The servers take chains and nothing else (`chain = only`), where nothing else is said; test_chains_tls.py has what no
well-behaved client sends.
"""
import concurrent.futures
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

import chain
import pki
from conftest import DEVICE, PROGRAMS, THIN, Log, attempt, believed, config, entry as plain_entry, environment, let_everybody_in
from hierarchy import Hierarchy
from test_resolver import PROGRAM as RESOLVER
from test_raw_keys import NEGOTIATED, VERSION, needs_raw_keys
from tls13 import DANE_CLIENTID, client_name, parse_extensions
from zone import accepts, free_port, patient, wait_for

CHAIN = 65283
WANTED = r"accepted " + DEVICE + r" \(TLSA 3 1 1"

# What is shown is to be read, and not compressed.
SHOWN = ("-msg", "-no_rx_cert_comp") if VERSION >= (3, 2) else ("-msg",)


@pytest.fixture(scope="session")
def tree(world, tmp_path_factory):
    """The root and what is below it, with the device's record; whoever asks the DNS gets no answer and is noticed."""
    folder = tmp_path_factory.mktemp("tree")
    let_everybody_in(folder, tmp_path_factory)
    tree = Hierarchy(folder, bytes([3, 1, 1]) + bytes.fromhex(pki.tlsa(3, 1, 1, world.device).split()[-1]))
    tree.asked, silent = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    for s in (tree.asked, silent):
        s.bind(("127.0.0.1", 0))
    tree.asked.setblocking(False)
    # For who must not ask, and for who may.
    tree.dns_section, tree.may_ask = (
        {"trust_anchor": tree.anchor_file(), "timeout": str(int(patient(3))), "forward": f"127.0.0.1@{s.getsockname()[1]}"}
        for s in (tree.asked, silent))
    yield tree
    tree.asked.close()
    silent.close()


@pytest.fixture
def brought(tree, tmp_path):
    """A file with the device's chain."""
    path = tmp_path / "device.chain"
    path.write_bytes(octets(tree))
    return path


@pytest.fixture
def nobody_asked(tree):
    """Nothing was asked of the DNS while the test ran."""
    yield
    with pytest.raises(BlockingIOError):
        raise AssertionError(f"asked: {tree.asked.recv(4096)}")


@pytest.fixture
def client(world, brought):
    """The keys of a client section with a chain."""
    return {"identity": DEVICE, "private_key": world.path("client.key"), "chain": str(brought)}


@pytest.fixture
def taker(tree, s_server):
    """taker(policy, ...): an s_server that takes chains."""
    def run(policy="require", *arguments, takes="only", dns=None, **more):
        dns = dns or (tree.dns_section if takes == "only" else tree.may_ask)
        if "-msg" in arguments:
            arguments += SHOWN
        return s_server(policy, *arguments, dns=dns, **({"chain": takes} if takes else {}), **more)
    return run


def octets(tree, name=DEVICE):
    return chain.encode(tree.chain(name))


def entry(tree, certificate, name=DEVICE, brings=True):
    """A CertificateEntry with the name and its chain."""
    der, extensions = plain_entry(certificate, name)
    return der, extensions + ([(CHAIN, octets(tree, name))] if brings else [])


def sent(server):
    """The extensions of the client's first CertificateEntry, as s_server -msg shows the message."""
    text = server.output.wait(r"<<< TLS 1\.3, Handshake \[length [0-9a-f]+\], Certificate\n((?:    [0-9a-f ]+\n)+)").group(1)
    message = bytes.fromhex(text.replace("\n", " "))
    at = 4 + 1 + message[4] + 3
    at += 3 + int.from_bytes(message[at:at + 3], "big")
    return parse_extensions(message[at + 2:at + 2 + int.from_bytes(message[at:at + 2], "big")])


# Both sides are openssl's own programs.

@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("takes", ["accept", "only"])
def test_both_sides_by_configuration(tree, taker, s_client, client, nobody_asked, policy, takes):
    server = taker(policy, "-msg", takes=takes, dns=tree.dns_section)
    server.output.mark()
    done = s_client(server.port, client=client, module={"log_level": "debug"})
    assert done.accepted, (done.text, server.log.text())
    assert server.log.wait(WANTED)
    extensions = sent(server)
    assert extensions == {DANE_CLIENTID: client_name(DEVICE), CHAIN: octets(tree)}
    assert done.log.wait(rf"sent the DNSSEC chain of {DEVICE} to .*, {len(octets(tree))} octets")


def test_after_a_hello_retry_request(taker, s_client, client, nobody_asked):
    done = s_client(taker("require", "-groups", "P-384").port, "-groups", "X25519:P-384", "-msg", client=client)
    assert done.text.count(", ClientHello") == 2 and done.accepted, done.text


def test_in_an_async_job(world, tree, start, nobody_asked):
    """Its stack is small, and the wait for the verdict is a pause."""
    server = start([os.path.join(PROGRAMS, "event_server"), "-p", "PORT", "-c", world.path("server.crt"), "-k",
                    world.path("server.key"), "-A"], server=ONLY, dns=tree.dns_section,
                   ready=lambda p: re.search("^ready$", p.output.text(), re.M))
    for _ in range(3):
        assert server.client().run([entry(tree, world.device)], world.key).accepted, server.log.text()
        assert server.client().run([entry(tree, world.device, brings=False)], world.key).alert == 40


@pytest.mark.parametrize("server_says,client_says", [(None, "file"), ("no", "file"), ("only", None), ("only", "no"), ("accept", "no")])
def test_off_on_one_side(taker, s_client, client, world, server_says, client_says):
    """Nothing is offered, or nothing is sent: the messages are those of a module without chains."""
    server = taker("mixed", "-msg", ask="optional", strict=False, takes=server_says)
    server.output.mark()
    if client_says is None:
        del client["chain"]
    elif client_says != "file":
        client["chain"] = client_says
    done = s_client(server.port, client=client)
    assert sent(server) == {DANE_CLIENTID: client_name(DEVICE)}
    assert "accepted" not in server.log.text() and done.code == 0


def request_of(server):
    return server.client().run([], None).request_extensions


def test_off_is_what_it_was_before(world, s_server, s_client):
    """Of the CertificateRequest the octets and their order, of the Certificate all extensions."""
    silent, said = s_server("require"), s_server("require", chain="no")
    other = s_server("require", chain="accept")
    assert list(request_of(silent).items()) == list(request_of(said).items())
    assert CHAIN not in request_of(silent) and request_of(other)[CHAIN] == b""
    assert {k: v for k, v in request_of(other).items() if k != CHAIN} == request_of(silent)


def test_another_number(taker, tree, s_client, client, nobody_asked):
    module = {"chain_extension_type": "65290"}
    server = taker("require", "-msg", module=module)
    done = s_client(server.port, client=client, module=module)
    assert done.accepted and sent(server)[65290] == octets(tree)
    # Who goes by another one is not understood, which is no fault.
    server.log.mark()
    assert not s_client(server.port, client=client).accepted
    assert server.log.wait("reason=chain-absent")


def test_a_number_that_is_dane_clientids(s_server, s_client):
    server = s_server("require", chain="accept", module={"extension_type": "65283"})
    assert not s_client(server.port, module={"extension_type": "65283"}).accepted
    assert server.log.wait("chain_extension_type = 65283: allowed: another number than that of extension_type")


def test_prefetch_beside_only(s_server, s_client):
    server = s_server("require", chain="only", prefetch="yes")
    assert not s_client(server.port).accepted
    assert server.log.wait("server.prefetch = yes: not beside server.chain = only")


# The application has the number, or no memory.

@pytest.fixture
def program(world, client, tree, tmp_path):
    """program(name, ...): what it says, and its log; it is server and client."""
    def run(name, *arguments, dns=None, module=None, **keys):
        log = tmp_path / "dance.log"
        conf = config(tmp_path / "openssl.cnf", log, client={**client, **keys.pop("client", {})}, server={**ONLY, **keys},
                      dns=dns or tree.dns_section, module=module)
        done = subprocess.run([os.path.join(PROGRAMS, name), "-c", world.path("server.crt"), "-k", world.path("server.key"),
                               *map(str, arguments)], env=environment(conf), capture_output=True, text=True, timeout=patient(120))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, Log(log)
    return run


@pytest.mark.parametrize("takes,arguments,said", [
    ("only", [], "taken 0, admitted"), ("accept", [], "taken 0, admitted"), ("no", [], "taken 1, admitted"),
    ("accept", ["-e"], "taken 1, admitted"), ("only", ["-e"], "taken 1, not admitted"), ("no", ["-e"], "taken 1, admitted")])
def test_an_application_with_the_extension(world, program, takes, arguments, said):
    """Who comes second is told so by libssl. Where that is dance there are no chains, and nothing else changes."""
    out, log = program("extension_user", "-a", world.path("server.crt"), "-x", CHAIN, *arguments, chain=takes,
                       dns=None if takes == "only" else world.dns(), client={} if takes != "no" else {"chain": "no"},
                       module={"log_level": "debug"})
    assert out.strip() == said, (out, log.text())
    if takes == "no":
        assert "65283" not in log.text()
    elif arguments:
        assert log.text().count("libssl takes no extension of type 65283: no chain is sent or taken") == 1
        assert takes == "accept" or log.wait("reason=chain-absent")
    else:
        assert log.wait("the extension of type 65283 is a DNSSEC chain: the application cannot add one of that type itself")


@pytest.mark.parametrize("takes", ["accept", "only"])
def test_a_handshake_without_memory(world, tree, program, tmp_path, takes):
    """Allocations of it fail, one in each run; the client has the chain of somebody else's record."""
    path = str(tmp_path / "resolver")
    with subprocess.Popen([RESOLVER, "--socket", path, "--log", "none", "--trust-anchor", tree.anchor_file(),
                           "--forward", tree.dns_section["forward"]]) as resolver:
        try:
            wait_for(lambda: accepts(path), what="the socket")
            out, _ = program("failing_start", "-h", "-s", 7 * THIN, chain=takes, client={"private_key": world.path("other.key")},
                             dns={"resolver": path})
        finally:
            resolver.terminate()
    figures = {name: int(n) for name, n in re.findall(r"([a-zA-Z][\w .]*) (\d+)", out.splitlines()[-1])}
    assert figures["admitted"] == figures["crashed"] == 0 and figures["handshakes"] > 100 // THIN, out


# A connection's life.

@pytest.mark.parametrize("arguments", [[], ["-no_ticket"]], ids=["ticket", "cache"])
def test_resumption(taker, s_client, client, tmp_path, nobody_asked, arguments):
    """Who resumes brings no chain, and needs none."""
    server = taker("require", "-msg", *arguments)
    session = str(tmp_path / "session")
    assert s_client(server.port, "-sess_out", session, client=client).accepted, server.log.text()
    server.output.mark()
    again = s_client(server.port, "-sess_in", session, client=client)
    assert again.accepted and "Reused, TLSv1.3" in again.text, (again.text, server.log.text())
    assert ", CertificateRequest" not in server.output.text()


@pytest.mark.parametrize("arguments", [[], ["-no_ticket"]], ids=["ticket", "cache"])
def test_a_session_ends_with_what_its_chain_said(taker, tree, s_client, client, brought, tmp_path, nobody_asked, arguments):
    """Whoever has a session of a chain that has ended since, and no other chain, is as good as anybody."""
    name, session = "brief._device.example.com", str(tmp_path / "session")
    brought.write_bytes(octets(tree, name))
    client["identity"] = name
    server = taker("require", *arguments)
    begin = time.monotonic()
    assert s_client(server.port, "-sess_out", session, client=client).accepted, server.log.text()
    client["chain"] = "no"
    alone = wait_for(lambda: not (done := s_client(server.port, "-sess_in", session, client=client)).accepted and done, 20, "its end")
    assert time.monotonic() - begin < 7 + patient(3), "the TTL"
    assert alone.alert == 40 and server.log.wait(f"refused {name}: .*reason=(session-over|chain-absent)"), server.log.text()


def test_after_the_handshake(world, tree, odd_server, talk, nobody_asked):
    """Each authentication brings a chain of its own: that of the one before is gone."""
    server = odd_server("-P", dns=tree.dns_section, chain="only")
    c = talk(server)
    assert c.handshake([], None) and b"(nobody)" in c.ask()
    right = entry(tree, world.device)
    for _ in range(3):
        assert c.authenticate_again([right], world.key) == f"peer /CN={DEVICE}, verify result 0, resumed 0\n".encode(), server.log.text()
    assert c.authenticate_again([entry(tree, world.device, brings=False)], world.key) is None
    assert c.outcome.alert == 40 and server.log.wait("reason=chain-absent")


def test_one_ssl_for_all(world, tree, inheriting_server, nobody_asked):
    """SSL_clear() and SSL_dup(): a client's chain is nobody's else."""
    for kept in ("-R", "-D"):
        server = inheriting_server(kept, "-V", policy="require", dns=tree.dns_section, chain="only")
        for _ in range(2):
            assert attempt(server, ([entry(tree, world.device)], world.key)) == believed(DEVICE), server.log.text()
            for certificate, name in ((world.device, DEVICE), (pki.certificate(world.key, "alias._device.example.com"), "alias._device.example.com")):
                assert attempt(server, ([entry(tree, certificate, name, brings=False)], world.key))[0] <= 0, server.log.text()


def test_a_chain_without_a_name_waits_for_nobody(world, tree, inheriting_server):
    """It came alone; the next client on the same SSL says the name that it is of, and brings none."""
    server = inheriting_server("-R", "-V", policy="mixed", dns=tree.dns_section, chain="only")
    leaf = pki.certificate(world.key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    alone = (pki.der(leaf), [(CHAIN, octets(tree))])
    assert attempt(server, ([alone], world.key)) == believed("pkix client"), server.log.text()
    assert attempt(server, ([entry(tree, world.device, brings=False)], world.key))[0] <= 0
    assert server.log.wait("reason=chain-absent")


def test_tls_1_2(world, tree, taker, s_client, client):
    """There is no extension: with san_fallback the name is known, and no chain of it."""
    path = world.write("tls12.crt", pki.pem(world.device))
    own = ["-tls1_2", "-cert", path, "-key", world.path("client.key")]
    server = taker("dane", san_fallback="yes")
    assert not s_client(server.port, *own, client=client).accepted
    assert server.log.wait(f"refused {DEVICE}: the client brought no DNSSEC chain")
    leaf = pki.certificate(world.key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    path = world.write("tls12.crt", pki.pem(leaf))
    done = s_client(taker("mixed").port, "-tls1_2", "-cert", path, "-key", world.path("client.key"), client=client)
    assert done.accepted, done.text


@needs_raw_keys
@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_raw_keys(tree, taker, s_client, client, world, nobody_asked, policy):
    """No certificate and no DNS anywhere."""
    server = taker(policy, "-msg", raw_public_key="yes")
    done = s_client(server.port, client={**client, "raw_public_key": "yes"})
    assert done.accepted and NEGOTIATED in done.text, (done.text, server.log.text())
    assert server.log.wait(rf"{WANTED}, TTL \d+ s, raw public key")
    assert sent(server)[CHAIN] == octets(tree)
    server.log.mark()
    thief = s_client(server.port, client={**client, "raw_public_key": "yes", "private_key": world.path("other.key")})
    assert thief.alert == 40 and server.log.wait("reason=tlsa-no-match")


# Servers that fork, and that have threads; and other applications.

NGINX = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error info;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate {crt}; ssl_certificate_key {key};
        ssl_verify_client optional_no_ca;
        location / {{ return 200 "you are $ssl_client_s_dn, $ssl_client_verify\n"; }}
    }}
}}
"""
MOSQUITTO = """
listener {port} 127.0.0.1
cafile {ca}
certfile {crt}
keyfile {key}
require_certificate true
use_identity_as_username true
{user}
"""
ONLY = {"policy": "require", "allow": "*._device.example.com", "chain": "only"}


def needs(program):
    return pytest.mark.skipif(shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin") is None,
                              reason=f"{program} is not installed")


@pytest.fixture
def impostors(world, tree):
    """[(entries, key)]: without a chain; with that of another name; another key."""
    return [([entry(tree, world.device, brings=False)], world.key),
            ([(pki.der(world.device), [(DANE_CLIENTID, client_name(DEVICE)), (CHAIN, octets(tree, "other._device.example.com"))])], world.key),
            ([entry(tree, pki.certificate(world.other_key, DEVICE))], world.other_key)]


@pytest.mark.parametrize("arguments", [["-f"], ["-t", "4"]], ids=["fork", "threads"])
def test_processes_and_threads(world, tree, start, impostors, nobody_asked, arguments):
    server = start([os.path.join(PROGRAMS, "tls_server"), "-p", "PORT", "-c", world.path("server.crt"), "-k", world.path("server.key"),
                    "-a", world.path("ca.crt"), *arguments], dns=tree.dns_section, server=ONLY)

    def goes(entries, key, good):
        outcome = server.client().run(entries, key)
        return outcome.accepted == good and outcome.alert == (None if good else 40)
    tries = [([entry(tree, world.device)], world.key, True), *((*i, False) for i in impostors)] * 6
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda t: goes(*t), tries)), (server.log.text(), server.output.text())
    assert server.process.poll() is None


@needs("nginx")
@needs("curl")
@pytest.mark.skipif(bool(os.environ.get("DANCE_PRELOAD")), reason="curl may wait for ever in setlocale() behind libasan")
def test_curl_and_nginx(world, tree, start, client, impostors, tmp_path, nobody_asked):
    os.chmod(tmp_path, 0o755)
    port = free_port()
    path = tmp_path / "nginx.conf"
    path.write_text(NGINX.format(folder=tmp_path, port=port, crt=world.path("server.crt"), key=world.path("server.key"),
                                 user="user nobody nogroup;" if os.geteuid() == 0 else ""))
    server = start(["nginx", "-e", str(tmp_path / "error"), "-c", str(path)], server=ONLY, dns=tree.dns_section, port=port)
    for chain_of, said in ((client["chain"], f"you are CN={DEVICE}, SUCCESS"), ("no", None)):
        conf = config(tmp_path / "curl.cnf", tmp_path / "curl.log", client={**client, "chain": chain_of})
        done = subprocess.run(["curl", "-sS", "-m", str(patient(5)), "--cacert", world.path("server.crt"), "--resolve",
                               f"server.example.com:{port}:127.0.0.1", f"https://server.example.com:{port}/"],
                              env=environment(conf), capture_output=True, text=True, timeout=patient(20))
        assert (done.stdout.strip() == said) if said else done.returncode != 0, (done, server.log.text())
    assert server.log.wait("reason=chain-absent")
    for entries, key in impostors:
        assert server.client().run(entries, key, request=b"GET / HTTP/1.0\r\n\r\n").alert == 40
    server.stop()


@needs("mosquitto")
@needs("mosquitto_pub")
def test_mosquitto(world, tree, start, client, tmp_path, nobody_asked):
    os.chmod(tmp_path, 0o755)
    port = free_port()
    path = tmp_path / "mosquitto.conf"
    path.write_text(MOSQUITTO.format(port=port, crt=world.path("server.crt"), key=world.path("server.key"), ca=world.path("ca.crt"),
                                     user="user root" if os.geteuid() == 0 else ""))
    server = start(["mosquitto", "-v", "-c", str(path)], server=ONLY, dns=tree.dns_section, port=port)
    for chain_of, good in ((client["chain"], True), ("no", False)):
        conf = config(tmp_path / "pub.cnf", tmp_path / "pub.log", client={**client, "chain": chain_of})
        done = subprocess.run(["mosquitto_pub", "-d", "-h", "localhost", "-p", str(port), "--cafile", world.path("server.crt"),
                               "--insecure", "-t", "t", "-m", "m"], env=environment(conf), capture_output=True, text=True, timeout=patient(20))
        assert ("received CONNACK (0)" in done.stdout) == good, (done, server.log.text())
    assert server.log.wait("reason=chain-absent")
    server.stop()
