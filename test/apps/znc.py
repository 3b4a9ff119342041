# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""ZNC, an IRC bouncer: its users are known by their certificates (certauth); and as client of an IRC server."""
import hashlib
import re

from rsyslog import _Sender

from kit import ALICE, BOB, CAROL, LEAVER, Server
from kit.rows import demand
from kit.shared import pki
from kit.stage import free_port, read

CONF = """
Version = 1.8.2
ConnectDelay = 0
SSLCertFile = {pem}
{modules}
<Listener clients>
  Host = 127.0.0.1
  Port = {port}
  IPv4 = true
  IPv6 = false
  SSL = {tls}
</Listener>
"""
USER = """
<User {name}>
  Admin = true
  Nick = dance
  Pass = plain#{password}
  {network}
</User>
"""
PASSWORD = "of no use without it being known"


def start(stage, conf, name, users, tls="true", modules="", registry=None):
    """ZNC refuses to be root, and writes to its folder."""
    port = free_port()
    home = stage.folder_for(name)
    stage.write(f"{name}/configs/znc.conf", CONF.format(pem=stage.path("server.pem"), port=port, tls=tls, modules=modules) + users)
    if registry is not None:
        stage.write(f"{name}/moddata/certauth/.registry", registry, 0o600)
    stage.run(["chown", "-R", "nobody:nogroup", home])
    return stage.start(["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "znc", "--foreground",
                        f"--datadir={home}"], conf, port)


def encoded(text):
    """As ZNC writes what its modules keep."""
    return "".join(c if c.isalnum() else f"%{ord(c):02x};" for c in text)


class Znc(Server):
    """Who has no certificate of a user needs its password. Each connection has an SSL_CTX of its own."""
    name = "ZNC"
    packages = ("znc",)
    identity = r"\[(\S+)\] connected to ZNC from"
    refusal = rb" 464 "
    more = ()

    def start(self, stage):
        users, registry = "", ""
        for name in (ALICE, BOB, CAROL, LEAVER):
            certificate = pki.certificate(stage.keys[name], name)
            stage.write(f"{name}.crt", pki.pem(certificate))
            users += USER.format(name=name, password=PASSWORD, network="")
            registry += f"{encoded(name)} {hashlib.sha1(pki.der(certificate)).hexdigest()}\n"
        self.port = start(stage, stage.server_config(self.policy), "znc", users, registry=registry,
                          modules="LoadModule = certauth\nLoadModule = adminlog").port

    def attempt(self, stage, conf, *arguments):
        """certauth knows certificates, not names, so the rightful client has one that stays the same."""
        claim = stage.claims[conf]
        if conf and stage.credential(conf)[0] == stage.path(f"{claim}.key"):
            line = "private_key = "
            conf = stage.write(conf + ".same", re.sub(f"(?m)^{line}", f"certificate = {stage.path(claim)}.crt\n{line}", read(conf)))
        login = f"PASS {claim}:none\r\nNICK dance\r\nUSER dance 0 * :dance\r\n"
        self.steps = [(login.encode(), " 001 dance :"), *self.more]
        return super().attempt(stage, conf, *arguments)

    def reload(self, stage):
        self.more = [(b"PRIVMSG *status :rehash\r\n", "Rehashing succeeded")]
        attempt = self.attempt(stage, stage.client_config(ALICE))
        self.more = ()
        demand(attempt.accepted, f"it does not read its configuration again: {attempt.text[-2000:]}")

    def saw(self, stage, attempt):
        return read(stage.path("znc/moddata/adminlog/znc.log"))


class ZncNetwork(_Sender):
    """It comes to an openssl s_server, which prints what it gets."""
    name = "ZNC (to an IRC server)"
    packages = ("znc",)
    text_sent = "USER dance"

    def start_sender(self, stage, conf):
        network = f"""<Network irc>
    Server = 127.0.0.1 +{self.port}
    TrustAllCerts = true
  </Network>"""
        return start(stage, conf, f"znc-{free_port()}", USER.format(name="dance", password=PASSWORD, network=network), tls="false")
