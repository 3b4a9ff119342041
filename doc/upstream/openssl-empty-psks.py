#!/usr/bin/env python3
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""OpenSSL's server takes a pre_shared_key extension without any identity (RFC 8446, section 4.2.11, wants at least one),
makes a full handshake, and then sends no ticket. The same handshake without the extension brings tickets.

    openssl-empty-psks.py          needs openssl(1) and python3-cryptography

A TLS 1.3 client of the least that it takes: one group, one cipher suite, and nobody is authenticated."""
import hashlib
import hmac
import os
import socket
import struct
import subprocess
import tempfile
import time

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def expand(secret, label, context, size):
    info = struct.pack(">H", size) + bytes([6 + len(label)]) + b"tls13 " + label + bytes([len(context)]) + context
    return hmac.new(secret, info + b"\1", hashlib.sha256).digest()[:size]


def extract(salt, secret):
    return hmac.new(salt, secret, hashlib.sha256).digest()


class Keys:
    def __init__(self, secret):
        self.secret, self.count = secret, 0
        self.aead, self.iv = AESGCM(expand(secret, b"key", b"", 16)), expand(secret, b"iv", b"", 12)

    def nonce(self):
        self.count += 1
        return (int.from_bytes(self.iv, "big") ^ (self.count - 1)).to_bytes(12, "big")


def record(s):
    head = s.recv(5, socket.MSG_WAITALL)
    return head, s.recv(struct.unpack(">H", head[3:])[0], socket.MSG_WAITALL) if len(head) == 5 else b""


def messages(s, keys, kept):
    """Messages of the handshake, one after the other; None at the end of the connection."""
    while True:
        while len(kept) >= 4 and len(kept) >= 4 + int.from_bytes(kept[1:4], "big"):
            size = 4 + int.from_bytes(kept[1:4], "big")
            yield kept[:size]
            kept = kept[size:]
        try:
            head, body = record(s)
        except TimeoutError:
            return
        if head[:1] == b"\x17":
            plain = keys().aead.decrypt(keys().nonce(), body, head).rstrip(b"\0")
            if plain[-1:] != b"\x16":
                print("  the server says:", plain.hex())
                return
            kept += plain[:-1]
        elif head[:1] == b"\x16":
            kept += body
        elif head[:1] != b"\x14":
            print("  the server says:", (head + body).hex())
            return


def handshake(port, empty_psks):
    """How many tickets the server sends."""
    private = X25519PrivateKey.generate()
    share = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    extension = lambda kind, content: struct.pack(">HH", kind, len(content)) + content
    extensions = (extension(43, b"\2\3\4") + extension(10, b"\0\2\0\x1d") + extension(13, b"\0\4\4\3\x08\4")
                  + extension(51, struct.pack(">HHH", 36, 0x1d, 32) + share) + extension(45, b"\1\1"))
    if empty_psks:
        extensions += extension(41, b"\0\0\0\0")
    hello = b"\3\3" + os.urandom(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack(">H", len(extensions)) + extensions
    hello = b"\1" + len(hello).to_bytes(3, "big") + hello
    transcript, keys, tickets = hello, None, 0
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(1)
        s.sendall(b"\x16\3\1" + struct.pack(">H", len(hello)) + hello)
        for message in messages(s, lambda: keys, b""):
            if message[0] == 4:
                tickets += 1
                continue
            transcript += message
            if message[0] == 2:
                at = 38 + 1 + message[38] + 3  # behind the session's id, the cipher suite and the compression
                found = {}
                rest = message[at + 2:]
                while rest:
                    kind, size = struct.unpack(">HH", rest[:4])
                    found[kind], rest = rest[4:4 + size], rest[4 + size:]
                shared = private.exchange(X25519PublicKey.from_public_bytes(found[51][4:]))
                empty = hashlib.sha256(b"").digest()
                early = expand(extract(b"\0" * 32, b"\0" * 32), b"derived", empty, 32)
                secret, seen = extract(early, shared), hashlib.sha256(transcript).digest()
                client, keys = Keys(expand(secret, b"c hs traffic", seen, 32)), Keys(expand(secret, b"s hs traffic", seen, 32))
                main = extract(expand(secret, b"derived", empty, 32), b"\0" * 32)
            elif message[0] == 20:
                seen = hashlib.sha256(transcript).digest()
                finished = hmac.new(expand(client.secret, b"finished", b"", 32), seen, hashlib.sha256).digest()
                plain = b"\x14\0\0\x20" + finished + b"\x16"
                head = b"\x17\3\3" + struct.pack(">H", len(plain) + 16)
                s.sendall(head + client.aead.encrypt(client.nonce(), plain, head))
                keys = Keys(expand(main, b"s ap traffic", seen, 32))
    return tickets


with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    run = lambda *command: subprocess.run(command, check=True, capture_output=True, cwd=folder).stdout.decode().strip()
    print(run("openssl", "version"))
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "c", "-subj", "/CN=x", "-days", "2")
    server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-key", "k", "-cert", "c", "-tls1_3", "-quiet"],
                              cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        print("without pre_shared_key:", handshake(port, False), "tickets")
        print("with an empty list in it:", handshake(port, True), "tickets")
    finally:
        server.kill()
        server.wait()
