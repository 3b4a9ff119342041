# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""OpenSSL's recipes that make an SSL_CTX: its source package's, its test programs linked with the installed libraries.

Programs that call what the libraries do not export cannot be linked, and their recipes are left out.
"""
import collections
import glob
import os
import re

from .kit.packages import command, made, source
from .kit.suite import BAD, OK, SKIPPED, Suite, debian_version

RECIPES = re.compile(r"test_(asyncio|bad_dtls|cert_comp|cipherlist|ciphername|clienthello|comp|dane|dtls\w*|fatalerr|key_share"
                     r"|npn|ocsp_cert_chain|quic\w*|recordlen|renegotiation|rpk|servername|ssl\w*|sysdefault|tls\w*)\.t$")
LIBRARIES = ("libcrypto", "libssl")
ENGINES = ("engines/ossltest.so", "engines/dasync.so")  # what the recipes change packets with, and pipelines
# Small functions that the libraries do not export, and that have nothing to do with SSL_CTXs: linked into who wants them.
OWN = r"^((?:crypto|providers/common)/\S*-lib-(?:time|provider_ctx|bio_prov)\.o):"
# Programs that want no provider in the default library context, and read a configuration into their own.
STRICT = {"sslapitest", "quicapitest"}
# Library contexts of their own get the configuration of the default one, or the module would be in none of them.
EVERYWHERE = ("    if (config_file != NULL\n", "    if (new_libctx != NULL && config_file == NULL)\n"
                                               "        config_file = getenv(\"SUITES_CONF\");\n    if (config_file != NULL\n")


def programs(recipe):
    """Its programs of the folder test, but for those that ask the FIPS provider."""
    with open(recipe) as text:
        found = re.findall(r"\btest\(\[\s*\"(\w+)\"|simple_test\(\"\w+\",\s*\"(\w+)\"", text.read())
    return {a or b for a, b in found if not a.startswith("fips")}


class OpenSSL(Suite):
    title = "OpenSSL"
    packages = ("openssl", "libssl-dev", "perl", "make", "gcc")

    def version(self):
        return debian_version("openssl")

    def get(self):
        tree = source("openssl")
        self.tree = os.path.join(made("openssl-tests", lambda folder: self.build(tree, os.path.join(folder, "tree"))), "tree")

    @staticmethod
    def build(tree, here):
        command("cp", "-a", tree, here)
        architecture, machine = (command("dpkg-architecture", "-q" + name).strip()
                                 for name in ("DEB_HOST_ARCH", "DEB_HOST_MULTIARCH"))
        with open(f"{here}/debian/rules") as text:
            rules = text.read().replace("\\\n", " ").replace("$(DEB_HOST_MULTIARCH)", machine)
        options = re.search(r"^CONFARGS\s*=(.*)", rules, re.M)[1].split()
        command("perl", "Configure", "shared", *options, f"debian-{architecture}", cwd=here)

        with open(f"{here}/test/testutil/provider.c") as text:
            changed = text.read().replace(*EVERYWHERE)
        if EVERYWHERE[1] not in changed:
            raise RuntimeError("test/testutil/provider.c is not as expected")
        with open(f"{here}/test/testutil/provider.c", "w") as out:
            out.write("#include <stdlib.h>\n" + changed)
        with open(f"{here}/test/default.cnf", "w") as out:
            out.write(".include $ENV::SUITES_CONF\n")

        # In the places of what make would build; a static library is a linker's script that names the shared one.
        old = []
        for name in LIBRARIES:
            installed = os.path.realpath(f"/usr/lib/{machine}/{name}.so")
            for link in (f"{name}.so", os.path.basename(installed)):
                os.symlink(installed, f"{here}/{link}")
                old += ["-o", link]
            with open(f"{here}/{name}.a", "w") as out:
                out.write(f"INPUT({installed})\n")
            old += ["-o", f"{name}.a"]
        os.symlink("/usr/bin/openssl", f"{here}/apps/openssl")
        command("make", "build_generated", "util/wrap.pl", "util/shlib_wrap.sh", cwd=here)
        wanted = sorted({f"test/{program}" for recipe in glob.glob(f"{here}/test/recipes/*.t") if RECIPES.search(recipe)
                         for program in programs(recipe)})
        with open(f"{here}/Makefile") as text:
            own = sorted(set(re.findall(OWN, text.read(), re.M)))
        command("make", *own, cwd=here)
        command("ar", "rcs", "own.a", *own, cwd=here)
        old.append("BIN_EX_LIBS=own.a libcrypto.a -ldl -pthread")
        command("sh", "-c", 'make -k -j"$(nproc)" "$@" || test -e test/sslapitest', "sh", *old, *ENGINES, *wanted, cwd=here)

    def playable(self, recipe):
        # One that wants another program besides, which there is not, fails in that in each mode.
        needed = programs(recipe) if RECIPES.search(recipe) else {None}
        return not needed or any(os.path.exists(f"{self.tree}/test/{program}") for program in needed)

    def run(self, run, only=None):
        plain = f"{self.tree}/apps/openssl.cnf"
        # What their own harness sets, but for the configuration.
        places = {"SRCTOP": self.tree, "BLDTOP": self.tree, "RESULT_D": run.folder, "NO_FIPS": "1", "SUITES_CONF": run.conf,
                  "OPENSSL_MODULES": command("openssl", "version", "-m").split('"')[1],
                  "OPENSSL_ENGINES": f"{self.tree}/engines", "CTLOG_FILE": f"{self.tree}/test/ct/log_list.cnf"}

        def play(part):
            recipe = f"{self.tree}/test/recipes/{part}"
            conf = plain if STRICT.intersection(programs(recipe)) else run.conf
            status, text = run.command(["perl", f"-I{self.tree}/util/perl", recipe], timeout=1200, OPENSSL_CONF=conf, **places)
            return subtests(part, status, text)

        parts = sorted(os.path.basename(recipe) for recipe in glob.glob(f"{self.tree}/test/recipes/*.t")
                       if self.playable(recipe))
        return run.each([part for part in parts if not only or part in only], play)


def subtests(part, status, text):
    """Results of TAP whose subtests are indented, some with their title, by what they and those around them are called."""
    results, titles, before = {f"{part}::its end": OK if status == 0 else BAD}, [], collections.Counter()
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        title = re.match(r"\s*# Subtest: (?:.*/)?(.*)", line)
        found = re.match(r"\s*(not )?ok \d+\b(?: - )?(.*)", line)
        if title or found:
            titles = [known for known in titles if known[0] < indent + bool(found)]
        if title:
            titles.append((indent, title[1]))
        elif found:
            skipped = re.search(r"#\s*skip", found[2], re.I)
            about = "/".join([*(name for _, name in titles), re.sub(r"\s*#.*|\S*/", "", found[2])])
            before[about] += 1
            results[f"{part}::{about} [{before[about]}]"] = SKIPPED if skipped else BAD if found[1] else OK
        elif re.match(r"1\.\.0\b", line):
            results[f"{part}::its end"] = SKIPPED
    return results
