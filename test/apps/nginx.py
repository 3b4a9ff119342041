# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""nginx: ssl_client_verify, and the DN passed on in a header."""
import signal

from kit import Forwarder, Server
from kit.stage import free_port

CONF = """
daemon off;
{user}
pid {folder}/pid;
error_log {folder}/error.log info;
worker_processes 2;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    {server}
  }}
}}
"""


def start(stage, server, conf, port):
    text = CONF.format(folder=stage.folder, server=server, user="user nobody nogroup;")
    return stage.start(["/usr/sbin/nginx", "-e", stage.path("error.log"), "-c", stage.write("nginx.conf", text)], conf,
                       port)


class NginxServer(Server):
    name = "nginx"
    packages = ("nginx-light",)
    package = "nginx"
    request = b"GET / HTTP/1.0\r\n\r\n"
    welcome = r"^HTTP/1.1 200.*SUCCESS .*\n"
    identity = r"SUCCESS (.*)"

    def start(self, stage):
        self.port = free_port()
        start(stage, f"""
            listen 127.0.0.1:{self.port} ssl;
            ssl_protocols TLSv1.2 TLSv1.3;
            ssl_certificate {stage.path("server.crt")}; ssl_certificate_key {stage.path("server.key")};
            ssl_client_certificate {stage.path("ca.crt")};
            ssl_verify_client on;
            ssl_session_cache shared:sessions:1m;
            return 200 "$ssl_client_verify $ssl_client_s_dn\\n";""", stage.server_config(self.policy), self.port)

    def reload(self, stage):
        stage.renew(stage.started[0], signal.SIGHUP)


class NginxProxy(Forwarder):
    """proxy_pass to an https upstream."""
    name = "nginx (proxy_pass)"
    packages = ("nginx-light", "curl")
    package = "nginx"

    def forward(self, stage, conf):
        port = free_port()
        return start(stage, f"""
            listen 127.0.0.1:{port};
            location / {{ proxy_pass https://127.0.0.1:{self.port}; proxy_ssl_protocols TLSv1.3; }}""", conf, port)
