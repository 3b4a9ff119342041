# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The runner: finds the applications' files, plays their rows, prints the table."""
import argparse
import concurrent.futures
import importlib.util
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
from .rows import CannotRun, Problem, Row
from .stage import Stage

APPS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def load(name):
    """The row classes of an application's file, in the file's order."""
    spec = importlib.util.spec_from_file_location(f"app_{name}", os.path.join(APPS, f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
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


def play(row, folder, verbose):
    """Fill row's cells; the result."""
    began = time.monotonic()
    stage = None
    try:
        missing = row.missing()
        if missing:
            raise CannotRun(f"the package {missing} is not installed (scripts/apps.sh installs it)")
        stage = Stage(os.path.join(folder, re.sub(r"\W+", "-", row.title() + "-" + row.role)))
        with download:
            unpack(row, stage, folder)
        row.play(stage)
        result = "PASS"
    except CannotRun as reason:
        row.cannot = str(reason)
        result = "cannot run"
    except Exception as error:  # whatever it is, the row failed and the others go on
        row.problem = str(error) if isinstance(error, (Problem, AssertionError)) else traceback.format_exc()
        if stage:
            row.problem += "\n" + stage.outputs()
        result = "FAIL"
    finally:
        if stage:
            stage.close()
    print(f"[{time.monotonic() - began:5.1f} s] {row.title()}, {row.role}: {result}", file=sys.stderr, flush=True)
    if verbose and row.problem:
        print(row.problem, file=sys.stderr, flush=True)
    return result


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
        print("\n".join(sorted({p for row in rows for p in row.packages})))
        return 0

    folder = tempfile.mkdtemp(prefix="dance-apps-")
    os.chmod(folder, 0o755)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(lambda row: play(row, folder, True), rows))
    finally:
        if options.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)

    lines = []
    for row, result in zip(rows, results):
        lines.append(table.line(row, "certificate", result))
    print(table.render(lines))
    for row, result in zip(rows, results):
        if row.cannot:
            print(f"{row.title()}, {row.role}: cannot run: {row.cannot}")
        elif row.note:
            print(f"{row.title()}, {row.role}: {row.note}")
    counts = {r: results.count(r) for r in ("PASS", "FAIL", "cannot run")}
    print(f"{counts['PASS']} passed, {counts['FAIL']} failed, {counts['cannot run']} cannot run here")
    return 1 if counts["FAIL"] or not counts["PASS"] else 0


if __name__ == "__main__":
    sys.exit(main())
