# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""OpenVPN, both ends: point to point over TCP, without a tunnel device."""
from kit import Server
from kit.attempt import Attempt, chat
from kit.stage import free_port, read


class Openvpn(Server):
    """Its TLS is inside its own protocol, so its client is OpenVPN as well.

    It wants a certificate in its own configuration: the client's is self-signed with the key of its identity,
    by which dance knows that it may send the name.
    """
    name = "OpenVPN"
    role = "both"
    packages = ("openvpn",)
    identity = r"\[(\S+)\] Peer Connection Initiated"
    resumes = False
    # The client's certificate is in its own configuration in any case.
    reasons = {"none": "a client: the client did not send dane_clientid"}

    def start(self, stage):
        self.port = free_port()
        stage.start(["openvpn", "--dev", "null", "--proto", "tcp-server", "--local", "127.0.0.1", "--lport", self.port,
                     "--tls-server", "--dh", "none", "--ca", stage.path("ca.crt"), "--cert", stage.path("server.crt"),
                     "--key", stage.path("server.key"), "--verb", "3", "--ping", "1", "--ping-restart", "5"],
                    stage.server_config(self.policy), self.port)

    def attempt(self, stage, conf, *arguments):
        key, certificate = stage.credential(conf)
        complete, text, _ = chat(
            ["openvpn", "--dev", "null", "--proto", "tcp-client", "--remote", "127.0.0.1", self.port, "--tls-client",
             "--ca", stage.path("server.crt"), "--cert", certificate, "--key", key, "--verb", "3",
             "--connect-retry", "1", "2", "--ping", "1", "--ping-restart", "5", "--hand-window", "5"],
            conf, [(b"", "Initialization Sequence Completed|Connection reset")], together=True)
        return Attempt(complete and "Initialization Sequence Completed" in text, text)

    def saw(self, stage, attempt):
        return read(stage.started[0].output.path)
