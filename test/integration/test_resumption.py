# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Resumption at applications as Debian ships them: nginx, HAProxy and Apache, with session tickets, with
a session cache that their processes or threads share, and with both.

A DANE client resumes as often as any client does without the module, and nobody gets in by a session that
DANE had no part in. Such sessions come from other servers that have the same ticket keys (nginx, HAProxy) or the
same cache (Apache: a dbm file). The caches of nginx and HAProxy are in memory of their own, where one policy is
in force. Apache's SSLSessionTicketKeyFile does not do what it says, as of 2.4.71 with OpenSSL 3: the tickets' HMAC
has 16 zeros for its key, or whatever else there is, and not the file's, so other servers do not know them.
"""
import base64
import os
import re
import tempfile
import types

import pytest

from conftest import DEVICE, entry
from test_applications import APACHE, MOD_SSL, MODULES, needs, pkix_leaf
from test_raw_key_applications import POLICIES, same_openssl
from tls13_after import Conversation
from zone import free_port, wait_for

TIMES = 10
PKIX = "pkix client"
TICKET_KEY_LEN = 48
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

NGINX = """
daemon off;
{user}
pid {folder}/pid;
error_log {folder}/error info;
worker_processes 2;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {crt}; ssl_certificate_key {key};
    ssl_client_certificate {ca};
    ssl_verify_client {verify};
    ssl_session_tickets {tickets};
    ssl_session_cache {cache};
    {ticket_key}
    add_header Peer "$ssl_client_s_dn";
    return 200 "hello\\n";
  }}
}}
"""

HAPROXY = """
global
  nbthread 2
  {cache}
defaults
  mode http
  timeout client 20s
  timeout server 20s
  timeout connect 5s
frontend f
  bind 127.0.0.1:{port} ssl crt {pem} ca-file {ca} verify {verify} {tickets} {ticket_key}
  http-request return status 200 content-type text/plain string hello hdr Peer "%[ssl_c_s_dn]"
