# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""PHP's tests of its openssl extension: its source package's, with the installed PHP."""
import os
import re

from .kit.packages import source
from .kit.suite import BAD, OK, SKIPPED, Suite, by_lines, debian_version


class PHP(Suite):
    title = "PHP"
    packages = ("php-cli",)

    def package(self):
        return next(name for name in os.listdir("/var/lib/dpkg/info") if re.fullmatch(r"php8\.\d-cli\.list", name))[:-5]

    def version(self):
        return debian_version(self.package())

    def get(self):
        self.tree = source(self.package().removesuffix("-cli"))

    def run(self, run, only=None):
        folder = os.path.join(run.copy(os.path.join(self.tree, "ext/openssl/tests"), "ext/openssl/tests"))
        tests = [f"{folder}/{part}" for part in only or ()] or [folder]
        php = os.path.realpath("/usr/bin/php")
        _, text = run.command([php, os.path.join(self.tree, "run-tests.php"), "-p", php, "-q", "--set-timeout", "60", *tests],
                              timeout=1800, NO_INTERACTION="1", SKIP_ONLINE_TESTS="1", TEST_PHP_EXECUTABLE=php)
        found = by_lines(text, r"^\r?.*?(?P<outcome>PASS|FAIL|SKIP|BORK|XFAIL|WARN|LEAK)\b.* \[(?P<test>[^\]]*\.phpt)\]",
                         {"PASS": OK, "FAIL": BAD, "BORK": BAD, "WARN": BAD, "LEAK": BAD, "SKIP": SKIPPED, "XFAIL": SKIPPED})
        return {os.path.basename(name): outcome for name, outcome in found.items()}
