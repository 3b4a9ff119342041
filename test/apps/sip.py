# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""SIP over TLS: Kamailio in both roles."""
import socket

from kit import Client, NotOpenSSL, Server
from kit.stage import free_port, listening

CONF = """#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=1
enable_tls=yes
auto_aliases=no
listen={listen}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "tls.so"
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "textops.so"
modparam("tls", "config", "{tls}")
request_route {{
  {route}
}}
"""
OPTIONS = (b"OPTIONS sip:server.example.com SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:5061;branch=z9hG4bK1;rport\r\n"
           b"Max-Forwards: 7\r\nTo: <sip:server.example.com>\r\nFrom: <sip:a@example.net>;tag=1\r\nCall-ID: 1\r\n"
           b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


def kamailio(stage, conf, listen, port, tls, route, ready=listening):
    folder = stage.folder_for(f"kamailio-{port}")
    path = stage.write(f"kamailio-{port}/kamailio.cfg", CONF.format(
        listen=listen, tls=stage.write(f"kamailio-{port}/tls.cfg", tls), route=route))
    return stage.start(["setsid", "kamailio", "-DD", "-E", "-m", "32", "-f", path, "-w", folder, "-Y", folder], conf, port,
                       ready)


def server(stage, conf):
    port = free_port()
    kamailio(stage, conf, f"tls:127.0.0.1:{port}", port, f"""
[server:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
certificate = {stage.path("server.crt")}
private_key = {stage.path("server.key")}
ca_list = {stage.path("ca.crt")}
""", 'sl_send_reply("200", "you are $tls_peer_subject_cn");')
    return port


class Kamailio(Server):
    name = "Kamailio (SIP)"
    packages = ("kamailio", "kamailio-tls-modules")
    request = OPTIONS % b"TLS"
    welcome = "^SIP/2.0 200 .*\n"
    identity = "you are (\\S+)"

    def start(self, stage):
        self.port = server(stage, stage.server_config(self.policy))


class KamailioRelay(Client):
    """From UDP to a server over TLS."""
    name = "Kamailio (SIP)"
    packages = ("kamailio", "kamailio-tls-modules")
    success = "^SIP/2.0 200"

    def start(self, stage):
        self.port = server(stage, stage.server_config("require"))

    def attempt(self, stage, conf):
        port = free_port()
        relay = kamailio(stage, conf, f"udp:127.0.0.1:{port}\nlisten=tls:127.0.0.1:{free_port()}", port,
                         f"[server:default]\nmethod = TLSv1.2+\ncertificate = {stage.path('server.crt')}\n"
                         f"private_key = {stage.path('server.key')}\n"
                         "[client:default]\nmethod = TLSv1.2+\nverify_certificate = no\n",
                         f'$du = "sip:127.0.0.1:{self.port};transport=tls"; t_set_fr(0, 4000); t_relay();',
                         lambda p: bound(port))
        try:
            with socket.socket(type=socket.SOCK_DGRAM) as s:
                s.settimeout(8)
                s.sendto(OPTIONS % b"UDP", ("127.0.0.1", port))
                answer = s.recv(65536).decode()
                if answer.startswith("SIP/2.0 1"):
                    answer = s.recv(65536).decode()
        except OSError as error:
            answer = str(error)
        finally:
            relay.stop()
        return self.attempted(answer.startswith("SIP/2.0 200"), answer)


def bound(port):
    """Somebody has this UDP port."""
    with open("/proc/net/udp") as table:
        return f":{port:04X} " in table.read()


class Sipp(NotOpenSSL):
    name = "sipp"
    unpacked = ("sip-tester",)
    file = "usr/bin/sipp"
