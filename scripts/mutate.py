#!/usr/bin/python3
"""Take the code of each requirement out, one after the other, and see its tests fail.

  scripts/mutate.py              every mutation of test/mutations.toml
  scripts/mutate.py ID...        these alone
  scripts/mutate.py --list       what there is

Works in a copy of the tree. First each mutation's tests must pass as things stand;
then its code is changed, built, and they must fail. A mutation that survives is a
requirement without a test, and the exit code says so.

Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 300  # seconds that a build or a run of tests may take


def run(argv, **kwargs):
    """The exit code and the output of a command."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=LIMIT, **kwargs)
    except subprocess.TimeoutExpired as late:
        return None, (late.output or b"").decode(errors="replace")
    return done.returncode, done.stdout


def libssl():
    _, text = run(["openssl", "version"])
    return tuple(int(n) for n in re.search(r"OpenSSL (\d+)\.(\d+)", text).groups())


class Tree:
    """A copy of what git knows of the tree, built."""

    def __init__(self):
        self.said = ""  # by the last run of tests
        self.folder = tempfile.mkdtemp(prefix="dance-mutations-")
        os.chmod(self.folder, 0o755)
        files = subprocess.run(["git", "-C", REPOSITORY, "-c", f"safe.directory={REPOSITORY}", "ls-files", "-z",
                                "--cached", "--others", "--exclude-standard"],
                               check=True, capture_output=True, text=True).stdout.split("\0")
        for name in filter(None, files):
            source, target = os.path.join(REPOSITORY, name), os.path.join(self.folder, name)
            if os.path.exists(source):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(source, target)
        # The mutants are not pretty: unused functions are no errors here.
        with open(self.path("CMakeLists.txt")) as f:
            text = f.read()
        with open(self.path("CMakeLists.txt"), "w") as f:
            f.write(text.replace(" -Werror", ""))
        code, text = run(["cmake", "-S", self.folder, "-B", self.path("build"), "-DDANCE_TESTS=ON"])
        if code != 0 or not self.build():
            sys.exit(f"the tree cannot be built as it is:\n{text}")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def build(self):
        return run(["cmake", "--build", self.path("build"), "-j", str(os.cpu_count() or 1)])[0] == 0

    def test(self, selection, **environment):
        """'passed', 'failed', or what went wrong with the run itself. selection: 'ctest NAME' or pytest's arguments."""
        words = selection.split(" ", 1)
        if words[0] == "ctest":
            code, text = run(["ctest", "--test-dir", self.path("build"), "-R", f"^{words[1]}$", "--no-tests=error"])
            return {0: "passed", 8: "failed", None: "failed"}.get(code, f"ctest said {code}: {text[-500:]}")
        expression = ["-k", words[1]] if len(words) > 1 else []
        code, text = run(["/usr/bin/python3", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
                          self.path("test", "integration", words[0]), *expression],
                         env={**os.environ, "DANCE_BUILD": self.path("build"), "PYTHONDONTWRITEBYTECODE": "1", **environment})
        # pytest's 1 is "tests failed", and other things; 5, "no tests", and the like are faults of the list.
        if code in (0, 1) and not re.search(r"\d+ passed" if code == 0 else r"\d+ failed", text):
            return "no test ran: " + (text.strip().splitlines() or ["nothing was said"])[-1]
        self.said = text
        return {0: "passed", 1: "failed", None: "failed"}.get(code, f"pytest said {code}: {text[-500:]}")

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def judge(tree, mutation, good):
    """KILLED, SURVIVED or a fault, and what is to be said of it. good: what passes unchanged is remembered here."""
    selection = mutation["tests"]
    if selection not in good:
        good[selection] = tree.test(selection)
    if good[selection] != "passed":
        return "FAULT", f"its tests do not pass as things stand: {good[selection]}\n{tree.said[-3000:]}"
    kept = {}
    try:
        for edit in mutation["edits"]:
            path = tree.path(edit["file"])
            with open(path) as f:
                text = f.read()
            kept.setdefault(path, text)
            if text.count(edit["find"]) != 1:
                return "FAULT", f"{edit['file']} holds the text to be changed {text.count(edit['find'])} times"
            with open(path, "w") as f:
                f.write(text.replace(edit["find"], edit["replace"]))
        if not tree.build():
            return "FAULT", "it does not build"
        outcome = tree.test(selection, DANCE_PATIENCE="1")  # they are to fail, and soon
    finally:
        for path, text in kept.items():
            with open(path, "w") as f:
                f.write(text)
        tree.build()
    if outcome in ("passed", "failed"):
        return ("SURVIVED" if outcome == "passed" else "KILLED"), mutation["what"]
    return "FAULT", outcome


def main():
    with open(os.path.join(REPOSITORY, "test", "mutations.toml"), "rb") as f:
        mutations = tomllib.load(f)["mutation"]
    known = [m["id"] for m in mutations]
    assert len(set(known)) == len(known), "an id stands twice in test/mutations.toml"
    if "--list" in sys.argv[1:]:
        for m in mutations:
            print(f"{m['id']:<28} {m['edits'][0]['file']:<24} {m['what']}")
        return 0
    wanted = sys.argv[1:] or known
    for name in wanted:
        if name not in known:
            sys.exit(f"there is no mutation {name}")
    version, tree, good = libssl(), Tree(), {}
    totals = {"KILLED": 0, "SURVIVED": 0, "FAULT": 0, "SKIPPED": 0}
    try:
        for m in mutations:
            if m["id"] not in wanted:
                continue
            begin = time.monotonic()
            if version < tuple(m.get("libssl", (3, 0))):
                outcome, text = "SKIPPED", "needs OpenSSL " + ".".join(str(n) for n in m["libssl"])
            else:
                outcome, text = judge(tree, m, good)
            totals[outcome] += 1
            print(f"{outcome:<9} {m['id']:<28} {time.monotonic() - begin:5.1f} s  {text}", flush=True)
    finally:
        tree.close()
    print(f"{totals['KILLED']} passed, {totals['SURVIVED'] + totals['FAULT']} failed, {totals['SKIPPED']} skipped")
    return 1 if totals["SURVIVED"] or totals["FAULT"] or not totals["KILLED"] else 0


if __name__ == "__main__":
    sys.exit(main())
