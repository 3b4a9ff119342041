# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""A resolver that goes from the root to the name by itself: how often it asks, and whom for what.

The root's and com's servers hear of no name below the registrable domain, and a name in a zone that is known costs one
question. In a network namespace of its own, with all servers at their addresses.
"""
import json
import os
import subprocess
import sys
import time

import pytest
from zone import patient, wait_for

if __name__ != "__main__":
    from conftest import BUILD
    pytestmark = pytest.mark.skipif(os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"]).returncode != 0,
                                    reason="network namespaces need root")

SECURE, ABSENT, FAILED = 1, 2, 5
TLSA = 52
MOST_ASKED = 500  # 110 to 180 are


def inside(folder, build, host, ttl):
    """What runs in the namespace: for each step the outcome and what was asked for it."""
    import internet
    from test_resolver import ask, converse
    from zone import accepts
    internet.enter()
    net = internet.Internet(folder, [f"n{i}._device" for i in range(24)], os.path.join(build, "test", "far"), servers_ttl=ttl,
                            host=host, in_com=["sensor._device.inside"])
    net.start(0)
    path = os.path.join(folder, "socket")
    resolver = subprocess.Popen([os.path.join(build, "resolver", "dance-resolver"), "--socket", path, "--user", "root", "--log", "stderr",
                                 "--trust-anchor", net.anchor])
    wait_for(lambda: accepts(path), what="the resolver")
    steps = {}

    def step(what, name, timeout=10000):
        before = len(net.questions())
        with converse(path) as s:
            outcome = ask(s, name, timeout=timeout)
        # The file is written to when the servers have nothing to do.
        wait_for(lambda: what != "first" or len(net.questions()) > before)
        steps[what] = outcome, net.questions()[before:]
    step("first", "n0._device.example.com")
    # Each of libunbound's contexts walks there once; of these one of them has each name by its hash.
    for i in range(4, 24):
        step("on the way", f"n{i}._device.example.com")
    step("known", "n1._device.example.com")
    step("absent", "n99._device.example.com")
    step("no such domain", "sensor._device.nothing.com")
    step("in the registry's own zone", "sensor._device.inside.com")
    begin = time.monotonic()
    if ttl < 60:
        wait_for(lambda: time.monotonic() > begin + ttl + 1, 60, "the end of the servers' addresses")
    step("later", "n2._device.example.com")
    net.servers["example.com"].stop()
    step("silent", "n3._device.example.com", 1000)
    resolver.terminate()
    resolver.wait(patient(10))
    steps["all"] = None, net.questions()
    net.servers.pop("example.com")
    net.stop()
    print(json.dumps(steps))


# Of a server within the domain the registry alone says where it is. What has ended nearly when it is asked for is good all the same.
@pytest.mark.parametrize("host", ["ns.example.com.", "elsewhere.com."])
@pytest.mark.parametrize("ttl", [3600, 20, 2, 1, 0])
def test_who_hears_of_what(tmp_path, host, ttl):
    done = subprocess.run(["unshare", "-n", "--", sys.executable, __file__, str(tmp_path), BUILD, host, str(ttl)],
                          capture_output=True, text=True, timeout=patient(60))
    assert done.returncode == 0, done.stderr
    steps = json.loads(done.stdout.splitlines()[-1])
    outcomes = {what: outcome[0] for what, (outcome, _) in steps.items() if outcome}
    assert outcomes == {"first": SECURE, "on the way": SECURE, "known": SECURE, "absent": ABSENT, "no such domain": ABSENT,
                        "in the registry's own zone": SECURE, "later": SECURE, "silent": FAILED}, done.stdout + done.stderr
    asked = steps["all"][1]
    assert len(asked) < MOST_ASKED, asked
    if ttl == 3600:
        assert [kind for _, _, kind in steps["known"][1]] == [TLSA], steps["known"]
    elif ttl > 0:
        assert "com" in [who for who, _, _ in steps["later"][1]], steps["later"]
    # Servers of a moment may end before the name is asked for (cut.h).
    above = [(who, name) for who, name, _ in asked if ttl > 2 and who != "example.com" and "_device" in name]
    # com's own names are com's to know: its servers answer for them.
    assert not [(who, name) for who, name in above if who != "com" or not name.endswith("inside.com.")], above


if __name__ == "__main__":
    inside(*sys.argv[1:4], int(sys.argv[4]))
