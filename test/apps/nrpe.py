# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""NRPE: monitoring over TLS, both roles."""
import struct
import zlib

from kit import Client, Server
from kit.stage import free_port, read


def query():
    """A version 2 packet: _NRPE_CHECK asks for the version."""
    def packet(crc):
        return struct.pack("!hhIh1024s2x", 2, 1, crc, 0, b"_NRPE_CHECK")
    return packet(zlib.crc32(packet(0)))


def start(stage, conf):
    port = free_port()
    stage.start(["/usr/sbin/nrpe", "-f", "-c", stage.write("nrpe.cfg", f"""
server_address=127.0.0.1
server_port={port}
nrpe_user=nobody
nrpe_group=nogroup
pid_file={stage.path("pid")}
log_file={stage.write("nrpe.log", "", 0o666)}
allowed_hosts=127.0.0.1
debug=0
ssl_version=TLSv1.2+
ssl_client_certs=2
ssl_logging=0x3f
ssl_cacert_file={stage.path("ca.crt")}
ssl_cert_file={stage.path("server.crt")}
ssl_privatekey_file={stage.path("server.key")}
""")], conf, port)
    return port


class Nrpe(Server):
    name = "NRPE"
    packages = ("nagios-nrpe-server",)
    request = query()
    welcome = "NRPE v"
    identity = r"Cert Name: .*CN=(\S+)"

    def start(self, stage):
        self.port = start(stage, stage.server_config(self.policy))

    def saw(self, stage, attempt):
        return read(stage.path("nrpe.log"))


class CheckNrpe(Client):
    name = "check_nrpe"
    packages = ("nagios-nrpe-plugin", "nagios-nrpe-server")
    package = "nagios-nrpe-plugin"
    success = "^NRPE v"

    def start(self, stage):
        self.port = start(stage, stage.server_config("require"))

    def command(self, stage):
        return ["/usr/lib/nagios/plugins/check_nrpe", "-H", "127.0.0.1", "-p", self.port, "-t", "8"]
