# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The table that the runner prints."""

COLUMNS = [("application", "application"), ("version", "version"), ("role", "role"), ("identity", "identity seen"),
           ("accepted", "accepted"), ("wrong key", "wrong key"),
           ("outside", "outside allow"), ("another's CN", "another's CN"), ("none", "no certificate"),
           ("removed", "record removed"), ("resumed", "resumed then"), ("reloaded", "reloaded"), ("without", "without module"), ("result", "certificate"),
           ("raw", "raw public key")]


def line(row, result, raw):
    """The cells of a row. result: with certificates, raw: with raw public keys."""
    version = row.version()
    return {"application": row.title(), "version": version.partition(":")[2] or version, "role": row.role,
            "result": result, "raw": raw, **row.cells}


def render(lines):
    widths = {key: max(len(head), *(len(str(x.get(key, ""))) for x in lines)) for key, head in COLUMNS}
    out = ["  ".join(head.ljust(widths[key]) for key, head in COLUMNS).rstrip(),
           "  ".join("-" * widths[key] for key, _ in COLUMNS)]
    out += ["  ".join(str(x.get(key, "")).ljust(widths[key]) for key, _ in COLUMNS).rstrip() for x in lines]
    return "\n".join(out)
