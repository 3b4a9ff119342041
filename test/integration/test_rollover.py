# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance rollover: a client's key is replaced, and no server refuses it at any time."""
import fcntl
import itertools
import json
import os
import re
import shutil
import stat
import signal
import subprocess
import threading
import types

import pytest

from conftest import config, environment
from test_cli import PROGRAM, dance, good, primary, visit  # noqa: F401 (fixture)
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
    client.update(made["nsupdate"].replace("update add", "update delete").replace(f" {TTL} IN", " IN"))
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


CALLS = "flock fsync link linkat pwrite64 rename unlink write".split()


def killed_at(call, number, *arguments):
    """Run dance, and kill it before this one of its system calls of this name; was it?"""
    done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}",
                           PROGRAM, *map(str, arguments)],
                          # LeakSanitizer cannot work below strace.
                          env={**environment(None), "ASAN_OPTIONS": "detect_leaks=0"}, capture_output=True, text=True, timeout=patient(60))
    return done.returncode == -signal.SIGKILL, done


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_cut_short_anywhere(client, tmp_path):
    """At each change of a file, in each call: a whole key whose record is published is there, and the next call goes on."""
    kept, cuts = tmp_path / "kept", {}

    def copy(source, target):
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", source, target], check=True)

    def every_cut(name, *arguments, wanted):
        copy(client.folder, kept)
        for call, number in itertools.product(CALLS, range(1, 50)):
            if number > 1 and not killed:
                continue
            copy(kept, client.folder)
            killed, done = killed_at(call, number, *client.call, *client.ways, *arguments)
            cuts[name, call] = number - (not killed)
            assert killed or done.returncode in (0, 1) and done.stderr == "", done
            where = (name, call, number, client.files())
            assert digest(client.key) in client.published(), where
            # Everything may have been done, but told.
            if name != "finish" or client.files() != {""}:
                said = json.loads(dance(*client.call, *client.ways, "--json", *arguments).stdout or "null")
                assert said and said["step"] in wanted, (said, *where)
            if name == "finish":
                client.update(f"update add {NAME}. {TTL} IN TLSA 3 1 1 {digest(kept / os.path.basename(client.key + '.old'))}\nsend\n")
    # A key that is made anew is another one, and its record is published: those of keys that were never used do no harm.
    every_cut("make", wanted=("publish", "hold"))
    wait_for(lambda: client.step(status=1)["step"] == "hold", what="the new record")
    client.age("seen")
    every_cut("switch", wanted=("keep",))
    client.age("switched")
    every_cut("finish", "--finish", wanted=("finished",))
    assert cuts["make", "linkat"] and cuts["switch", "link"] and cuts["switch", "rename"] and cuts["finish", "unlink"] == 2, cuts
    assert sum(cuts.values()) > 25, cuts


def test_what_no_rollover_left(client, world):
    """Is touched by none, and said."""
    def refused(said):
        before = {f: octets(client.key + f) for f in client.files()}
        done = dance(*client.call, *client.ways)
        assert done.returncode == 1 and re.search(said, done.stderr), done
        assert {f: octets(client.key + f) for f in client.files()} == before
    mine = octets(world.path("other.key"))
    for end in (".new", ".old"):
        with open(client.key + end, "wb") as out:
            out.write(mine)
        refused(rf"\{end} is not of a rollover that is under way \(there is no \S+\.rollover\); move it away")
        os.remove(client.key + end)
    client.step(status=1)
    with open(client.key + ".old", "wb") as out:
        out.write(mine)
    refused(r"\.new and \S+\.old are of two rollovers")
    os.remove(client.key + ".old")
    os.rename(client.key + ".new", client.key + ".lost")
    os.link(client.key, client.key + ".old")
    refused(r"\.old is the key in use, and \S+\.new is gone")
    os.remove(client.key + ".old")
    for content, said in ((b"", "no private key"), (b"nothing", "no private key"), (octets(client.key), "are the same key")):
        with open(client.key + ".new", "wb") as out:
            out.write(content)
        refused(said)
    os.remove(client.key + ".new")
    os.mkdir(client.key + ".new")
    refused_dir = dance(*client.call)
    assert refused_dir.returncode == 1 and ".new: it is no file" in refused_dir.stderr
    os.rmdir(client.key + ".new")
    os.symlink("/nothing", client.key + ".new")
    assert ".new: it is no file" in dance(*client.call).stderr
    os.remove(client.key + ".new")
    os.rename(client.key + ".lost", client.key + ".new")
    done = dance("rollover", "other.example.org", *client.call[2:4])
    assert done.returncode == 1 and f"is of {NAME}; name that" in done.stderr
    with open(client.key + ".rollover", "rb") as notes:
        fcntl.flock(notes, fcntl.LOCK_EX)
        refused("another dance rollover works on this key")
    with open(client.key + ".rollover", "r+") as notes:
        notes.truncate(100)
    refused(r"\.rollover: dance rollover did not write this")