"""

# Its sessions are of a server's name and port, which all that are to know them must have.
APACHE_TLS = """
ServerName localhost:443
SSLEngine on
SSLCertificateFile {crt}
SSLCertificateKeyFile {key}
SSLCACertificateFile {ca}
SSLVerifyClient {verify}
SSLVerifyDepth 3
SSLSessionTickets {tickets}
SSLSessionCache {cache}
Header always set Peer "CN=%{{SSL_CLIENT_S_DN_CN}}s"
"""


def on(yes):
    return "on" if yes else "off"


def nginx(world, s):
    text = NGINX.format(**s.common, verify={"required": "on"}.get(s.verify, s.verify), tickets=on(s.tickets),
                        cache="shared:sessions:1m" if s.cache else "off",
                        ticket_key=f"ssl_session_ticket_key {s.ticket_key};" if s.ticket_key else "",
                        user="user nobody nogroup;" if os.geteuid() == 0 else "")
    return ["/usr/sbin/nginx", "-e", os.path.join(s.folder, "error"), "-c", s.write("nginx.conf", text)]


def haproxy(world, s):
    # The last but one is used.
    keys = s.ticket_key and s.write("ticket-keys", 3 * (base64.b64encode(open(s.ticket_key, "rb").read()) + b"\n"))
    pem = s.write("server.pem", open(world.path("server.crt")).read() + open(world.path("server.key")).read())
    text = HAPROXY.format(**s.common, pem=pem, verify=s.verify, tickets="" if s.tickets else "no-tls-tickets",
                          cache="" if s.cache else "tune.ssl.cachesize 0",
                          ticket_key=f"tls-ticket-keys {keys}" if keys else "")
    return ["/usr/sbin/haproxy", "-db", "-f", s.write("haproxy.cfg", text)]


def apache(world, s):
    os.mkdir(os.path.join(s.folder, "root"), 0o755)
    s.write("root/index.html", "hello\n")
    text = APACHE.format(**s.common, modules=MODULES, group="nogroup", user="nobody" if os.geteuid() == 0 else "${USER}")
    text += f"LoadModule socache_dbm_module {MODULES}/mod_socache_dbm.so\nLoadModule dir_module {MODULES}/mod_dir.so\n"
    text += APACHE_TLS.format(**s.common, tickets=on(s.tickets), verify={"required": "require"}.get(s.verify, s.verify),
                              cache={True: f"shmcb:{s.folder}/sessions(512000)", False: "none"}.get(s.cache, s.cache))
    return ["/usr/sbin/apache2", "-DFOREGROUND", "-f", s.write("apache.conf", text)]


APPLICATIONS = {"nginx": (nginx, "/usr/sbin/nginx"), "HAProxy": (haproxy, "/usr/sbin/haproxy"), "Apache": (apache, MOD_SSL)}
STRICT = pytest.mark.parametrize("policy", ["dane", "require"])


def applications(*names):
    return pytest.mark.parametrize("application", [
        pytest.param(name, marks=needs({"Apache": "apache2"}.get(name, name.lower()))) for name in names])


@pytest.fixture
def serve(world, start, tmp_path):
    """serve(application, policy, ...): with policy None it has no module."""
    started = []
    os.chmod(tmp_path, 0o755)

    def run(application, policy, tickets=False, cache=False, verify="required", ticket_key=None):
        configure, library = APPLICATIONS[application]
        same_openssl(application, library)
        folder = tempfile.mkdtemp(dir=tmp_path)
        os.chmod(folder, 0o755)
        port = free_port()

        def write(name, text):
            path = os.path.join(folder, name)
            with open(path, "wb") as out:
                out.write(text if isinstance(text, bytes) else text.encode())
            return path
        common = {"folder": folder, "port": port, "crt": world.path("server.crt"), "key": world.path("server.key"),
                  "ca": world.path("ca.crt")}
        argv = configure(world, types.SimpleNamespace(folder=folder, write=write, common=common, tickets=tickets,
                                                      cache=cache, verify=verify, ticket_key=ticket_key))
        started.append(start(argv, server={"policy": policy, "allow": "*._device.example.com"}, conf=policy is not None,
                             port=port))
        return started[-1]
    yield run
    for server in started:
        assert server.process.poll() is None, server.output.text()
        server.stop()


@pytest.fixture
def ticket_key(tmp_path):
    path = tmp_path / "ticket.key"
    path.write_bytes(os.urandom(TICKET_KEY_LEN))
    return str(path)


class Visit:
    """One connection: did it resume, was it asked for a certificate, as whom (a CN, or nothing) did it get
    in (None: not at all), with which alert did it not, and which sessions does it bring."""

    def __init__(self, server, entries=(), key=None, session=None):
        c = Conversation(server.port, session)
        going = c.handshake(entries, key)
        # Whoever resumed may be sent nothing: HAProxy renews no ticket of its own keys.
        if going and not c.resumed and c.has_word():
            going = c.after(once=True) is not None
        answer = c.ask(REQUEST) if going else None
        c.close()
        self.resumed, self.sessions, self.alert = c.resumed, c.sessions, c.outcome.alert
        self.asked = c.outcome.request_extensions is not None
        self.peer = None
        if answer and answer.startswith(b"HTTP/1.1 200"):
            name = re.search(r"(?mi)^peer:.*?CN=(.*?)\r$", answer.decode())
            self.peer = name.group(1).replace("(null)", "") if name else ""

    def __repr__(self):
        return str({k: v for k, v in vars(self).items() if k != "sessions"})


def resumptions(server, entries, key, peer):
    """How many of TIMES visits in a row, each with the newest session of the client, resumed."""
    visit, resumed = Visit(server, entries, key), 0
    assert visit.peer == peer and not visit.resumed, (visit, server.log.text(), server.output.text())
    sessions = visit.sessions
    for _ in range(TIMES):
        visit = Visit(server, entries, key, sessions[-1] if sessions else None)
        assert visit.peer == peer, (visit, server.log.text(), server.output.text())
        resumed += visit.resumed
        sessions = visit.sessions or sessions
    return resumed


def check_as_often(world, serve, application, policy, **arguments):
    """Where the application's own clients still get in, they do so too."""
    pkix = [entry(pkix_leaf(world))], world.key, PKIX
    without = resumptions(serve(application, None, **arguments), *pkix)
    assert without > 0
    server = serve(application, policy, **arguments)
    assert resumptions(server, [entry(world.device, DEVICE)], world.key, DEVICE) >= without, server.log.text()
    if policy == "mixed":
        assert resumptions(server, *pkix) >= without, server.log.text()


