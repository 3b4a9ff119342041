# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What a suite's file says, and what it has to work with."""
import collections
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess

OK, BAD, SKIPPED = "ok", "not ok", "skipped"


class Unavailable(Exception):
    """A suite cannot be had on this machine, which is no fault: why."""


class Suite:
    """One suite: a subclass in a file of test/suites."""

    title = None        # what the table says
    packages = ()       # to be installed by scripts/packages.sh

    def get(self):
        """Fetch and build what is needed, in the cache; Unavailable, if that is not to be had here."""

    def version(self):
        """Of what is tested."""
        raise NotImplementedError

    def run(self, run, only=None):
        """Play it; {name of a test: OK, BAD or SKIPPED}. Of a name what stands before the first '::' is its part;
        only: those parts alone, if it can, and no others' results are looked at."""
        raise NotImplementedError


class Run:
    """A suite's run with one openssl.cnf, in a folder of its own."""

    def __init__(self, folder, conf):
        self.folder, self.conf = folder, conf
        os.makedirs(folder)
        os.chmod(folder, 0o1777)
        self.commands = 0

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if k in ("USER", "LOGNAME", "TERM") or k.startswith("ASAN_")}
        return {**kept, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": self.folder, "TMPDIR": self.folder,
                "OPENSSL_CONF": self.conf, **more}

    def command(self, argv, cwd=None, timeout=900, **more):
        """Its exit status (None: it took too long) and all it said, which is kept in the folder."""
        self.commands += 1
        path = os.path.join(self.folder, f"output-{self.commands}")
        with open(path, "wb") as out:
            child = subprocess.Popen([str(a) for a in argv], cwd=cwd or self.folder, env=self.environment(**more),
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                status = child.wait(timeout)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                # Servers that a test has left behind would have the ports of the next.
                try:
                    os.killpg(child.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                child.wait()
        with open(path, errors="replace") as text:
            return status, text.read()

    def close(self):
        """End what the suite has left behind: its programs have this folder in their command lines."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as line:
                    if self.folder.encode() + b"/" in line.read():
                        os.kill(int(pid), signal.SIGKILL)
            except OSError:
                pass  # it has ended by itself

    def copy(self, tree, name="tree"):
        """A copy of a tree of the cache, for tests that write into it."""
        return shutil.copytree(tree, os.path.join(self.folder, name), symlinks=True, dirs_exist_ok=True)

    def each(self, parts, play, jobs=2):
        """Results of play(part), a dictionary each, several at a time, in one dictionary."""
        results = {}
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for one in pool.map(play, parts):
                results.update(one)
        return results


def tap(part, status, text):
    """Results of the Test Anything Protocol, by what they say and how often it was said before: there need not be numbers,
    and client and server that write at the same time have no order."""
    results, plan, before = {}, None, collections.Counter()
    for line in text.splitlines():
        planned = re.match(r"1\.\.(\d+)(.*)", line)
        found = re.match(r"(not )?ok\b\s*\d*\s*(?:- )?(.*)", line)
        if planned:
            plan = int(planned[1])
            if plan == 0:
                return {f"{part}::all": SKIPPED}
        elif found:
            about = re.sub(r"0x[0-9a-f]+|\d+", "N", found[2])  # ports, numbers of processes
            before[about] += 1
            skipped = re.search(r"#\s*(skip|todo)", about, re.I)
            results[f"{part}::{about} [{before[about]}]"] = SKIPPED if skipped else BAD if found[1] else OK
    results[f"{part}::its end"] = OK if status == 0 and plan in (None, len(results)) else BAD
    return results


def by_lines(text, pattern, outcomes):
    """Results where a line says both: pattern has the groups test and outcome; outcomes: {word: OK, BAD or SKIPPED}.
    What stands several times is as bad as its worst."""
    worse = [SKIPPED, OK, BAD]
    results = {}
    for found in re.finditer(pattern, text, re.M):
        outcome = outcomes[found["outcome"]]
        known = results.get(found["test"], SKIPPED)
        results[found["test"]] = max(known, outcome, key=worse.index)
    return results


def debian_version(package):
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], check=True, capture_output=True, text=True).stdout
