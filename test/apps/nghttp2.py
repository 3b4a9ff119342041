# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""nghttp2's programs: nghttpx as a proxy in both roles, and the clients nghttp and h2load.

HTTP/3 is not among them: Debian builds nghttpx without it.
"""
import signal

from kit import Client, Forwarder, Server
from kit.stage import free_port, read


def start(stage, conf, lines):
    port = free_port()
    path = stage.write(f"nghttpx-{port}.conf", "\n".join(["workers=2", "single-process=no", "errorlog-file=/dev/stderr",
                                                          *(x.replace("PORT", str(port)) for x in lines)]) + "\n")
    return stage.start(["nghttpx", f"--conf={path}"], conf, port)


def start_server(stage, conf):
    return start(stage, conf, [
        "frontend=127.0.0.1,PORT", f"backend=127.0.0.1,{stage.backend()}", "user=nobody",
        f"private-key-file={stage.path('server.key')}", f"certificate-file={stage.path('server.crt')}",
        "verify-client=yes", f"verify-client-cacert={stage.path('ca.crt')}",
        f"accesslog-file={stage.write('access.log', '', 0o666)}", "accesslog-format=you are $tls_client_subject_name;"])


class Nghttpx(Server):
    name = "nghttpx"
    packages = ("nghttp2-proxy",)
    request = b"GET / HTTP/1.1\r\nHost: server.example.com\r\n\r\n"
    welcome = "the backend got"
    identity = "you are (.*?);"

    def start(self, stage):
        self.port = start_server(stage, stage.server_config(self.policy)).port

    def saw(self, stage, attempt):
        return read(stage.path("access.log"))

    def reload(self, stage):
        stage.renew(stage.started[-1], signal.SIGHUP)


class NghttpxBackend(Forwarder):
    name = "nghttpx (to a backend)"
    packages = ("nghttp2-proxy", "curl")
    parameters = ";;tls"

    def forward(self, stage, conf):
        return start(stage, conf, ["frontend=127.0.0.1,PORT;no-tls", f"backend=127.0.0.1,{self.port}{self.parameters}",
                                    "insecure=yes"])


class NghttpxBackend2(NghttpxBackend):
    """HTTP/2 to the backend, for which it has connections of another kind."""
    name = "nghttpx (to an HTTP/2 backend)"
    success = "the backend got"
    parameters = ";;tls;proto=h2"

    def start(self, stage):
        self.port = start_server(stage, stage.server_config("require")).port


class _ToNghttpx(Client):
    """They speak HTTP/2, which openssl s_server does not."""
    packages = ("nghttp2-client", "nghttp2-proxy")

    def start(self, stage):
        self.port = start_server(stage, stage.server_config("require")).port


class Nghttp(_ToNghttpx):
    name = "nghttp"
    success = "the backend got"

    def command(self, stage):
        return ["nghttp", f"https://127.0.0.1:{self.port}/"]


class H2load(_ToNghttpx):
    name = "h2load"
    success = "status codes: 1 2xx"

    def command(self, stage):
        return ["h2load", "-n", "1", "-c", "1", f"https://127.0.0.1:{self.port}/"]
