# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The file that test/modules/faults.c has mapped: which allocation fails, what time it is."""
import mmap
import os
import struct

from kit.shared import BUILD

PRELOAD = os.path.join(BUILD, "test", "faults.so")
FIELDS = ("armed", "count", "fails_at", "in_a_row", "failed", "seconds")
NEVER = 1 << 60


class Control:
    def __init__(self, path, of=None):
        """of: whose allocations are counted; None: all of the process."""
        with open(path, "w+b") as file:
            file.truncate(8 * len(FIELDS))
            self.map = mmap.mmap(file.fileno(), 8 * len(FIELDS))
        os.chmod(path, 0o666)
        self.environment = {"DANCE_FAULTS": path, "LD_PRELOAD": PRELOAD, **({"DANCE_FAULTS_OF": of} if of else {})}

    def __getitem__(self, field):
        return struct.unpack_from("q", self.map, 8 * FIELDS.index(field))[0]

    def __setitem__(self, field, value):
        struct.pack_into("q", self.map, 8 * FIELDS.index(field), value)

    def arm(self, fails_at=NEVER, in_a_row=1):
        """The fails_at-th allocation from now on fails; without a number they are counted."""
        self["armed"] = self["count"] = self["failed"] = 0
        self["fails_at"], self["in_a_row"] = fails_at, in_a_row
        self["armed"] = 1

    def disarm(self):
        self["armed"] = 0
        return self["count"], self["failed"]

    def command(self, argv):
        """argv under it: not in our own environment, where it would be everybody's."""
        return ["env", *(f"{name}={value}" for name, value in self.environment.items()), *argv]
