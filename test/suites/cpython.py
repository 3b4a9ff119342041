# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""CPython's tests of ssl and of what uses it: Debian's package of them, for the machine's python3."""
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree

from .kit.packages import made, unpacked
from .kit.suite import BAD, OK, SKIPPED, Suite, debian_version

# asyncio's other tests never make an SSL_CTX.
RUNS = [["test_ssl"], ["test_httplib"], ["test_ftplib"], ["test_smtplib"], ["test_poplib"], ["test_imaplib"],
        ["test_urllib2_localnet"], ["test_nntplib"], ["test_asyncio", "-m", "*ssl*", "-m", "*SSL*"]]


class CPython(Suite):
    title = "CPython"
    packages = ("python3",)

    def __init__(self):
        answer = subprocess.run(["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], check=True,
                                capture_output=True, text=True)
        self.python = "python" + answer.stdout.strip()

    def version(self):
        return debian_version(self.python)

    def get(self):
        # The package has the tests, and python3 itself their support: one folder of both.
        def make(folder):
            for root in ("/", unpacked(f"lib{self.python}-testsuite")):
                shutil.copytree(os.path.join(root, f"usr/lib/{self.python}/test"), f"{folder}/test", dirs_exist_ok=True)

        self.tests = made("cpython-tests", make)

    def run(self, run, only=None):
        results = {}
        for what in RUNS:
            if only and what[0] not in only:
                continue
            report = os.path.join(run.folder, what[0] + ".xml")
            run.command([f"/usr/bin/{self.python}", "-B", "-m", "test", "-W", "--junit-xml", report, *what], timeout=1800,
                        PYTHONPATH=self.tests)
            results.update(self.read(what[0], report))
        return results

    @staticmethod
    def read(part, report):
        if not os.path.exists(report):
            return {f"{part}::report": BAD}
        results = {}
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            # A subtest has a name of its own, with values that need not be the same in the next run.
            name = f"{part}::{re.sub(r' .*', '', case.get('name') or 'all', flags=re.S)}"
            outcome = SKIPPED if case.find("skipped") is not None else BAD if case.find("failure") is not None \
                or case.find("error") is not None else OK
            if results.get(name) != BAD:
                results[name] = outcome
        return results
