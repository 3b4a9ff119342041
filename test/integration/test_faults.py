# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""A sample of what scripts/faults.sh injects; doc/testing.md has the counts of all of it."""
import os
import shutil
import sys
import tempfile

import pytest

from conftest import sanitized
from test_sandbox import needs_root

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "..", "faults"), os.path.join(HERE, "..", "apps")]
from faults import KINDS  # noqa: E402
from scene import Record, Scene  # noqa: E402

pytestmark = [needs_root,
              pytest.mark.skipif(sanitized(), reason="a sanitizer has an allocator of its own, and ends where there is no memory"),
              pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")]


@pytest.fixture(scope="module")
def scene():
    # The workers of servers give up root.
    folder = tempfile.mkdtemp(prefix="dance-faults-")
    os.chmod(folder, 0o755)
    scene = Scene(os.path.join(folder, "stage"))
    yield scene
    scene.close()
    shutil.rmtree(folder)


# Of each sort of fault so many. A start without memory: test_closed.py; a resolver that is killed: test_survival.py.
@pytest.mark.parametrize("kind, most", [("running", 1), ("reload", 1), ("resolver-memory", 1), ("lost", 8), ("calls", 2),
                                        ("checker-calls", 1), ("checker-kill", 1), ("checker-memory", 2), ("checker-setup", 1), ("disk", 1),
                                        ("syslog", 1)])
def test_nothing_but_good_comes_of_a_fault(scene, kind, most):
    record = Record()
    KINDS[kind](scene, record, most)
    assert sum(record.values()) > 0
