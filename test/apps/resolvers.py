# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""More clients of DNS over TLS: Stubby and dnsperf."""
from kit import Client
from kit.dns import MARK, named_over_tls
from kit.stage import free_port


class Stubby(Client):
    name = "Stubby"
    packages = ("stubby", "bind9", "ldnsutils")
    success = MARK
    timeout = 5

    def start(self, stage):
        self.port = named_over_tls(stage)

    def attempt(self, stage, conf):
        self.local = free_port()
        stubby = stage.start(["stubby", "-C", stage.write(f"stubby-{self.local}.yml", f"""
resolution_type: GETDNS_RESOLUTION_STUB
dns_transport_list: [GETDNS_TRANSPORT_TLS]
tls_authentication: GETDNS_AUTHENTICATION_NONE
listen_addresses: [127.0.0.1@{self.local}]
appdata_dir: "{stage.folder}"
timeout: 3000
upstream_recursive_servers:
  - address_data: 127.0.0.1
    tls_port: {self.port}
""")], conf, self.local)
        try:
            return super().attempt(stage, None)
        finally:
            stubby.stop()

    def command(self, stage):
        return ["drill", "-p", self.local, "example.org", "@127.0.0.1", "TXT"]


class Dnsperf(Client):
    name = "dnsperf"
    packages = ("dnsperf", "bind9")
    success = "Queries completed: +1 "
    timeout = 8

    def start(self, stage):
        self.port = named_over_tls(stage)

    def command(self, stage):
        return ["dnsperf", "-m", "dot", "-s", "127.0.0.1", "-p", self.port, "-t", "3", "-n", "1", "-d",
                stage.write("queries", "example.org TXT\n")]
