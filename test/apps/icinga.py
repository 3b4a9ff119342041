# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Icinga 2: its API, whose users are known by the CN of their certificates, and its cluster."""
import re
import shutil
import signal

from kit import ALICE, BOB, CAROL, LEAVER, Client, Server
from kit.stage import SERVER_NAME, free_port, wait_for

CONF = """
object ApiListener "api" {{
  bind_host = "127.0.0.1"
  bind_port = {port}
  accept_config = true
}}
{more}
"""
USER = """
object ApiUser "{name}" {{
  client_cn = "{name}"
  permissions = [ "*" ]
}}
"""
CLUSTER = """
object Endpoint "{server}" {{
  {address}
}}
object Endpoint "{client}" {{ }}
object Zone "server" {{ endpoints = [ "{server}" ] }}
object Zone "client" {{
  endpoints = [ "{client}" ]
  parent = "server"
}}
"""
FOLDERS = ("Cache", "Data", "InitRun", "Log", "Spool")


def icinga(stage, conf, node, key, certificate, more):
    """A node, with a certificate of its own, and a CA's, at the place where Icinga 2 looks for them."""
    name = f"icinga-{free_port()}"
    for kind in FOLDERS:
        stage.folder_for(f"{name}/{kind}", "nagios")
    certs = stage.folder_for(f"{name}/Data/certs", "nagios")
    for source, target in ((key, f"{node}.key"), (certificate, f"{node}.crt"), (stage.path("server.crt"), "ca.crt")):
        shutil.copy(source, f"{certs}/{target}")
        shutil.chown(f"{certs}/{target}", "nagios")
    port = free_port()
    path = stage.write(f"{name}/icinga2.conf", CONF.format(port=port, more=more))
    folders = [word for kind in FOLDERS for word in ("-D", f"Configuration.{kind}Dir={stage.path(name, kind)}")]
    return stage.start(["/usr/sbin/icinga2", "daemon", "-c", path, "-D", f"NodeName={node}",
                        "-D", f"Configuration.PidPath={stage.path(name, 'InitRun', 'pid')}", *folders], conf, port)


def cluster(address=""):
    return CLUSTER.format(server=SERVER_NAME, client=ALICE, address=address)


def server(stage, policy="require"):
    """It has the clients as users of its API, and Alice as an endpoint below it."""
    users = "".join(USER.format(name=name) for name in (ALICE, BOB, CAROL, LEAVER))
    return icinga(stage, stage.server_config(policy), SERVER_NAME, stage.path("server.key"), stage.path("server.crt"),
                  users + cluster())


class Icinga(Server):
    """The CN is the API's user."""
    name = "Icinga 2 (API)"
    packages = ("icinga2-bin",)
    request = b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    welcome = "You are authenticated as .*</p>"
    refusal = b"401 Unauthorized"
    identity = "authenticated as <b>(.*?)</b>"

    def start(self, stage):
        self.server = server(stage, self.policy)
        self.port = self.server.port

    def reload(self, stage):
        stage.renew(self.server, signal.SIGHUP)


class IcingaNode(Client):
    """A node below another one, whose word it has when that sends it its configuration.

    A node has a certificate in its own configuration: self-signed, with the key of its identity.
    """
    name = "Icinga 2 (cluster)"
    packages = ("icinga2-bin",)
    success = f"Applying config update from endpoint '{SERVER_NAME}'"

    def start(self, stage):
        self.port = server(stage).port

    def attempt(self, stage, conf):
        key, certificate = stage.path("stranger.key"), stage.certificate("stranger", ALICE)
        if conf:
            key, certificate = stage.credential(conf)
        node = icinga(stage, conf, ALICE, key, certificate, cluster(f'host = "127.0.0.1"\n  port = {self.port}'))
        said = rf"({self.success})|(API client disconnected for identity)"
        try:
            wait_for(lambda: re.search(said, node.output.text()), what="the other node's word")
        finally:
            node.stop()
        return self.attempted(re.search(self.success, node.output.text()), node.output.text())