@applications("nginx", "HAProxy", "Apache")
@POLICIES
@pytest.mark.parametrize("tickets,cache", [(True, False), (False, True), (True, True)], ids=["tickets", "cache", "both"])
def test_as_often_as_without_the_module(world, serve, application, policy, tickets, cache):
    check_as_often(world, serve, application, policy, tickets=tickets, cache=cache)


@applications("nginx", "HAProxy")
@POLICIES
def test_as_often_with_ticket_keys_of_its_own(world, serve, ticket_key, application, policy):
    check_as_often(world, serve, application, policy, tickets=True, ticket_key=ticket_key)


def foreign_sessions(world, server, twin, verify):
    """Of clients that DANE did not authenticate, as (session, its peer); of an anonymous one where it gets in. Good with its twin."""
    clients = [([entry(pkix_leaf(world))], world.key, PKIX)] + [([], None, "")] * (verify == "optional")
    for entries, key, peer in clients:
        def session():
            visit = Visit(server, entries, key)
            assert visit.peer == peer and visit.sessions, (visit, server.output.text())
            again = Visit(twin, session=visit.sessions[-1])
            return again.resumed and again.peer == peer and visit.sessions[-1]
        # Of two Apaches with one file of sessions the second does not always find what the first has put there, on a busy machine.
        yield wait_for(session, what="a session that would be good, if it were not for the module"), peer


def visitors(world, policy, verify):
    """Clients as (entries, key), with the peer that is to be seen behind a full handshake (None: none may get in),
    and the alert of policy require."""
    yield [], None, "" if policy == "dane" and verify == "optional" else None, 116
    yield [entry(pkix_leaf(world))], world.key, None, 40
    yield [entry(world.device, DEVICE)], world.key, DEVICE, None


@applications("nginx", "HAProxy")
@STRICT
@pytest.mark.parametrize("verify", ["required", "optional"])
def test_foreign_ticket(world, serve, ticket_key, application, policy, verify):
    """Made with the same keys by a server without the module. It makes a full handshake, in which the client is asked."""
    arguments = {"tickets": True, "verify": verify, "ticket_key": ticket_key}
    other, twin = serve(application, None, **arguments), serve(application, None, **arguments)
    server = serve(application, policy, **arguments)
    for session, peer in foreign_sessions(world, other, twin, verify):
        for entries, key, expected, alert in visitors(world, policy, verify):
            visit = Visit(server, entries, key, session)
            assert not visit.resumed and visit.asked and visit.peer == expected, (visit, server.log.text())
            # Under dane who says no name is not always refused by libssl: nginx says it in HTTP.
            assert policy == "dane" or visit.alert == alert, (visit, server.log.text())
        again = Visit(server, session=visit.sessions[-1])
        assert again.peer == DEVICE and again.resumed, (again, server.log.text())


@pytest.fixture
def shared_cache(tmp_path):
    """A session cache that several Apaches may have."""
    folder = tmp_path / "cache"
    folder.mkdir()
    os.chmod(folder, 0o777)
    return f"dbm:{folder}/sessions"


@needs("apache2")
@STRICT
@pytest.mark.parametrize("verify", ["required", "optional"])
def test_foreign_cached_session(world, serve, shared_cache, policy, verify):
    """Put by a server without the module into a cache that both have. libssl asks nobody whether such a session will
    do, so the handshake may have to end, which ends the session: with the next one it is as if there were none."""
    arguments = {"cache": shared_cache, "verify": verify}
    other, twin = serve("Apache", None, **arguments), serve("Apache", None, **arguments)
    server = serve("Apache", policy, **arguments)
    for entries, key, expected, _ in visitors(world, policy, verify):
        for session, peer in foreign_sessions(world, other, twin, verify):
            visits = [Visit(server, entries, key, session) for _ in range(2)]
            if policy == "dane" and peer == "" and visits[0].resumed:
                # The application may let in nobody, and knows of nobody.
                assert all(visit.peer in (None, "") for visit in visits), (visits, server.log.text())
                continue
            assert visits[0].peer == (expected if visits[0].asked else None), (visits, server.log.text())
            assert visits[1].peer == expected and not visits[1].resumed, (visits, server.log.text())
