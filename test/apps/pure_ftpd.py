# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Pure-FTPd, which can demand a certificate (-J -C:...) and compares it with nothing: the user has a password besides."""
from ftp import _Ftp
from kit.stage import free_port

PASSWORD = "a@example.net"


class PureFtpd(_Ftp):
    """Its sessions are in a chroot. Its package conflicts with ProFTPD's."""
    name = "Pure-FTPd"
    packages = ("libsodium23", "libpam0g", "libcap2", "curl")
    unpacked = ("pure-ftpd", "pure-ftpd-common")
    package = "pure-ftpd"
    user = "device"
    steps = [(b"USER device\r\n", "^331 "), (f"PASS {PASSWORD}\r\n".encode(), "^230 ")]
    quiet = True

    def start(self, stage):
        self.port = free_port()
        # Its own hashes take seconds.
        _, hashed = stage.run(["openssl", "passwd", "-5", PASSWORD])
        home = stage.folder_for("home", "nobody")
        users = stage.write("users", f"{self.user}:{hashed.strip()}:65534:65534::{home}/./::::::::::::\n", 0o600)
        stage.run([stage.path("root/usr/bin/pure-pw"), "mkdb", f"{users}.pdb", "-f", users])
        stage.start([stage.path("root/usr/sbin/pure-ftpd"), "-S", f"127.0.0.1,{self.port}", "-E", "-H", "-u", "1", "-l",
                     f"puredb:{users}.pdb", "-Y", "3", "-2", stage.path("server.pem"), "-J", "-C:HIGH"],
                    stage.server_config(self.policy), self.port)
