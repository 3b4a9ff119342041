# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""nginx-tests, those with TLS, with the installed nginx and Debian's modules for it.

No Debian package has them: DANCE_NGINX_TESTS is a folder with a checkout of https://github.com/nginx/nginx-tests.
"""
import glob
import os
import re

from .kit.suite import Suite, Unavailable, debian_version, tap

TLS = re.compile(r"\b(http|stream|mail|socket)_ssl\b|^\s*listen .*\b(ssl|quic)\b", re.M)
# Versions before 1.23.4 have no TLS 1.3 unless they are told, and dane_clientid is of TLS 1.3.
PROTOCOLS = "ssl_protocols TLSv1.2 TLSv1.3;"
MODULES = "/usr/lib/nginx/modules"  # its tests load each of those that nginx -V names


class Nginx(Suite):
    title = "nginx-tests"
    packages = ("nginx", "libnginx-mod-http-geoip", "libnginx-mod-http-image-filter", "libnginx-mod-http-perl",
                "libnginx-mod-http-xslt-filter", "libnginx-mod-mail", "libnginx-mod-stream", "libnginx-mod-stream-geoip",
                "libio-socket-ssl-perl", "libcryptx-perl")

    def version(self):
        return debian_version("nginx")

    def get(self):
        self.tests = os.environ.get("DANCE_NGINX_TESTS", "")
        if not os.path.exists(os.path.join(self.tests, "lib/Test/Nginx.pm")):
            raise Unavailable("no Debian package has its tests, and DANCE_NGINX_TESTS is no folder with them")

    def run(self, run, only=None):
        tests = run.copy(self.tests)
        def play(part):
            with open(os.path.join(tests, part), errors="replace") as text:
                protocols = "" if "ssl_protocols" in text.read() else PROTOCOLS
            # Their folders belong to who started nginx, and its workers are to read them.
            return tap(part, *run.command(["perl", "-Ilib", part], cwd=tests, timeout=300, TEST_NGINX_BINARY="/usr/sbin/nginx",
                                          TEST_NGINX_GLOBALS="user root;", TEST_NGINX_MODULES=MODULES,
                                          TEST_NGINX_GLOBALS_HTTP=protocols, TEST_NGINX_GLOBALS_STREAM=protocols))

        return run.each([part for part in self.parts(tests) if not only or part in only], play)

    @staticmethod
    def parts(tests):
        found = []
        for path in sorted(glob.glob(f"{tests}/*.t")):
            with open(path, errors="replace") as text:
                if TLS.search(text.read()):
                    found.append(os.path.basename(path))
        return found