@pytest.mark.parametrize("key,said", [("nothing", "--key: there is no such file"), ("pkcs11:id=1?pin-value=1234", "--key: there is no such file"),
                                      (".", "no file"), ("ca.crt", "no private key"), ("locked.key", "no private key without a passphrase")])
def test_keys_that_cannot_be_rolled_over(world, key, said):
    subprocess.run(["openssl", "pkey", "-in", world.path("client.key"), "-aes128", "-passout", "pass:x", "-out", world.path("locked.key")],
                   check=True)
    done = dance("rollover", NAME, "--key", key, cwd=world.folder, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and said in done.stderr and "1234" not in done.stderr and done.stdout == ""
    assert not [f for f in os.listdir(world.folder) if f.endswith((".new", ".rollover"))]


@pytest.mark.parametrize("kind", ["EC -pkeyopt group:P-384", "RSA -pkeyopt rsa_keygen_bits:3072", "ED25519"])
def test_new_key_is_as_the_old_one(client, kind):
    """Kind, mode and, where that may be given, owner; by way of a symbolic link as well."""
    subprocess.run(["openssl", "genpkey", "-algorithm", *kind.split(), "-out", client.key], check=True, capture_output=True)
    os.chmod(client.key, 0o440)
    owner = (12345, 54321) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(client.key, *owner)
    link = client.folder / "link"
    os.symlink(client.key, link)
    call = [link if argument == client.key else argument for argument in client.call]
    assert dance(*call).returncode == 1
    made = os.stat(client.key + ".new")
    assert (stat.S_IMODE(made.st_mode), made.st_uid, made.st_gid) == (0o440, *owner) and os.readlink(link) == client.key

    def described(path):
        text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], capture_output=True, text=True, check=True).stdout
        return re.findall(r"(?m)^(?:\S+ )?Private-Key:.*|^NIST CURVE.*", text)
    assert described(client.key) == described(client.key + ".new") != [] and digest(client.key) != digest(client.key + ".new")
    assert sorted(os.listdir(client.folder)) == sorted([os.path.basename(client.key) + end for end in ("", ".new", ".rollover")]
                                                       + [f"{NAME}.cnf", "link"])


def test_client_section(world, primary, client, tmp_path):  # noqa: F811
    """--config is held to the name and the key; a certificate has to be ready before the switch."""
    def conf(**section):
        return config(tmp_path / "client.cnf", tmp_path / "log", dns=primary.dns,
                      client={"identity": NAME.title(), "private_key": client.key, **section})

    def call(path, *more):
        return dance("rollover", NAME, "--key", client.key, "--config", path, "--ttl", TTL, *more)
    for section, said in (({"identity": "other.example.org"}, "identity is other.example.org"),
                          ({"private_key": world.path("client.key")}, "private_key is another"), ({"private_key": "pkcs11:x"}, "private_key is another")):
        done = call(conf(**section))
        assert done.returncode == 1 and said in done.stderr and client.files() == {""}
    done = call("/nothing")
    assert done.returncode == 1 and "/nothing: OpenSSL cannot read it: No such file" in done.stderr
    with_certificate = conf(certificate=world.path("ca.crt"))
    done = call(with_certificate, *client.ways)
    assert done.returncode == 1 and done.stderr == "" and "have one issued for the new key" in done.stdout
    done = call(with_certificate, *client.ways, "--wait", 100)
    assert done.returncode == 1 and "not switched: the client has a certificate" in done.stderr and ".old" not in client.files()
    # One that is in the key's own file, which the new one does not have.
    with open(client.key, "ab") as key, open(world.path("ca.crt"), "rb") as certificate:
        key.write(certificate.read())
    plain = conf(private_key="file:" + client.key)
    done = call(plain)
    assert done.returncode == 1 and "not switched: the client has a certificate" in done.stderr
    assert call(plain, "--cert-ready").returncode == 0 and client.files() == {"", ".old", ".rollover"}


