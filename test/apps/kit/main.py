# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The runner: finds the applications' files, plays their rows, prints the table."""
import argparse
import concurrent.futures
import importlib
import inspect
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from . import table
from .rows import CannotRun, Problem, Row, Server, choose
from .shared import wait_for
from .stage import Stage

APPS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def load(name):
    """The row classes of an application's file, in the file's order."""
    module = importlib.import_module(name)
    return [c for c in vars(module).values()
            if inspect.isclass(c) and issubclass(c, Row) and c.__module__ == module.__name__
            and not c.__name__.startswith("_")]


def unpack(row, stage, folder):
    """Debian packages that cannot be installed beside others, into the stage's folder."""
    for package in row.unpacked:
        here = os.path.join(folder, "packages", package)
        os.makedirs(here, exist_ok=True)
        if not os.listdir(here):
            subprocess.run(["apt-get", "download", package], cwd=here, check=True, capture_output=True)
        for name in os.listdir(here):
            subprocess.run(["dpkg-deb", "-x", os.path.join(here, name), stage.path("root")], check=True)


download = threading.Lock()


def on_stage(row, folder, play, **kind):
    """What play(stage) returns, on a stage made for the row. What fails says what its processes said."""
    kinds = [name for name, wanted in kind.items() if wanted]
    stage = Stage(os.path.join(folder, re.sub(r"\W+", "-", " ".join([row.title(), row.role, *kinds]))), **kind)
    try:
        try:
            with download:
                unpack(row, stage, folder)
            result = play(stage)
        finally:
            stage.close()
        leftovers(stage)
        return result
    except CannotRun:
        raise
    except Exception as error:  # whatever it is, the row failed and the others go on
        text = str(error) if isinstance(error, (Problem, AssertionError)) else traceback.format_exc()
        raise Problem(f"{''.join(f'{name}: ' for name in kinds)}{text}\n{stage.outputs()}") from None


def leftovers(stage):
    """What a row's programs started must end with them; anything else is a fault of the row's file."""
    def inside(pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                arguments = f.read().decode(errors="replace")
            return stage.folder + "/" in arguments or os.readlink(f"/proc/{pid}/cwd").startswith(stage.folder + "/")
        except OSError:
            return False

    def alive():
        return [p for p in os.listdir("/proc") if p.isdigit() and inside(p)]

    wait_for(lambda: not alive(), 15, f"the row's processes to end: {alive()}")


def play(row, folder, raw):
    """Fill row's cells; (the result with certificates, the result with raw public keys)."""
    began = time.monotonic()
    result, with_raw = "PASS", "needs OpenSSL 3.2" if row.raw else ""
    try:
        missing = row.missing()
        if missing:
            raise CannotRun(missing)
        on_stage(row, folder, row.play)
        if isinstance(row, Server):
            row.cells["without"] = on_stage(row, folder, row.play_without, without=True)
        if raw and row.raw:
            with_raw, cells = "FAIL", row.cells
            row.cells = {}
            try:
                with_raw = on_stage(row, folder, row.play_raw, raw=True)
            finally:
                row.cells = cells
    except CannotRun as reason:
        row.cannot = str(reason)
        result, with_raw = "cannot run", ""
    except Problem as problem:
        row.problem = str(problem)
        if with_raw != "FAIL":
            result, with_raw = "FAIL", ""
    took = time.monotonic() - began
    print(f"[{took:5.1f} s] {row.title()}, {row.role}: {result} {with_raw}".rstrip(), file=sys.stderr, flush=True)
    if row.problem:
        print(row.problem, file=sys.stderr, flush=True)
    return result, with_raw


def has_raw_keys():
    """libssl knows raw public keys (RFC 7250)."""
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.search(r"(\d+)\.(\d+)", version).groups())) >= (3, 2)


def main():
    known = sorted(f[:-3] for f in os.listdir(APPS) if f.endswith(".py"))
    parser = argparse.ArgumentParser(prog="scripts/apps.sh")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--packages", action="store_true", help="print the Debian packages that the rows need")
    parser.add_argument("--jobs", type=int, default=3, help="rows at a time (they mostly wait)")
    parser.add_argument("--keep", action="store_true", help="leave the folders of the rows there")
    options = parser.parse_args()
    for name in options.names:
        if name not in known:
            parser.error(f"no application {name}")
    rows = [c() for name in options.names or known for c in load(name)]
    if options.packages:
        print("\n".join(sorted({choose(p) for row in rows for p in row.packages} - {""})))
        return 0

    folder = tempfile.mkdtemp(prefix="dance-apps-")
    os.chmod(folder, 0o755)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            raw = has_raw_keys()
            results = list(pool.map(lambda row: play(row, folder, raw), rows))
    finally:
        if options.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)

    print(table.render([table.line(row, *result) for row, result in zip(rows, results)]))
    for row in rows:
        if row.cannot:
            print(f"{row.title()}, {row.role}: cannot run: {row.cannot}")
        elif row.note:
            print(f"{row.title()}, {row.role}: {row.note}")
    failed = sum("FAIL" in result for result in results)
    cannot = sum("cannot run" in result for result in results)
    print(f"{len(rows) - failed - cannot} passed, {failed} failed, {cannot} cannot run here")
    return 1 if failed or cannot == len(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
