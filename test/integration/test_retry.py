# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""HelloRetryRequest: the client's key share is of a group that the server does not take."""
import pytest

from conftest import DEVICE

RETRY = ["-groups", "X25519:P-384", "-msg"]


def retried(text):
    """Two ClientHellos went out."""
    return text.count(", ClientHello") == 2


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_dane_client(world, s_server, s_client, policy):
    server = s_server(policy, "-groups", "P-384")
    done = s_client(server.port, *RETRY)
    assert retried(done.text) and done.accepted, (done.text, server.log.text())
    assert server.log.wait(f"accepted {DEVICE}")
    plain = s_client(server.port, "-groups", "P-384", "-msg")
    assert not retried(plain.text) and plain.accepted


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_wrong_key(world, s_server, s_client, policy):
    server = s_server(policy, "-groups", "P-384")
    done = s_client(server.port, *RETRY, client={"identity": DEVICE, "private_key": world.path("other.key")})
    assert retried(done.text) and done.alert == 40, (done.text, server.log.text())


@pytest.mark.parametrize("policy,alert", [("mixed", None), ("dane", None), ("require", 116)])
def test_no_certificate(s_server, s_client, policy, alert):
    server = s_server(policy, "-groups", "P-384", ask="optional")
    done = s_client(server.port, *RETRY, client=False)
    assert retried(done.text) and done.alert == alert and done.accepted == (alert is None), done.text


def test_require_asks_after_a_retry_too(s_server, s_client):
    server = s_server("require", "-groups", "P-384", ask=False)
    assert s_client(server.port, *RETRY).accepted
    assert s_client(server.port, *RETRY, client=False).alert == 116


def test_resumption_with_a_retry(s_server, s_client, tmp_path):
    server = s_server("require", "-groups", "P-384")
    session = str(tmp_path / "session")
    assert s_client(server.port, *RETRY, "-sess_out", session).accepted
    again = s_client(server.port, *RETRY, "-sess_in", session)
    assert again.accepted and "Reused, TLSv1.3" in again.text and retried(again.text), again.text


@pytest.mark.parametrize("kind", ["good", "wrong key", "none"])
@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
def test_stateless_server(world, start, s_client, policy, kind):
    """SSL_stateless(): the retry carries a cookie, and the server makes the same SSL ready for what comes back."""
    # s_server does so for its first client, and not with -rev; libssl only where nothing stands before the ClientHello.
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key"), "-stateless", "-Verify", "3", "-verify_return_error"],
                   server={"policy": policy, "allow": "*._device.example.com"})
    key = world.path("client.key" if kind == "good" else "other.key")
    done = s_client(server.port, "-msg", "-no_middlebox", "-no_ign_eof",
                    client=False if kind == "none" else {"identity": DEVICE, "private_key": key})
    assert retried(done.text), done.text
    if kind == "good":
        assert server.output.wait("ping") and server.log.wait(f"accepted {DEVICE}")
    elif kind == "wrong key":
        assert server.log.wait(f"refused {DEVICE}: no TLSA record authenticates")
    else:
        assert server.output.wait("peer did not return a certificate")
    assert kind == "good" or "ping" not in server.output.text()
