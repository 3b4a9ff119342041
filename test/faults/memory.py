# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The n-th allocation fails, for each n: of the module (with dance.so on the stack), and of dance-resolver (all)."""
import os
import signal
import time

from control import Control
from kit.stage import ALLOW, read
from scene import ALICE, BOB, Violation, pick, ready, wait_for

ROWS = (1, 8)     # so many allocations in a row fail
LOST = 30         # seconds after which a lookup that libunbound has lost is asked again


def start(scene, record, most):
    """The process has no memory while it starts. What it has lost then it may lack until it is started again."""
    control = Control(scene.path("start.faults"), "dance.so")
    control.arm()
    server = scene.s_server(control.command)
    ready(server)
    count, _ = control.disarm()
    scene.recovers(server, "a start without a fault")
    scene.end(server)
    for in_a_row in ROWS:
        for number in pick(count, most):
            control.arm(number, in_a_row)
            server = scene.s_server(control.command)
            began = ready(server)
            _, failed = control.disarm()
            if not failed:
                became = "was not reached"
            elif not began:
                became = "did not start"
            else:
                became = "served all the same" if scene.try_both(server) else "lets nobody in until it is started again"
            scene.has_not_crashed(server)
            scene.end(server)
            record["allocation: the module's start", became] += 1


def each(scene, record, kind, control, act, most, check):
    """act() with each of its allocations failing; check(what it was) when that is over. act says what became of it."""
    control.arm()
    act()
    count, _ = control.disarm()
    for in_a_row in ROWS:
        for number in pick(count, most):
            control.arm(number, in_a_row)
            became = act()
            _, failed = control.disarm()
            check(f"{kind}: allocation {number} of {count}, {in_a_row} in a row")
            record[kind, became if failed else "was not reached"] += 1


def client(scene, server, name):
    """An act: the stranger and the rightful client come."""
    def act():
        stranger = "stranger" if name == ALICE else "stranger as " + name
        if scene.is_let_in(server, stranger):
            raise Violation("the stranger was let in")
        return "let in all the same" if scene.is_let_in(server, name) else "refused meanwhile"
    return act


def running(scene, record, most):
    """In handshakes of a name that is known, of one that is looked up, and where the list of names has changed."""
    control = Control(scene.path("running.faults"), "dance.so")
    allow = scene.write("allow", ALLOW + "\n")
    server = scene.s_server(control.command, allow_file=allow)
    ready(server)
    scene.recovers(server, "the start")

    def changed():
        scene.write("allow.new", f"{ALLOW}\nnobody-{time.monotonic_ns()}.example.com\n")
        os.rename(scene.path("allow.new"), allow)
        return client(scene, server, ALICE)()
    for kind, act in (("a handshake", client(scene, server, BOB)), ("a lookup", client(scene, server, ALICE)),
                      ("allow_file is read again", changed)):
        each(scene, record, f"allocation: the module, {kind}", control, act, most,
             lambda what: scene.recovers(server, what))
    scene.end(server)


def reload(scene, record, most):
    """nginx reads its configuration again, and makes new SSL_CTXs and workers."""
    control = Control(scene.path("reload.faults"), "dance.so")
    server = scene.nginx("reloaded", scene.own_dns(), control.command)
    ready(server)
    scene.recovers(server, "the start")

    def act():
        before = len(read(server.errors))
        server.process.send_signal(signal.SIGHUP)
        text = wait_for(lambda: next((x for x in ("start worker process", "[emerg]") if x in read(server.errors)[before:]),
                                     None), 20, "nginx to have read its configuration")
        return "reloaded, " + client(scene, server, ALICE)() if text[0] == "s" else "stays with what it had"
    each(scene, record, "allocation: the module, nginx reloads", control, act, most,
         lambda what: scene.recovers(server, what))
    scene.end(server)


def resolver(scene, record, most):
    """dance-resolver at its start, and while it looks up. It is a service: whoever started it starts it again."""
    control = Control(scene.path("resolver.faults"))
    control.arm()
    service, dns = scene.service("memory", control.command)
    wait_for(lambda: os.path.exists(dns["resolver"]), what="the service")
    count, _ = control.disarm()
    server = scene.nginx("memory", dns)
    ready(server)
    scene.recovers(server, "the start")
    for number in pick(count, most):
        scene.end(service)
        control.arm(number)
        service, _ = scene.service("memory", control.command)
        ended = wait_for(lambda: "ended" if service.process.poll() is not None
                         else os.path.exists(dns["resolver"]) and "listens", 20, "the service") == "ended"
        _, failed = control.disarm()
        became = describe(service) if ended else "served all the same" if failed else "was not reached"
        record["allocation: dance-resolver's start", became] += 1
        if ended:
            service, _ = scene.service("memory", control.command)
        scene.recovers(server, "the service's start")

    def act():
        return client(scene, server, ALICE)()

    def keep():
        nonlocal service
        if service.process.poll() is not None:
            record["(dance-resolver itself)", describe(service)] += 1
            service, _ = scene.service("memory", control.command)

    def check(what):
        scene.recovers(server, what, keep)
    each(scene, record, "allocation: dance-resolver, a lookup", control, act, most, check)
    scene.end(server)
    scene.end(service)


def lost(scene, record, most):
    """libunbound's own allocations in a lookup, from the first: where it takes a question from the pipe it loses it."""
    control = Control(scene.path("lost.faults"), "libunbound")
    service, dns = scene.service("lost", control.command)
    server = scene.nginx("lost", dns)
    ready(server)
    scene.recovers(server, "the start")
    act = client(scene, server, ALICE)
    control.arm()
    act()
    count, _ = control.disarm()
    for number in range(1, min(count, most) + 1):
        control.arm(number)
        became = act()
        _, failed = control.disarm()
        if service.process.poll() is not None:
            raise Violation(f"dance-resolver {describe(service)}")
        scene.recovers(server, f"allocation {number} of libunbound's", within=LOST)
        record["allocation: libunbound's, a lookup", became if failed else "was not reached"] += 1
    if "libunbound had no memory, the worker begins anew" not in service.output.text():
        raise Violation("libunbound lost nothing, and nothing was shown by it")
    scene.end(server)
    scene.end(service)


def describe(process):
    code = process.process.poll()
    return f"ended by {signal.Signals(-code).name}" if code < 0 else "ended with a word"


KINDS = {"start": start, "running": running, "reload": reload, "resolver-memory": resolver, "lost": lost}
