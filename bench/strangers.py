# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What root notices of an ordinary user who wants to stop the shared resolver.

    /usr/bin/python3 bench/strangers.py [--quick] [ATTACK...]        (as root; DANCE_BUILD as for the tests)

For each attack: root's lookups of kept names and of new ones, with it and without it in turns; the times of 50 and of
99 of 100, and how many times as long as without. A row of two processes that do nothing but use the processor says
what any busy machine costs.
"""
import argparse
import contextlib
import os
import socket
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "test", "integration"))
import fuse  # noqa: E402
import strangers  # noqa: E402
from conftest import World  # noqa: E402
from strangers import NAME, STRANGER, Resolver, Stranger, Voice, ask, new_name  # noqa: E402
from zone import free_port, wait_for  # noqa: E402


def burn(tell):
    tell("done")
    while True:
        pass


def one(act, *arguments, uid=STRANGER, until="done"):
    return lambda bench: [Stranger(uid, act, bench.resolver.path, *arguments, until=until)]


def stuck(bench):
    bench.mount = fuse.Mount(os.path.join(tempfile.mkdtemp(dir=bench.resolver.folder), "fuse"), (fuse.READ,))
    os.chmod(os.path.dirname(bench.mount.folder), 0o755)
    return [Stranger(STRANGER, strangers.receive_for_ever, bench.resolver.path, bench.mount.file, until="holding")]


ATTACKS = {
    "processor": lambda bench: [Stranger(STRANGER, burn) for _ in range(2)],
    "lock": stuck,
    "connections": one(strangers.connect_as_often_as_possible, True),
    "many": one(strangers.one_of_many, range(2000, 2101), True, uid=0),
    "door": lambda bench: [Stranger(STRANGER, strangers.storm, bench.resolver.path) for _ in range(2)],
    "silent": one(strangers.flood, "{}.silent.example.net"),
    "bogus": one(strangers.flood, "{}.bogus._device.example.com"),
    "names": one(strangers.flood, "{}.wild._device.example.com"),
    "lists": one(strangers.hold_lists, 4, "silent.example.net"),
    "anew": lambda bench: [Stranger(uid, strangers.begin_anew, bench.resolver.path) for uid in range(3000, 3006)],
    "anything": one(strangers.fuzz, 1, 1000000, until=None),
}


class Bench:
    def __init__(self, quick):
        self.kept, self.new, self.rounds = (500, 100, 2) if quick else (3000, 400, 4)
        folder = tempfile.mkdtemp(prefix="dance-bench-")
        os.chmod(folder, 0o755)
        self.mount = None
        self.world = World(folder)
        self.hole = socket.socket(type=socket.SOCK_DGRAM)
        port = free_port()
        self.hole.bind(("127.0.0.1", port))
        self.resolver = Resolver(self.world, port)
        self.root = Voice(self.resolver.path, 0)

    def stop(self):
        self.root.close()
        self.resolver.stop()
        self.resolver.remove()
        self.world.zones.stop()
        self.hole.close()

    def time(self, name):
        begin = time.perf_counter()
        ask(self.root.conversation, name, timeout=60000)
        return (time.perf_counter() - begin) * 1000

    def measure(self, kept, new):
        kept += [self.time(NAME) for _ in range(self.kept)]
        new += [self.time(new_name()) for _ in range(self.new)]

    def run(self, attack):
        quiet, loud = ([], []), ([], [])
        for _ in range(self.rounds):
            self.measure(*quiet)
            started = ATTACKS[attack](self)
            try:
                self.measure(*loud)
            finally:
                memory = [strangers.memory(pid) for pid in self.resolver.workers()]
                for stranger in started:
                    if self.mount:
                        self.mount.let_go()
                        self.mount = None
                    stranger.let_go()
            # The next turn is to be quiet.
            with contextlib.suppress(AssertionError):
                wait_for(lambda: len(self.resolver.workers()) <= 1, 5)
        for what, before, during in (("kept", quiet[0], loud[0]), ("new", quiet[1], loud[1])):
            a, b = ([statistics.quantiles(times, n=100)[at] for at in (49, 98)] for times in (before, during))
            print(f"{attack:12} {what:5} p50 {a[0]:8.3f} -> {b[0]:8.3f} ms ({b[0] / a[0]:5.2f})   "
                  f"p99 {a[1]:8.3f} -> {b[1]:8.3f} ms ({b[1] / a[1]:5.2f})", flush=True)
        print(f"{attack:12} the supervisor {self.resolver.resident() >> 10} MiB, {len(memory)} workers of up to "
              f"{max(memory) >> 10} MiB, {sum(memory) >> 10} MiB in all", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("attack", nargs="*")
    arguments = parser.parse_args()
    bench = Bench(arguments.quick)
    try:
        for attack in arguments.attack or ATTACKS:
            bench.run(attack)
    finally:
        bench.stop()


if __name__ == "__main__":
    main()
