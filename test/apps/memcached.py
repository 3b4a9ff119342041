# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""memcached, which looks at no name in the certificate. It is no TLS client, and Debian's tools for it know no TLS."""
from kit import ALICE, Server
from kit.rows import demand
from kit.stage import free_port


class Memcached(Server):
    name = "memcached"
    packages = ("memcached",)
    request = b"version\r\n"
    welcome = "^VERSION "
    quiet = True

    def start(self, stage):
        self.port = free_port()
        stage.start(["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", self.port, "-U", "0", "-t", "2", "-Z", "-o",
                     f"ssl_chain_cert={stage.path('server.crt')},ssl_key={stage.path('server.key')},ssl_verify_mode=2,"
                     f"ssl_ca_cert={stage.path('ca.crt')},ssl_session_cache"], stage.server_config(self.policy), self.port)

    def reload(self, stage):
        self.request, self.welcome = b"refresh_certs\r\n", "^OK"
        attempt = self.attempt(stage, stage.client_config(ALICE))
        self.request, self.welcome = Memcached.request, Memcached.welcome
        demand(attempt.accepted, f"it does not refresh its certificates: {attempt.text[-2000:]}")
