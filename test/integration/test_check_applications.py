# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance check says good of every openssl.cnf with which test/apps shows that an application lets the right clients in.

The rows of test/apps write their files; the applications need not be installed, and are not started.
"""
import importlib
import inspect
import json
import os
import subprocess
import sys

import pytest

from conftest import REPOSITORY, environment, let_everybody_in
from test_cli import dance

APPS = os.path.join(REPOSITORY, "test", "apps")


def import_rows():
    """The classes of rows, and the kit. Files of test/apps are called like packages of others."""
    sys.path.insert(0, APPS)
    try:
        kit = importlib.import_module("kit")
        importlib.import_module("kit.stage")
        names = sorted(name[:-3] for name in os.listdir(APPS) if name.endswith(".py"))
        modules = [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(APPS)
    rows = [c for module in modules for c in vars(module).values()
            if inspect.isclass(c) and issubclass(c, (kit.Server, kit.Client)) and c.__module__ == module.__name__]
    return kit, [row for row in rows if not row.__name__.startswith("_")]


kit, ROWS = import_rows()


class Written(Exception):
    """An application would be started now."""


class Desk(kit.stage.Stage):
    """A stage on which files are written and no application plays."""

    def start(self, argv, conf, *arguments, **more):
        if os.path.basename(str(argv[0])) == "dance-resolver":
            return super().start(argv, conf, *arguments, **more)
        if conf is None:
            return None  # a helper without TLS
        raise Written

    def run(self, *_arguments, **_more):
        return 0, ""

    def backend(self):
        return kit.stage.free_port()

    def server_config(self, *arguments, **more):
        self.written = super().server_config(*arguments, **more)
        raise Written

    def folder_for(self, name, user=None):
        os.makedirs(self.path(name), exist_ok=True)
        return self.path(name)


def raw_keys():
    version = subprocess.run(["openssl", "version"], env=environment(None), capture_output=True, text=True, check=True).stdout
    return tuple(map(int, version.split()[1].split(".")[:2])) >= (3, 2)


@pytest.fixture(scope="module", params=[False, True], ids=["certificates", "raw public keys"])
def desk(request, tmp_path_factory):
    if request.param and not raw_keys():
        pytest.skip("OpenSSL has no raw public keys before 3.2")
    folder = tmp_path_factory.mktemp("desk")
    let_everybody_in(folder, tmp_path_factory)
    stage = Desk(str(folder / "stage"), request.param)
    yield stage
    stage.close()


def findings(path):
    done = dance("check", "--config", path, "--json", timeout=120)
    assert done.stderr == "", done
    return json.loads(done.stdout)["findings"]


def test_there_are_rows():
    assert len({row.title() for row in ROWS}) >= 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.__module__}-{row.__name__}")
def test_what_the_server_is_given(desk, row, monkeypatch):
    """Also of a client's row: what it comes to."""
    desk.written = None
    with monkeypatch.context() as patch:
        # Databases and the like are not made.
        patch.setattr(subprocess, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 0, "", ""))
        try:
            row().start(desk)
        except Written:
            pass
    assert desk.written is not None
    found = findings(desk.written)
    assert {f["severity"] for f in found} == {"good"}, found
    said = " ".join(f["what"] for f in found)
    assert "the resolver answers for client.example.com, validated" in said and "refused in a handshake that was tried" in said


def client_findings(desk, path):
    """Of its file, with the desk's DNS instead of the machine's."""
    with open(path) as file:
        text = file.read()
    text = text.replace("client = dance_client\n", "client = dance_client\ndns = dance_dns\n")
    return findings(desk.write("checked.cnf", f"{text}[dance_dns]\ntrust_anchor = {desk.path('anchor')}\nforward = 127.0.0.1@{desk.zone.port}\n"))


def test_what_clients_are_given(desk):
    """Good, but for what is wrong with two of them by intention."""
    clients = kit.Server().clients(desk)
    for path, names_another in (desk.client_config(kit.stage.ALICE), False), (clients["outside"], False), (clients["another's CN"], True):
        found = client_findings(desk, path)
        assert any("is told the identity, and the key signs" in f["what"] for f in found)
        odd = [f for f in found if f["severity"] != "good"]
        assert [(f["severity"], "names somebody else than identity (its CN is another name)" in f["what"]) for f in odd] == (
            [("warning", True)] if names_another else []), found
    found = [f["what"] for f in client_findings(desk, clients["wrong key"]) if f["severity"] != "good"]
    assert len(found) == 1 and "and your key is 3 1 1" in found[0], found
