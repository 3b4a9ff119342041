# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The folder of a bench, and the identity of the devices in it."""
import os
import shutil
import tempfile

import pki


class Place:
    def __init__(self, name):
        self.folder = tempfile.mkdtemp(prefix=f"dance-{name}-")
        os.chmod(self.folder, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as out:
            out.write(content)
        return self.path(name)

    def write_client(self, key):
        """client.key, and client.crt for TLS stacks that want one."""
        self.write("client.key", pki.key_pem(key))
        self.write("client.crt", pki.pem(pki.certificate(key, subject_name=pki.subject())))

    @staticmethod
    def end(process):
        if process and process.poll() is None:
            process.terminate()
            process.wait()

    def stop(self):
        shutil.rmtree(self.folder)
