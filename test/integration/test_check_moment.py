# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance check beyond the file: the resolver that it means, the DNS, the system log, a process that runs."""
import json
import os
import re
import shutil

import pytest

from conftest import BUILD, DEVICE, MODULE, Process, config, environment, let_everybody_in, listening
from test_check import line_of
from test_cli import dance
from zone import free_port


def check(path, *arguments):
    done = dance("check", "--config", path, "--json", *arguments)
    said = json.loads(done.stdout)
    assert done.stderr == "" and done.returncode == (said["status"] == "fault"), done
    return said["findings"]


def expect(path, key, what, remedy, **more):
    """check() has one fault, at the line of this key."""
    found = [f for f in check(path, **more) if f["severity"] == "fault"]
    assert len(found) == 1 and found[0]["where"] == f"{path}:{line_of(open(path).read(), key)}", found
    assert re.search(what, found[0]["what"]) and re.search(remedy, found[0]["remedy"]), found


@pytest.fixture
def both(world, tmp_path):
    """both(): a file with both roles, in which nothing is wrong."""
    def write(client=None, server=None, dns=None, module=None):
        return config(tmp_path / "openssl.cnf", tmp_path / "dance.log", module=module,
                      client={"identity": DEVICE, "private_key": world.path("client.key"), **(client or {})},
                      server={"policy": "require", "allow": "*._device.example.com", **(server or {})},
                      dns=world.dns(**(dns or {})))
    return write


def test_nothing_is_wrong(both):
    found = check(both())
    assert {f["severity"] for f in found} == {"good"}, found
    said = "\n".join(f["what"] for f in found)
    assert re.search(rf"{DEVICE} has a TLSA record of this key \(3 1 1 [0-9a-f]{{8}}\.\.\)", said), said
    assert "the resolver answers for _device.example.com, validated" in said
    offline = [f["what"] for f in check(both(), "--offline")]
    assert set(offline) < {f["what"] for f in found} and not any("TLSA" in what or "resolver answers" in what for what in offline)


@pytest.mark.parametrize("identity,dns,what,remedy", [
    ("wrongkey._device.example.com", {}, r"published with 3 1 1 [0-9a-f]{8}\.\., and your key is 3 1 1 [0-9a-f]{8}\.\.", "publish the new record .*, or use the old key"),
    ("missing._device.example.com", {}, "has no TLSA record: .*the name does not exist", "dance record"),
    ("nodata._device.example.com", {}, "has no TLSA record", "dance record"),
    ("doubled._device.example.com", {}, r"doubled\._device\.example\.com\.example\.com: the zone's name is in it twice", "with a dot at its end"),
    ("dev._device.example.net", {}, "in no zone that is signed", "DS record"),
    ("bogus._device.example.com", {}, "does not validate", "clock"),
    ("dev._device.example.org", {}, "does not validate: .*expired", "clock")])
def test_what_the_dns_says_of_the_client(both, identity, dns, what, remedy):
    path = both(client={"identity": identity}, dns=dns)
    expect(path, "identity", what, remedy)
    assert not [f for f in check(path, "--offline") if f["severity"] == "fault"]


@pytest.mark.parametrize("allow,what,remedy", [
    ("*._device.example.net", r"dance-check\._device\.example\.net is in no zone that is signed", "DS record"),
    ("*._device.example.org", "does not validate", "clock")])
def test_zones_of_clients(both, allow, what, remedy):
    expect(both(server={"allow": f"*._device.example.com, {allow}"}), "allow", what, remedy)


def test_a_ca(both):
    """Whether it is one of the client's a handshake shows."""
    assert any("a TLSA record of a CA" in f["what"] for f in check(both(client={"identity": "u211._device.example.com"})))


def test_anchor_of_another_key(world, both, tmp_path, tmp_path_factory):
    """An old one: nothing validates."""
    anchor = tmp_path / "anchor"
    text = open(world.anchor).read()
    anchor.write_text(re.sub(r"(?m)([0-9a-f]{8})(\s*)$", lambda m: m[1][::-1] + m[2], text))
    let_everybody_in(tmp_path, tmp_path_factory)
    found = [f for f in check(both(dns={"trust_anchor": anchor})) if f["severity"] == "fault"]
    assert found and all("does not validate" in f["what"] and "trust anchor" in f["remedy"] for f in found), found


