# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Squid: an https_port whose ACLs know the client's CN, and a TLS peer behind it."""
import os

from kit import Client, Server
from kit.rows import CannotRun
from kit.stage import free_port, listening

CONF = """
pid_filename {folder}/pid-{port}
coredump_dir {folder}
cache_effective_user proxy
cache_log {folder}/cache-{port}.log
logformat shown %>ru %ssl::>cert_subject
access_log stdio:{folder}/access-{port}.log logformat=shown
cache deny all
netdb_filename none
shutdown_lifetime 1 second
visible_hostname squid
{more}
"""


def start(stage, conf, port, more):
    # Version 6 wants shared memory even with one process.
    if not os.stat("/dev/shm").st_mode & 0o002:
        raise CannotRun("/dev/shm cannot be written to by Squid's user here")
    path = stage.write(f"squid-{port}.conf", CONF.format(folder=stage.folder, port=port, more=more))
    return stage.start(["setsid", "squid", "-N", "-n", f"dance{port}", "-f", path], conf, port, listening)


class Squid(Server):
    name = "Squid"
    packages = ("squid-openssl",)
    welcome = "^HTTP/1.1 200.*the backend got"
    identity = "X-Client: (\\S+)"

    def start(self, stage):
        self.port, backend = free_port(), stage.backend()
        self.request = f"GET http://127.0.0.1:{backend}/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        start(stage, stage.server_config(self.policy), self.port, f"""
https_port 127.0.0.1:{self.port} tls-cert={stage.path("server.crt")} tls-key={stage.path("server.key")} clientca={stage.path("ca.crt")}
acl members user_cert CN alice.client.example.com leaver.client.example.com
http_access allow members
http_access deny all
request_header_add X-Client "%ssl::>cert_subject" all
""")


class SquidPeer(Client):
    """cache_peer with TLS."""
    name = "Squid (cache_peer)"
    packages = ("squid-openssl", "curl")
    server = ("-www",)
    success = "s_server"

    def attempt(self, stage, conf):
        self.local = free_port()
        squid = start(stage, conf, self.local, f"""
http_port 127.0.0.1:{self.local} accel defaultsite=server.example.com
cache_peer 127.0.0.1 parent {self.port} 0 no-query originserver no-digest tls sslflags=DONT_VERIFY_PEER
http_access allow all
""")
        try:
            return super().attempt(stage, None)
        finally:
            squid.stop()

    def command(self, stage):
        return ["curl", "-s", "-m", "10", f"http://127.0.0.1:{self.local}/"]
