# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance-resolver --flush: what was found is looked up again, in applications too."""
import os
import subprocess

import pytest

import pki
from conftest import entry, environment
from test_process import resolvers, tls_server  # noqa: F401 (fixture)
from test_resolver import PROGRAM
from zone import accepts, patient, wait_for

NAME = "late._device.example.com"


# Every resolver of the machine that root may signal is told: here it sees none but these.
ALONE = """folder=$1; shift; mount -t tmpfs none "$folder"; mkdir "$folder/$$"; mount --bind "/proc/$$" "$folder/$$"; ln -s $$ "$folder/self"
for pid in $PIDS; do mkdir "$folder/$pid"; mount --bind "/proc/$pid" "$folder/$pid"; done
mount --rbind "$folder" /proc; exec "$@" """


def flush(folder, pids, *arguments):
    return subprocess.run(["unshare", "-m", "sh", "-ec", ALONE, "sh", folder, PROGRAM, "--flush", NAME, *arguments], capture_output=True,
                          text=True, timeout=patient(30), env={**os.environ, "PIDS": " ".join(map(str, pids)), "ASAN_OPTIONS": "detect_leaks=0"})


@pytest.fixture(params=["socket", "auto"])
def served(request, world, tmp_path, tls_server):  # noqa: F811
    """A server with names that are believed for long, the processes of its resolver, and the arguments by which it is told."""
    sock = str(tmp_path / "sock")
    if request.param == "auto":
        server = tls_server(dns=world.dns(denial_ttl="86400"))
        yield server, lambda: resolvers(server), ["--socket", sock]
        return
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen([PROGRAM, "--socket", sock, "--user", "root", "--log", "stderr", "--trust-anchor", world.anchor,
                                    "--denial-ttl", "86400", "--forward", f"127.0.0.1@{world.zones.port}"],
                                   env=environment(None), stderr=log)
    wait_for(lambda: accepts(sock), what="the socket")
    yield tls_server(dns={"resolver": sock, "timeout": "60"}), lambda: [], ["--socket", sock]
    process.terminate()
    assert process.wait(patient(20)) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a /proc of its own")
def test_flush(world, served, tmp_path):
    """A record that is published, and one that is removed, at once."""
    server, pids, how = served
    folder = tmp_path / "proc"
    folder.mkdir()
    leaf = pki.certificate(world.key, NAME)

    def accepted():
        return server.client().run([entry(leaf, NAME)], world.key).accepted
    assert not accepted()
    with world.zones.record(NAME, pki.tlsa(3, 1, 1, leaf), 3600):
        assert not accepted(), "a denial is believed"
        done = flush(folder, pids(), *how)
        assert done.returncode == 0, done.stderr
        wait_for(accepted, 2, "the record that was published")
    assert accepted(), "its TTL is an hour"
    done = flush(folder, pids(), *how)
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
