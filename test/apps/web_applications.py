# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Servers of web applications: uWSGI, whose applications see the DN behind its HTTP router, and Gunicorn."""
import signal

from kit import Server
from kit.stage import free_port

APPLICATION = """
def application(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [("you are %s\\n" % environ.get("HTTPS_DN")).encode()]
"""


class Uwsgi(Server):
    """Its HTTP router, a process of its own in front of the workers."""
    name = "uWSGI"
    packages = ("uwsgi-core", "uwsgi-plugin-python3")
    request = b"GET / HTTP/1.0\r\n\r\n"
    welcome = "^HTTP/1.0 200.*you are .*\n"
    identity = "you are (.*)"
    plugins = "http,python3"
    https = "--https"
    more = ()

    def start(self, stage):
        self.port = free_port()
        stage.start(["uwsgi-core", "--plugin", self.plugins, "--master", "--die-on-term", "--processes", "2", "--uid",
                     "nobody", "--gid", "nogroup", self.https, f"127.0.0.1:{self.port},{stage.path('server.crt')},"
                     f"{stage.path('server.key')},HIGH,!{stage.path('ca.crt')}", *self.more,
                     "--wsgi-file", stage.write("app.py", APPLICATION)], stage.server_config(self.policy), self.port)

    def reload(self, stage):
        stage.renew(stage.started[0], signal.SIGHUP)


class UwsgiSocket(Uwsgi):
    """TLS in the workers themselves, which tell the application that there is TLS and nothing of the client."""
    name = "uWSGI (https-socket)"
    plugins = "python3"
    https = "--https-socket"
    quiet = True


class UwsgiTunnel(Uwsgi):
    """A router that passes on what is inside of TLS, and nothing of the client."""
    name = "uWSGI (sslrouter)"
    plugins = "sslrouter,python3"
    https = "--sslrouter"
    quiet = True

    def start(self, stage):
        inside = free_port()
        self.more = ("--http-socket", f"127.0.0.1:{inside}", "--sslrouter-to", f"127.0.0.1:{inside}")
        super().start(stage)


class Gunicorn(Server):
    name = "Gunicorn"
    packages = ("gunicorn",)
    request = b"GET / HTTP/1.0\r\n\r\n"
    welcome = "^HTTP/1.0 200.*you are .*\n"
    quiet = True

    def start(self, stage):
        self.port = free_port()
        stage.write("app.py", APPLICATION)
        stage.start(["gunicorn", "--chdir", stage.folder, "-b", f"127.0.0.1:{self.port}", "--certfile",
                     stage.path("server.crt"), "--keyfile", stage.path("server.key"), "--ca-certs", stage.path("ca.crt"),
                     "--cert-reqs", "2", "-u", "nobody", "-g", "nogroup", "app:application"],
                    stage.server_config(self.policy), self.port)

    def reload(self, stage):
        stage.renew(stage.started[0], signal.SIGHUP)
