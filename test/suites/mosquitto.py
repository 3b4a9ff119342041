# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""mosquitto's tests of its broker's TLS and of its bridges', and of its client libraries': its source package's, with the
installed broker and libraries."""
import glob
import os
import shutil

from .kit.packages import command, made, source
from .kit.suite import BAD, OK, Suite, debian_version


class Mosquitto(Suite):
    title = "mosquitto"
    packages = ("mosquitto", "python3", "openssl")
    folder = "broker"

    def version(self):
        return debian_version("mosquitto")

    def get(self):
        # Debian leaves the certificates out, some of which would have expired.
        self.tree = source("mosquitto", lambda tree: command("sh", "gen.sh", cwd=os.path.join(tree, "test/ssl")))

    def programs(self, _test):
        """What its tests are tests of, in one word each; none: they say it themselves."""
        return [""]

    def run(self, run, only=None):
        tests = os.path.join(run.copy(os.path.join(self.tree, "test"), "test"), self.folder)

        for key in glob.glob(f"{tests}/../ssl/*.key"):
            os.chmod(key, 0o644)  # started by root, the broker becomes another user

        def play(part):
            status, _ = run.command(["/usr/bin/python3", *part.split()], cwd=tests, timeout=120)
            return {f"{part}::passes": OK if status == 0 else BAD}

        parts = sorted(f"{os.path.basename(path)} {program}".strip() for path in glob.glob(f"{tests}/08-*.py")
                       if not path.endswith("helper.py") for program in self.programs(os.path.basename(path)[:-3]))
        # They have ports that are fixed.
        return run.each([part for part in parts if not only or part in only], play, jobs=1)


class Library(Mosquitto):
    title = "libmosquitto"
    packages = (*Mosquitto.packages, "libmosquitto-dev", "libmosquittopp-dev", "make", "gcc", "g++")
    folder = "lib"

    def get(self):
        super().get()
        tests = os.path.join(self.tree, "test")

        def build(folder):
            shutil.copytree(tests, f"{folder}/test", symlinks=True)
            for language in ("c", "cpp"):
                here = f"{folder}/test/lib/{language}"
                wanted = [os.path.basename(path).rpartition(".")[0] + ".test" for path in glob.glob(f"{here}/08-*.{language}")]
                command("make", *wanted, cwd=here)

        self.tree = made("mosquitto-library", build)

    def programs(self, test):
        return [f"{language}/{test}.test" for language in ("c", "cpp")]
