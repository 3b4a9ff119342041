# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Keys that are not files: in the hands of a library that does more than to sign."""
import os
import re
import subprocess
import time

import pytest

import openssls
import pki
from conftest import DEVICE, PROGRAMS, Client, config, environment
from zone import patient, wait_for


class Hsm:
    """What test/modules/chatty_hsm.c is told, and what it has done."""

    def __init__(self, world, folder, port, **more):
        self.folder = folder
        self.section = {"module": os.path.join(PROGRAMS, "chatty_hsm.so"), "key": world.path("client.key"), "port": port,
                        "calls": folder / "calls", "fail": folder / "fail", "slow": folder / "slow", **more}
        self.conf = config(folder / "chatty.cnf", folder / "log", providers={"chatty": self.section},
                           client={"identity": DEVICE, "private_key": "chatty:key;pin-value=s3cret"},
                           module={"log_level": "debug"})

    def calls(self):
        path = self.folder / "calls"
        return path.read_text() if path.exists() else ""

    def log(self):
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def switch(self, name, on):
        (self.folder / name).touch() if on else (self.folder / name).unlink()


@pytest.fixture
def plain_server(world, start):
    """Without dance, as an HSM's own server is."""
    return start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                  world.path("server.key"), "-rev"], conf=False)


@pytest.fixture
def page_server(world, start):
    return start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                  world.path("server.key"), "-www"], server={"policy": "require", "allow": DEVICE})


@pytest.fixture
def client_of(world):
    """client_of(hsm): a tls_client that lives until the test ends."""
    started = []

    def run(hsm):
        started.append(Client(world, hsm.conf, hsm.folder / "log"))
        return started[-1]
    yield run
    assert [client.stop() for client in started] == [0] * len(started)


@pytest.mark.parametrize("threads", [{}, {"threads": "yes"}], ids=["its own thread", "threads of its own"])
def test_library_that_makes_tls_connections_itself(world, s_server, s_client, plain_server, tmp_path, threads):
    """In each of its calls: nothing waits for ever, and the key is used."""
    hsm = Hsm(world, tmp_path, plain_server.port, **threads)
    server = s_server("require")
    done = s_client(server.port, conf=hsm.conf)
    assert done.accepted, (done.text, hsm.log(), hsm.calls())
    assert server.log.wait(f"accepted {DEVICE} \\(TLSA 3 1 1")
    calls = hsm.calls().split("\n")
    assert {"store_open good", "store_load good", "key_load good", "store_close good", "sign_init good", "sign good",
            "sign_free good"} <= set(calls) and not any(call.endswith("bad") for call in calls), calls
    # The last thing: the key is let go before OpenSSL's end, where nothing can be connected to any more.
    assert calls[-2] == "key_free good", calls


@pytest.mark.parametrize("threads", [{}, {"threads": "yes"}], ids=["its own thread", "threads of its own"])
def test_connections_from_inside_go_without_identity(world, s_server, s_client, tmp_path, threads):
    """While the key is read, by a server that would take it. Later they are as everybody's."""
    of_hsm = s_server("mixed", ask="optional", fresh=True)
    hsm = Hsm(world, tmp_path, of_hsm.port, **threads)
    conf_read = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:9"], env=environment(hsm.conf),
                               capture_output=True, timeout=patient(20))
    assert b"refused" in conf_read.stderr and "sign_free good" in hsm.calls(), (conf_read, hsm.calls())
    assert of_hsm.log.text() == ""
    done = s_client(s_server("require").port, conf=hsm.conf)
    assert done.accepted, (done.text, hsm.log())
    assert of_hsm.log.wait(f"accepted {DEVICE}")
    assert not re.search(r"bad$", hsm.calls(), re.M), hsm.calls()


def test_key_that_fails(world, page_server, plain_server, client_of, tmp_path):
    """The handshake fails with its reason; the next one does not remember."""
    hsm = Hsm(world, tmp_path, plain_server.port)
    client = client_of(hsm)
    for _ in range(2):
        assert "200" in client.ask(f"connect {page_server.port}"), hsm.log()
        hsm.switch("fail", True)
        assert "refused" in client.ask(f"connect {page_server.port}")
        hsm.switch("fail", False)
    assert "200" in client.ask(f"connect {page_server.port}")
    told = re.findall(r"the key of (\S+) does not sign, the handshake with .* has failed: .*HSM is out of order", hsm.log())
    assert told == [DEVICE] * 2, hsm.log()
    assert "s3cret" not in hsm.log()


