# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Processes of the resolver, as /proc shows them."""


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def name_of(pid):
    try:
        return open(f"/proc/{pid}/comm").read().strip()
    except OSError:
        return None


def workers(supervisor):
    """The workers of a resolver that are alive; who buries what has ended is none, also where it has no name of its own yet."""
    with open(f"/proc/{supervisor}/task/{supervisor}/children") as children:
        pids = [int(pid) for pid in children.read().split()]
    return [pid for pid in pids if alive(pid) and name_of(pid) not in ("dance-burier", "dance-resolver")]
