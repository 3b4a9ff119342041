# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Keys in PKCS#11 tokens and TPMs, with the providers that Debian has for them.

Left out where they are not installed (scripts/packages.sh tokens does it, on Debian 13 and later), and where OpenSSL
alone does not sign with a TPM's key, as on Debian 12.
"""
import hashlib
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import pytest

from conftest import DEVICE, Client, config, environment
from test_cli import dance
from test_keys import page_server  # noqa: F401 (fixture)
from zone import free_port, patient, wait_for

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "s3cret99"
TPM_NAME = "tpm._device.example.com"


def modules_dir():
    return re.search(r'MODULESDIR: "(.*)"', subprocess.run(["openssl", "version", "-m"], capture_output=True, text=True,
                                                           check=True).stdout).group(1)


def need(*paths):
    for path in paths:
        if not (os.path.exists(path) if "/" in path else shutil.which(path)):
            pytest.skip(f"{path} is not installed")


@pytest.fixture(scope="module")
def token(world, tmp_path_factory):
    """A SoftHSM token with the client's key; the environment to use it with."""
    need(SOFTHSM, "softhsm2-util", os.path.join(modules_dir(), "pkcs11.so"))
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    env = {"SOFTHSM2_CONF": str(folder / "softhsm2.conf")}

    def tool(*arguments):
        subprocess.run(["softhsm2-util", *arguments], env={**os.environ, **env}, check=True, capture_output=True)
    tool("--init-token", "--free", "--label", "dance", "--so-pin", "87654321", "--pin", PIN)
    pem = str(folder / "pkcs8")
    subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", world.path("client.key"), "-out", pem], check=True)
    tool("--import", pem, "--token", "dance", "--label", "key", "--id", "01", "--pin", PIN)
    return env


class Tpm:
    """A software TPM of this test's own, without a resource manager: what is left in it stays there."""

    def __init__(self, folder):
        self.port = free_port()
        self.env = {"TPM2OPENSSL_TCTI": f"swtpm:host=127.0.0.1,port={self.port}"}
        self.folder = folder
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--server", f"type=tcp,port={self.port}", "--ctrl",
             f"type=tcp,port={self.port + 1}", "--tpmstate", f"dir={folder}", "--flags", "not-need-init,startup-clear"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers, 10, "swtpm")

    def answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port + 1)) == 0

    def command(self, octets):
        """The answer to a command of TPM 2.0."""
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.sendall(octets)
            return s.recv(4096)

    def transient_objects(self):
        """TPM2_GetCapability(TPM_CAP_HANDLES, from 0x80000000, 16)."""
        answer = self.command(bytes.fromhex("8001" "00000016" "0000017a" "00000001" "80000000" "00000010"))
        assert answer[6:10] == bytes(4), answer.hex()
        return int.from_bytes(answer[15:19], "big")

    def openssl(self, *arguments, prefers=("-propquery", "?provider=tpm2"), check=True):
        return subprocess.run(["openssl", *arguments[:1], "-provider", "tpm2", "-provider", "default", *prefers, *arguments[1:]],
                              env={**environment(None), **self.env}, check=check, stdin=subprocess.DEVNULL, capture_output=True)

    def signs(self):
        """An application signs with a key of its that knows nothing of TPMs, and has nothing of ours."""
        key = os.path.join(self.folder, "probe")
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "group:P-256", "-out", key)
        done = self.openssl("dgst", "-sha256", "-sign", key, prefers=(), check=False)
        return b"missing private key" not in done.stderr

    def stop(self):
        self.process.terminate()
        self.process.wait(patient(10))


@pytest.fixture
def tpm(tmp_path_factory):
    need("swtpm", os.path.join(modules_dir(), "tpm2.so"))
    tpm = Tpm(tmp_path_factory.mktemp("tpm"))
    try:
        if not tpm.signs():
            pytest.skip("tpm2-openssl before 1.2 exports its keys without the private half, and OpenSSL takes that (its issue 81)")
        yield tpm
    finally:
        tpm.stop()


def pkcs11(world, folder, uri=f"pkcs11:token=dance;object=key?pin-value={PIN}", pkcs11=None, **client):
    """An openssl.cnf for the token. no-deinit: without it SoftHSM crashes at the end of each process, also without dance."""
    section = {"pkcs11-module-quirks": "no-deinit", "module": os.path.join(modules_dir(), "pkcs11.so"), "pkcs11-module-path": SOFTHSM, **(pkcs11 or {})}
    return config(folder / "client.cnf", folder / "log", providers={"pkcs11": section}, module={"log_level": "debug"},
                  client={"identity": DEVICE, "private_key": uri, **client})