def test_nobody_answers(world, tmp_path):
    """A socket at which nobody listens."""
    path = config(tmp_path / "openssl.cnf", tmp_path / "log", server={"allow": "*._device.example.com"},
                  dns={"resolver": f"{tmp_path}/sock"})
    expect(path, "allow", "could not be looked up, so nobody there is let in", "dance-resolver.socket")


def test_system_log(both):
    """/dev/log is there or not on the machine of the test; a file needs none."""
    path = both(module={"log": "syslog"})
    if os.path.exists("/dev/log"):
        assert {f["severity"] for f in check(path)} == {"good"}
    else:
        expect(path, "log = ", "cannot be reached at /dev/log", "start a system log")
    assert {f["severity"] for f in check(path, "--offline")} == {"good"}


def test_running_process(world, both, tmp_path):
    """What it was started with, what it has loaded, and whether that is still the file on the disk."""
    module = tmp_path / "provider"
    module.mkdir()
    shutil.copy(MODULE, module / "dance.so")
    os.symlink(f"{BUILD}/resolver", tmp_path / "resolver")
    path = both()
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace(MODULE, f"{module}/dance.so"))

    def server(conf):
        port = free_port()
        argv = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", world.path("server.crt"), "-key",
                world.path("server.key"), "-rev"]
        return Process(argv, conf, tmp_path / "log", port, listening, tmp_path / "output")

    def found(process, status):
        done = dance("check", "--offline", "--pid", process.process.pid)
        assert done.returncode == status and done.stderr == "", done
        return done.stdout
    with_it, without = server(path), server(None)
    try:
        said = found(with_it, 0)
        assert f"it has loaded {module}/dance.so" in said and f"OpenSSL loads {module}/dance.so" in said, said
        said = found(without, 1)
        assert "started without OPENSSL_CONF" in said and "it has not loaded dance.so" in said and "restart it" in said, said
        shutil.copy(module / "dance.so", module / "new.so")
        os.replace(module / "new.so", module / "dance.so")
        assert "not the one on the disk any more" in found(with_it, 1)
    finally:
        with_it.stop()
        without.stop()
    done = dance("check", "--pid", with_it.process.pid)
    assert done.returncode == 1 and "no such process" in done.stderr


@pytest.mark.parametrize("arguments,status,said", [
    (["--pid", "0"], 2, "1 to"), (["--pid", "1", "--service", "x"], 2, "exclude each other"), (["--service", "../x"], 2, "no name of a service"),
    (["--service", "there-is-no-such-service"], 1, "systemctl knows no service there-is-no-such-service")])
def test_which_process(arguments, status, said):
    done = dance("check", *arguments, env=environment(None))
    assert done.returncode == status and said in done.stderr, done


def test_service(both, tmp_path):
    """As systemd tells of its unit, whose words are not split where they are quoted."""
    path = both()
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "systemctl").write_text('#!/bin/sh\ncase "$*" in *" example.service") ;; *) exit 1 ;; esac\n'
                                    f'echo "LoadState=loaded"; echo "User="; echo "MainPID=0"\n'
                                    f"echo 'Environment=A=1 \"B=two words\" OPENSSL_CONF={path} C=3'\n")
    (fake / "systemctl").chmod(0o755)
    done = dance("check", "--offline", "--service", "example", env={**environment(None), "PATH": f"{fake}:{os.environ['PATH']}"})
    assert done.returncode == 0 and str(path) in done.stdout, done


def test_a_manager_that_does_not_answer(tmp_path):
    """systemctl may wait for D-Bus for ever."""
    for script, said in ("echo LoadState=loaded\nexec sleep 600", "systemctl has not answered within 10 s"), ("exit 1", "knows no service"):
        (tmp_path / "systemctl").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "systemctl").chmod(0o755)
        done = dance("check", "--service", "example", env={**environment(None), "PATH": f"{tmp_path}:{os.environ['PATH']}"})
        assert done.returncode == 1 and said in done.stderr, done
    done = dance("check", "--service", "example", env={**environment(None), "PATH": str(tmp_path / "none")})
    assert done.returncode == 1 and "systemctl cannot be started: No such file" in done.stderr, done
