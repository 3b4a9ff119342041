# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What the resolver's processes may still do, seen from outside and tried from inside."""
import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from conftest import PROGRAMS, sanitized
from processes import workers
from test_dns_outcomes import black_hole, silent_dns  # noqa: F401 (fixtures)
from test_resolver import NAME, PROGRAM, SECURE, ask, converse, resolver  # noqa: F401 (a fixture)
from zone import accepts, patient, wait_for

TRIAL = os.path.join(PROGRAMS, "sandbox_trial")
UIDS = range(61184, 65520)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
not_sanitized = pytest.mark.skipif(sanitized(), reason="a sanitizer needs some of these calls itself")


def status(pid, thread):
    with open(f"/proc/{pid}/task/{thread}/status") as lines:
        return {key: value.split() for key, value in (line.split(":", 1) for line in lines)}


def allowed(who):
    return set(subprocess.run([TRIAL, "calls", who], check=True, capture_output=True, text=True).stdout.split())


def nobody_else():
    try:
        return {str(pwd.getpwnam("dance").pw_uid)}
    except KeyError:
        return {str(uid) for uid in UIDS}


def test_seen_from_outside(resolver):  # noqa: F811
    connection = resolver()
    assert ask(connection, NAME)[0] == SECURE
    pids = [resolver.process.pid] + workers(resolver.process.pid)
    assert len(pids) == 2
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            seen = status(pid, thread)
            assert seen["NoNewPrivs"] == ["1"] and seen["Seccomp"] == ["2"]
            empty = ["CapInh", "CapPrm", "CapEff", "CapAmb"] + (["CapBnd"] if os.geteuid() == 0 else [])
            assert all(int(seen[key][0], 16) == 0 for key in empty), seen
            if os.geteuid() == 0:
                assert len(set(seen["Uid"])) == 1 and set(seen["Uid"]) <= nobody_else() and seen["Groups"] == [], seen
        if not sanitized():
            assert os.stat(f"/proc/{pid}/fd").st_uid == 0, "not dumpable: others of its user do not look into it"
        with open(f"/proc/{pid}/limits") as limits:
            assert re.search(r"(?m)^Max core file size +0 +0 ", limits.read())


@needs_root
@not_sanitized
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_calls_that_are_made(resolver, tmp_path):  # noqa: F811
    """They are in the table, and none of them fails for want of leave."""
    connection = resolver()
    assert ask(connection, NAME)[0] == SECURE
    pids = [resolver.process.pid] + workers(resolver.process.pid)
    tracers = []
    for pid in pids:
        trace = tmp_path / f"trace{pid}"
        tracers.append(subprocess.Popen(["strace", "-f", "-o", trace, "-p", str(pid)], stderr=subprocess.PIPE, text=True))
        assert "attached" in tracers[-1].stderr.readline()
        wait_for(lambda: all(status(pid, t)["TracerPid"] != ["0"] for t in os.listdir(f"/proc/{pid}/task")),
                 what="strace")
    for number in range(20):
        ask(connection, f"u{number % 4}1{number % 3}._device.example.com", number)
        ask(resolver(), f"missing{number}.example.com", number)
    ask(connection, "bogus._device.example.com")
    resolver.process.send_signal(signal.SIGUSR1)
    for tracer in tracers:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(patient(20))
        tracer.stderr.close()
    for pid in pids:
        text = (tmp_path / f"trace{pid}").read_text()
        made = set(re.findall(r"(?m)^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)", text))
        who = "supervisor" if pid == pids[0] else "worker"
        assert made <= allowed(who), (who, made - allowed(who))
        assert "epoll_wait" in made and not re.search(r"\) += -1 (EPERM|EACCES|ENOSYS)", text)
    assert allowed("worker") | allowed("checker") <= allowed("supervisor"), "its filter is inherited"


