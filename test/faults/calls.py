# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""A system call fails, or its process is killed in it, for each: those that dance.so makes in the application, and those
of dance-resolver's processes. strace does it; one call of a process in each life of it."""
import collections
import contextlib
import os
import re
import signal

from memory import describe
from scene import Violation, pick, ready, wait_for

# What a call may fail with; the others with EIO.
ERRORS = {
    "accept4": "EMFILE", "access": "EACCES", "bind": "EADDRINUSE", "capset": "EPERM", "clone": "EAGAIN",
    "clone3": "EAGAIN", "close": "EINTR", "connect": "ECONNREFUSED", "epoll_create1": "EMFILE", "epoll_ctl": "ENOMEM",
    "epoll_wait": "EINTR", "eventfd2": "EMFILE", "fcntl": "EMFILE", "fstat": "ENOMEM", "ftruncate": "ENOSPC",
    "getsockopt": "ENOBUFS", "madvise": "ENOMEM", "memfd_create": "ENFILE", "mmap": "ENOMEM", "mprotect": "ENOMEM",
    "newfstatat": "ENOMEM", "openat": "ENFILE", "poll": "EINTR", "pidfd_open": "EMFILE", "recvfrom": "ECONNRESET",
    "recvmsg": "ECONNRESET", "sendmsg": "EPIPE", "sendto": "ENOBUFS", "socket": "EMFILE", "socketpair": "EMFILE",
    "timerfd_create": "EMFILE", "write": "ENOSPC"}
# Who one is, umask(), the end of a process and the return from a signal cannot fail. Where a futex fails glibc ends the process, and
# where brk() returns an error instead of the old end its malloc() crashes: the kernel does neither. And a program that is not begun is no process of ours.
NOT_INJECTED = {"brk", "execve", "exit", "exit_group", "futex", "getegid", "geteuid", "getgid", "getpid", "getppid", "gettid", "getuid",
                "rt_sigprocmask", "rt_sigreturn", "restart_syscall", "umask"}
# Made by what is between the application and the program that it starts (provider/lookup/spawn.c).
BETWEEN = ("setsid", "dup3", "chdir", "close_range", "clone")
OF_A_CALL = 8  # so many of a sort of the resolver's calls are injected into, in a life of it each
LINE = re.compile(r"^(?:\d+ +)?(\w+)\(")


def traced(out, *options):
    """argv under strace, which is no parent of it, and may be interrupted."""
    return lambda argv: ["strace", "-D", "-I2", "-o", out, *options, *argv]


def injecting(out, call, number, fault, *options):
    return traced(out, *options, "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={number}")


def made_by(path, part):
    """(call, number) of those that had part on the stack, in a trace with stacks."""
    counts, found, last = collections.Counter(), {}, None
    with open(path, errors="replace") as lines:
        for line in lines:
            call = LINE.match(line)
            if call:
                counts[call[1]] += 1
                last = (call[1], counts[call[1]])
            elif last and line.startswith(" >") and part in line:
                found[last] = True
    return [made for made in found if made[0] not in NOT_INJECTED]


def made_by_processes(path):
    """How often a process made a call, in a trace of many: of the one that made it most often."""
    counts = collections.Counter()
    with open(path, errors="replace") as lines:
        for line in lines:
            made = re.match(r"^(\d+) +(\w+)\(", line)
            if made:
                counts[made[1], made[2]] += 1
    most = collections.Counter()
    for (_, call), number in counts.items():
        most[call] = max(most[call], number)
    return {call: number for call, number in most.items() if call not in NOT_INJECTED}


def was_injected(path):
    with contextlib.suppress(OSError), open(path, errors="replace") as lines:
        text = lines.read()
        return "(INJECTED)" in text or "killed by SIGKILL" in text
    return False


def no_resolver_is_left(scene):
    """What an application started ends with it."""
    def left():
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe") == scene.path("resolver", "dance-resolver"):
                    return True
        return False
    try:
        wait_for(lambda: not left(), 10)
    except AssertionError:
        raise Violation("the application has gone, and its dance-resolver is there") from None


def of_the_module(scene):
    """The calls of a life of a server: its start, the stranger, the rightful client."""
    out = scene.path("module.trace")
    server = scene.s_server(traced(out, "-k"))
    ready(server)
    if not scene.try_both(server):
        raise Violation("the rightful client is refused without a fault")
    scene.end(server)
    return made_by(out, "dance.so(")


