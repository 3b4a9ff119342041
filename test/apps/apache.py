# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Apache: a Location of its own by post-handshake authentication, a whole host, and mod_proxy."""
from kit import LEAVER, Forwarder, Server
from kit.stage import free_port

CONF = """
ServerRoot "{folder}"
ServerName server.example.com
PidFile "{folder}/pid"
Mutex file:{folder}
ErrorLog "{folder}/error"
User nobody
Group nogroup
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule socache_shmcb_module {modules}/mod_socache_shmcb.so
LoadModule ssl_module {modules}/mod_ssl.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
LoadModule headers_module {modules}/mod_headers.so
SSLSessionCache "shmcb:{folder}/sessions(512000)"
Listen 127.0.0.1:{port}
DocumentRoot "{folder}/root"
<Directory "{folder}/root">
 Require all granted
</Directory>
{more}
"""
TLS = """
SSLEngine on
SSLCertificateFile {crt}
SSLCertificateKeyFile {key}
SSLCACertificateFile {ca}
SSLUserName SSL_CLIENT_S_DN_CN
LogFormat "user %u" user
CustomLog "{folder}/access" user
Header set X-Client "%{{SSL_CLIENT_S_DN_CN}}s %{{SSL_CLIENT_VERIFY}}s"
"""


def start(stage, conf, more):
    port = free_port()
    stage.write("root/index.html", "hello\n")
    stage.write("root/private/index.html", "for members\n")
    text = CONF.format(folder=stage.folder, port=port, modules="/usr/lib/apache2/modules", more=more)
    path = stage.write(f"apache-{port}.conf", text)
    return stage.start(["/usr/sbin/apache2", "-DFOREGROUND", "-f", path], conf, port)


def tls(stage):
    return TLS.format(folder=stage.folder, crt=stage.path("server.crt"), key=stage.path("server.key"),
                      ca=stage.path("ca.crt"))


class ApacheHost(Server):
    name = "Apache"
    packages = ("apache2",)
    request = b"GET /index.html HTTP/1.0\r\n\r\n"
    welcome = "^HTTP/1.1 200.*hello"
    identity = "X-Client: (.*) SUCCESS"

    def start(self, stage):
        self.port = start(stage, stage.server_config(self.policy), tls(stage) + "SSLVerifyClient require\n").port


class ApacheCache(ApacheHost):
    """Sessions in Apache's own cache, which gives them its own lifetime after dance has set theirs."""
    name = "Apache (session cache)"
    reasons = {"resumed": f"{LEAVER}: the session has outlived the TLSA record"}

    def start(self, stage):
        self.port = start(stage, stage.server_config(self.policy),
                          tls(stage) + "SSLVerifyClient require\nSSLSessionTickets off\n").port


class ApacheLocation(Server):
    """Post-handshake authentication: the certificate is asked for when the Location is."""
    name = "Apache (one Location)"
    packages = ("apache2",)
    refusal = b"^HTTP/1.1 403"
    policy = "dane"        # under require everybody is asked in the handshake already
    arguments = ("-enable_pha",)
    steps = [(b"GET /index.html HTTP/1.1\r\nHost: server.example.com\r\n\r\n", "^HTTP/1.1 200.*hello"),
             (b"GET /private/index.html HTTP/1.1\r\nHost: server.example.com\r\n\r\n", "^HTTP/1.1 200.*for members")]
    identity = "X-Client: (.*) SUCCESS"
    reasons = {"none": None}
    note = "policy dane: the rest of the host is open to everybody; without a certificate the Location answers 403"

    def start(self, stage):
        self.port = start(stage, stage.server_config(self.policy), tls(stage) + "SSLVerifyClient none\n"
                          "<Location /private>\n SSLVerifyClient require\n</Location>\n").port


class ApacheProxy(Forwarder):
    name = "Apache (mod_proxy)"
    packages = ("apache2", "curl")

    def forward(self, stage, conf):
        return start(stage, conf, "SSLProxyEngine on\nSSLProxyVerify none\nSSLProxyCheckPeerName off\n"
                     f'ProxyPass "/" "https://127.0.0.1:{self.port}/"\n')
