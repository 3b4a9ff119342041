# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""scripts/faults.sh: faults of each kind in servers with the module and in dance-resolver, and what became of them.
memory.py, calls.py, checkers.py and limits.py inject them; what must hold is in scene.py."""
import argparse
import concurrent.futures
import os
import shutil
import sys
import tempfile
import time

import calls
import checkers
import limits
import memory
from scene import Record, Scene, Violation

KINDS = {**memory.KINDS, **calls.KINDS, **checkers.KINDS, **limits.KINDS}
ALL = 1 << 30


def inject(kind, folder, most=ALL):
    """The record of a kind. most: so many faults of each sort at the most, evenly chosen."""
    record = Record()
    scene = Scene(os.path.join(folder, kind))
    try:
        KINDS[kind](scene, record, most)
    except (Violation, AssertionError) as violation:
        record.violations.append(f"{kind}: {violation}")
    finally:
        scene.close()
    record.slowest = scene.slowest
    return record


def main():
    parser = argparse.ArgumentParser(prog="scripts/faults.sh")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--most", type=int, default=ALL, help="so many faults of each sort at the most, evenly chosen")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="kinds at a time")
    options = parser.parse_args()
    for kind in options.kinds:
        if kind not in KINDS:
            parser.error(f"no kind {kind}")
    folder = tempfile.mkdtemp(prefix="dance-faults-")
    os.chmod(folder, 0o755)

    def run(kind):
        began = time.monotonic()
        record = inject(kind, folder, options.most)
        print("\n".join([f"[{time.monotonic() - began:5.0f} s] {kind}", *record.lines(),
                         "slowest recovery: {:.1f} s, from {}".format(*record.slowest),
                         *(f"VIOLATION: {violation}" for violation in record.violations)]), flush=True)
        return record
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        records = list(pool.map(run, options.kinds or KINDS))
    violations = sum(len(record.violations) for record in records)
    faults = sum(number for record in records for (kind, _), number in record.items() if not kind.startswith("("))
    print(f"{faults} faults, {violations} violations")
    if violations:
        print(f"kept: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if violations or not faults else 0


if __name__ == "__main__":
    sys.exit(main())
