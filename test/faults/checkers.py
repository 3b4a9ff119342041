# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The processes that check clients' chains (resolver/worker/chain) fail: in a system call, for want of memory, or killed.
One server goes by the chain alone, another one may ask the DNS instead. A client with the rightful name comes with a chain
that he made of his own key, which nobody signed, and another one with the rightful chain and another key."""
import collections
import contextlib
import os
import re
import signal
import subprocess

import chain
from calls import ERRORS, NOT_INJECTED, was_injected
from control import Control
from kit.shared import pki
from kit.stage import read
from memory import each
from scene import ALICE, BOB, Violation, pick, ready, wait_for
from signing import RR, TLSA

CHAIN = 65283
LINE = re.compile(r"(?m)^(?:\d+ +)?(\w+)\(")


class Play:
    """The service, and the two servers that ask it."""

    def __init__(self, scene, wrap=lambda argv: argv):
        self.scene = scene
        self.log_begins = len(read(scene.log.path))
        chained = chain.collected(scene.zone.port, ALICE, "example.com")
        rdata = bytes([3, 1, 1]) + bytes.fromhex(pki.tlsa(3, 1, 1, pki.certificate(scene.keys["stranger"], ALICE)).split()[-1])
        forged = [RR(rr.owner, rr.kind, rr.ttl, rdata) if rr.kind == TLSA else rr for rr in chained]
        for who, like, brought in (("chained", ALICE, chained), ("stranger, chained", "stranger", chained),
                                   ("forged", "stranger", forged)):
            [(der, extensions)], key = scene.proofs[like]
            scene.proofs[who] = ([(der, [*extensions, (CHAIN, chain.encode(brought))])], key)
        self.service, dns = scene.service("checked", wrap)
        self.only = scene.nginx("only", dns, chain="only")
        self.either = scene.nginx("either", dns, chain="accept")
        for server in (self.only, self.either):
            ready(server)
        self.recovers("the start")

    def checkers(self):
        found = []
        with open(f"/proc/{self.service.process.pid}/task/{self.service.process.pid}/children") as pids:
            for pid in pids.read().split():
                with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as comm:
                    if comm.read() == "dance-checker\n":
                        found.append(int(pid))
        return found

    def act(self):
        """All of them come. What became of the two rightful ones."""
        for who in ("forged", "stranger, chained"):
            for server in (self.only, self.either):
                if self.scene.is_let_in(server, who):
                    raise Violation(f"let in: {who}")
        alone = self.scene.is_let_in(self.only, "chained")
        either = self.scene.is_let_in(self.either, "chained")
        return (f"{'let in' if alone else 'refused'} where the chain alone counts, "
                f"{'let in' if either else 'refused'} where the DNS does, too")

    def others(self):
        """Who brings no chain is let in by what is known of him, whatever becomes of checkers."""
        if not self.scene.is_let_in(self.either, BOB):
            raise Violation(f"somebody without a chain was refused: {self.scene.last_lines()}")

    def recovers(self, what):
        if self.service.process.poll() is not None:
            raise Violation(f"dance-resolver ended after {what}")
        for server in (self.only, self.either):
            self.scene.recovers(server, what, who="chained")

    def others_reasons(self):
        """Why somebody was refused, but for what is wrong with chains and keys. (Not each refusal has a line.)"""
        return set(re.findall(r"reason=([\w-]+)", read(self.scene.log.path)[self.log_begins:])) - {"chain", "chain-absent", "tlsa-no-match"}

    def end(self):
        for process in (self.only, self.either, self.service):
            self.scene.end(process)


@contextlib.contextmanager
def attached(pids, out, *options):
    """strace at processes that are there."""
    def tracers():
        found = set()
        for pid in pids:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
                found.add(int(re.search(r"TracerPid:\s*(\d+)", status.read())[1]))
        return found
    with contextlib.suppress(FileNotFoundError):
        os.unlink(out)
    with open(out + ".said", "w") as said:
        tracer = subprocess.Popen(["strace", "-f", "-o", out, *options, *(f"-p{pid}" for pid in pids)], stderr=said)
    try:
        wait_for(lambda: tracers() == {tracer.pid} or tracer.poll() is not None, what="strace to be there")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)


def of_a_check(play, out):
    """How often a checker makes each call while act() runs."""
    with attached(play.checkers(), out):
        play.act()
    with open(out, errors="replace") as lines:
        counts = collections.Counter(LINE.findall(lines.read()))
    return {call: count for call, count in counts.items() if call not in NOT_INJECTED}


def at_each_call(scene, record, most, kind, fault_of):
    play = Play(scene)
    out = scene.path("checker.trace")
    for call, count in sorted(of_a_check(play, out).items()):
        for number in pick(count, most):
            with attached(play.checkers(), out, "-e", f"trace={call}", "-e", f"inject={call}:{fault_of(call)}:when={number}"):
                became = play.act()
                play.others()
            what = f"{call} {number} of a checker ({fault_of(call)})"
            play.recovers(what)
            record[kind, became if was_injected(out) else "was not reached"] += 1
    if play.others_reasons():
        raise Violation(f"refused for {play.others_reasons()}")
    play.end()


def calls(scene, record, most):
    at_each_call(scene, record, most, "errno: a checker's calls", lambda call: f"error={ERRORS.get(call, 'EIO')}")


def kill(scene, record, most):
    at_each_call(scene, record, most, "SIGKILL: a checker's calls", lambda _: "signal=KILL")


def at_each_allocation(scene, record, most, kind, of=None):
    """A checker begins, and checks chains."""
    control = Control(scene.path("checker.faults"), of)
    play = Play(scene, control.command)

    def act():
        for pid in play.checkers():
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not play.checkers(), what="the checkers to end")
        return play.act()
    each(scene, record, kind, control, act, most, play.recovers)
    play.end()


def memory(scene, record, most):
    """Of the resolver's allocations while chains are checked, most are the checker's."""
    at_each_allocation(scene, record, most, "allocation: a checker's")


def setup(scene, record, most):
    """Of libunbound's, the first of which makes a checker that can check nothing."""
    at_each_allocation(scene, record, most, "allocation: libunbound's in a checker", "libunbound")


KINDS = {"checker-calls": calls, "checker-kill": kill, "checker-memory": memory, "checker-setup": setup}