def read_log(folder):
    return (folder / "log").read_text() if (folder / "log").exists() else ""


def at_terminal(argv, env, enough=lambda: False):
    """Run with a terminal of its own until it ends, it asks something, or enough(); what stood there, and whether it
    ended by itself."""
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.execvpe(argv[0], argv, env)
        finally:
            os._exit(127)
    shown, until = b"", time.monotonic() + patient(20)
    while time.monotonic() < until and not enough():
        if select.select([fd], [], [], 0.2)[0]:
            try:
                octets = os.read(fd, 4096)
            except OSError:
                octets = b""
            if not octets:
                break
            shown += octets
            # Whoever asks waits for an answer.
            if re.search(rb"(?i)(enter|pin|pass ?phrase).*: ?$", shown):
                break
    time.sleep(0.2)
    ended = os.waitpid(pid, os.WNOHANG) != (0, 0)
    if not ended:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os.close(fd)
    return shown.decode(errors="replace"), ended


def open_descriptors(client):
    return len(os.listdir(f"/proc/{client.process.pid}/fd"))


def handshakes(client, port, count):
    for _ in range(count):
        answer = client.ask(f"connect {port}")
        assert "200" in answer, (answer, client.log.text())


@pytest.fixture
def client_with(world, monkeypatch, tmp_path):
    """client_with(conf, env): a tls_client, which ends well."""
    started = []

    def run(conf, env):
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        started.append(Client(world, conf, tmp_path / "log"))
        return started[-1]
    yield run
    assert [client.stop() for client in started] == [0] * len(started)


def test_softhsm(world, page_server, token, client_with, tmp_path):
    """A hundred handshakes: nothing grows, and nobody is told the PIN."""
    conf = pkcs11(world, tmp_path)
    client = client_with(conf, token)
    handshakes(client, page_server.port, 5)
    before = open_descriptors(client)
    handshakes(client, page_server.port, 95)
    assert open_descriptors(client) == before
    said = subprocess.run(["openssl", "list", "-providers", "-verbose"], env=environment(conf), capture_output=True,
                          text=True, check=True)
    assert "configuration is good" in said.stdout, said
    assert PIN not in said.stdout + said.stderr + read_log(tmp_path)
    assert "error" not in read_log(tmp_path), read_log(tmp_path)


@pytest.mark.parametrize("uri,section,sends", [
    (f"pkcs11:token=dance;object=key?pin-value={PIN}", {}, True), ("pkcs11:token=dance;object=key", {"pkcs11-module-token-pin": PIN}, True),
    ("pkcs11:token=dance;object=key?pin-value=wr0ng999", {}, False)], ids=["the PIN of the URI", "the PIN of the provider", "a wrong PIN"])
def test_softhsm_is_checked(world, token, tmp_path, uri, section, sends):
    """dance check has the key sign in a handshake, and tells nobody the PIN."""
    conf = pkcs11(world, tmp_path, uri, section)
    done = dance("check", "--offline", "--config", conf, env={**environment(None), **token})
    assert done.returncode == (not sends) and ("is told the identity, and the key signs" in done.stdout) == sends, done
    assert not re.search(f"{PIN}|wr0ng999", done.stdout + done.stderr)


def test_softhsm_in_forked_children(world, page_server, token, tmp_path, monkeypatch):
    """The parent has read the key; each child signs with it, and ends in its own good time."""
    conf = pkcs11(world, tmp_path)
    program = f"""
import os, socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.load_verify_locations({world.path("server.crt")!r})
def connect():
    with context.wrap_socket(socket.create_connection(("127.0.0.1", {page_server.port}))) as s:
        s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        print(s.recv(12).decode(), flush=True)
connect()
for _ in range(3):
    if os.fork() == 0:
        connect()
        raise SystemExit
    os.wait()
    connect()
"""
    for name, value in token.items():
        monkeypatch.setenv(name, value)
    shown, ended = at_terminal(["/usr/bin/python3", "-c", program], environment(conf))
    assert ended and shown.count("HTTP/1.0 200") == 7, (shown, read_log(tmp_path))


@pytest.mark.parametrize("uri,section,why", [
    ("pkcs11:token=dance;object=key", {}, "no private key without a passphrase"),
    ("pkcs11:token=dance;object=key?pin-value=wr0ng999", {}, "no private key without a passphrase"),
    ("pkcs11:token=dance;object=key", {"pkcs11-module-token-pin": PIN}, None)],
    ids=["no PIN", "a wrong PIN", "the PIN of the provider"])
