# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""FTP over TLS: ProFTPD, whose user is the certificate's, and vsftpd."""
from kit import ALICE, BOB, LEAVER, Server
from kit.rows import demand
from kit.stage import free_port, read


class _Ftp(Server):
    """Besides: a data connection, which both want to resume the session of the control connection."""
    starttls = "ftp"
    user = None

    def play(self, stage):
        super().play(stage)
        code, text = stage.run(["curl", "-sSvk", "--ssl-reqd", "-m", "15", "-u", f"{self.user}:a@example.net",
                                f"ftp://127.0.0.1:{self.port}/"], stage.client_config(ALICE))
        demand(code == 0, f"{ALICE} gets no listing: {text[-3000:]}")


class Proftpd(_Ftp):
    name = "ProFTPD"
    packages = ("proftpd-core", "proftpd-mod-crypto", "curl")
    user = ALICE
    identity = "matched client cert CommonName '(.*?)'"

    def start(self, stage):
        self.port = free_port()
        home = stage.folder_for("home", "nobody")
        run = stage.folder_for("run")  # ProFTPD takes no files in folders that all may write to
        users = stage.write("run/users", "".join(f"{x}:*:65534:65534::{home}:/bin/sh\n" for x in (ALICE, BOB, LEAVER)), 0o600)
        path = stage.write("proftpd.conf", f"""
LoadModule mod_tls.c
<IfModule !mod_ls.c>
 LoadModule mod_ls.c
</IfModule>
<IfModule !mod_xfer.c>
 LoadModule mod_xfer.c
</IfModule>
ServerName dance
ServerType standalone
DefaultAddress 127.0.0.1
Port {self.port}
User nobody
Group nogroup
PidFile {run}/pid
ScoreboardFile {run}/scoreboard
UseIPv6 off
WtmpLog off
SystemLog {run}/log
AuthUserFile {users}
AuthOrder mod_auth_file.c
RequireValidShell off
TLSEngine on
TLSLog {run}/tls.log
TLSProtocol TLSv1.2 TLSv1.3
TLSECCertificateFile {stage.path("server.crt")}
TLSECCertificateKeyFile {stage.path("private.key")}
TLSCACertificateFile {stage.path("ca.crt")}
TLSVerifyClient on
TLSRequired on
TLSUserName CommonName
TLSOptions EnableDiags NoSessionReuseRequired
""")
        stage.write("private.key", read(stage.path("server.key")), 0o600)
        stage.start(["/usr/sbin/proftpd", "-n", "-c", path], stage.server_config(self.policy), self.port)

    def attempt(self, stage, conf, *arguments):
        self.steps = [(b"USER " + stage.claims[conf].encode() + b"\r\n", "^232")]
        return super().attempt(stage, conf, *arguments)

    def saw(self, stage, attempt):
        return read(stage.path("run/tls.log"))


class Vsftpd(_Ftp):
    """Its sessions have an empty network namespace and a chroot. Its package conflicts with ProFTPD's."""
    name = "vsftpd"
    packages = ("libwrap0", "curl")
    unpacked = ("vsftpd",)
    package = "vsftpd"
    user = "anonymous"
    # The anonymous user's home must be there, and nobody's is not.
    steps = [(b"USER anonymous\r\n", "^331 "), (b"PASS a@example.net\r\n", "^230 ")]
    quiet = True

    def start(self, stage):
        self.port = free_port()
        stage.folder_for("empty")
        stage.start([stage.path("root/usr/sbin/vsftpd"), stage.write("vsftpd.conf", f"""
listen=YES
listen_address=127.0.0.1
listen_port={self.port}
background=NO
anonymous_enable=YES
ftp_username=daemon
nopriv_user=nobody
anon_root={stage.folder_for("public")}
secure_chroot_dir={stage.path("empty")}
xferlog_enable=NO
allow_anon_ssl=YES
ssl_enable=YES
force_anon_logins_ssl=YES
rsa_cert_file={stage.path("server.crt")}
rsa_private_key_file={stage.path("server.key")}
ca_certs_file={stage.path("ca.crt")}
require_cert=YES
validate_cert=YES
""")], stage.server_config(self.policy), self.port)
