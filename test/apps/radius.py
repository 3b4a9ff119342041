# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""RADIUS: EAP-TLS 1.3 with FreeRADIUS and eapol_test, and RADIUS over TLS with FreeRADIUS and radsecproxy."""
import hashlib
import hmac
import os
import struct

from kit import Client, Server
from kit.attempt import Attempt, chat
from kit.stage import free_port, listening, read

CONF = """
name = freeradius
raddbdir = "{folder}"
libdir = "/usr/lib/freeradius"
logdir = "{folder}"
run_dir = "{folder}"
pidfile = "{folder}/pid"
thread pool {{
  start_servers = 1
  max_servers = 4
  min_spare_servers = 1
  max_spare_servers = 2
}}
security {{ allow_vulnerable_openssl = yes }}
modules {{
  always ok {{ rcode = ok }}
  {modules}
}}
{clients}
server default {{
  listen {{
    {listen}
  }}
  {sections}
}}
"""
TLS = """
      private_key_file = "{key}"
      certificate_file = "{crt}"
      ca_file = "{ca}"
      cipher_list = "DEFAULT"
      tls_min_version = "1.2"
      tls_max_version = "1.3"
"""


RADSECPROXY = """
{listen}
TLS default {{
  CACertificateFile {ca}
  CertificateFile {crt}
  CertificateKeyFile {key}
}}
client 127.0.0.1 {{
  type {client}
  secret {secret}
  CertificateNameCheck off
}}
server 127.0.0.1 {{
  type {server}
  port {port}
  secret radsec
  CertificateNameCheck off
}}
realm * {{
  server 127.0.0.1
}}
"""


def start(stage, conf, port, ready, **parts):
    stage.write("dictionary", "$INCLUDE /usr/share/freeradius/dictionary\n")
    stage.write("radiusd.conf", CONF.format(folder=stage.folder, **parts))
    # FreeRADIUS takes no configuration that everybody may write to.
    os.chmod(stage.folder, 0o755)
    return stage.start(["/usr/sbin/freeradius", "-d", stage.folder, "-n", "radiusd", "-fxx", "-l", "stdout"], conf, port,
                       ready)


def tls(stage):
    return TLS.format(key=stage.path("server.key"), crt=stage.path("server.crt"), ca=stage.path("ca.crt"))


class EapTls(Server):
    """eapol_test wants a certificate in its own configuration: self-signed, with the key of its identity."""
    name = "FreeRADIUS (EAP-TLS 1.3)"
    packages = ("freeradius", "eapoltest")
    identity = r"TLS-Client-Cert-Common-Name := \"(\S+)\""
    reasons = {"none": "a client: the client did not send dane_clientid"}
    resumes = False

    def start(self, stage):
        self.port = free_port()
        self.server = start(
            stage, stage.server_config(self.policy), self.port,
            lambda p: "Ready to process requests" in p.output.text(),
            modules=f"eap {{\n default_eap_type = tls\n tls-config common {{ {tls(stage)} cache {{ enable = no }}\n }}\n"
                    " tls { tls = common\n }\n}",
            clients="client localhost { ipaddr = 127.0.0.1\n secret = testing123\n}",
            listen=f"type = auth\n ipaddr = 127.0.0.1\n port = {self.port}",
            sections="authorize { eap { ok = return\n }\n }\n authenticate { eap\n }\n")

    def attempt(self, stage, conf, *arguments):
        key, certificate = stage.credential(conf)
        path = stage.write(f"eapol-{os.path.basename(str(conf))}", f"""network={{
 key_mgmt=IEEE8021X
 eap=TLS
 identity="device"
 ca_cert="{stage.path("server.crt")}"
 client_cert="{certificate}"
 private_key="{key}"
 phase1="tls_disable_tlsv1_3=0"
}}
""")
        complete, text, _ = chat(["eapol_test", "-c", path, "-a", "127.0.0.1", "-p", self.port, "-s", "testing123",
                                  "-t", "8", "-r", "0"], conf, [(b"", "^SUCCESS$")], together=True)
        return Attempt(complete, text)

    def saw(self, stage, attempt):
        return read(self.server.output.path)