def test_key_that_fails_from_the_beginning(world, page_server, plain_server, client_of, tmp_path):
    """Said once, tried once a second at the most, and good as soon as it is."""
    hsm = Hsm(world, tmp_path, plain_server.port)
    hsm.switch("fail", True)
    client = client_of(hsm)
    began = time.monotonic()
    for _ in range(30):
        assert "refused" in client.ask(f"connect {page_server.port}")
    spent = time.monotonic() - began
    assert hsm.log().count("it does not sign: ") == 1 and "HSM is out of order; no identity is sent" in hsm.log()
    assert hsm.calls().count("store_load") <= spent + 1
    hsm.switch("fail", False)
    wait_for(lambda: "200" in client.ask(f"connect {page_server.port}"), 5, "the key")
    assert "s3cret" not in hsm.log() and hsm.log().count("error") <= 1


def test_key_that_signs_slowly(world, page_server, plain_server, client_of, tmp_path):
    hsm = Hsm(world, tmp_path, plain_server.port)
    client = client_of(hsm)
    assert "200" in client.ask(f"connect {page_server.port}")
    hsm.switch("slow", True)
    assert "200" in client.ask(f"connect {page_server.port}")
    hsm.switch("slow", False)
    assert "200" in client.ask(f"connect {page_server.port}")


def test_file_that_cannot_be_read_is_said_once(world, page_server, tls_client, tmp_path):
    """And which key stays in use."""
    key = tmp_path / "client.key"
    key.write_bytes(b"nothing\n")
    client = tls_client(client={"identity": DEVICE, "private_key": str(key)})

    def replace(octets):
        key.write_bytes(octets)
        time.sleep(1.1)
        return [client.ask(f"connect {page_server.port}") for _ in range(20)]
    assert all("refused" in answer for answer in replace(b"still nothing\n"))
    assert client.log.text().count("no identity is sent") == 1
    with open(world.path("client.key"), "rb") as good:
        octets = good.read()
    assert all("200" in answer for answer in replace(octets))
    assert all("200" in answer for answer in replace(b"nothing again\n"))
    said = re.findall("client.private_key .*", client.log.text())
    assert len(said) == 2 and said[1].endswith("the key and certificate that were read before stay in use"), said
    assert str(key) not in client.log.text()