def test_no_pin_is_asked_for(world, page_server, token, tmp_path, uri, section, why):
    """At a terminal that is there, by pkcs11-provider's own question."""
    conf = pkcs11(world, tmp_path, uri, section)
    shown, ended = at_terminal(["openssl", "s_client", "-connect", f"127.0.0.1:{page_server.port}", "-CAfile",
                                world.path("server.crt"), "-ign_eof", "-brief"], {**environment(conf), **token},
                               lambda: "identity" in read_log(tmp_path))
    log = read_log(tmp_path)
    assert not re.search("(?i)pin|enter", shown), shown
    assert ("sent the identity" in log) == (why is None), (log, shown)
    assert why is None or re.search(rf"client.private_key \(pkcs11: URI\): {why}.*; no identity is sent", log), log
    assert not re.search(f"{PIN}|wr0ng999", shown + log)


def test_tpm(world, page_server, start, tpm, client_with, tmp_path):
    """A key that a TPM has made, in its file: nothing is left in the TPM, which has room for three."""
    key = str(tmp_path / "tpm.key")
    tpm.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "group:P-256", "-out", key)
    spki = tpm.openssl("pkey", "-in", key, "-pubout", "-outform", "DER").stdout
    assert tpm.transient_objects() == 0
    providers = {"tpm2": {"module": os.path.join(modules_dir(), "tpm2.so")}}
    conf = config(tmp_path / "client.cnf", tmp_path / "log", client={"identity": TPM_NAME, "private_key": key},
                  providers=providers, module={"log_level": "debug"})
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key"), "-www"], server={"policy": "require", "allow": TPM_NAME})
    both = config(tmp_path / "both.cnf", tmp_path / "log", client={"identity": TPM_NAME, "private_key": key}, providers=providers,
                  server={"policy": "require", "allow": TPM_NAME}, dns=world.dns())
    with world.zones.record(TPM_NAME, f"TLSA 3 1 1 {hashlib.sha256(spki).hexdigest()}", 60):
        for _ in range(3):
            done = dance("check", "--config", both, env={**environment(None), **tpm.env})
            assert done.returncode == 0 and "was tried: the client of this file" in done.stdout, done.stdout
        assert tpm.transient_objects() == 0
        client = client_with(conf, tpm.env)
        handshakes(client, server.port, 100)
        client.stop()
        assert tpm.transient_objects() == 0
        for _ in range(5):
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-ign_eof"],
                                  env={**environment(conf), **tpm.env}, input=b"GET / HTTP/1.0\r\n\r\n",
                                  capture_output=True, timeout=patient(20))
            assert b"200 ok" in done.stdout, (done, read_log(tmp_path))
        assert tpm.transient_objects() == 0
    assert "does not sign" not in read_log(tmp_path) and key not in read_log(tmp_path)


def test_key_that_stays_in_the_tpm(world, start, tpm, client_with, tmp_path):
    """By its handle, without a file."""
    need("tpm2_createprimary", "tpm2_evictcontrol")
    env = {**os.environ, "TPM2TOOLS_TCTI": tpm.env["TPM2OPENSSL_TCTI"]}
    public = tmp_path / "public.pem"
    for command in (["tpm2_createprimary", "-Q", "-C", "o", "-G", "ecc256:ecdsa-sha256", "-a",
                     "sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth", "-c", "primary", "-o", public, "-f", "pem"],
                    ["tpm2_evictcontrol", "-Q", "-C", "o", "-c", "primary", "0x81000001"], ["tpm2_flushcontext", "-Q", "-t"]):
        subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)
    spki = subprocess.run(["openssl", "pkey", "-pubin", "-in", public, "-outform", "DER"], env=environment(None), check=True,
                          capture_output=True).stdout
    conf = config(tmp_path / "client.cnf", tmp_path / "log", module={"log_level": "debug"},
                  client={"identity": TPM_NAME, "private_key": "handle:0x81000001"},
                  providers={"tpm2": {"module": os.path.join(modules_dir(), "tpm2.so")}})
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key"), "-www"], server={"policy": "require", "allow": TPM_NAME})
    before = tpm.transient_objects()
    for _ in range(3):
        done = dance("check", "--offline", "--config", conf, env={**environment(None), **tpm.env})
        assert done.returncode == 0 and "is told the identity, and the key signs" in done.stdout, done.stdout
    assert tpm.transient_objects() == before
    with world.zones.record(TPM_NAME, f"TLSA 3 1 1 {hashlib.sha256(spki).hexdigest()}", 60):
        client = client_with(conf, tpm.env)
        handshakes(client, server.port, 100)
        client.stop()
    assert tpm.transient_objects() == before == 0
