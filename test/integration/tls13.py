# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""A small TLS 1.3 client of our own, for what no well-behaved client sends.

It shares nothing with libssl: RFC 8446 by hand, TLS_AES_128_GCM_SHA256, X25519,
ecdsa_secp256r1_sha256; primitives from python3-cryptography. The server's
Finished is checked, its certificate is not: these tests are about the client.
"""
import hashlib
import hmac
import os
import select
import socket
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from zone import patient

DANE_CLIENTID = 65280
PRE_SHARED_KEY, COOKIE, PSK_MODES, KEY_SHARE = 41, 44, 45, 51
PSK_KE, PSK_DHE_KE = b"\x00", b"\x01"
HANDSHAKE, APPLICATION, ALERT, CCS = 22, 23, 21, 20
ENCRYPTED_EXTENSIONS, CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, FINISHED = 8, 11, 13, 15, 20
MESSAGE_HASH = 254
RECORD = 1 << 14  # octets that one record may hold
RETRY = hashlib.sha256(b"HelloRetryRequest").digest()  # the random of a ServerHello that is one


def client_name(name):
    """The extension_data of dane_clientid: opaque ClientName<0..2^8-1>."""
    name = name.encode() if isinstance(name, str) else name
    return bytes([len(name)]) + name


class Alert(Exception):
    def __init__(self, description):
        super().__init__(f"alert {description}")
        self.description = description


def vector(octets, size):
    return len(octets).to_bytes(size, "big") + octets


def extension(kind, data):
    return struct.pack("!H", kind) + vector(data, 2)


def parse_extensions(octets):
    found = {}
    while octets:
        number, length = struct.unpack("!HH", octets[:4])
        found[number] = octets[4:4 + length]
        octets = octets[4 + length:]
    return found


def expand(secret, label, context, length):
    info = struct.pack("!H", length) + vector(b"tls13 " + label, 1) + vector(context, 1)
    out, block, i = b"", b"", 1
    while len(out) < length:
        block = hmac.new(secret, block + info + bytes([i]), hashlib.sha256).digest()
        out, i = out + block, i + 1
    return out[:length]


def extract(salt, key):
    return hmac.new(salt, key, hashlib.sha256).digest()


class Keys:
    def __init__(self, secret):
        self.secret = secret
        self.aead = AESGCM(expand(secret, b"key", b"", 16))
        self.iv = expand(secret, b"iv", b"", 12)
        self.sequence = 0

    def nonce(self):
        n = bytes(a ^ b for a, b in zip(self.iv, self.sequence.to_bytes(12, "big")))
        self.sequence += 1
        return n


class Outcome:
    """alert: the server's fatal alert or None; data: what it sent after the handshake."""

    def __init__(self):
        self.alert = None
        self.data = b""
        self.closed = False
        self.request_extensions = None  # of the CertificateRequest; None: there was none

    @property
    def accepted(self):
        return self.alert is None and self.data != b""

    def __repr__(self):
        return f"<alert {self.alert}, data {self.data!r}, closed {self.closed}>"


