# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""NSD: DNS over TLS, and secondary of a BIND by zone transfer over TLS."""
from kit import Client, Server
from kit.dns import MARK, ZONE, message, named_over_tls
from kit.stage import free_port

CONF = """
server:
 ip-address: 127.0.0.1@{port}
 username: ""
 zonesdir: "{folder}"
 database: ""
 pidfile: "{folder}/pid"
 xfrdfile: "{folder}/xfrd"
 zonelistfile: "{folder}/zonelist"
 xfrdir: "{folder}"
 server-count: 1
 verbosity: 2
 {server}
remote-control:
 control-enable: no
{more}
zone:
 name: example.org
 zonefile: "{folder}/example.org"
 {zone}
"""


class NsdServer(Server):
    name = "NSD"
    packages = ("nsd",)
    request = message(16)
    welcome = MARK
    quiet = True
    open_without = True    # it asks for no certificate itself

    def start(self, stage):
        self.port = free_port()
        folder = stage.folder_for("nsd")
        stage.write("nsd/example.org", ZONE)
        path = stage.write("nsd/nsd.conf", CONF.format(
            port=self.port, folder=folder, more="", zone="",
            server=f'tls-service-key: "{stage.path("server.key")}"\n tls-service-pem: "{stage.path("server.crt")}"\n'
                   f" tls-port: {self.port}"))
        stage.start(["/usr/sbin/nsd", "-d", "-c", path], stage.server_config(self.policy), self.port)


class NsdSecondary(Client):
    name = "NSD (XoT secondary)"
    packages = ("nsd", "bind9")
    success = "committed|zone example.org .*update"
    failure = "(tls|TLS|SSL).*(failed|error)|cannot SSL"
    timeout = 8

    def start(self, stage):
        self.port = named_over_tls(stage)

    def command(self, stage):
        port = free_port()
        folder = stage.folder_for(f"nsd-{port}")
        path = stage.write(f"nsd-{port}/nsd.conf", CONF.format(
            port=port, folder=folder, server=f'tls-cert-bundle: "{stage.path("server.crt")}"',
            more="tls-auth:\n name: primary\n auth-domain-name: server.example.com",
            zone=f"request-xfr: AXFR 127.0.0.1@{self.port} NOKEY primary"))
        return ["/usr/sbin/nsd", "-d", "-c", path]