def test_resolver_that_cannot_be_asked(client, tmp_path):
    """Nothing is switched then, even if everything was seen before."""
    client.step(*client.ways, status=1)
    wait_for(lambda: client.step(status=1)["step"] == "hold", what="the new record")
    client.age("seen")
    done = dance("rollover", NAME, "--key", client.key, "--socket", tmp_path / "nobody")
    assert done.returncode == 1 and "Not yet" in done.stdout and "No such file" in done.stdout and client.files() == {"", ".new", ".rollover"}


@pytest.mark.parametrize("zone,step", [("example.com", "hold"), ("example.net", "publish")])
def test_only_secure_answers_count(world, tmp_path, zone, step):
    """A record in a zone that is not signed is one that no server believes."""
    name, key = f"rolled._device.{zone}", str(tmp_path / "key")
    shutil.copy(world.path("client.key"), key)
    call = ["rollover", name, "--key", key, "--ttl", "60", "--json", "--config", config(tmp_path / "dns.cnf", tmp_path / "log", dns=world.dns())]
    made = json.loads(dance(*call).stdout)
    assert made["step"] == "publish" and made["old_record"]["data"] == digest(key)
    with world.zones.record(name, made["new_record"]["zone"].split(" IN ")[1], 60):
        seen = json.loads(dance(*call).stdout)
    assert seen["step"] == step and (seen["answer"].startswith("insecure: ") or seen["answer"] == "secure, 1 record")
    # There was no old record in the first place, which is said where an answer counts.
    assert seen["old_record_lost"] is (step == "hold")


def test_longest_ttl_counts(client):
    """What the resolver tells of the record as it was, though --ttl says less."""
    old = digest(client.key)
    client.update(f"update delete {NAME}. IN TLSA\nupdate add {NAME}. 300 IN TLSA 3 1 2 00\nupdate add {NAME}. 300 IN TLSA 3 1 1 {old}\nsend\n")
    client.step(*client.ways, status=1)
    held = client.step(status=1)
    assert held["step"] == "hold" and 290 <= held["ttl"] <= 300
    # What --ttl says later counts where it is longer, and is kept.
    longer = dance(*client.call[:-1], 900, "--json")
    assert json.loads(longer.stdout)["until"] == held["until"] + 900 - held["ttl"]
    assert client.step(status=1)["until"] == held["until"] + 900 - held["ttl"]
    assert client.step("--wait", 1, status=1)["step"] == "hold"


def test_old_record_of_another_kind(client):
    """It is the one that is removed."""
    kind = good("record", NAME, "--key", client.key, "--matching", 2, "--ttl", TTL).strip()
    client.update(f"update delete {NAME}. IN TLSA\nupdate add {kind}\nsend\n")
    made = client.step(*client.ways, status=1)
    wait_for(lambda: client.step(status=1)["step"] == "hold", what="the new record")
    client.age("seen")
    client.step()
    client.age("switched")
    assert client.step("--finish", *client.ways)["step"] == "finished"
    wait_for(lambda: client.published() == {made["new_record"]["data"]}, what="the old record to be gone")


def test_update_that_is_refused(primary, client):  # noqa: F811
    """The key is made; the same call goes on when the server takes it."""
    wrong = [*client.ways[:-1], primary.wrong]
    done = dance(*client.call, *wrong)
    assert done.returncode == 1 and "the new record is not published" in done.stderr
    made = octets(client.key + ".new")
    client.step(*client.ways, status=1)
    assert octets(client.key + ".new") == made and len(client.published()) == 2
    client.step("--wait", 100, *client.ways)
    client.age("switched")
    done = dance(*client.call, "--finish", *wrong)
    assert done.returncode == 1 and "the old record is not removed" in done.stderr and client.files() == {"", ".old", ".rollover"}