class Client:
    """retry: no key share in the first ClientHello, so that the server asks for one with a HelloRetryRequest.
    empty_psks: the ClientHellos, 1 and 2, with a list of pre-shared keys that is empty, which RFC 8446 forbids.
    psk_modes: the key exchange modes for pre-shared keys; more: extensions, encoded, for each ClientHello."""

    def __init__(self, port, timeout=15, retry=False, empty_psks=(), psk_modes=b"", more=b""):
        self.retry, self.empty_psks, self.psk_modes, self.more = retry, empty_psks, psk_modes, more
        self.hellos = 0
        self.private = X25519PrivateKey.generate()
        self.random, self.session_id = os.urandom(32), os.urandom(32)
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=patient(timeout))
        self.transcript = b""
        self.read_keys = self.write_keys = None
        self.pending = b""

    def hash(self):
        return hashlib.sha256(self.transcript).digest()

    def send_record(self, kind, body):
        if self.write_keys is None:
            self.sock.sendall(struct.pack("!BHH", kind, 0x0301, len(body)) + body)
            return
        inner = body + bytes([kind])
        header = struct.pack("!BHH", APPLICATION, 0x0303, len(inner) + 16)
        self.sock.sendall(header + self.write_keys.aead.encrypt(self.write_keys.nonce(), inner, header))

    def receive(self, n):
        out = b""
        while len(out) < n:
            chunk = self.sock.recv(n - len(out))
            if not chunk:
                raise EOFError
            out += chunk
        return out

    def read_record(self):
        while True:
            header = self.receive(5)
            kind, _, length = struct.unpack("!BHH", header)
            body = self.receive(length)
            if kind == CCS:
                continue
            if kind == APPLICATION and self.read_keys is not None:
                inner = self.read_keys.aead.decrypt(self.read_keys.nonce(), body, header).rstrip(b"\0")
                kind, body = inner[-1], inner[:-1]
            if kind == ALERT:
                if body[1] == 0:
                    raise EOFError
                raise Alert(body[1])
            return kind, body

    def read_handshake(self):
        while len(self.pending) < 4 or len(self.pending) < 4 + int.from_bytes(self.pending[1:4], "big"):
            kind, body = self.read_record()
            assert kind == HANDSHAKE, kind
            self.pending += body
        end = 4 + int.from_bytes(self.pending[1:4], "big")
        message, self.pending = self.pending[:end], self.pending[end:]
        return message[0], message[4:], message

    def send_message(self, message):
        self.transcript += message
        for i in range(0, len(message), RECORD):
            self.send_record(HANDSHAKE, message[i:i + RECORD])

    def send_handshake(self, kind, body):
        self.send_message(bytes([kind]) + vector(body, 3))

    def hello(self, server_name):
        self.hellos += 1
        public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        share = b"" if self.retry and self.hellos == 1 else b"\x00\x1d" + vector(public, 2)
        extensions = (
            extension(43, vector(b"\x03\x04", 1))
            + extension(10, vector(b"\x00\x1d", 2))
            + extension(13, vector(b"\x04\x03\x08\x04\x08\x05\x04\x01", 2))
            + extension(KEY_SHARE, vector(share, 2))
        )
        if server_name:
            extensions += extension(0, vector(b"\0" + vector(server_name.encode(), 2), 2))
        if self.psk_modes:
            extensions += extension(PSK_MODES, vector(self.psk_modes, 1))
        extensions = self.hello_extensions(extensions + self.more)
        if self.hellos in self.empty_psks:
            extensions += extension(PRE_SHARED_KEY, vector(b"", 2) + vector(b"", 2))
        body = (b"\x03\x03" + self.random + vector(self.session_id, 1) + vector(b"\x13\x01", 2)
                + vector(b"\0", 1) + vector(extensions, 2))
        self.send_message(self.finish_hello(b"\x01" + vector(body, 3)))
        self.server_name = server_name

    # For those who go on after the handshake (tls13_after.py).
    def hello_extensions(self, extensions):
        return extensions

    def finish_hello(self, message):
        return message

    def chosen_psk(self, extensions):
        return bytes(32)

    def server_hello(self):
        kind, body, message = self.read_handshake()
        assert kind == 2, kind
        if body[2:34] == RETRY:
            assert self.hellos == 1
            self.transcript = bytes([MESSAGE_HASH]) + vector(self.hash(), 3) + message
            extensions = parse_extensions(body[35 + body[34] + 3 + 2:])
            if COOKIE in extensions:
                self.more += extension(COOKIE, extensions[COOKIE])
            self.write_keys = None  # those of early data, which ends here
            self.hello(self.server_name)
            return self.server_hello()
        assert self.hellos == 2 or not self.retry
        self.transcript += message
        extensions = parse_extensions(body[35 + body[34] + 3 + 2:])
        zeros, empty = bytes(32), hashlib.sha256(b"").digest()
        share = extensions[KEY_SHARE][4:] if KEY_SHARE in extensions else None
        shared = self.private.exchange(X25519PublicKey.from_public_bytes(share)) if share else zeros
        derived = expand(extract(zeros, self.chosen_psk(extensions)), b"derived", empty, 32)
        handshake = extract(derived, shared)
        self.client_secret = expand(handshake, b"c hs traffic", self.hash(), 32)
        server_secret = expand(handshake, b"s hs traffic", self.hash(), 32)
        self.master = extract(expand(handshake, b"derived", empty, 32), zeros)
        self.read_keys = Keys(server_secret)

    def finished_mac(self, secret):
        return hmac.new(expand(secret, b"finished", b"", 32), self.hash(), hashlib.sha256).digest()

    def server_flight(self, outcome):
        while True:
            kind, body, message = self.read_handshake()
            if kind == FINISHED:
                assert hmac.compare_digest(body, self.finished_mac(self.read_keys.secret))
            self.transcript += message
            if kind == ENCRYPTED_EXTENSIONS:
                self.encrypted_extensions = parse_extensions(body[2:])
            if kind == CERTIFICATE_REQUEST:
                outcome.request_extensions = parse_extensions(body[1 + body[0] + 2:])
            if kind == FINISHED:
                return

    def authenticate(self, entries, key, context=b""):
        """Without a key there is no CertificateVerify, and without entries (None) no Certificate either."""
        if entries is None:
            return
        listed = b"".join(
            vector(der, 3) + vector(b"".join(extension(k, d) for k, d in extensions), 2)
            for der, extensions in entries)
        self.send_handshake(CERTIFICATE, vector(context, 1) + vector(listed, 3))
        if entries and key:
            signed = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + self.hash()
            signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
            self.send_handshake(CERTIFICATE_VERIFY, b"\x04\x03" + vector(signature, 2))

    def has_word(self):
        """A server that closes with our request unread resets the connection, and its alert is lost; so
        its word, a ticket or an alert, is waited for before a request, if not for long."""
        return bool(select.select([self.sock], [], [], 1.0)[0])

    def last_alert(self):
        try:
            while True:
                self.read_record()
        except Alert as alert:
            return alert.description
        except (EOFError, OSError):
            return None

    def run(self, entries, key, server_name=None, request=b"ping\n"):
        """Handshake with entries, [(DER certificate, [(extension type, data)])], and key."""
        outcome = Outcome()
        try:
            self.hello(server_name)
            self.server_hello()
            self.server_flight(outcome)
            application = [expand(self.master, label, self.hash(), 32)
                           for label in (b"s ap traffic", b"c ap traffic")]
            self.read_keys, self.write_keys = Keys(application[0]), Keys(self.client_secret)
            if outcome.request_extensions is not None:
                self.authenticate(entries, key)
            self.send_handshake(FINISHED, self.finished_mac(self.client_secret))
            self.write_keys = Keys(application[1])
            asked = False
            while True:
                if not asked:
                    kind, body = self.read_record() if self.has_word() else (None, b"")
                    self.send_record(APPLICATION, request)
                    asked = True
                else:
                    kind, body = self.read_record()
                if kind == APPLICATION:
                    outcome.data += body
                    break
        except Alert as alert:
            outcome.alert = alert.description
        except ConnectionError:
            # It refused before it had read everything; its alert may have arrived all the same.
            outcome.closed = True
            outcome.alert = self.last_alert()
        except EOFError:
            outcome.closed = True
        finally:
            self.sock.close()
        return outcome
