# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Redis, which looks at no name in the certificate, and redis-cli."""
from kit import Client, Server
from kit.stage import free_port


def start(stage, conf):
    port = free_port()
    stage.start(["redis-server", "--port", "0", "--tls-port", port, "--bind", "127.0.0.1", "--save", "", "--dir",
                 stage.folder, "--tls-cert-file", stage.path("server.crt"), "--tls-key-file", stage.path("server.key"),
                 "--tls-ca-cert-file", stage.path("ca.crt"), "--tls-auth-clients", "yes"], conf, port)
    return port


class Redis(Server):
    name = "Redis"
    packages = ("redis-server",)
    request = b"PING\r\n"
    welcome = r"\+PONG"
    quiet = True

    def start(self, stage):
        self.port = start(stage, stage.server_config(self.policy))


class RedisCli(Client):
    name = "redis-cli"
    packages = ("redis-tools", "redis-server")
    success = "PONG"

    def start(self, stage):
        self.port = start(stage, stage.server_config("require"))

    def command(self, stage):
        return ["redis-cli", "--tls", "--insecure", "-p", self.port, "PING"]