def module(scene, record, most):
    """A call of the module's fails, in the application."""
    made = of_the_module(scene)
    faults = [(call, number, f"error={ERRORS.get(call, 'EIO')}", ()) for call, number in made]
    faults += [(call, 1, f"error={ERRORS.get(call, 'EIO')}", ("-f",)) for call in BETWEEN]
    out = scene.path("module.inject")
    for at in pick(len(faults), most):
        call, number, fault, options = faults[at - 1]
        server = scene.s_server(injecting(out, call, number, fault, *options))
        if not ready(server):
            became = "did not start"
        elif scene.try_both(server):
            became = "let in all the same"
        else:
            became = "refused meanwhile"
        scene.has_not_crashed(server, f"{call} {number} ({fault})")
        if became != "did not start":
            if options:
                detach(server)  # or each process that is begun has the fault
            scene.recovers(server, f"{call} {number} that failed ({fault})")
        if not was_injected(out):
            became = "was not reached"
        scene.end(server)
        record["errno: the module's calls", became] += 1


def module_killed(scene, record, most):
    """The application is killed in a call of the module's: what it leaves behind troubles nobody."""
    made = of_the_module(scene)
    out = scene.path("module.inject")
    for at in pick(len(made), most):
        call, number = made[at - 1]
        server = scene.s_server(injecting(out, call, number, "signal=KILL"))
        if ready(server):
            scene.try_both(server)
        code = scene.end(server)
        if code not in (-signal.SIGTERM, -signal.SIGKILL):
            raise Violation(f"killed in {call} {number} the application ended with {code}")
        record["SIGKILL: the application, the module's calls", "killed" if code == -signal.SIGKILL else "was not reached"] += 1
    no_resolver_is_left(scene)
    server = scene.s_server()
    ready(server)
    scene.recovers(server, "those before were killed")
    scene.end(server)


def detach(process):
    """strace lets go of all that it traces."""
    def tracer():
        with contextlib.suppress(OSError), open(f"/proc/{process.process.pid}/status") as status:
            return int(re.search(r"TracerPid:\s*(\d+)", status.read())[1])
        return 0
    pid = tracer()
    if pid:
        os.kill(pid, signal.SIGINT)
        wait_for(lambda: not tracer(), what="strace to let go")


def of_the_resolver(scene, record, most, kind, fault_of):
    """The calls of a service that begins and looks a name up, each in a life of its own, while nginx asks it. All of them,
    2,000 to 3,000 of 65 sorts, would take hours."""
    most = min(most, OF_A_CALL)
    out = scene.path("resolver.trace")
    service, dns = scene.service("calls", traced(out, "-f"))
    server = scene.nginx("calls", dns)
    ready(server)
    scene.recovers(server, "the start")
    detach(service)
    scene.end(service)
    made = made_by_processes(out)
    record[f"({kind})", f"calls of {len(made)} sorts, of which at the most {most} each"] += sum(made.values())
    faults = [(call, number) for call, count in sorted(made.items()) for number in pick(count, most)]
    out = scene.path("resolver.inject")
    for call, number in faults:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(out)
        service, _ = scene.service("calls", injecting(out, call, number, fault_of(call), "-f"))
        listens = wait_for(lambda: "no" if service.process.poll() is not None
                           else os.path.exists(dns["resolver"]) and "yes", 20, "the service") == "yes"
        let_in = scene.try_both(server, 5)
        injected = was_injected(out)
        detach(service)
        if service.process.poll() is not None:
            became = f"{'the service' if listens else 'its start'} {describe(service)}, and is started again"
            service, _ = scene.service("calls")
        else:
            became = "let in all the same" if let_in else "refused meanwhile"

        def keep():
            nonlocal service
            if service.process.poll() is not None:
                service, _ = scene.service("calls")
        scene.recovers(server, f"{call} {number} of the resolver ({fault_of(call)})", keep)
        record[kind, became if injected else "was not reached"] += 1
        scene.end(service)
    scene.end(server)


def resolver(scene, record, most):
    of_the_resolver(scene, record, most, "errno: dance-resolver's calls", lambda call: f"error={ERRORS.get(call, 'EIO')}")


def resolver_killed(scene, record, most):
    of_the_resolver(scene, record, most, "SIGKILL: dance-resolver's calls", lambda call: "signal=KILL")


KINDS = {"calls": module, "kill": module_killed, "resolver-calls": resolver, "resolver-kill": resolver_killed}
