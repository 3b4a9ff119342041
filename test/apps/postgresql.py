# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: cert authentication with a user map; psql; and PgBouncer, whose user is the CN."""
import glob
import shutil
import signal
import struct

from kit import ALICE, BOB, LEAVER, Client, Server
from kit.rows import demand
from kit.stage import free_port, listening, read

# alice.client.example.com is the role alice.
HBA = "local all all trust\nhostssl all all 127.0.0.1/32 cert map=dance\n"
IDENT = r"dance /^([a-z]+)\.client\.example\.com$ \1" + "\n"
OK = rb"R\x00\x00\x00\x08\x00\x00\x00\x00"


def startup(user, database="postgres"):
    body = struct.pack("!I", 196608) + f"user\0{user}\0database\0{database}\0\0".encode()
    return struct.pack("!I", len(body) + 4) + body


def query(text):
    return b"Q" + struct.pack("!I", len(text) + 5) + text.encode() + b"\0"


def programs():
    return sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]


def start(stage, conf):
    as_postgres = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]
    port = free_port()
    home = stage.folder_for("postgres", "postgres")
    key = stage.write("postgres/server.key", read(stage.path("server.key")), 0o600)
    shutil.chown(key, "postgres", "postgres")
    stage.run([*as_postgres, f"{programs()}/initdb", "-A", "trust", "-N", "-D", f"{home}/data"], timeout=60)
    stage.write("postgres/data/pg_hba.conf", HBA)
    stage.write("postgres/data/pg_ident.conf", IDENT)
    stage.start([*as_postgres, f"{programs()}/postgres", "-D", f"{home}/data", "-k", home, "-p", port,
                 "-c", "listen_addresses=127.0.0.1", "-c", "ssl=on", "-c", f"ssl_cert_file={stage.path('server.crt')}",
                 "-c", f"ssl_key_file={key}", "-c", f"ssl_ca_file={stage.path('ca.crt')}", "-c", "fsync=off"],
                conf, port, lambda p: listening(p) and "ready to accept connections" in p.output.text())
    for name in (ALICE, BOB, LEAVER):
        stage.run(["psql", "-h", home, "-p", port, "-U", "postgres", "-c", f"create role {role(name)} login"])
    return port


def role(name):
    return name.partition(".")[0]


class Postgresql(Server):
    name = "PostgreSQL"
    packages = ("postgresql", "postgresql-client")
    package = "postgresql-15|postgresql-17"
    starttls = "postgres"
    identity = "/CN=([^/\0]*?)C\0"

    def start(self, stage):
        self.port = start(stage, stage.server_config(self.policy))

    def attempt(self, stage, conf, *arguments):
        self.steps = [(startup(role(stage.claims[conf])), OK),
                      (query("select client_dn from pg_stat_ssl where pid = pg_backend_pid()"), b"/CN=.*C\0")]
        return super().attempt(stage, conf, *arguments)

    def reload(self, stage):
        server = stage.started[0]
        server.output.mark()
        server.process.send_signal(signal.SIGHUP)
        server.output.wait("reloading configuration files")
        demand("not reloaded" not in server.output.text(), server.output.text())


class Psql(Client):
    name = "psql (libpq)"
    packages = ("postgresql-client", "postgresql")
    package = "postgresql-15|postgresql-17"
    success = "user is alice"

    def start(self, stage):
        self.port = start(stage, stage.server_config("require"))

    def command(self, stage):
        return ["psql", "-At", "-c", "select 'user is ' || current_user",
                f"host=127.0.0.1 port={self.port} user=alice dbname=postgres sslmode=require"]


class Pgbouncer(Server):
    name = "PgBouncer"
    packages = ("pgbouncer",)
    starttls = "postgres"
    identity = r"login attempt: db=pgbouncer user=(\S+) tls=TLSv1.3"

    def start(self, stage):
        self.port = free_port()
        stage.start(["/usr/sbin/pgbouncer", "-u", "nobody", self.write(stage, "secure")], stage.server_config(self.policy),
                    self.port)

    def write(self, stage, ciphers):
        users = stage.write("users.txt", "".join(f'"{x}" ""\n' for x in (ALICE, BOB, LEAVER)))
        return stage.write("pgbouncer.ini", f"""
[databases]
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = cert
auth_file = {users}
stats_users = {ALICE}, {BOB}, {LEAVER}
client_tls_sslmode = verify-full
client_tls_protocols = secure
client_tls_ciphers = {ciphers}
client_tls_cert_file = {stage.path("server.crt")}
client_tls_key_file = {stage.path("server.key")}
client_tls_ca_file = {stage.path("ca.crt")}
""")

    def reload(self, stage):
        """What is about TLS must have changed, or it keeps its SSL_CTX."""
        self.write(stage, "normal")
        server = stage.started[0]
        server.output.mark()
        server.process.send_signal(signal.SIGHUP)
        server.output.wait("re-reading config")
        demand("could not be reloaded" not in server.output.text(), server.output.text())

    def attempt(self, stage, conf, *arguments):
        self.steps = [(startup(stage.claims[conf], "pgbouncer"), OK)]
        return super().attempt(stage, conf, *arguments)

    def saw(self, stage, attempt):
        return read(stage.started[0].output.path)


class PgbouncerClient(Client):
    """To the database behind it, as the user alice and nobody else."""
    name = "PgBouncer"
    packages = ("pgbouncer", "postgresql", "postgresql-client")
    success = "user is alice"

    def start(self, stage):
        self.port = start(stage, stage.server_config("require"))

    def attempt(self, stage, conf):
        self.local = free_port()
        bouncer = stage.start(["/usr/sbin/pgbouncer", "-u", "nobody", stage.write(f"pgbouncer-{self.local}.ini", f"""
[databases]
postgres = user=alice host=127.0.0.1 port={self.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.local}
unix_socket_dir =
auth_type = any
server_tls_sslmode = require
server_connect_timeout = 5
query_wait_timeout = 3
""")], conf, self.local)
        try:
            return super().attempt(stage, None)
        finally:
            bouncer.stop()

    def command(self, stage):
        return ["psql", "-At", "-c", "select 'user is ' || current_user",
                f"host=127.0.0.1 port={self.local} user=alice dbname=postgres"]
