# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""MariaDB: REQUIRE SUBJECT, and its command line client."""
import struct

from kit import ALICE, BOB, LEAVER, Client, Server
from kit.stage import free_port

# What s_client's request for TLS said that it can do.
CAPABILITIES = 0x7fae85


def packet(number, body):
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def login(name):
    return packet(2, struct.pack("<IIB23x", CAPABILITIES, 1 << 24, 33) + name.encode() + b"\0\0"
                  b"mysql_native_password\0\0")


def start(stage, conf):
    port = free_port()
    home = stage.folder_for("mysql", "mysql")
    stage.run(["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={home}/data", f"--tmpdir={home}", "--skip-test-db",
               "--auth-root-authentication-method=normal"], timeout=90)
    users = "".join(f"CREATE USER {user(x)}@'127.0.0.1' REQUIRE SUBJECT '/CN={x}';\n" for x in (ALICE, BOB, LEAVER))
    stage.start(["/usr/sbin/mariadbd", "--no-defaults", "--user=mysql", f"--datadir={home}/data", f"--tmpdir={home}",
                 f"--port={port}", "--bind-address=127.0.0.1", f"--socket={home}/socket", f"--pid-file={home}/pid", "--skip-name-resolve",
                 f"--init-file={stage.write('users.sql', users)}", f"--ssl-ca={stage.path('ca.crt')}",
                 f"--ssl-cert={stage.path('server.crt')}", f"--ssl-key={stage.path('server.key')}"], conf, port)
    return port


def user(name):
    return name.partition(".")[0]


class Mariadb(Server):
    name = "MariaDB"
    packages = ("mariadb-server",)
    starttls = "mysql"
    identity = "REQUIRE SUBJECT '/CN=(.*?)'"

    def start(self, stage):
        self.port = start(stage, stage.server_config(self.policy))

    def attempt(self, stage, conf, *arguments):
        self.steps = [(login(user(stage.claims[conf])), rb"^\x07\x00\x00\x03\x00"),
                      (packet(0, b"\x03SHOW GRANTS"), "GRANT USAGE.*'/CN=.*'")]
        return super().attempt(stage, conf, *arguments)


class MariadbClient(Client):
    name = "mariadb"
    packages = ("mariadb-client", "mariadb-server")
    success = "user is alice@"

    def start(self, stage):
        self.port = start(stage, stage.server_config("require"))

    def command(self, stage):
        return ["mariadb", "--no-defaults", "--ssl", "-h", "127.0.0.1", "-P", self.port, "-u", "alice", "-N", "-e",
                "select concat('user is ', current_user())"]
