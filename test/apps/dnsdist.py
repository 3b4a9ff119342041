# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dnsdist: DNS over TLS for its clients, and to the servers behind it."""
from kit import Client, Server
from kit.dns import MARK, message, named_over_tls
from kit.stage import free_port


def start(stage, lines, conf, port):
    path = stage.write(f"dnsdist-{port}.conf", "\n".join(lines) + "\n")
    return stage.start(["/usr/bin/dnsdist", "--supervised", "--disable-syslog", "-C", path], conf, port)


class DnsdistServer(Server):
    name = "dnsdist"
    packages = ("dnsdist",)
    request = message(16)
    welcome = r"\x12\x34"
    quiet = True
    open_without = True    # it asks for no certificate itself

    def start(self, stage):
        self.port = free_port()
        start(stage, [f'addTLSLocal("127.0.0.1:{self.port}", "{stage.path("server.crt")}", "{stage.path("server.key")}",'
                      ' {provider="openssl"})', 'addAction(AllRule(), RCodeAction(DNSRCode.REFUSED))'],
              stage.server_config(self.policy), self.port)


class DnsdistClient(Client):
    name = "dnsdist (to a backend)"
    packages = ("dnsdist", "bind9", "ldnsutils")
    success = MARK
    timeout = 4

    def start(self, stage):
        self.port = named_over_tls(stage)

    def attempt(self, stage, conf):
        self.local = free_port()
        dnsdist = start(stage, [
            f'setLocal("127.0.0.1:{self.local}")',
            f'newServer({{address="127.0.0.1:{self.port}", tls="openssl", subjectName="server.example.com",'
            f' caStore="{stage.path("server.crt")}", healthCheckMode="up"}})'], conf, self.local)
        try:
            return super().attempt(stage, None)
        finally:
            dnsdist.stop()

    def command(self, stage):
        return ["drill", "-p", str(self.local), "example.org", "@127.0.0.1", "TXT"]
