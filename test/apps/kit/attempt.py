# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""One try to get into a server: openssl s_client with the module, and what came of it."""
import dataclasses
import os
import re
import select
import subprocess
import tempfile
import time

from .shared import environment


@dataclasses.dataclass
class Attempt:
    """accepted: the application answered as it does to clients that it lets in."""
    accepted: bool
    text: str
    resumed: bool = False


def chat(argv, conf, steps, timeout=12, together=False, refusal=None, **more):
    """Run a program and talk to it: steps are (bytes to send, pattern to wait for, or a function to become true).

    Returns (whether all patterns came, its standard output, its standard error). It is ended after
    that, when it ends itself, when it says refusal, or after timeout seconds. together: both outputs in one.
    """
    errors = tempfile.TemporaryFile()
    child = subprocess.Popen([str(a) for a in argv], env=environment(conf), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT if together else errors, **more)
    end = time.monotonic() + timeout
    said, seen, complete = b"", 0, True

    def see(condition):
        while not condition():
            if child.poll() is not None or time.monotonic() > end:
                return condition()
            select.select([], [], [], 0.05)
        return True

    def hear(pattern):
        nonlocal said, seen
        if callable(pattern):
            return see(pattern)
        while True:
            match = re.compile(pattern, re.S | re.M).search(said, seen)
            if match:
                seen = match.end()
                return True
            if refusal and re.compile(refusal, re.M).search(said):
                return False
            left = end - time.monotonic()
            if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                return False
            heard = os.read(child.stdout.fileno(), 65536)
            if not heard:
                return False
            said += heard

    try:
        for send, pattern in steps:
            try:
                child.stdin.write(send)
                child.stdin.flush()
            except OSError:
                pass  # it has ended: what it said decides
            if not hear(pattern.encode() if isinstance(pattern, str) else pattern):
                complete = False
                break
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        try:
            child.stdin.close()
        except OSError:
            pass
        child.stdout.close()
    errors.seek(0)
    return complete, said.decode(errors="replace"), errors.read().decode(errors="replace")


def s_client(port, conf, steps, *arguments, refusal=None):
    """An attempt with openssl s_client, whose standard output is what the application says."""
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet", "-state", *arguments]
    complete, answer, states = chat(argv, conf, steps, refusal=refusal)
    # A server that resumes a session sends no certificate.
    resumed = "read encrypted extensions" in states and "read server certificate" not in states
    return Attempt(complete, answer if complete else answer + states, resumed)


def keep_alive(path):
    """Make a stored session look new to the client, which else would not offer it after its lifetime.

    SSL_SESSION's ASN.1 has the time of its making as [1] INTEGER, of four octets in this century.
    """
    der = subprocess.run(["openssl", "sess_id", "-in", path, "-outform", "DER"], capture_output=True,
                         check=True).stdout
    at = der.index(b"\xa1\x06\x02\x04") + 4
    der = der[:at] + int(time.time()).to_bytes(4, "big") + der[at + 4:]
    with open(path, "wb") as out:
        out.write(subprocess.run(["openssl", "sess_id", "-inform", "DER", "-outform", "PEM"], input=der,
                                 capture_output=True, check=True).stdout)
