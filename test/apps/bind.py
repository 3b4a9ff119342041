# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""BIND: zone transfer over TLS in both roles, and DNS over TLS for dig."""
from kit import Client, Server
from kit.dns import MARK, message, named_over_tls
from kit.stage import free_port


class BindPrimary(Server):
    name = "BIND (XoT primary)"
    packages = ("bind9",)
    request = message(252)
    arguments = ("-alpn", "dot")  # else BIND does not take it for a zone transfer over TLS
    welcome = MARK
    quiet = True
    open_without = True    # it asks for no certificate itself
    note = "allow-transfer knows addresses and TSIG keys only: whom the allow of dance lets in may transfer"

    def start(self, stage):
        self.port = named_over_tls(stage)


class BindSecondary(Client):
    name = "BIND (XoT secondary)"
    packages = ("bind9",)
    success = "Transfer status: success"
    failure = "Transfer status: (?!success)"

    def start(self, stage):
        self.port = named_over_tls(stage)

    def command(self, stage):
        port = free_port()
        where = stage.folder_for(f"secondary-{port}")
        path = stage.write(f"secondary-{port}/named.conf", f"""
            options {{ directory "{where}"; pid-file none; session-keyfile none; listen-on-v6 {{ none; }};
                      listen-on port {port} {{ 127.0.0.1; }}; recursion no; dnssec-validation no; }};
            controls {{ }};
            tls primary {{ remote-hostname "server.example.com"; ca-file "{stage.path("server.crt")}"; }};
            zone "example.org" {{ type secondary; file "copy"; primaries {{ 127.0.0.1 port {self.port} tls primary; }}; }};
            """)
        return ["/usr/sbin/named", "-g", "-n", "1", "-c", path]


class Dig(Client):
    name = "dig +tls"
    packages = ("bind9-dnsutils", "bind9")
    success = MARK

    def start(self, stage):
        self.port = named_over_tls(stage)

    def command(self, stage):
        return ["dig", "+tls", "+tries=1", "+time=5", "-p", str(self.port), "@127.0.0.1", "example.org", "TXT"]
