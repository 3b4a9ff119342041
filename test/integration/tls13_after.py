# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What a TLS 1.3 client may do after its handshake, or before it: requests, tickets, post-handshake
authentication; resumption with a ticket, whatever its lifetime was said to be; external pre-shared
keys; early data."""
import hashlib
import hmac
import struct

from tls13 import (ALERT, APPLICATION, CERTIFICATE_REQUEST, FINISHED, HANDSHAKE, PRE_SHARED_KEY, PSK_DHE_KE, Alert,
                   Client, Keys, Outcome, expand, extension, extract, vector)

NEW_SESSION_TICKET, END_OF_EARLY_DATA = 4, 5
EARLY_DATA, POST_HANDSHAKE_AUTH = 42, 49
SAME = object()
EMPTY_HASH = hashlib.sha256(b"").digest()


class Session:
    """A ticket and the pre-shared key that goes with it."""
    label = b"res binder"

    def __init__(self, body, resumption):
        self.lifetime, self.age_add = struct.unpack("!II", body[:8])
        nonce, rest = body[9:9 + body[8]], body[9 + body[8]:]
        self.ticket = rest[2:2 + int.from_bytes(rest[:2], "big")]
        self.key = expand(resumption, b"resumption", nonce, 32)


class PreSharedKey:
    """One that both sides were given (odd_server -w)."""
    label, ticket, age_add = b"ext binder", b"psk", 0

    def __init__(self, key):
        self.key = key


class Conversation(Client):
    """A connection that stays open. session: one to resume. age_ms: what the client says it is old.
    early: octets sent right behind the ClientHello, whether the server will take them or not.
    then: the session for the ClientHello that follows a HelloRetryRequest, if it is another one or none."""

    def __init__(self, port, session=None, age_ms=10, early=None, then=SAME, psk_modes=PSK_DHE_KE, **kwargs):
        super().__init__(port, psk_modes=psk_modes, **kwargs)
        self.session, self.age_ms, self.early, self.then = session, age_ms, early, then
        self.resumed = False
        self.sessions = []
        self.outcome = Outcome()

    def hello_extensions(self, extensions):
        extensions += extension(POST_HANDSHAKE_AUTH, b"")
        if self.hellos == 2 and self.then is not SAME:
            self.session = self.then
        if self.early and self.hellos == 1:
            extensions += extension(EARLY_DATA, b"")
        if self.session:
            age = (self.age_ms + self.session.age_add) % 2**32
            identity = vector(self.session.ticket, 2) + struct.pack("!I", age)
            extensions += extension(PRE_SHARED_KEY, vector(identity, 2) + vector(vector(bytes(32), 1), 2))
        return extensions

    def finish_hello(self, message):
        """Put the binder, which stands for the octets before it, where its zeros are."""
        if not self.session:
            return message
        early = extract(bytes(32), self.session.key)
        binder_key = expand(early, self.session.label, EMPTY_HASH, 32)
        rest = message[:-35]  # without the list of binders: 2 octets of length, then one of 1 + 32
        mac = hmac.new(expand(binder_key, b"finished", b"", 32), hashlib.sha256(self.transcript + rest).digest(),
                       hashlib.sha256)
        return message[:-32] + mac.digest()

    def send_early(self):
        early = extract(bytes(32), self.session.key)
        self.early_keys = Keys(expand(early, b"c e traffic", self.hash(), 32))
        self.write_keys = self.early_keys
        self.send_record(APPLICATION, self.early)

    def chosen_psk(self, extensions):
        self.resumed = PRE_SHARED_KEY in extensions
        return self.session.key if self.resumed else bytes(32)

    def handshake(self, entries, key, server_name=None):
        """True unless the server ended it; its alert, if it sent one by now, is in outcome."""
        try:
            self.hello(server_name)
            if self.early:
                self.send_early()
            self.server_hello()
            self.server_flight(self.outcome)
            labels = (b"s ap traffic", b"c ap traffic")
            secrets = [expand(self.master, label, self.hash(), 32) for label in labels]
            if EARLY_DATA in self.encrypted_extensions:
                self.send_handshake(END_OF_EARLY_DATA, b"")
            self.read_keys, self.write_keys = Keys(secrets[0]), Keys(self.client_secret)
            if self.outcome.request_extensions is not None:
                self.authenticate(entries, key)
            self.send_handshake(FINISHED, self.finished_mac(self.client_secret))
            self.write_keys = Keys(secrets[1])
            self.resumption = expand(self.master, b"res master", self.hash(), 32)
            self.main_transcript = self.transcript
            return True
        except Alert as alert:
            self.outcome.alert = alert.description
        except (EOFError, ConnectionError):
            self.outcome.closed = True
            self.outcome.alert = self.last_alert()
        return False

    def after(self, entries=None, key=None, once=False):
        """Read until there is application data (returned), a refusal (None), or a
        CertificateRequest, which is answered with entries, and reading goes on; or once, whatever there is."""
        try:
            while True:
                kind, body = self.read_record()
                if kind == APPLICATION:
                    return body
                assert kind == HANDSHAKE, kind
                self.pending += body
                while self.pending:
                    number, content, message = self.read_handshake()
                    if number == NEW_SESSION_TICKET:
                        self.sessions.append(Session(content, self.resumption))
                    elif number == CERTIFICATE_REQUEST:
                        self.answer_request(message, content, entries, key)
                        return b""
                if once:
                    return b""
        except Alert as alert:
            self.outcome.alert = alert.description
        except (EOFError, ConnectionError):
            self.outcome.closed = True
            self.outcome.alert = self.last_alert()
        return None

    def answer_request(self, message, content, entries, key):
        context = content[1:1 + content[0]]
        self.transcript = self.main_transcript + message
        self.authenticate(entries, key, context)
        self.send_handshake(FINISHED, self.finished_mac(self.write_keys.secret))

    def ask(self, line=b"who\n"):
        """The server's answer to a line, or None when it has none for us."""
        try:
            self.send_record(APPLICATION, line)
        except ConnectionError:
            pass  # what it said before is still to be read
        return self.after()

    def authenticate_again(self, entries, key):
        """Have odd_server ask for a certificate; its answer to a line behind that, or None."""
        self.send_record(APPLICATION, b"auth\n")
        if self.after(entries, key) is None:
            return None
        return self.ask()

    def close(self):
        try:
            self.send_record(ALERT, b"\x01\x00")
        except OSError:
            pass
        self.sock.close()
