# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Where tests run: which worker of pytest-xdist gets which, and in what order.

Most tests take a fraction of a second and a processor; some take many seconds in which nothing is done but waiting, for
a TTL to pass or an idle process to end. Those are begun first and one by one, by half of the workers, while the others
do the short ones; who has come to the end of his own helps with the others'. So there may be more workers than
processors, and nobody is left alone with a long one at the end.
"""
import collections
import os

# How many tests of a file are handed out at a time: of those that wait, and of all others, where what one test has started
# the next one uses.
WAITING = {"test_strangers": 1, "test_rollover": 1, "test_survival": 1, "test_load": 1, "test_cache": 1, "test_systemd": 100,
           "test_async": 1, "test_cut": 1, "test_logs": 2, "test_process": 2, "test_keys": 2, "test_allow_file": 1,
           "test_early_data": 4, "test_closed": 1, "test_keytrap": 1}
TOGETHER = 16


def units(nodeids):
    """What is handed out at a time, as lists of indexes: the tests that wait, and the others."""
    files = collections.defaultdict(list)
    for index, nodeid in enumerate(nodeids):
        files[os.path.basename(nodeid.split("::")[0]).removesuffix(".py")].append(index)

    def split(names, together):
        return collections.deque(files[name][at:at + together(name)] for name in names
                                 for at in range(0, len(files[name]), together(name)))
    return split(WAITING, WAITING.get), split([name for name in files if name not in WAITING], lambda name: TOGETHER)


def scheduler(config, log):
    """For the hook pytest_xdist_make_scheduler."""
    from xdist.scheduler import LoadScheduling

    class Distribution(LoadScheduling):
        """self.pending is as LoadScheduling has it; what is sent next, and how much of it, is said here."""

        def schedule(self):
            if self.collection is None:
                if not self._check_nodes_have_same_collection():
                    return
                self.collection = next(iter(self.node2collection.values()))
                self.pending[:] = range(len(self.collection))
                self.units = units(self.collection)
            for node in self.nodes:
                self.check_schedule(node)

        def check_schedule(self, node, duration=0):
            # A worker runs a test when it knows the next one, or that there is none.
            while not node.shutting_down and len(self.node2pending[node]) < 2:
                mine = self.units[self.nodes.index(node) % 2]
                queue = mine or self.units[0] or self.units[1]
                # What is pending without a unit is left of a worker that has crashed.
                unit = queue.popleft() if queue else self.pending[:1]
                if not unit:
                    node.shutdown()
                    return
                for index in unit:
                    self.pending.remove(index)
                self.node2pending[node].extend(unit)
                node.send_runtest_some(unit)
    return Distribution(config, log)
