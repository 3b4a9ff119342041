# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Unbound: DNS over TLS for its clients, and as a client of the resolver that it forwards to."""
from kit import Client, Server
from kit.dns import MARK, message, named_over_tls
from kit.stage import free_port, listening

CONF = """
server:
  interface: 127.0.0.1@{port}
  port: {port}
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  {server}
remote-control:
  control-enable: no
{more}
"""


class UnboundServer(Server):
    name = "Unbound"
    packages = ("unbound",)
    request = message(16)
    welcome = MARK
    quiet = True
    open_without = True    # it asks for no certificate itself

    def start(self, stage):
        self.port = free_port()
        path = stage.write("unbound.conf", CONF.format(port=self.port, folder=stage.folder, more="", server=f"""
  tls-port: {self.port}
  tls-service-key: "{stage.path("server.key")}"
  tls-service-pem: "{stage.path("server.crt")}"
  local-zone: example.org static
  local-data: 'example.org TXT "{MARK}"'"""))
        stage.start(["/usr/sbin/unbound", "-d", "-c", path], stage.server_config(self.policy), self.port)


class UnboundForwarder(Client):
    name = "Unbound (forwarding)"
    packages = ("unbound", "bind9", "ldnsutils")
    success = MARK

    def start(self, stage):
        self.port = named_over_tls(stage)

    def attempt(self, stage, conf):
        self.local = free_port()
        path = stage.write(f"unbound-{self.local}.conf", CONF.format(
            port=self.local, folder=stage.folder, server=f'tls-cert-bundle: "{stage.path("server.crt")}"', more=f"""
forward-zone:
  name: "."
  forward-tls-upstream: yes
  forward-addr: 127.0.0.1@{self.port}#server.example.com"""))
        unbound = stage.start(["/usr/sbin/unbound", "-d", "-c", path], conf, self.local, listening)
        try:
            return super().attempt(stage, None)
        finally:
            unbound.stop()

    def command(self, stage):
        return ["drill", "-p", str(self.local), "example.org", "@127.0.0.1", "TXT"]
