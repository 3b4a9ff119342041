# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance check tries handshakes: whoever must not be let in is not, the file's own client is, and a server is told it."""
import os
import shutil
import subprocess

import pytest

import pki
from conftest import DEVICE, PROGRAMS
from test_check import line_of
from test_check_moment import both, check, expect  # noqa: F401 (fixture)

SETTINGS = "[ssl_sect]\nsystem_default = system_sect\n[system_sect]\n"


def said(found, severity="good"):
    return "\n".join(f["what"] for f in found if f["severity"] == severity)


def with_settings(path, setting):
    """What an administrator sets for all of TLS."""
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("providers = provider_sect\n", "providers = provider_sect\nssl_conf = ssl_sect\n") + SETTINGS + setting + "\n")
    return path


@pytest.mark.parametrize("policy,refused", [
    ("require", "a client without a certificate, a client with a certificate and no name, a client whose name nobody allows"),
    ("dane", "a client with a certificate and no name, a client whose name nobody allows"),
    ("mixed", "a client whose name nobody allows")])
def test_strangers_are_refused(both, tmp_path, policy, refused):
    path = both(server={"policy": policy})
    offline, found = check(path, "--offline"), check(path)
    assert f"refused in a handshake that was tried: {refused}\n" in said(offline) + "\n", offline
    assert "refused in a handshake that was tried: a client that says dance-check._device.example.com, with a key of nobody's" in said(found)
    assert f"let in, in a handshake that was tried: the client of this file, {DEVICE}" in said(found) and "let in" not in said(offline)
    where = f"{path}:{line_of(open(path).read(), 'policy')}"
    assert [f["where"] for f in found if "was tried: a client" in f["what"]] == [where, where]
    # Whoever reads the log is not told of clients that there never were, and nobody's file is made.
    assert not (tmp_path / "dance.log").exists()


def test_everybody_may_come(both):
    """Then a name is refused for its record alone, which the DNS has to tell."""
    path = both(server={"policy": "mixed", "allow": "*"})
    assert "refused" not in said(check(path, "--offline"))


@pytest.mark.parametrize("servers,asked", [("*", "dance-check.invalid"), ("*.example.net, mx.example.org", "dance-check.example.net"),
                                           ("mx.example.org", "mx.example.org")])
def test_a_server_is_told(both, servers, asked):
    found = check(both(client={"servers": servers}))
    assert f"in a handshake that was tried {asked} is told the identity, and the key signs" in said(found), found
    assert {f["severity"] for f in found} == {"good"}


def test_whom_the_server_does_not_allow(both):
    """The file's client need not be one of its server's."""
    found = check(both(server={"allow": "*.other.example.com"}))
    assert {f["severity"] for f in found} == {"good"} and "the client of this file" not in said(found)


def test_a_record_of_a_ca(world, both):
    """That the certificate is by that CA a handshake shows."""
    name = "u211._device.example.com"
    with open(world.path("check-chain.pem"), "wb") as out:
        out.write(pki.pem(world.leaves[name]) + pki.pem(world.ca))
    right = {"identity": name, "certificate": world.path("check-chain.pem")}
    assert f"the client of this file, {name}" in said(check(both(client=right)))
    path = both(client={"identity": name})
    found = [f for f in check(path) if f["severity"] == "fault"]
    assert len(found) == 1 and "no TLSA record authenticates what the client presented" in found[0]["what"], found
    assert found[0]["where"] == f"{path}:{line_of(open(path).read(), '[dance_server]')}"


def test_a_certificate_that_names_another(world, both):
    with open(world.path("check-other.pem"), "wb") as out:
        out.write(pki.pem(pki.certificate(world.key, "admin", ["admin.example.com"])))
    path = both(client={"certificate": world.path("check-other.pem")})
    assert [f["where"] for f in check(path, "--offline") if "names somebody else than identity" in f["what"] and f["severity"] == "warning"] == [
        f"{path}:{line_of(open(path).read(), 'certificate')}"]
    expect(path, "[dance_server]", "a handshake of the file's client with its server was tried: refused .*the certificate names somebody else", "correct what it says")


def test_a_key_that_tls_does_not_take(both, tmp_path):
    key = tmp_path / "small.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "512"], check=True, capture_output=True)
    key.chmod(0o644)
    expect(both(client={"private_key": key}), "private_key", "dance-check.invalid is not told the identity: libssl does not take the credential",
           "correct what it says")


def test_no_tls_13(both):
    path = with_settings(both(), "MaxProtocol = TLSv1.2")
    found = [f for f in check(path, "--offline") if f["severity"] == "fault"]
    assert [(f["where"], f["remedy"]) for f in found] == [(f"{path}:{line_of(open(path).read(), 'ssl_conf')}",
                                                           "let what ssl_conf leads to allow TLS 1.3")], found
    assert "is TLSv1.2, and an identity is told in TLS 1.3 only" in found[0]["what"]


def test_settings_with_which_nothing_is_seen(both):
    """No fault: they may be right for those who come."""
    found = check(with_settings(both(), "CipherString = ALL:@SECLEVEL=5"), "--offline")
    assert [f["severity"] for f in found if "came to no end" in f["what"]] and not said(found, "fault"), found
    assert all("ssl_conf" in f["remedy"] for f in found if f["severity"] == "warning")


def test_a_module_that_does_nothing(both, tmp_path):
    """It is loaded and says that all is good."""
    shutil.copy(os.path.join(PROGRAMS, "idle_dance.so"), tmp_path / "dance.so")
    path = both()
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write("\n".join(f"module = {tmp_path}/dance.so" if line.startswith("module =") else line for line in text.splitlines()))
    found = [f["what"] for f in check(path, "--offline") if f["severity"] == "fault"]
    assert found == ["in a handshake that was tried a client without a certificate was let in",
                     "in a handshake that was tried a client with a certificate and no name was let in",
                     "in a handshake that was tried a client whose name nobody allows was let in",
                     "in a handshake that was tried dance-check.invalid is not told the identity: TLSv1.3"], found


def test_paths_that_mean_something_else(both, tmp_path):
    """The file is included, by what it is called."""
    path = tmp_path / "a $file with#signs \\ and 'quotes'.cnf"
    shutil.copy(both(), path)
    assert "refused in a handshake" in said(check(path, "--offline"))
