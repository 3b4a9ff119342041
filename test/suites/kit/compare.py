# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What the module changed: tests that fail with it and do not without, but for those that are expected to."""
import fnmatch
import os
import tomllib

from .suite import BAD, OK, SKIPPED

FILE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "expected.toml")


def expectations(title):
    """[(pattern of tests, modes, why)] of a suite."""
    with open(FILE, "rb") as text:
        return [(pattern, entry["modes"], entry["why"]) for entry in tomllib.load(text).get("difference", [])
                if entry["suite"] == title for pattern in entry["tests"]]


def worse(without, with_it):
    """Tests that are well without the module and not with it; one that is missing or skipped then is not well."""
    return sorted(test for test, outcome in without.items() if outcome == OK and with_it.get(test) != OK
                  or outcome == SKIPPED and with_it.get(test) == BAD)


def better(without, with_it):
    return sorted(test for test, outcome in without.items() if outcome == BAD and with_it.get(test) == OK)


def why(expected, mode, test):
    """The reason why a test may fail in a mode, or None."""
    return next((reason for pattern, modes, reason in expected if mode in modes and fnmatch.fnmatchcase(test, pattern)), None)


def parts(tests):
    return {test.split("::")[0] for test in tests}


def counts(results):
    return {outcome: sum(x == outcome for x in results.values()) for outcome in (OK, BAD, SKIPPED)}
