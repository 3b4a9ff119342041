# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Apache Traffic Server: TLS from clients, and to the origin."""
import os

from kit import Forwarder, Server
from kit.stage import free_port, listening, read, wait_for

FOLDERS = ("sysconfdir", "localstatedir", "runtimedir", "logdir", "cachedir", "datadir")
RECORDS = """
CONFIG proxy.config.http.server_ports STRING {port}:{kind}ip-in=127.0.0.1
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 2
CONFIG proxy.config.http.cache.http INT 0
CONFIG proxy.config.url_remap.remap_required INT 1
CONFIG proxy.config.reverse_proxy.enabled INT 1
CONFIG proxy.config.ssl.server.cert.path STRING {folder}
CONFIG proxy.config.ssl.server.private_key.path STRING {folder}
CONFIG proxy.config.ssl.CA.cert.path STRING {folder}
CONFIG proxy.config.ssl.CA.cert.filename STRING ca.crt
CONFIG proxy.config.ssl.client.certification_level INT 2
CONFIG proxy.config.ssl.client.verify.server.policy STRING DISABLED
"""


def traffic_server(stage, conf, name, to, kind=""):
    """The manager, which starts the server, as in Debian's unit, and as the user of the server from the beginning.

    A manager that is root gives its server another effective user than its real one: OpenSSL ignores OPENSSL_CONF then.
    """
    folders = {part: stage.folder_for(f"{name}/{part}", "trafficserver") for part in FOLDERS}
    root = stage.write(f"{name}/runroot.yaml", f"prefix: {stage.path(name)}\nexec_prefix: /usr\nbindir: /usr/bin\n"
                       "sbindir: /usr/bin\nlibdir: /usr/lib/trafficserver\nlibexecdir: /usr/lib/trafficserver/modules\n"
                       "includedir: /usr/include\n" + "".join(f"{part}: {path}\n" for part, path in folders.items()))
    port = free_port()
    for file, text in (("records.config", RECORDS.format(folder=stage.folder, port=port, kind=kind)),
                       ("remap.config", f"map / {to}\n"),
                       ("ip_allow.yaml", "ip_allow:\n  - {apply: in, ip_addrs: 127.0.0.1, action: allow, methods: ALL}\n"),
                       ("storage.config", f"{folders['cachedir']} 16M\n"),
                       ("ssl_multicert.config", "dest_ip=* ssl_cert_name=server.crt ssl_key_name=server.key\n")):
        stage.write(f"{name}/sysconfdir/{file}", text)
    return stage.start(["setpriv", "--reuid", "trafficserver", "--regid", "trafficserver", "--clear-groups",
                        "/usr/bin/traffic_manager", f"--run-root={root}"], conf, port,
                       lambda p: listening(p) and "fully initialized" in diagnostics(stage, name))


def diagnostics(stage, name):
    path = stage.path(name, "logdir", "diags.log")
    return read(path) if os.path.exists(path) else ""


class TrafficServer(Server):
    """It tells the origin nothing of the client."""
    name = "Traffic Server"
    packages = ("trafficserver|",)
    package = "trafficserver"
    note = "its manager must be its user from the beginning: OpenSSL ignores OPENSSL_CONF in a process that changes users"
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    welcome = "the backend got"
    quiet = True

    def start(self, stage):
        self.port = traffic_server(stage, stage.server_config(self.policy), "ats", f"http://127.0.0.1:{stage.backend()}/",
                                   "ssl:").port

    def reload(self, stage):
        """It makes its SSL_CTXs anew."""
        said = "ssl_multicert.config finished loading"
        before = diagnostics(stage, "ats").count(said)
        os.utime(stage.path("ats", "sysconfdir", "ssl_multicert.config"))
        stage.run(["traffic_ctl", f"--run-root={stage.path('ats', 'runroot.yaml')}", "config", "reload"])
        wait_for(lambda: diagnostics(stage, "ats").count(said) > before, what="Traffic Server's new certificates")


class TrafficServerClient(Forwarder):
    """To the origin."""
    name = "Traffic Server"
    packages = ("trafficserver|", "curl")
    package = "trafficserver"

    def forward(self, stage, conf):
        return traffic_server(stage, conf, f"ats-{free_port()}", f"https://127.0.0.1:{self.port}/")
