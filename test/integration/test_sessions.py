# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Resumption, and how long it may last."""
import re
import time

import pytest

from conftest import DEVICE
from zone import wait_for


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("arguments", [[], ["-no_ticket"]], ids=["ticket", "cache"])
def test_an_accepted_client_resumes(world, s_server, s_client, tmp_path, policy, arguments):
    server = s_server(policy, *arguments)
    session = str(tmp_path / "session")
    first = s_client(server.port, "-sess_out", session)
    assert first.accepted, first.text
    again = s_client(server.port, "-sess_in", session)
    assert again.accepted, (again.text, server.log.text())
    assert "Reused, TLSv1.3" in again.text


def test_session_lives_no_longer_than_the_record(world, s_server, s_client):
    """The zone's TTL is 60 seconds; libssl's own lifetime would be two hours."""
    done = s_client(s_server("mixed", ask="optional").port)
    assert done.accepted, done.text
    hints = [int(h) for h in re.findall(r"TLS session ticket lifetime hint: (\d+)", done.text)]
    assert hints and all(0 < h <= 60 for h in hints), done.text


def test_session_of_an_ordinary_client_keeps_its_lifetime(world, s_server, s_client):
    done = s_client(s_server("mixed", ask="optional").port, client=False)
    assert done.accepted, done.text
    assert all(int(h) == 7200 for h in re.findall(r"TLS session ticket lifetime hint: (\d+)", done.text)), done.text


def test_record_that_may_not_be_kept(world, s_server, s_client):
    """TTL 0: accepted, with a session of a second at the most."""
    name = "ttl0._device.example.com"
    server = s_server("require")
    done = s_client(server.port, client={"identity": name, "private_key": world.path("client.key")})
    assert done.accepted, (done.text, server.log.text())
    assert server.log.wait(f"accepted {name} \\(TLSA 3 1 1, TTL 0 s\\)")
    hints = [int(h) for h in re.findall(r"TLS session ticket lifetime hint: (\d+)", done.text)]
    assert all(h == 1 for h in hints), done.text


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("arguments", [[], ["-no_ticket"]], ids=["ticket", "cache"])
def test_resuming_again_and_again_does_not_prolong(world, s_server, s_client, tmp_path, policy, arguments):
    """Each resumption brings a fresh ticket, with what is left of the first one's lifetime."""
    # With a resolver of its own: what is left of a TTL in a shared one may be next to nothing.
    server = s_server(policy, *arguments, fresh=True)
    session = str(tmp_path / "session")
    done = s_client(server.port, "-sess_out", session)
    first = time.monotonic()
    lifetime = max(int(h) for h in re.findall(r"TLS session ticket lifetime hint: (\d+)", done.text))
    assert done.accepted and 0 < lifetime <= 60
    for seconds in (2, 4):
        wait_for(lambda: time.monotonic() - first > seconds + 0.1)
        done = s_client(server.port, "-sess_in", session, "-sess_out", session)
        assert done.accepted and "Reused, TLSv1.3" in done.text, done.text
        hints = [int(h) for h in re.findall(r"TLS session ticket lifetime hint: (\d+)", done.text)]
        # The first hint is the resumed session's own, the last the fresh ticket's.
        assert hints and hints[-1] <= lifetime - seconds, (hints, lifetime)
