# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Puma, Ruby's web server, with a TLS of its own (MiniSSL): the application gets the client's certificate."""
import re
import signal

from kit import Server
from kit.stage import free_port, listening, wait_for

CONF = """
workers 2
threads 1, 4
environment "production"
# Now and then one of its workers does not end when it is told to, with dance and without; then it is killed after this.
worker_shutdown_timeout 3
force_shutdown_after 3
bind "ssl://127.0.0.1:{port}?cert={cert}&key={key}&ca={ca}&verify_mode=force_peer"
app do |env|
  certificate = env["puma.peercert"]
  [200, {{"Content-Type" => "text/plain"}}, ["you are #{{certificate ? certificate.subject : 'nobody'}}\\n"]]
end
before_fork {{ require "openssl" }}
"""


def booted(process):
    """How many workers have become ready since it started."""
    return len(re.findall(r"Worker \d.* booted", process.output.text()))


class Puma(Server):
    name = "Puma"
    packages = ("puma",)
    request = b"GET / HTTP/1.0\r\n\r\n"
    welcome = "^HTTP/1.0 200.*you are .*\n"
    identity = "you are (.*)"

    def start(self, stage):
        self.port = free_port()
        path = stage.write("puma.rb", CONF.format(port=self.port, cert=stage.path("server.crt"), ca=stage.path("ca.crt"),
                                                  key=stage.path("server.key")))
        stage.start(["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "puma", "--dir", stage.folder,
                     "-C", path], stage.server_config(self.policy), self.port, lambda p: listening(p) and booted(p) == 2)

    def reload(self, stage):
        server = stage.started[0]
        before = booted(server)
        stage.renew(server, signal.SIGUSR2)
        wait_for(lambda: booted(server) == before + 2, what="Puma's new workers")
