# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What the processes of a stage have: memory, descriptors, zombies."""
import collections
import os
import statistics
import time

WARM = 0.25        # of the time, in which caches fill
ROOM_KB = 3000     # that the median of the last quarter may be above the second's, and
SHARE = 0.15       # this share of it
FILES = 6


class Measure:
    def __init__(self, stage):
        self.stage = stage
        self.samples = []  # (seconds, {program: (number, kB of the largest, descriptors of the one that has most)})
        self.began = time.monotonic()
        self.zombies = 0

    def mine(self):
        """(pid, program, state, parent's pid) of what belongs to the stage."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as f:
                    text = f.read()
                name = text[text.index("(") + 1:text.rindex(")")]
                state, parent = text[text.rindex(")") + 2:].split()[:2]
                if state == "Z":
                    yield int(pid), name, state, int(parent)
                    continue
                with open(f"/proc/{pid}/maps") as f:
                    maps = f.read()
            except OSError:
                continue
            if self.stage.folder in maps:
                yield int(pid), name, state, int(parent)

    def sample(self):
        found = collections.defaultdict(list)
        every = list(self.mine())
        pids = {pid for pid, _, state, _ in every if state != "Z"}
        # Of a moment: their parent has not looked yet. What is there twice is one.
        zombies = {pid for pid, _, state, parent in every if state == "Z" and parent in pids | {os.getpid()}}
        self.zombies = len(zombies & getattr(self, "before", set()))
        self.before = zombies
        for pid, name, state, _ in every:
            if state == "Z" or name in ("openssl",):
                continue
            try:
                with open(f"/proc/{pid}/status") as f:
                    rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
                found[name].append((rss, len(os.listdir(f"/proc/{pid}/fd"))))
            except (OSError, StopIteration):
                continue
        self.samples.append((time.monotonic() - self.began, {
            name: (len(of), max(r for r, _ in of), max(f for _, f in of)) for name, of in found.items()}))

    def quarter(self, name, which, field):
        end = self.samples[-1][0] if self.samples else 1
        values = [s[name][field] for t, s in self.samples if name in s and which * end / 4 <= t <= (which + 1) * end / 4]
        return statistics.median(values) if values else None

    def names(self):
        return sorted({name for _, s in self.samples for name in s})

    def grown(self):
        lines = []
        for name in self.names():
            for field, what, room in ((0, "processes", 4), (1, "kB", ROOM_KB), (2, "descriptors", FILES)):
                early, late = self.quarter(name, 1, field), self.quarter(name, 3, field)
                if early is not None and late is not None and late > early * (1 + SHARE) + room:
                    lines.append(f"{name}: {what} from {early:.0f} to {late:.0f}")
        return lines

    def table(self):
        lines = [f"{'program':18} {'processes':>12} {'kB, largest':>18} {'descriptors':>14}   (second quarter, last)"]
        for name in self.names():
            cells = [(self.quarter(name, 1, f), self.quarter(name, 3, f)) for f in range(3)]
            shown = [" ".join("-" if v is None else f"{v:.0f}" for v in cell) for cell in cells]
            lines.append(f"{name:18} {shown[0]:>12} {shown[1]:>18} {shown[2]:>14}")
        return lines
