# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""mosquitto's tests of its broker's TLS, and of its bridges': its source package's, with the installed broker."""
import glob
import os

from .kit.packages import command, source
from .kit.suite import BAD, OK, Suite, debian_version


class Mosquitto(Suite):
    title = "mosquitto"
    packages = ("mosquitto", "python3", "openssl")

    def version(self):
        return debian_version("mosquitto")

    def get(self):
        # Debian leaves the certificates out, some of which would have expired.
        self.tree = source("mosquitto", lambda tree: command("sh", "gen.sh", cwd=os.path.join(tree, "test/ssl")))

    def run(self, run, only=None):
        tests = os.path.join(run.copy(os.path.join(self.tree, "test"), "test"), "broker")

        for key in glob.glob(f"{tests}/../ssl/*.key"):
            os.chmod(key, 0o644)  # started by root, the broker becomes another user

        def play(part):
            status, _ = run.command(["/usr/bin/python3", part], cwd=tests, timeout=120)
            return {f"{part}::passes": OK if status == 0 else BAD}

        parts = sorted(os.path.basename(path) for path in glob.glob(f"{tests}/08-*.py") if not path.endswith("helper.py"))
        # They have ports that are fixed.
        return run.each([part for part in parts if not only or part in only], play, jobs=1)
