# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Whose credential a client presents: crediting_client with dance and without, line by line."""
import os
import re
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import pki
from conftest import DEVICE, PROGRAMS, config, environment
from zone import patient

LINE = re.compile(r"(?P<way>\w+) (?P<key>\w+), prefers (?P<prefers>[\w-]+): \d+ (?P<server>\S+) (?P<request>\w+) -> "
                  r"(?P<who>.+) (?P<chain>-?\d+) (?P<named>\w+), kept (?P<kept>.+)")
# Ways in which the application has nothing that libssl could present.
NOTHING = {"nothing", "certificate_only", "key_only", "cert_cb_nothing", "client_cert_cb_nothing", "client_cert_cb_none",
           "renaming"}


@pytest.fixture(scope="module")
def keys():
    return {"ec": pki.new_key(), "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048)}


@pytest.fixture(scope="module")
def paths(world, keys):
    for name, key in keys.items():
        world.write(f"app-{name}.crt", pki.pem(pki.certificate(key, f"app-{name}")))
        world.write(f"app-{name}.key", pki.key_pem(key))
    return [world.path("server.crt").removesuffix(".crt")] + [
        world.path(f"app-{name}.crt").removesuffix(".crt") for name in ("rsa", "ec")]


def answers(paths, conf, *more):
    done = subprocess.run([os.path.join(PROGRAMS, "crediting_client"), *paths, *more], env=environment(conf),
                          capture_output=True, text=True, timeout=patient(120))
    assert done.returncode == 0, done
    return [(line, LINE.fullmatch(line).groupdict()) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def plain(paths):
    return answers(paths, False)


@pytest.mark.parametrize("identity", ["ec", "rsa"])
def test_the_applications_choice(world, tmp_path, paths, plain, identity):
    """With dance the same as without wherever the application has a credential; where it has none the identity, in the
    answer to a request with the extension, to whoever is in servers; and nothing of it stays on the SSL."""
    key = world.key if identity == "ec" else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    client = {"identity": DEVICE, "private_key": world.write(f"identity-{identity}.key", pki.key_pem(key)),
              "servers": "friend.example"}
    if identity == "rsa":  # with a chain, which the application's certificate must not get
        leaf = pki.certificate(key, DEVICE, sans=[DEVICE], issuer=world.ca, issuer_key=world.ca_key)
        client["certificate"] = world.write("identity-chain.crt", pki.pem(leaf) + pki.pem(world.ca))
    conf = config(tmp_path / "client.cnf", tmp_path / "log", client=client)
    differ = lent = 0
    dance = answers(paths, conf)
    assert len(dance) == len(plain) > 3000
    for (line, with_dance), (without_line, without) in zip(dance, plain):
        assert line.split(" -> ")[0] == without_line.split(" -> ")[0]
        expected = dict(without)
        if (without["way"] in NOTHING and without["server"] == "friend.example" and without["request"] == "with"
                and without["prefers"] in ("ec", "rsa", f"{identity}-only")):
            expected.update(who=DEVICE, chain="1" if identity == "rsa" else "0", named="named")
            lent += 1
        if with_dance != expected:
            differ += 1
            print(f"{line}\n  without dance: {without_line}")
    print(f"{identity}: {len(dance)} answers, the identity in {lent}, {differ} are wrong")
    assert differ == 0 and lent > 200


def test_tls12_servers_never_see_the_identity(world, start, s_client):
    """TLS 1.2 has no place for the extension: no request of it is one of ours, and an application with nothing has nothing."""
    server = start([os.path.join(PROGRAMS, "request_server"), "PORT", world.path("server.crt"), world.path("server.key"),
                    "65280", "00"], conf=False)
    assert "presented: certificate" in s_client(server.port).text
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key"), "-verify", "3", "-tls1_2", "-rev"], server={"policy": "mixed", "allow": "*"})
    done = s_client(server.port, "-msg")
    assert done.accepted and "TLSv1.2" in done.text, done.text
    certificates = re.findall(r">>> .*\[length ([0-9a-f]+)\], Certificate\n", done.text)
    assert certificates == ["0007"], done.text  # an empty list


def test_key_replaced_while_a_handshake_goes_on(world, tmp_path, paths):
    """The name goes with what was lent: the old certificate never goes out without it."""
    key, new = tmp_path / "client.key", tmp_path / "new.key"
    key.write_bytes(pki.key_pem(world.key))
    new.write_bytes(pki.key_pem(world.other_key))
    conf = config(tmp_path / "client.cnf", tmp_path / "log", client={"identity": DEVICE, "private_key": str(key)})
    (line, answer), = answers(paths, conf, str(key), str(new))
    assert not new.exists() and answer["who"] == DEVICE and answer["named"] == "named", line
