# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""HAProxy's reg-tests: its source package's, played by varnishtest, from which their own vtest comes and which Debian has."""
import glob
import os

from .kit.packages import source, unpacked
from .kit.suite import BAD, OK, SKIPPED, Suite, debian_version

SKIP = 77  # varnishtest: "feature" says that it cannot be tried here


class Haproxy(Suite):
    title = "HAProxy"
    packages = ("haproxy",)

    def version(self):
        return debian_version("haproxy")

    def get(self):
        self.tree = source("haproxy")
        self.varnish = unpacked("varnish", "libvarnishapi3")

    def run(self, run, only=None):
        tree = run.copy(os.path.join(self.tree, "reg-tests"), "reg-tests")
        libraries = glob.glob(os.path.join(self.varnish, "usr/lib/*/"))
        libraries += glob.glob(os.path.join(self.varnish, "usr/lib/*/varnish/"))

        def play(part):
            # varnishtest alone needs its libraries, and nothing of them is HAProxy's.
            status, _ = run.command([f"{self.varnish}/usr/bin/varnishtest", "-k", "-t", "60", "-v", part], cwd=tree,
                                    LD_LIBRARY_PATH=":".join(libraries), HAPROXY_PROGRAM="/usr/sbin/haproxy",
                                    HAPROXY_ARGS="-dM")
            return {f"{part}::passes": OK if status == 0 else SKIPPED if status == SKIP else BAD}

        parts = sorted(os.path.relpath(path, tree) for path in glob.glob(os.path.join(tree, "**/*.vtc"), recursive=True))
        return run.each([part for part in parts if f"{os.sep}slow" not in part and (not only or part in only)], play)
