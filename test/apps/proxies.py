# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""TLS tunnels: stunnel and socat in both roles, hitch, ncat."""
from kit import Client, Forwarder, Server
from kit.stage import free_port, read

PING = b"GET / HTTP/1.0\r\n\r\n"


def stunnel(stage, conf, text):
    port = free_port()
    path = stage.write(f"stunnel-{port}.conf", f"foreground = yes\npid =\noutput = /dev/stdout\nsyslog = no\n"
                       f"[one]\naccept = 127.0.0.1:{port}\n{text}")
    return stage.start(["stunnel4", path], conf, port)


class StunnelServer(Server):
    name = "stunnel"
    packages = ("stunnel4",)
    request = PING
    welcome = "the backend got"
    identity = r"(?s)Certificate accepted at depth=0: CN=(\S+)"

    def start(self, stage):
        self.port = stunnel(stage, stage.server_config(self.policy),
                            f"connect = 127.0.0.1:{stage.backend()}\ncert = {stage.path('server.crt')}\n"
                            f"key = {stage.path('server.key')}\nverifyChain = yes\nCAfile = {stage.path('ca.crt')}\n").port

    def saw(self, stage, attempt):
        return read(stage.started[1].output.path)


class StunnelClient(Forwarder):
    name = "stunnel"
    packages = ("stunnel4", "curl")

    def forward(self, stage, conf):
        return stunnel(stage, conf, f"client = yes\nconnect = 127.0.0.1:{self.port}\n")


class Hitch(Server):
    """PROXY protocol version 2 can carry the client's certificate to the backend."""
    name = "hitch"
    packages = ("hitch",)
    request = PING
    welcome = "the backend got"
    quiet = True

    def start(self, stage):
        self.port = free_port()
        path = stage.write("hitch.conf", f"""
frontend = "[127.0.0.1]:{self.port}"
backend = "[127.0.0.1]:{stage.backend()}"
pem-file = "{stage.path("server.pem")}"
client-verify = required
client-verify-ca = "{stage.path("ca.crt")}"
tls-protos = TLSv1.2 TLSv1.3
workers = 2
user = "nobody"
group = "nogroup"
daemon = off
""")
        stage.start(["/usr/sbin/hitch", "--config", path], stage.server_config(self.policy), self.port)


class SocatServer(Server):
    name = "socat"
    packages = ("socat",)
    request = PING
    welcome = "you are .*\n"
    identity = "you are (.*)"

    def start(self, stage):
        self.port = free_port()
        answer = stage.write("answer.sh", 'head -c 4 >/dev/null; echo "you are $SOCAT_OPENSSL_X509_COMMONNAME"\n')
        stage.start(["socat", f"OPENSSL-LISTEN:{self.port},bind=127.0.0.1,reuseaddr,fork,verify=1,"
                     f"cert={stage.path('server.pem')},cafile={stage.path('ca.crt')}", f"EXEC:sh {answer}"],
                    stage.server_config(self.policy), self.port)


class SocatClient(Client):
    name = "socat"
    packages = ("socat",)
    text = b"ping\n"

    def command(self, stage):
        return ["socat", "-", f"OPENSSL:127.0.0.1:{self.port},verify=0"]


class NcatServer(Server):
    """It asks for no certificate itself; policy require does."""
    name = "ncat"
    packages = ("ncat",)
    request = PING
    welcome = "hello"
    quiet = True
    open_without = True

    def start(self, stage):
        self.port = free_port()
        stage.start(["ncat", "-lk", "127.0.0.1", self.port, "--ssl", "--ssl-cert", stage.path("server.crt"), "--ssl-key",
                     stage.path("server.key"), "--sh-exec", "head -c 4; echo hello"], stage.server_config(self.policy),
                    self.port)


class NcatClient(Client):
    name = "ncat"
    packages = ("ncat",)
    text = b"ping\n"
    timeout = 3            # it waits for its standard input when the server has gone

    def command(self, stage):
        return ["ncat", "--ssl", "127.0.0.1", self.port]
