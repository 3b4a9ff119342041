# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Servers of web applications: uWSGI, whose applications see the DN, and Gunicorn."""
from kit import Server
from kit.stage import free_port

APPLICATION = """
def application(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [("you are %s\\n" % environ.get("HTTPS_DN")).encode()]
"""


class Uwsgi(Server):
    name = "uWSGI"
    packages = ("uwsgi-core", "uwsgi-plugin-python3")
    request = b"GET / HTTP/1.0\r\n\r\n"
    welcome = "^HTTP/1.0 200.*you are .*\n"
    identity = "you are (.*)"

    def start(self, stage):
        self.port = free_port()
        stage.start(["uwsgi-core", "--plugin", "http,python3", "--master", "--die-on-term", "--uid", "nobody", "--gid",
                     "nogroup", "--https", f"127.0.0.1:{self.port},{stage.path('server.crt')},{stage.path('server.key')},"
                     f"HIGH,!{stage.path('ca.crt')}",
                     "--wsgi-file", stage.write("app.py", APPLICATION)], stage.server_config(self.policy), self.port)


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
