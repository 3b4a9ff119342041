# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""curl, whose command line program Debian links with OpenSSL."""
from kit import Client


class Curl(Client):
    name = "curl"
    packages = ("curl",)
    server = ("-www",)
    success = "s_server"

    def command(self, stage):
        return ["curl", "-sS", "-m", "10", "--cacert", stage.path("server.crt"), f"https://localhost:{self.port}/"]
