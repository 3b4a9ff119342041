# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""lighttpd: the client's name as REMOTE_USER of a CGI program."""
from kit import Server
from kit.stage import free_port


class Lighttpd(Server):
    name = "lighttpd"
    packages = ("lighttpd", "lighttpd-mod-openssl")
    request = b"GET /who.cgi HTTP/1.0\r\n\r\n"
    welcome = r"^HTTP/1.0 200.*who: .*\n"
    identity = "who: (.*)"

    def start(self, stage):
        self.port = free_port()
        stage.write("root/who.cgi", 'printf "Content-Type: text/plain\\r\\n\\r\\nwho: $REMOTE_USER\\n"\n')
        stage.start(["/usr/sbin/lighttpd", "-D", "-f", stage.write("lighttpd.conf", f"""
server.document-root = "{stage.path("root")}"
server.bind = "127.0.0.1"
server.port = {self.port}
server.username = "nobody"
server.groupname = "nogroup"
server.modules = ("mod_openssl", "mod_cgi")
cgi.assign = (".cgi" => "/bin/sh")
ssl.engine = "enable"
ssl.pemfile = "{stage.path("server.crt")}"
ssl.privkey = "{stage.path("server.key")}"
ssl.ca-file = "{stage.path("ca.crt")}"
ssl.verifyclient.activate = "enable"
ssl.verifyclient.enforce = "enable"
ssl.verifyclient.username = "SSL_CLIENT_S_DN_CN"
""")], stage.server_config(self.policy), self.port)
