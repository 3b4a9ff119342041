# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance rollover: a client's key is replaced, and no server refuses it at any time."""
import fcntl
import json
import os
import re
import stat
import subprocess
import threading
import types

import pytest

from conftest import config
from test_cli import dance, good, primary, visit  # noqa: F401 (fixture)
from zone import patient, wait_for

NAME = "dev._device.example.org"
TTL = 2
MARGIN = 5  # ROLLOVER_MARGIN


@pytest.fixture
def client(primary, tmp_path):  # noqa: F811
    """A client that dance enroll made and published, and its rollover."""
    folder = tmp_path / "client"
    folder.mkdir()
    ways = ["--update", primary.server, "--tsig", primary.tsig]
    made = json.loads(good("enroll", NAME, "--out", folder, "--ttl", TTL, "--json", *ways))
    key = made["key"]
    call = ["rollover", NAME.upper() + ".", "--key", key, "--config", primary.conf, "--ttl", TTL]

    def step(*arguments, status=0):
        done = dance(*call, "--json", *arguments, timeout=patient(120))
        assert (done.returncode, done.stderr) == (status, ""), (done.returncode, done.stderr, done.stdout)
        return json.loads(done.stdout)

    def update(text):
        subprocess.run(["nsupdate", "-v", "-k", primary.tsig], input="server {} {}\n".format(*primary.server.split("@")) + text,
                       text=True, check=True, capture_output=True)

    def age(moment):
        """As if that had been long ago."""
        with open(key + ".rollover", "r+") as notes:
            text = notes.read()
            changed = re.sub(rf"(?m)^({moment} 1)\d", r"\g<1>0", text)
            assert changed != text and len(changed) == len(text)
            notes.seek(0)
            notes.write(changed)
    return types.SimpleNamespace(folder=folder, key=key, conf=made["config"], ways=ways, call=call, step=step, update=update, age=age,
                                 published=lambda: {r["data"] for r in json.loads(good("lookup", NAME, "--config", primary.conf, "--json"))["records"]},
                                 files=lambda: {f[len(NAME) + 4:] for f in os.listdir(folder) if ".key" in f})


def octets(path):
    with open(path, "rb") as file:
        return file.read()


def digest(path):
    return good("record", NAME, "--key", path).split()[-1]


def test_with_traffic(world, primary, client, s_server, tls_client):  # noqa: F811
    """In two commands, with a client that lives long and clients that begin: none is refused."""
    server = s_server("require", fresh=True, dns=primary.dns)
    old = digest(client.key)
    living = tls_client(client={"identity": NAME, "private_key": client.key})
    answers, over = [], threading.Event()

    def traffic():
        while not over.is_set():
            answers.append(living.ask(f"connect {server.port}"))

    def goes_on():
        """For the client that lives, and for one that begins."""
        count = len(answers)
        wait_for(lambda: len(answers) > count + 5, what="traffic")
        assert visit(server, client.conf) == 0, server.log.text()
    thread = threading.Thread(target=traffic)
    thread.start()
    try:
        goes_on()
        switched = client.step("--wait", 100, *client.ways)
        assert (switched["step"], switched["done"], switched["published"]) == ("keep", True, True)
        new = digest(client.key)
        assert new != old and client.published() == {old, new} and digest(client.key + ".old") == old
        assert (switched["old_record"]["data"], switched["new_record"]["data"]) == (old, new)
        goes_on()
        finished = client.step("--finish", "--wait", 100, *client.ways)
        assert (finished["step"], finished["done"]) == ("finished", True)
        wait_for(lambda: client.published() == {new}, what="the old record to be gone")
        goes_on()
    finally:
        over.set()
        thread.join(patient(20))
    refused = [a for a in answers if not a.startswith("reply")]
    assert len(answers) > 100 and refused == [], (len(refused), refused[0], server.log.text())
    assert client.files() == {""} and "refused" not in server.log.text()


