# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Dovecot: IMAP with SASL EXTERNAL, the user's name from the certificate."""
import base64

from kit import Server
from kit.stage import free_port, read

CONF = """
base_dir = {folder}/run
log_path = {folder}/log
auth_verbose = yes
protocols = imap
listen = 127.0.0.1
instance_name = dance
state_dir = {folder}/state
ssl = required
ssl_cert = <{crt}
ssl_key = <{key}
ssl_ca = <{ca}
ssl_verify_client_cert = yes
ssl_require_crl = no
ssl_min_protocol = TLSv1.2
auth_ssl_require_client_cert = yes
auth_ssl_username_from_cert = yes
auth_mechanisms = external
import_environment = OPENSSL_CONF={conf}
mail_location = maildir:{folder}/mail/%u
passdb {{
  driver = static
  args = nopassword
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%u
}}
first_valid_uid = 1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
  }}
}}
"""
CONF_2_4 = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/run
log_path = {folder}/log
auth_verbose = yes
protocols = imap
listen = 127.0.0.1
instance_name = dance
state_dir = {folder}/state
ssl = required
ssl_server_cert_file = {crt}
ssl_server_key_file = {key}
ssl_server_ca_file = {ca}
ssl_server_request_client_cert = yes
ssl_server_require_crl = no
auth_ssl_require_client_cert = yes
auth_ssl_username_from_cert = yes
auth_mechanisms = external
import_environment {{
  OPENSSL_CONF = {conf}
}}
mail_driver = maildir
mail_path = {folder}/mail/%{{user}}
first_valid_uid = 1
passdb static {{
  fields {{
    nopassword = yes
  }}
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = {folder}/mail/%{{user}}
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
  }}
}}
"""


class Dovecot(Server):
    """openssl.cnf comes by import_environment alone. A login process may start no programs (RLIMIT_NPROC)."""
    name = "Dovecot (IMAP)"
    packages = ("dovecot-imapd",)
    package = "dovecot-core"
    note = "its login processes may start no programs and are in a chroot: resolver = a socket, and chroot ="
    identity = "imap-login: Info: (?:Login|Logged in): user=<(.*?)>, method=EXTERNAL"

    def start(self, stage):
        self.port = free_port()
        old = stage.run(["dovecot", "--version"])[1].startswith("2.3")
        stage.write("dovecot.conf", (CONF if old else CONF_2_4.lstrip()).format(
            folder=stage.folder, crt=stage.path("server.crt"), key=stage.path("server.key"), ca=stage.path("ca.crt"),
            port=self.port, conf=stage.server_config(self.policy, stage.resolver())))
        stage.write("mail/keep", "")
        stage.run(["chmod", "777", stage.path("mail")])
        stage.start(["/usr/sbin/dovecot", "-F", "-c", stage.path("dovecot.conf")], None, self.port)

    def attempt(self, stage, conf, *arguments):
        name = base64.b64encode(stage.claims[conf].encode())
        self.steps = [(b"", r"^\* OK"), (b"a AUTHENTICATE EXTERNAL " + name + b"\r\n", "^a OK")]
        return super().attempt(stage, conf, *arguments)

    def saw(self, stage, attempt):
        return read(stage.path("log"))
