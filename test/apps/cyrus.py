# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Cyrus IMAP with SASL EXTERNAL, the user's name from the certificate."""
import base64
import signal

from kit import Server
from kit.stage import free_port, listening, wait_for

CYRUS = """
START {{
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -C {conf} -r"
}}
SERVICES {{
{services}
}}
EVENTS {{
}}
"""
IMAPD = """
configdirectory: {folder}/config
partition-default: {folder}/spool
defaultpartition: default
servername: server.example.com
sasl_mech_list: EXTERNAL
unixhierarchysep: yes
autocreate_quota: 0
idlemethod: no
tls_server_cert: {crt}
tls_server_key: {key}
tls_client_ca_file: {ca}
tls_require_cert: yes
tls_versions: tls1_3
tls_session_timeout: 60
"""


class Cyrus(Server):
    """The user's own mailbox, made at the first login, says who that is. It conflicts with Dovecot's package."""
    name = "Cyrus IMAP"
    packages = ("cyrus-common",)
    unpacked = ("cyrus-imapd",)
    identity = r"\* ACL INBOX (\S+) "

    def start(self, stage):
        self.port = free_port()
        for folder in ("config", "spool"):
            stage.folder_for(folder, "cyrus")
        conf = stage.write("imapd.conf", IMAPD.format(folder=stage.folder, crt=stage.path("server.crt"),
                                                      key=stage.path("server.key"), ca=stage.path("ca.crt")))
        self.services = {"imaps": self.port}
        self.server = stage.start(["/usr/lib/cyrus/bin/master", "-C", conf, "-M", self.write_services(stage, conf), "-p",
                                   stage.path("config/pid")], stage.server_config(self.policy), self.port)

    def write_services(self, stage, conf):
        imapd = stage.path("root/usr/lib/cyrus/bin/imapd")
        return stage.write("cyrus.conf", CYRUS.format(conf=conf, services="\n".join(
            f'  {name} cmd="{imapd} -C {conf} -s" listen="127.0.0.1:{port}" prefork=1'
            for name, port in self.services.items())))

    def reload(self, stage):
        """Its master starts a second service, which is asked from then on."""
        self.services["more"] = self.port = self.server.port = free_port()
        self.write_services(stage, stage.path("imapd.conf"))
        self.server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: listening(self.server), what="Cyrus' second service")

    def attempt(self, stage, conf, *arguments):
        name = base64.b64encode(stage.claims[conf].encode())
        self.steps = [(b"", r"^\* OK"), (b"a AUTHENTICATE EXTERNAL " + name + b"\r\n", "^a OK"),
                      (b"b GETACL INBOX\r\n", "^b OK")]
        return super().attempt(stage, conf, *arguments)
