# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance-resolver --flush: what was found is looked up again, in applications too."""
import os
import subprocess

import pytest

import pki
from conftest import entry, environment
from test_process import tls_server  # noqa: F401 (fixture)
from test_resolver import PROGRAM
from zone import accepts, patient, wait_for

NAME = "late._device.example.com"


def flush(*arguments):
    return subprocess.run([PROGRAM, "--flush", NAME, *arguments], capture_output=True, text=True, timeout=patient(30))


@pytest.fixture(params=["socket", "auto"])
def served(request, world, tmp_path, tls_server):  # noqa: F811
    """A server with names that are believed for long, and the arguments by which its resolver is told."""
    sock = str(tmp_path / "sock")
    if request.param == "auto":
        yield tls_server(dns=world.dns(denial_ttl="86400")), ["--socket", sock]
        return
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen([PROGRAM, "--socket", sock, "--user", "root", "--log", "stderr", "--trust-anchor", world.anchor,
                                    "--denial-ttl", "86400", "--forward", f"127.0.0.1@{world.zones.port}"],
                                   env=environment(None), stderr=log)
    wait_for(lambda: accepts(sock), what="the socket")
    yield tls_server(dns={"resolver": sock, "timeout": "60"}), ["--socket", sock]
    process.terminate()
    assert process.wait(patient(20)) == 0


def test_flush(world, served):
    """A record that is published, and one that is removed, at once."""
    server, how = served
    leaf = pki.certificate(world.key, NAME)

    def accepted():
        return server.client().run([entry(leaf, NAME)], world.key).accepted
    assert not accepted()
    with world.zones.record(NAME, pki.tlsa(3, 1, 1, leaf), 3600):
        assert not accepted(), "a denial is believed"
        done = flush(*how)
        assert done.returncode == 0, done.stderr
        wait_for(accepted, 2, "the record that was published")
    assert accepted(), "its TTL is an hour"
    done = flush(*how)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: not accepted(), 2, "the end of the record that was removed")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_nobody_is_there(tmp_path):
    """Whoever may signal no resolver and finds no socket is told so."""
    program = os.open(PROGRAM, os.O_RDONLY)  # its path may be closed to others
    done = subprocess.run(["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", f"/proc/self/fd/{program}", "--flush",
                           NAME, "--socket", "/nonexistent/sock"], capture_output=True, text=True, timeout=patient(30),
                          pass_fds=(program,))
    os.close(program)
    assert done.returncode == 1 and "nobody listens at /nonexistent/sock" in done.stderr