def test_step_by_step(client):
    """Without --update: what it prints is what nsupdate takes. Each call says what is missing."""
    old, before = digest(client.key), octets(client.key)
    made = client.step(status=1)
    assert (made["step"], made["done"], made["published"], made["until"]) == ("publish", False, False, 0)
    assert client.files() == {"", ".new", ".rollover"} and octets(client.key) == before and client.published() == {old}
    assert made["new_record"]["data"] == digest(client.key + ".new") and made["answer"] == "secure, 1 record"
    new = made["new_record"]["data"]
    kept = octets(client.key + ".new")
    client.update(made["nsupdate"])
    held = client.step(status=1)
    assert (held["step"], held["old_record_lost"], held["answer"]) == ("hold", False, "secure, 2 records") and held["until"] > 0
    assert client.step(status=1)["until"] == held["until"] and octets(client.key + ".new") == kept
    client.age("seen")
    switched = client.step()
    assert switched["step"] == "keep" and octets(client.key) == kept and octets(client.key + ".old") == before
    assert client.files() == {"", ".old", ".rollover"}
    assert client.step()["until"] == client.step("--finish", status=1)["until"] == switched["until"]
    client.age("switched")
    assert client.step()["step"] == client.step("--finish", status=1)["step"] == "remove"
    client.update(switched["nsupdate_removal"])
    assert client.step("--finish")["step"] == "finished" and client.files() == {""} and client.published() == {new}
    done = dance(*client.call, "--finish")
    assert done.returncode == 1 and "no rollover" in done.stderr and client.files() == {""}


def test_in_words(client):
    """What is so and what to do, at each step; no key is printed."""
    def words(*arguments, status=1):
        done = dance(*client.call, *arguments)
        assert done.returncode == status and done.stderr == "" and "PRIVATE" not in done.stdout
        return done.stdout
    old = f"{NAME.upper()}. {TTL} IN TLSA 3 1 1 {digest(client.key)}"
    text = words()
    new = f"{NAME.upper()}. {TTL} IN TLSA 3 1 1 {digest(client.key + '.new')}"
    assert f"{old}\n{new}\n" in text and f"update add {new}\nsend\n" in text and "Not yet" in text and f"{client.key}.new\n" in text
    client.update(f"update add {new}\nsend\n")
    assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}:", words())
    client.age("seen")
    text = words(status=0)
    removal = f"update delete {old.replace(f' {TTL} IN', ' IN')}\nsend\n"
    assert f"# Switched: {client.key} is the new key" in text and "needed until" in text and removal in text
    client.age("switched")
    assert "not needed any more" in words(status=0)
    client.update(removal)
    assert words("--finish", status=0).startswith("# Finished")


def test_old_record_was_replaced(client):
    """Not put beside: that is said while it can be put right."""
    made = client.step(status=1)
    client.update(made["nsupdate_removal"].replace("send\n", "") + made["nsupdate"])
    wait_for(lambda: client.step(status=1)["old_record_lost"], what="the old record to be missed")
    assert "Publish the old record again" in dance(*client.call).stdout


def test_record_that_is_gone_again(client):
    """The wait begins anew, however long it was seen before."""
    made = client.step(status=1)
    client.update(made["nsupdate"])
    assert client.step(status=1)["step"] == "hold"
    client.age("seen")
    client.update(made["nsupdate"].replace("add", "delete").replace(f" {TTL} IN", " IN"))
    assert client.step(status=1)["step"] == "publish"
    client.update(made["nsupdate"])
    assert client.step(status=1)["step"] == "hold" and client.files() == {"", ".new", ".rollover"}


def test_new_record_is_gone_before_the_end(client):
    """Then the old one and its key stay."""
    client.step(*client.ways, status=1)
    client.step("--wait", 100, *client.ways)
    client.age("switched")
    published = client.published()
    client.update(f"update delete {NAME}. IN TLSA 3 1 1 {digest(client.key)}\nsend\n")
    done = dance(*client.call, "--finish", *client.ways)
    assert done.returncode == 1 and "stay: the resolver does not show the new record" in done.stderr and len(published) == 2
    assert client.files() == {"", ".old", ".rollover"} and client.published() == {digest(client.key + ".old")}
