# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""HAProxy: the client's name passed on in a header; and as client of the servers behind it."""
from kit import Client, Server
from kit.stage import free_port

CONF = """
global
  user nobody
  group nogroup
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 5s
frontend front
  bind 127.0.0.1:{port} {bind}
  {more}
  default_backend back
backend back
  server one 127.0.0.1:{backend} {server}
"""


def start(stage, conf, **parts):
    port = free_port()
    text = CONF.format(port=port, **{"bind": "", "more": "", "server": "", **parts})
    return stage.start(["/usr/sbin/haproxy", "-db", "-f", stage.write(f"haproxy-{port}.cfg", text)], conf, port)


class Haproxy(Server):
    name = "HAProxy"
    packages = ("haproxy",)
    request = b"GET / HTTP/1.0\r\nX-Client: admin\r\n\r\n"
    welcome = "the backend got.*\r\n\r\n"
    identity = r"(?i)x-client: (.*?)\r"

    def start(self, stage):
        self.port = start(stage, stage.server_config(self.policy), backend=stage.backend(),
                          bind=f"ssl crt {stage.path('server.pem')} ca-file {stage.path('ca.crt')} verify required",
                          more="http-request set-header X-Client %{+Q}[ssl_c_s_dn(cn)]").port


class HaproxyBackend(Client):
    name = "HAProxy (to a backend)"
    packages = ("haproxy", "curl")
    server = ("-www",)
    success = "s_server"

    def attempt(self, stage, conf):
        proxy = start(stage, conf, backend=self.port, server="ssl verify none")
        self.local = proxy.port
        try:
            return super().attempt(stage, None)
        finally:
            proxy.stop()

    def command(self, stage):
        return ["curl", "-s", "-m", "10", f"http://127.0.0.1:{self.local}/"]
