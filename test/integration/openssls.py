# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Which OpenSSL an application uses, and whether it is the one that dance.so is linked with.

Where it is not (Debian has releases with two), the module must be inactive and say so, and the application must do what
it does without the module. The tests of applications see to that instead; the summary of the run names them.
"""
import re
import subprocess

import pki
from conftest import DEVICE, MODULE, entry

INACTIVE = "inactive, nobody is authenticated by DANE: "
OTHER = INACTIVE + (r"the application uses (OpenSSL \S+, dance\.so is built for another one \(\S+\)|"
                    r"a copy of OpenSSL \S+, dance\.so another copy of the same version)")

noted = []  # by the test that runs


def libcrypto_of(path):
    """The name of the libcrypto that a program or library is linked with, directly or not; None if with none."""
    text = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    found = set(re.findall(r"\b(libcrypto\.so\.\S+)", text))
    assert len(found) < 2, text
    return found.pop() if found else None


def note(application, theirs, ours):
    noted.append(f"{application} uses {theirs}, dance.so {ours}: tested that dance is inactive and {application} as without")
    return True


def is_other(application, path):
    """Does the application, which makes its TLS with what stands at path, use another OpenSSL than dance.so?"""
    theirs, ours = libcrypto_of(path), libcrypto_of(MODULE)
    return theirs != ours and note(application, theirs, ours)


def check_untouched(world, server, strangers, request=b"ping\n"):
    """As without dance: a certificate of the application's CA is good, and a stranger's if it lets in strangers."""
    leaf = pki.certificate(world.key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    assert server.client().run([entry(leaf)], world.key, request=request).data, server.output.text()
    stranger = server.client().run([entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key,
                                   request=request)
    assert bool(stranger.data) == strangers and stranger.alert != 40, (stranger, server.output.text())
    assert server.process.poll() is None
    assert server.log.wait(OTHER)
