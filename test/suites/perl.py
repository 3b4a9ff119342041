# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The tests of Perl's Net::SSLeay and IO::Socket::SSL, of Debian's source packages, with the modules that are installed."""
import glob
import os

from .kit.packages import source
from .kit.suite import Suite, debian_version, tap


class Perl(Suite):
    """A Perl module's tests: files *.t."""

    tests = "t/*.t"
    libraries = ()

    def get(self):
        self.tree = source(self.packages[0])

    def version(self):
        return debian_version(self.packages[0])

    def run(self, run, only=None):
        tree = run.copy(self.tree)
        # Not what the source package would build: the installed module.
        def play(part):
            return tap(part, *run.command(["perl", *self.libraries, part], cwd=tree, timeout=180))

        parts = sorted(os.path.relpath(path, tree) for path in glob.glob(os.path.join(tree, self.tests)))
        return run.each([part for part in parts if not only or part in only], play)


class NetSSLeay(Perl):
    title = "Net::SSLeay"
    packages = ("libnet-ssleay-perl",)
    tests = "t/local/*.t"
    libraries = ("-Iinc", "-It/lib")


class IOSocketSSL(Perl):
    title = "IO::Socket::SSL"
    packages = ("libio-socket-ssl-perl",)
    libraries = ("-I.",)
