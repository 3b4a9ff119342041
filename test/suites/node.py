# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Node.js' tests of tls, https and http2: its source package's, with Debian's node, which takes the system's OpenSSL.

It is unpacked, because a machine may have a node from elsewhere, which brings an OpenSSL of its own.
"""
import glob
import os
import re

from .kit.packages import source, unpacked
from .kit.suite import BAD, OK, SKIPPED, Suite


class Node(Suite):
    title = "Node.js"
    packages = ("libuv1", "libc-ares2", "libnghttp2-14", "libbrotli1", "libicu72", "zlib1g")

    def version(self):
        deb = next(name for name in os.listdir(f"{self.node}/debs") if name.startswith("nodejs_"))
        return deb.split("_")[1]

    def get(self):
        self.node = unpacked("nodejs=18.*", "libnode108", "node-acorn", "node-cjs-module-lexer", "node-undici")
        self.tree = source("nodejs")

    def run(self, run, only=None):
        tests = os.path.join(self.tree, "test", "parallel")
        libraries = glob.glob(f"{self.node}/usr/lib/*-linux-gnu")

        # Parts of it are read from /usr/share/nodejs, wherever it is itself.
        overlay = f"mount -t overlay overlay -o lowerdir={self.node}/usr/share:/usr/share /usr/share"
        within = ["unshare", "--mount", "sh", "-ec", f'{overlay}; exec "$@"', "sh"]

        def play(part):
            path = os.path.join(tests, part)
            with open(path) as text:
                flags = re.findall(r"^// Flags: (.*)", text.read(), re.M)
            # Two at a time: each has a folder of its own to write to.
            status, said = run.command([*within, f"{self.node}/usr/bin/node", *" ".join(flags).split(), path], timeout=60,
                                       cwd=self.tree, LD_LIBRARY_PATH=":".join(libraries), NODE_TEST_DIR=run.folder,
                                       TEST_THREAD_ID=re.sub(r"\W", "-", part))
            return {f"{part}::passes": SKIPPED if re.search(r"^1\.\.0 # Skipped", said, re.M) else OK if status == 0 else BAD}

        parts = sorted(os.path.basename(path) for path in glob.glob(f"{tests}/test-*.js")
                       if re.search(r"test-(tls|https|http2-(https|server-unknown|create-client-secure|compat-socket))", path))
        return run.each([part for part in parts if not only or part in only], play)
