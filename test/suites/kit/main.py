# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The runner: finds the suites' files, plays them without the module and with it, prints the table."""
import argparse
import importlib
import inspect
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

from .compare import better, counts, expectations, parts, why, worse
from .suite import BAD, OK, SKIPPED, Run, Suite, Unavailable

SUITES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
AGAIN = 2  # a new failure counts if it fails each time: tests of others mostly have limits of time
COLUMNS = ("suite", "version", "module as", "ok", "not ok", "skipped", "new", "expected", "unsteady", "mended", "processes",
           "let in", "seconds")


def load(name):
    """The suites of a file."""
    module = importlib.import_module(f"suites.{name}")
    return [c for c in vars(module).values()
            if inspect.isclass(c) and issubclass(c, Suite) and c.__module__ == module.__name__ and c.title]


def row(suite, mode, results, seconds, **more):
    found = counts(results)
    cells = {"suite": suite.title, "version": suite.version().partition(":")[2] or suite.version(), "module as": mode,
             "ok": found[OK], "not ok": found[BAD], "skipped": found[SKIPPED], "seconds": f"{seconds:.0f}", **more}
    return [str(cells.get(column, "")) for column in COLUMNS]


def timed(play):
    began = time.monotonic()
    return play(), time.monotonic() - began


def render(rows):
    widths = [max(len(line[n]) for line in [COLUMNS, *rows]) for n in range(len(COLUMNS))]
    lines = [COLUMNS, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def compare(suite, world, folder, modes, number):
    """Rows of the table, and what is to be said of them; the number of new failures. number: of the next folder."""
    expected = expectations(suite.title)

    def play(mode, only=None):
        # Names of the same length in each mode: some suites have sockets in there, whose paths may not be long.
        path = os.path.join(folder, f"{next(number):03}")
        with open(path + ".what", "w") as out:
            print(suite.title, mode, *sorted(only or ()), sep=": ", file=out)
        run = Run(path, world.conf[mode])
        try:
            return suite.run(run, only)
        finally:
            run.close()

    without, seconds = timed(lambda: play(modes[0]))
    rows, said, new = [row(suite, "", without, seconds)], [], 0
    if counts(without)[OK] == 0:
        return rows, [f"{suite.title}: nothing is well without the module"], 1
    for mode in modes[1:]:
        before = world.seen(mode)
        results, seconds = timed(lambda mode=mode: play(mode))
        processes, let_in = (after - earlier for after, earlier in zip(world.seen(mode), before))
        if not processes:
            return rows, [*said, f"{suite.title}, {mode}: no process of it had the module"], new + 1
        lost = [test for test in worse(without, results) if not why(expected, mode, test)]
        steadily = set(lost)
        for _ in range(AGAIN):
            if steadily:
                again = play(mode, parts(steadily))
                steadily = {test for test in steadily if test in worse(without, again)}
        new += len(steadily)
        known = [test for test in worse(without, results) if test not in lost]
        mended = better(without, results)
        rows.append(row(suite, mode, results, seconds, new=len(steadily), expected=len(known),
                        unsteady=len(lost) - len(steadily), mended=len(mended), processes=processes, **{"let in": let_in}))
        said += [f"NEW: {suite.title}, {mode}: {test}" for test in sorted(steadily)]
        said += [f"unsteady: {suite.title}, {mode}: {test}" for test in lost if test not in steadily]
        said += [f"expected: {suite.title}, {mode}: {test}: {why(expected, mode, test)}" for test in known]
        said += [f"mended: {suite.title}, {mode}: {test}" for test in mended]
    return rows, said, new


def main():
    known = sorted(f[:-3] for f in os.listdir(SUITES) if f.endswith(".py") and f != "__init__.py")
    parser = argparse.ArgumentParser(prog="scripts/suites.sh")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--packages", action="store_true", help="print the Debian packages that the suites need")
    parser.add_argument("--keep", action="store_true", help="leave what the suites said there")
    options = parser.parse_args()
    for name in options.names:
        if name not in known:
            parser.error(f"no suite {name}")
    suites = [c() for name in options.names or known for c in load(name)]
    if options.packages:
        print("\n".join(sorted({package for suite in suites for package in suite.packages})))
        return 0

    from .world import BOTH, SERVER, WITHOUT, World  # pylint: disable=import-outside-toplevel # needs what is not built yet
    folder = tempfile.mkdtemp(prefix="dance-suites-")
    os.chmod(folder, 0o755)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rows, said, new, broken, number = [], [], 0, 0, itertools.count()
    world = World(os.path.join(folder, "world"))
    try:
        for suite in suites:
            try:
                suite.get()
                one = compare(suite, world, folder, (WITHOUT, BOTH, SERVER), number)
            except Unavailable as reason:
                said.append(f"not played: {suite.title}: {reason}")
                print(said[-1], file=sys.stderr, flush=True)
                continue
            except Exception:  # pylint: disable=broad-exception-caught # the others go on
                print(f"{suite.title}: {traceback.format_exc()}", file=sys.stderr, flush=True)
                broken += 1
                continue
            rows, said, new = rows + one[0], said + one[1], new + one[2]
            print("\n".join(["", render(one[0]), *one[1]]), file=sys.stderr, flush=True)
    finally:
        world.close()
        if options.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(render(rows))
    print("\n".join(said))
    print(f"{new} new failures, {broken} suites could not be played")
    return 1 if new or broken else 0


if __name__ == "__main__":
    sys.exit(main())