@pytest.fixture
def trial(tmp_path):
    """trial(mode): NAME, THREAD -> what became of it, by a user of its own."""
    # The folders above are closed to others.
    with contextlib.ExitStack() as stack:
        folder = f"/tmp/dance-trial-{os.getpid()}"
        os.mkdir(folder)
        stack.callback(shutil.rmtree, folder)
        os.chmod(folder, 0o777)
        program = shutil.copy(TRIAL, folder)
        os.mkdir(f"{folder}/log")
        os.chmod(f"{folder}/log", 0o777)

        def run(mode, log=False):
            for name in ("key", "new", "log/log"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{folder}/{name}")
            with open(f"{folder}/key", "w") as key:
                key.write("secret")
            os.chmod(f"{folder}/key", 0o666)
            done = subprocess.run([program, mode, f"{folder}/key", f"{folder}/new", *([f"{folder}/log/log"] if log else [])],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patient(30))
            with open(f"{folder}/key") as key:
                assert key.read() == "secret"
            assert not os.path.exists(f"{folder}/new")
            if mode == "abort":
                return done.returncode
            if "ENOSYS" in done.stderr or "not implemented" in done.stderr:
                pytest.skip("this kernel has no Landlock")
            assert done.returncode == 0, done.stderr
            return {tuple(line.split()[:2]): line.split()[2] for line in done.stdout.splitlines()}
        yield run


# What a worker may, and what a supervisor may beyond; everything else must fail.
# A memfd is memory; a list of patterns is handed out in one.
WORKER = {"own_signal", "tcp", "udp6", "thread", "memory", "log", "memfd"}
SUPERVISOR = WORKER | {"fork", "read_key", "read_folder", "exec_memory", "pidfd", "route", "unix_datagram",
                       "unix_stream", "socketpair"}


def done(outcomes, thread):
    return {name for (name, where), what in outcomes.items() if where == thread and what == "0"}


@not_sanitized
@pytest.mark.parametrize("mode, log", [("worker", False), ("worker", True), ("filter", False)])
def test_tried_from_inside_a_worker(trial, mode, log):
    """By a thread that is older than the sandbox, too. The filter of calls does it by itself: Landlock is for what is not
    thought of."""
    outcomes = trial(mode, log)
    assert len(outcomes) > 100
    for thread in ("main", "older"):
        assert done(outcomes, thread) == WORKER
    # Landlock's word for what the filter must let through for the log's sake.
    assert set(outcomes.values()) == {"0", "EPERM", "ENOSYS"} | ({"EACCES"} if log else set())
    # glibc goes another way then.
    assert {name for (name, _), what in outcomes.items() if what == "ENOSYS"} == {"clone3", "openat2"}


@not_sanitized
def test_tried_from_inside_a_checker(trial):
    """It has no network, and opens memory alone: its filter lets it read, and Landlock nothing that has a name."""
    outcomes = trial("checker")
    assert done(outcomes, "main") == (WORKER | {"socketpair"}) - {"tcp", "udp6"}
    assert outcomes["read_key", "main"] == outcomes["read_folder", "main"] == "EACCES"
    assert {outcomes[name, "main"] for name in ("tcp", "udp6", "route", "unix_datagram", "unix_stream", "fork")} == {"EPERM"}


@not_sanitized
@pytest.mark.parametrize("log", [False, True], ids=["", "log"])
def test_tried_from_inside_the_supervisor(trial, log):
    outcomes = trial("supervisor", log)
    assert done(outcomes, "main") == SUPERVISOR
    assert outcomes["listen", "main"] == "ENOTSOCK", "a socket may listen; this one is none"
    # Its own children it may kill (see fork); without Landlock's scopes, processes of the same user as well.
    assert outcomes["kill", "main"] in ("EPERM", "0")


@not_sanitized
def test_tried_from_inside_landlock(trial):
    """By itself, without a filter of calls."""
    outcomes = trial("files")
    assert outcomes.pop(("kill", "main")) in ("EPERM", "0"), "signals have a scope since Linux 6.12"
    assert outcomes.pop(("truncate", "main")) in ("EACCES", "0") and done(outcomes, "main") == {"log"}
    assert set(outcomes.values()) == {"0", "EACCES"}


@not_sanitized
def test_abort_in_a_worker(trial):
    assert trial("abort") == -signal.SIGABRT


@needs_root
def test_a_user_that_nobody_is():
    ids = subprocess.run([TRIAL, "unused"], check=True, capture_output=True, text=True).stdout.split()
    assert ids[0] in nobody_else()
    if int(ids[0]) in UIDS:
        assert ids[0] == ids[1]
        with pytest.raises(KeyError):
            pwd.getpwuid(int(ids[0]))


@needs_root
def test_the_log_is_rotated(world, tmp_path):
    """By whom it became; the folder must be his."""
    folder = f"/tmp/dance-log-{os.getpid()}"
    path, log = str(tmp_path / "sock"), f"{folder}/log"
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    process = subprocess.Popen([PROGRAM, "--socket", path, "--log", log, "--trust-anchor", world.anchor, "--forward",
                                f"127.0.0.1@{world.zones.port}"])
    try:
        wait_for(lambda: accepts(path), what="the socket")
        with converse(path) as connection:
            assert ask(connection, NAME)[0] == SECURE
            [worker] = workers(process.pid)
            if os.path.exists(log):
                os.rename(log, log + ".1")
            process.send_signal(signal.SIGUSR1)
            for pid in (process.pid, worker):
                wait_for(lambda: os.path.exists(log) and f"[{pid}]" in open(log).read(), what="a line in the new file")
    finally:
        process.terminate()
        assert process.wait(patient(20)) == 0
        shutil.rmtree(folder)


class Syslog:
    """A daemon at /dev/log, which is started anew."""

    def __init__(self):
        self.socket = None
        self.start()

    def start(self):
        if self.socket:
            self.socket.close()
            os.unlink("/dev/log")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)

    def said(self, words):
        """A line with these words is among those that came since the last time."""
        with contextlib.suppress(BlockingIOError):
            while True:
                if words in self.socket.recv(65536).decode():
                    return True
        return False


def inside(path, anchor, forward):
    """In a mount namespace of our own, with a /dev of our own."""
    syslog = Syslog()
    process = subprocess.Popen([PROGRAM, "--socket", path, "--trust-anchor", anchor, "--forward", forward])
    try:
        wait_for(lambda: accepts(path), what="the socket")
        with converse(path) as connection:
            assert ask(connection, NAME)[0] == SECURE
            for _ in range(3):
                process.send_signal(signal.SIGUSR1)
                wait_for(lambda: syslog.said("names kept"), what="a line of the worker")
                syslog.start()
    finally:
        process.terminate()
        assert process.wait(patient(20)) == 0


@needs_root
def test_syslog_is_reached_again(world, tmp_path):
    """A daemon that was started anew; socket() and connect() are all that it takes."""
    script = ('mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 && '
              'exec "$@"')
    tried = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no mount namespace here: {tried.stderr}")
    ran = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, __file__, str(tmp_path / "sock"),
                          world.anchor, f"127.0.0.1@{world.zones.port}"], capture_output=True, text=True, timeout=patient(60))
    assert ran.returncode == 0, ran.stderr


if __name__ == "__main__":
    inside(*sys.argv[1:])
