# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What a machine may have too little of: descriptors, address space, room on a disk, a syslog daemon that reads; and a clock
that is set."""
import contextlib
import os
import re
import resource
import signal
import socket
import subprocess

from control import Control
from kit.stage import ALLOW, read
from scene import BOB, Violation, ready, wait_for
from test_logs import PRIVATE_DEV, Syslog

IMPATIENT = 2     # seconds that a client waits for a server that cannot take it
ROOM_KB = (0, 16, 64, 256, 1024, 4096)
STEPS = (3600, -3600, 40 * 86400, -40 * 86400)  # seconds; signatures hold from a day ago for a month


def became(let_in):
    return "let in all the same" if let_in else "refused meanwhile"


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as pids:
        return [int(child) for child in pids.read().split()]


def family(server):
    return [server.process.pid, *children(server.process.pid)]


@contextlib.contextmanager
def limited(pids, which, limit_of):
    """The processes have no more than limit_of(pid) while the block runs; who has ended meanwhile has no limit."""
    before = {}
    for pid in pids:
        before[pid] = resource.prlimit(pid, which)
        resource.prlimit(pid, which, (limit_of(pid), before[pid][1]))
    try:
        yield
    finally:
        for pid, limits in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, which, limits)


def low_descriptors(pid):
    """The lowest number that is not taken; the module keeps its own at 64 and above."""
    taken = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    return next(fd for fd in range(1 << 20) if fd not in taken)


def is_left_alone(server):
    """No connection to it is open at its side: what it had for one is free again."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return not any(row[1].endswith(f":{server.port:04X}") and row[3] in ("01", "08") for row in rows)


def address_space(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmSize:\s*(\d+)", status.read())[1])


def processes(scene, record, most):
    """Limits of nginx' processes and of dance-resolver's, which are set while they run, and lifted."""
    del most
    # Whose limits are another user's may be out of root's reach in a container.
    service, dns = scene.service("limits", user="root")
    server = scene.nginx("limits", dns, user="root root")
    ready(server)
    for who, process in (("nginx", server), ("dance-resolver", service)):
        for what, which, amounts, limit in (
                ("descriptors", resource.RLIMIT_NOFILE, range(9), lambda pid, n: low_descriptors(pid) + n),
                ("address space", resource.RLIMIT_AS, ROOM_KB, lambda pid, kb: (address_space(pid) + kb) << 10)):
            for amount in amounts:
                scene.recovers(server, "what was before")
                wait_for(lambda: is_left_alone(server), what="connections to close")
                with limited(family(process), which, lambda pid: limit(pid, amount)):
                    let_in = scene.try_both(server, IMPATIENT)
                scene.recovers(server, f"{who} had {amount} more {what}")
                scene.lives(service)
                record[f"limit: {what} of {who}", became(let_in)] += 1
    scene.end(server)
    scene.end(service)


@contextlib.contextmanager
def small_disk(folder):
    os.makedirs(folder)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=777", "none", folder], capture_output=True, check=False)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", folder], check=True)


def disk(scene, record, most):
    """The log's disk is full, from the start or later."""
    del most
    with small_disk(scene.path("small")) as possible:
        if not possible:
            record["disk: the log's is full", "cannot be had here (no mount)"] += 1
            return
        log, filler = scene.path("small", "dance.log"), scene.path("small", "filler")

        def fill():
            with contextlib.suppress(OSError), open(filler, "ab", buffering=0) as file:
                while file.write(b"x" * 512):
                    pass
        conf = scene.write_config("small.cnf", log, server={"policy": "require", "allow": ALLOW}, dns=scene.own_dns())
        for full_at_start in (True, False):
            if full_at_start:
                fill()
            server = scene.s_server(conf=conf)
            ready(server)
            fill()
            record["disk: the log's is full", became(scene.try_both(server))] += 1
            os.unlink(filler)
            scene.recovers(server, "a full disk")
            if not re.search(r"lines are lost", read(log) + server.output.text()):
                raise Violation(f"no word of the lines that a full disk has cost: {read(log)}")
            scene.end(server)


def devlog(scene, record, most):
    """/dev/log is there, and nobody reads it."""
    del most
    syslog = Syslog(scene.path("devlog"))
    conf = scene.write_config("syslog.cnf", "syslog", server={"policy": "require", "allow": ALLOW}, dns=scene.own_dns())
    server = scene.s_server(lambda argv: ["unshare", "--mount", "sh", "-c", PRIVATE_DEV, syslog.path, *argv], conf=conf)
    if not ready(server):
        record["syslog: nobody reads", "cannot be had here (no mount namespace)"] += 1
        syslog.stop()
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, contextlib.suppress(BlockingIOError):
        other.setblocking(False)
        while True:
            other.sendto(b"x", syslog.path)
    if not scene.try_both(server):
        raise Violation("the rightful client is refused because nobody reads the log")
    record["syslog: nobody reads", became(True)] += 1
    syslog.read()
    scene.recovers(server, "nobody read the log")
    if not wait_for(lambda: any("accepted" in line for line in syslog.read()), what="lines in the log"):
        raise Violation("nothing is said once the daemon reads")
    scene.end(server)
    syslog.stop()


def clock(scene, record, most):
    """The time of day is set, of the application and of the resolver. Nothing else on the machine sees it, so the kernel
    does not end the resolver's timer on the calendar; SIGHUP does what its end would."""
    del most
    control = Control(scene.path("clock.faults"))
    service, dns = scene.service("clock", control.command)
    server = scene.s_server(control.command, dns=dns)
    ready(server)
    for seconds in STEPS:
        scene.recovers(server, "what was before")
        for step in (seconds, 0):
            scene.is_let_in(server, BOB)
            control["seconds"] = step
            service.process.send_signal(signal.SIGHUP)
            if scene.is_let_in(server, "stranger as " + BOB):
                raise Violation("the stranger was let in after the clock was set")
            let_in = scene.try_both(server)
            record[f"clock: {'set by ' + str(seconds) + ' s' if step else 'set back'}", became(let_in)] += 1
        scene.recovers(server, f"the clock was set by {seconds} s and back")
    scene.lives(service)
    scene.end(server)
    scene.end(service)


KINDS = {"limits": processes, "disk": disk, "syslog": devlog, "clock": clock}
