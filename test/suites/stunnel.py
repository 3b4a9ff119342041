# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""stunnel's tests: its source package's, with the installed stunnel."""
import os
import re

from .kit.packages import command, source
from .kit.suite import BAD, OK, SKIPPED, Suite, debian_version


class Stunnel(Suite):
    title = "stunnel"
    packages = ("stunnel4", "python3", "python3-cryptography")

    def version(self):
        return debian_version("stunnel4")

    def get(self):
        def certificates(tree):
            command("sh", "maketestcert.sh", cwd=os.path.join(tree, "tests/certs"))

        self.tree = source("stunnel4", certificates)

    def run(self, run, only=None):
        tests = run.copy(os.path.join(self.tree, "tests"), "tests")
        logs = os.path.join(run.folder, "logs")
        os.makedirs(logs)
        # AUTOPKGTEST_TMP: stunnel may run with another OpenSSL 3.0.x than it was built with.
        status, _ = run.command(["/usr/bin/python3", "-B", "maketest.py", "--program", "/usr/bin/stunnel4", "--logs", logs],
                                cwd=tests, timeout=1200, AUTOPKGTEST_TMP=run.folder)
        results, about = {"maketest.py::its end": OK if status is not None and status >= 0 else BAD}, ""
        with open(os.path.join(logs, "summary.log"), errors="replace") as text:
            for line in text:
                outcome = re.match(r"\.{20,} (\w+)", line)
                if outcome:
                    results[f"maketest.py::{about}"] = {"succeeded": OK, "skipped": SKIPPED}.get(outcome[1], BAD)
                elif re.match(r"\d+\. ", line):
                    about = line.strip()
        return results
