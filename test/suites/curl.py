# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""curl's tests of whatever goes over TLS: its source package's, with the installed curl, and stunnel as their server.

Those that want a program of their own over a libcurl that was built with them are left out.
"""
import glob
import os
import re

from .kit.packages import command, made, source
from .kit.suite import BAD, OK, SKIPPED, Suite, by_lines, debian_version

TLS = rb"^(https|ftps|imaps|pop3s|smtps|gophers|https-proxy|https-mtls|httptls\+srp)\b"
CURL = "/usr/bin/curl"


class Curl(Suite):
    title = "curl"
    packages = ("curl", "libssl-dev", "perl", "stunnel4", "make", "gcc", "zlib1g-dev")

    def version(self):
        return debian_version("curl")

    def get(self):
        tree = source("curl")

        def build(folder):
            here = os.path.join(folder, "tree")
            command("cp", "-a", tree, here)
            # For what runtests.pl reads of it, and to build its servers; nothing of curl itself.
            command("./configure", "--with-openssl", "--disable-shared", "--without-libpsl", "--disable-ldap", cwd=here)
            unchanged = [f"{tool}=:" for tool in ("AUTOMAKE", "ACLOCAL", "AUTOCONF", "AUTOHEADER")]
            for part in ("tests/server", "tests/certs"):
                command("make", *unchanged, "-C", part, cwd=here)

        self.tree = os.path.join(made("curl-tests", build), "tree")

    def wanted(self):
        """Numbers of the tests that have a server with TLS."""
        for path in glob.glob(f"{self.tree}/tests/data/test*"):
            with open(path, "rb") as text:
                about = text.read()
            servers = re.search(rb"<server>(.*?)</server>", about, re.S)
            if servers and re.search(TLS, servers[1], re.M) and b"<tool>" not in about:
                yield int(re.sub(r".*test", "", path))

    def run(self, run, only=None):
        tests = os.path.join(run.copy(self.tree), "tests")
        # A part is a number. One of their servers goes on from one test to the next, so they are played in one run.
        numbers = sorted(n for n in self.wanted() if not only or str(n) in only)
        _, text = run.command(["perl", "runtests.pl", "-c", CURL, "-vc", CURL, "-a", "-am", "-n", *numbers], cwd=tests,
                              timeout=1800, USER=os.environ.get("USER", "root"))
        found = by_lines(text, r"^(?P<outcome>PASS|FAIL|SKIP): (?P<test>\d+)|^test (?P<t2>\d+) (?P<o2>SKIPPED)",
                         {"PASS": OK, "FAIL": BAD, "SKIP": SKIPPED})
        return {f"{int(number)}::passes": outcome for number, outcome in found.items()}