def access_request(user=b"device", password=b"secret", secret=b"radsec"):
    """An Access-Request with a Message-Authenticator, for RADIUS over TLS."""
    authenticator = b"\x5a" * 16
    block = hashlib.md5(secret + authenticator).digest()
    hidden = bytes(a ^ b for a, b in zip(password.ljust(16, b"\0"), block))
    attributes = (bytes([1, len(user) + 2]) + user + bytes([2, 18]) + hidden + bytes([4, 6, 127, 0, 0, 1]))
    total = 20 + len(attributes) + 18
    packet = struct.pack("!BBH", 1, 1, total) + authenticator + attributes + bytes([80, 18])
    signature = hmac.new(secret, packet + b"\0" * 16, hashlib.md5).digest()
    return packet + signature


def radsec(stage):
    """FreeRADIUS that takes RADIUS over TLS from clients of the zone; (port, process)."""
    port = free_port()
    return port, start(
        stage, stage.server_config("require"), port, listening, modules="",
        clients="clients radsec {\n client localhost { ipaddr = 127.0.0.1\n proto = tls\n secret = radsec\n }\n}",
        listen=f"type = auth\n ipaddr = 127.0.0.1\n port = {port}\n proto = tcp\n clients = radsec\n"
               f" tls {{ {tls(stage)} require_client_cert = yes\n }}",
        sections="authorize { update control { Auth-Type := Accept\n }\n }\n")


class Radsec(Server):
    name = "FreeRADIUS (RADSEC)"
    packages = ("freeradius",)
    request = access_request()
    welcome = rb"^\x02\x01\x00"  # Access-Accept
    identity = r"TLS-Client-Cert-Common-Name := \"(\S+)\""

    def start(self, stage):
        self.port, self.server = radsec(stage)

    def saw(self, stage, attempt):
        return read(self.server.output.path)


class RadsecproxyServer(Server):
    """Devices come by TLS, and it passes on to a RADIUS server."""
    name = "radsecproxy"
    packages = ("radsecproxy", "freeradius")
    request = access_request()
    welcome = rb"^\x02\x01\x00"
    identity = r"CN=(\S+client\.example\.com)"

    def start(self, stage):
        backend = free_port()
        start(stage, None, backend, lambda p: "Ready to process requests" in p.output.text(), modules="",
              clients="client localhost { ipaddr = 127.0.0.1\n secret = radsec\n}",
              listen=f"type = auth\n ipaddr = 127.0.0.1\n port = {backend}",
              sections="authorize { update control { Auth-Type := Accept\n }\n }\n")
        self.port = free_port()
        self.proxy = stage.start(["radsecproxy", "-f", "-d", "2", "-c", stage.write("radsecproxy.conf", RADSECPROXY.format(
            listen=f"ListenTLS 127.0.0.1:{self.port}", ca=stage.path("ca.crt"), crt=stage.path("server.crt"),
            key=stage.path("server.key"), client="tls", secret="radsec", server="udp", port=backend))],
            stage.server_config(self.policy), self.port)

    def saw(self, stage, attempt):
        return read(self.proxy.output.path)


class RadsecproxyClient(Client):
    """It wants a certificate in its own configuration: self-signed, with the key of its identity."""
    name = "radsecproxy"
    packages = ("radsecproxy", "freeradius", "freeradius-utils")
    success = "Received Access-Accept"

    def start(self, stage):
        self.port, _ = radsec(stage)

    def attempt(self, stage, conf):
        key, certificate = stage.credential(conf)
        self.local = free_port()
        proxy = stage.start(["radsecproxy", "-f", "-d", "2", "-c", stage.write(f"proxy-{self.local}", RADSECPROXY.format(
            listen=f"ListenUDP 127.0.0.1:{self.local}", ca=stage.path("server.crt"), crt=certificate, key=key,
            client="udp", secret="testing123", server="tls", port=self.port))], conf, self.local,
            lambda p: "listening for udp" in p.output.text())
        try:
            return super().attempt(stage, None)
        finally:
            proxy.stop()

    def command(self, stage):
        return ["sh", "-c", f"echo User-Name=device,User-Password=secret |"
                f" radclient -r 2 -t 2 127.0.0.1:{self.local} auth testing123"]
