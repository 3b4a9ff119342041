# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Files of trust anchors, as operators have them, and what is believed by them."""
import os
import subprocess

import pytest

from conftest import environment
from test_resolver import BOGUS, FAILED, NAME, PROGRAM, SECURE, ask, converse
from zone import accepts, patient, wait_for

STATES = {0: "START", 1: "ADDPEND", 2: "VALID", 3: "MISSING", 4: "REVOKED", 5: "REMOVED"}
# A key that signs nothing.
OTHER = "example.com. 3600 IN DNSKEY 257 3 13 " + "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="


@pytest.fixture
def answer_with(world, tmp_path):
    """answer_with(text): what a resolver with this file of trust anchors says of a name of the signed zone."""
    path, sock = tmp_path / "anchors", str(tmp_path / "sock")
    started = []

    def run(text=None):
        if text is not None:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        if not started:
            started.append(subprocess.Popen([PROGRAM, "--socket", sock, "--user", "root", "--log", "none", "--trust-anchor", str(path),
                                             "--forward", f"127.0.0.1@{world.zones.port}"], env=environment(None)))
            wait_for(lambda: accepts(sock), what="the socket")
        with converse(sock) as s:
            status, _, reason = ask(s, NAME, timeout=int(patient(3) * 1000))
        return status, reason
    yield run
    for process in started:
        process.terminate()
        assert process.wait(patient(20)) == 0


def key_of(world):
    """The zone's key-signing key, as a DNSKEY record of one line."""
    [line] = [line for line in world.zones.anchors.splitlines() if line.startswith("example.com.")]
    return line


def of_state(record, state):
    return f"{record} ;{{id = 1 (ksk), size = 256b}} ;;state={state} [ {STATES[state]} ] ;;count=0 ;;lastchange=0\n"


@pytest.mark.parametrize("state", sorted(STATES))
def test_state_of_a_key(world, answer_with, state):
    status, reason = answer_with("; autotrust trust anchor file\n;;id: example.com. 1\n" + of_state(key_of(world), state))
    if state in (2, 3):
        assert status == SECURE
    else:
        assert status == FAILED and "none of its keys is valid" in reason


def test_a_pending_key_is_not_believed_beside_a_valid_one(world, answer_with):
    status, _ = answer_with(of_state(OTHER, 2) + of_state(key_of(world), 1))
    assert status == BOGUS


def test_several_anchors(world, answer_with):
    assert answer_with("\n".join([OTHER.replace("example.com", "other.example"), key_of(world), OTHER]))[0] == SECURE


@pytest.mark.parametrize("spoil, reason", [
    (lambda key: "\ufeff" + key, "byte order mark"),
    (lambda key: 'example.com. IN TXT "example.com. IN DS 1 13 2 00"\n', "line 1: a character"),
    (lambda key: key + "\n$INCLUDE more\n", "line 2: $INCLUDE has no place here"),
    (lambda key: "trust-anchors { example.com. };\n", "line 1: "),
    (lambda key: "", "there is no DS or DNSKEY record in it")], ids=range(5))
def test_faults(world, answer_with, spoil, reason):
    status, said = answer_with(spoil(key_of(world)))
    assert status == FAILED and reason in said


def test_class_before_ttl(world, answer_with):
    owner, rest = key_of(world).split(None, 1)
    words = [word for word in rest.split() if word != "IN" and not (word.isdigit() and rest.split().index(word) == 0)]
    assert answer_with(f"{owner} IN 172800 {' '.join(words)}\n")[0] == SECURE


def test_a_file_that_appears_and_changes(world, answer_with, tmp_path):
    """Read without a restart, whatever it was before."""
    status, reason = answer_with()
    assert status == FAILED and "No such file" in reason
    assert wait_for(lambda: answer_with(key_of(world) + "\n")[0] == SECURE, 20, "the file that appeared")
    os.replace(tmp_path / "anchors", tmp_path / "away")
    wait_for(lambda: "No such file" in answer_with()[1], 20, "the file that went")
    wait_for(lambda: answer_with(OTHER + "\n")[0] == BOGUS, 20, "another key")
    wait_for(lambda: answer_with(key_of(world) + "\n")[0] == SECURE, 20, "the right one again")
