# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Processes of the resolver, as /proc shows them."""


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def workers(supervisor):
    """The workers of a resolver that are alive."""
    with open(f"/proc/{supervisor}/task/{supervisor}/children") as children:
        pids = [int(pid) for pid in children.read().split()]
    return [pid for pid in pids if alive(pid)]