def test_threads_that_begin_together(world, page_server, plain_server, tmp_path):
    """One reads the key, which takes a second; the other one's handshake does not go without it."""
    module = subprocess.run(["/usr/bin/python3", "-c", "import _ssl; print(_ssl.__file__)"], capture_output=True, text=True,
                            check=True).stdout.strip()
    if openssls.is_other("Python", module):
        pytest.skip("Python has another OpenSSL here")
    hsm = Hsm(world, tmp_path, plain_server.port)
    hsm.switch("slow", True)
    program = f"""
import socket, ssl, threading
def connect(wait):
    threading.Event().wait(wait)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations({world.path("server.crt")!r})
    with context.wrap_socket(socket.create_connection(("127.0.0.1", {page_server.port}))) as s:
        s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        print(s.recv(12).decode(), flush=True)
threads = [threading.Thread(target=connect, args=(i * 0.2,)) for i in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    done = subprocess.run(["/usr/bin/python3", "-c", program], env=environment(hsm.conf), capture_output=True, text=True,
                          timeout=patient(30))
    assert done.stdout.count("HTTP/1.0 200") == 3, (done, hsm.log())
    assert hsm.calls().count("store_load") == 1


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, env=environment(None))


def write(path, octets):
    path.write_bytes(octets)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def der(world, folder):
    openssl("pkey", "-in", world.path("client.key"), "-outform", "DER", "-out", folder / "key.der")
    return folder / "key.der"


def pkcs12(world, folder, password):
    leaf = write(folder / "leaf.crt", pki.pem(world.device))
    openssl("pkcs12", "-export", "-inkey", world.path("client.key"), "-in", leaf, "-out", folder / "key.p12", "-passout",
            f"pass:{password}")
    return folder / "key.p12"


def encrypted(world, folder):
    openssl("pkey", "-in", world.path("client.key"), "-aes128", "-passout", "pass:secret", "-out", folder / "encrypted.key")
    return folder / "encrypted.key"


KEY_FILES = {  # how it is made, and whether it is taken; see doc/keys.md
    "PEM": (lambda w, f: w.path("client.key"), True),
    "file: URI": (lambda w, f: "file:" + w.path("client.key"), True),
    "file:// URI": (lambda w, f: "file://" + w.path("client.key"), True),
    "DER": (der, True),
    "CRLF": (lambda w, f: write(f / "crlf", read(w.path("client.key")).replace(b"\n", b"\r\n")), True),
    "words before": (lambda w, f: write(f / "words", b"Bag attributes\n\n" + read(w.path("client.key"))), True),
    "certificate before": (lambda w, f: write(f / "both", pki.pem(w.device) + read(w.path("client.key"))), True),
    "BOM": (lambda w, f: write(f / "bom", b"\xef\xbb\xbf" + read(w.path("client.key"))), True),
    "PKCS#12 without a password": (lambda w, f: pkcs12(w, f, ""), True),
    "PKCS#12 with one": (lambda w, f: pkcs12(w, f, "secret"), False),
    "encrypted": (encrypted, False),
    "directory": (lambda w, f: f, False),
    "nothing there": (lambda w, f: f / "none", False),
    "empty": (lambda w, f: write(f / "empty", b""), False),
    "certificate": (lambda w, f: write(f / "crt", pki.pem(w.device)), False),
    "device": (lambda w, f: "/dev/null", False),
    "unknown scheme": (lambda w, f: "nobody:key", False),
    "pkcs11: without its provider": (lambda w, f: "pkcs11:object=key", False),
    "handle: without its provider": (lambda w, f: "handle:0x81000001", False),
}


@pytest.mark.parametrize("kind", KEY_FILES)
def test_kinds_of_key_files(world, s_server, s_client, tmp_path, kind):
    make, taken = KEY_FILES[kind]
    folder = tmp_path / "keys"
    folder.mkdir()
    server = s_server("mixed", ask="optional")
    done = s_client(server.port, client={"identity": DEVICE, "private_key": make(world, folder)})
    assert done.accepted, done.text
    if taken:
        assert server.log.wait(f"accepted {DEVICE}") and done.log.text() == ""
    else:
        assert server.log.text() == ""
        assert done.log.text().count("no private key without a passphrase can be read from it") == 1
    assert str(folder) not in done.log.text()


@pytest.mark.parametrize("length,taken", [(1, True), (98, True), (121, True)])
def test_long_chains(world, s_server, s_client, tmp_path, length, taken):
    chain = write(tmp_path / "chain", pki.pem(world.device) + pki.pem(world.ca) * length)
    server = s_server("mixed", ask="optional")
    done = s_client(server.port, client={"identity": DEVICE, "private_key": world.path("client.key"), "certificate": chain})
    assert done.accepted, done.text
    assert server.log.wait(f"accepted {DEVICE}")


def test_chain_that_is_too_large_for_servers(world, s_server, s_client, tmp_path):
    """Their own words for it say little, so the log does."""
    openssl("req", "-x509", "-newkey", "rsa:4096", "-nodes", "-subj", "/CN=large", "-keyout", tmp_path / "large.key", "-out",
            tmp_path / "large.crt")
    chain = write(tmp_path / "chain", pki.pem(world.device) + read(tmp_path / "large.crt") * 99)
    done = s_client(s_server("mixed", ask="optional").port,
                    client={"identity": DEVICE, "private_key": world.path("client.key"), "certificate": chain})
    assert not done.accepted, done.text
    assert done.log.wait(r"client.certificate: it and its chain have 1\d{5} octets; servers with OpenSSL take 102400")
