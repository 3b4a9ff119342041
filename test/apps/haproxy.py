# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""HAProxy: the client's name passed on in a header; and as client of the servers behind it."""
from kit import Forwarder, Server
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


class HaproxyBackend(Forwarder):
    name = "HAProxy (to a backend)"
    packages = ("haproxy", "curl")

    def forward(self, stage, conf):
        return start(stage, conf, backend=self.port, server="ssl verify none")
