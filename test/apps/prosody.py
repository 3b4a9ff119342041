# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Prosody: XMPP between servers, with SASL EXTERNAL: a server is the domain that its certificate names."""
import base64
import signal

from kit import ALICE, Client, Server
from kit.stage import SERVER_NAME, free_port, read, wait_for

CONF = """
data_path = "{folder}"
pidfile = "{folder}/pid"
daemonize = false
log = {{ info = "{folder}/log" }}
interfaces = {{ "127.0.0.1" }}
modules_enabled = {{ "saslauth", "tls", "posix", "ping", "s2s_bidi", {modules} }}
modules_disabled = {{ "offline", "c2s" }}
s2s_ports = {{ {port} }}
s2s_require_encryption = true
s2s_secure_auth = true
authentication = "internal_hashed"
{more}
VirtualHost "{host}"
  ssl = {{ certificate = "{crt}", key = "{key}", cafile = "{ca}" }}
"""


def prosody(stage, conf, folder, **parts):
    """A Prosody; what it is started with is the same for both roles."""
    where = stage.folder_for(folder, "prosody")
    port = free_port()
    path = stage.write(f"{folder}.cfg.lua", CONF.format(folder=where, port=port, **{"modules": "", "more": "", **parts}))
    return stage.start(["setpriv", "--reuid", "prosody", "--regid", "prosody", "--clear-groups", "prosody", "-F", "--config",
                        path], conf, port)


def server(stage, policy="require"):
    return prosody(stage, stage.server_config(policy), "prosody", host=SERVER_NAME, crt=stage.path("server.crt"),
                   key=stage.path("server.key"), ca=stage.path("ca.crt"))


class ProsodyServer(Server):
    name = "Prosody (s2s)"
    packages = ("prosody",)
    starttls = "xmpp-server"
    arguments = ("-xmpphost", SERVER_NAME)
    identity = r"Accepting SASL EXTERNAL identity from (\S+)"

    def start(self, stage):
        self.process = server(stage, self.policy)
        self.port = self.process.port

    def attempt(self, stage, conf, *arguments):
        name = stage.claims[conf]
        stream = (f"<?xml version='1.0'?><stream:stream xmlns='jabber:server' version='1.0' from='{name}' to='{SERVER_NAME}'"
                  " xmlns:stream='http://etherx.jabber.org/streams'>")
        auth = ("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>"
                f"{base64.b64encode(name.encode()).decode()}</auth>")
        self.steps = [(stream.encode(), "</stream:features>"), (auth.encode(), "<success")]
        return super().attempt(stage, conf, *arguments)

    def saw(self, stage, attempt):
        return read(stage.path("prosody", "log"))

    def reload(self, stage):
        """It makes its SSL_CTXs anew."""
        log = stage.path("prosody", "log")
        before = read(log).count("Certificates reloaded")
        self.process.process.send_signal(signal.SIGHUP)
        wait_for(lambda: read(log).count("Certificates reloaded") > before, what="Prosody's new certificates")


class ProsodyClient(Client):
    """Two Prosodys: the other one is pinged by way of the administrator's shell, and answers on the same connection.

    A server has a certificate in its own configuration: self-signed, with the key of its identity.
    """
    name = "Prosody (s2s)"
    packages = ("prosody", "lua-unbound")
    success = "pong from server.example.com"

    def start(self, stage):
        self.port = server(stage).port
        stage.zone.put(SERVER_NAME, "A", "127.0.0.1")
        stage.zone.put(f"_xmpp-server._tcp.{SERVER_NAME}", "SRV", f"0 0 {self.port} {SERVER_NAME}.")

    def attempt(self, stage, conf):
        key, certificate = stage.credential(conf)
        self.folder = f"from-{free_port()}"
        sender = prosody(stage, conf, self.folder, host=ALICE, crt=certificate, key=key, ca=stage.path("server.crt"),
                         modules='"admin_shell"',
                         more=f'unbound = {{ resolvconf = false, forward = "127.0.0.1@{stage.zone.port}", trustfile ='
                              f' "{stage.path("anchor")}", options = {{ ["do-not-query-localhost:"] = "no" }} }}')
        try:
            return super().attempt(stage, None)
        finally:
            sender.stop()

    def command(self, stage):
        return ["prosodyctl", "--config", stage.path(f"{self.folder}.cfg.lua"), "shell", "xmpp", "ping", ALICE, SERVER_NAME]
