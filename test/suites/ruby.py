# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Ruby's tests of openssl, and of net/http, net/ftp and the like over TLS: its source package's, with the installed Ruby."""
import os
import re

from .kit.packages import source
from .kit.suite import BAD, OK, SKIPPED, Suite, debian_version

PARTS = ["test/openssl/test_ssl.rb", "test/openssl/test_ssl_session.rb", "test/openssl/test_x509store.rb",
         "test/openssl/test_x509cert.rb", "test/openssl/test_pair.rb", "test/openssl/test_ocsp.rb", "test/openssl/test_pkey.rb",
         "test/openssl/test_pkey_rsa.rb", "test/openssl/test_provider.rb", "test/openssl/test_config.rb",
         "test/net/http/test_https.rb", "test/net/http/test_https_proxy.rb", "test/open-uri/test_ssl.rb",
         "test/webrick/test_https.rb", "test/drb/test_drbssl.rb", "test/rubygems/test_gem_remote_fetcher.rb"]


class Ruby(Suite):
    title = "Ruby"
    packages = ("ruby",)

    def package(self):
        return next(name for name in sorted(os.listdir("/var/lib/dpkg/info")) if re.fullmatch(r"ruby3\.\d\.list", name))[:-5]

    def version(self):
        return debian_version(self.package())

    def get(self):
        self.tree = source(self.package())

    def run(self, run, only=None):
        tree = run.copy(self.tree)
        results = {}
        for part in PARTS:
            if (only and part not in only) or not os.path.exists(os.path.join(tree, part)):
                continue
            status, text = run.command(["ruby", "-Itool/lib", "tool/test/runner.rb", "-v", part], cwd=tree, timeout=900)
            # A line says how long each took; what failed or was skipped is listed at the end.
            found = {name: OK for name in re.findall(r"(\w[\w:]*#test\w+) = \d+\.\d+ s", text)}
            for outcome, name in re.findall(r"^\s*\d+\) (Failure|Error|Skipped|Timeout):\n(\w[\w:]*#test\w+)", text, re.M):
                found[name] = SKIPPED if outcome == "Skipped" else BAD
            results.update({f"{part}::{name}": outcome for name, outcome in found.items()})
            results[f"{part}::its end"] = BAD if status is None or status < 0 or not found else OK
        return results
