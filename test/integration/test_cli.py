# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The command dance: what it prints, and its exit status (0 good, 1 a fault, 2 the command line means nothing)."""
import base64
import glob
import json
import os
import re
import socket
import stat
import subprocess
import types

import pytest

import pki
from conftest import BUILD, REPOSITORY, config, environment, sanitized
from test_dns_outcomes import black_hole, silent_dns  # noqa: F401 (fixtures)
from test_resolver import NAME, resolver  # noqa: F401 (fixture)
from zone import free_port, patient, wait_for

PROGRAM = os.path.join(BUILD, "cli", "dance")
# What no name may be, and what is said of it.
BAD_NAMES = [("a..b", "empty label"), ("", "empty"), (".", "empty label"), ("a b.example.com", "other than letters"),
             ("$ENV.example.com", "other than letters"), ("a\n[x].example.com", "other than letters"), ("a" * 64, "63 octets"),
             ("a." * 127 + "a", "253 octets"), ("\u00fc.example.com", "other than letters"), ("a..", "ends with a dot")]


def dance(*arguments, conf=None, **more):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                          **{"env": environment(conf), "timeout": patient(30), **more})


def good(*arguments, **more):
    """What it prints."""
    done = dance(*arguments, **more)
    assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr, done.stdout)
    return done.stdout


def commands():
    return re.findall(r"(?m)^  (\w+) ", good("help"))


def test_help_and_version():
    assert re.fullmatch(r"dance \d+\.\d+\.\d+\n", good("--version"))
    assert good("help") == good("--help")
    assert {"check", "disable", "enable", "enroll", "record", "rollover", "lookup", "flush", "chain", "status"} <= set(commands())
    for name in commands():
        assert good("help", name).startswith(f"usage: dance {name}") and good("help", name) == good(name, "--help")


@pytest.mark.parametrize("arguments,said", [
    ([], "usage"), (["lokup"], "no command 'lokup'"), (["help", "lokup"], "no command"), (["lookup"], "missing: NAME"),
    (["lookup", NAME, "x"], "'x'"), (["lookup", "--nothing", NAME], "--nothing"), (["lookup", NAME, "--timeout"], "--timeout"),
    (["lookup", NAME, "--timeout", "0"], "1 to 60"), (["lookup", NAME, "--timeout", "3s"], "1 to 60"),
    (["lookup", NAME, "--timeout", "-1"], "1 to 60"), (["lookup", NAME, "--socket", "sock"], "absolute"),
    (["lookup", NAME, "--socket", "/x", "--config", "/y"], "exclude each other"), (["lookup", NAME, "--json=yes"], "--json"),
    (["flush"], "missing: NAME"), (["enroll"], "missing: NAME"), (["record"], "missing: NAME"), (["record", NAME], "--key or --cert"),
    (["record", NAME, "--key", "x", "--usage", "4"], "0 to 3"), (["record", NAME, "--key", "x", "--selector", "2"], "0 to 1"),
    (["record", NAME, "--key", "x", "--matching", "3"], "0 to 2"), (["record", NAME, "--key", "x", "--ttl", "1h"], "--ttl"),
    (["enroll", NAME, "--ttl", "2147483648"], "0 to 2147483647"), (["enroll", NAME, "--usage", "2"], "dance record --cert"),
    (["enroll", NAME, "--tsig", "x"], "for --update"), (["enroll", NAME, "--update", "ns 53"], "neither a name nor an address"),
    (["rollover"], "missing: NAME"), (["rollover", NAME], "--key is needed"), (["rollover", NAME, "--key", "x", "--wait", "-1"], "--wait"),
    (["rollover", NAME, "--key", "x", "--tsig", "y"], "for --update"), (["rollover", NAME, "--key", "x", "--socket", "s"], "absolute"),
    (["rollover", NAME, "--key", "x", "--update", "a b"], "neither a name")])
def test_command_lines_that_mean_nothing(arguments, said):
    done = dance(*arguments)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""


@pytest.mark.parametrize("command", ["enroll", "record", "rollover", "lookup", "flush", "chain"])
@pytest.mark.parametrize("name,said", BAD_NAMES)
def test_bad_names(tmp_path, command, name, said):
    done = dance(command, "--", name, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""
    assert not os.listdir(tmp_path)


def test_nobody_can_read_the_answer():
    """It was not given, then."""
    with open("/dev/full", "w") as full:
        done = subprocess.run([PROGRAM, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "standard output" in done.stderr


OUTCOMES = [(NAME, "secure", ""), ("dev._device.example.net", "insecure", "no trust anchor covers the zone"),
            ("bogus._device.example.com", "bogus", "signature verification failed"),
            ("missing._device.example.com", "absent", "the name does not exist"),
            ("nodata._device.example.com", "absent", "has no TLSA record")]


@pytest.mark.parametrize("name,status,reason", OUTCOMES)
def test_lookup_at_a_socket(world, resolver, name, status, reason):  # noqa: F811
    asked = ["lookup", "--socket", resolver.path, "--timeout", "30"]
    done = dance(*asked, name.upper() + ".", "--json")
    said = json.loads(done.stdout)
    assert done.stderr == "" and done.returncode == (status != "secure")
    assert (said["name"], said["status"], said["resolver"]) == (name, status, resolver.path)
    assert reason in said["reason"].replace("signature crypto failed", "signature verification failed")  # libunbound 1.22's words
    text = dance(*asked, name)
    assert text.returncode == done.returncode and f"; {name}: {status}" in text.stdout and resolver.path in text.stdout
    if status != "secure":
        assert said["records"] == [] and not re.search("(?m)^[^;]", text.stdout)
        return
    # The zone's own line, with what is left of the TTL.
    rdata = pki.tlsa(3, 1, 1, world.device).split()[1:]
    record = said["records"][0]
    assert record == {"usage": 3, "selector": 1, "matching_type": 1, "data": rdata[3], "meaning": "DANE-EE SPKI SHA2-256",
                      "zone": f"{name}. {said['ttl']} IN TLSA {' '.join(rdata)}"} and 0 < said["ttl"] <= 60
    assert re.search(rf"(?m)^{name}\. \d+ IN TLSA {' '.join(rdata)} ; DANE-EE SPKI SHA2-256$", text.stdout)


def test_lookup_as_a_configuration_says(world, tmp_path):
    """With a resolver of its own; the section of the server is of no interest."""
    conf = config(tmp_path / "server.cnf", tmp_path / "log", server={"policy": "nonsense"}, dns=world.dns())
    done = dance("lookup", "--config", conf, NAME, "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 0 and said["status"] == "secure" and said["resolver"] == "auto"
    assert "started for this lookup" in good("lookup", "--config", conf, NAME)
    assert not os.path.exists(tmp_path / "log")
    # From another folder, by a path that is not absolute.
    done = subprocess.run(["./dance", "lookup", "--config", conf, NAME], cwd=os.path.dirname(PROGRAM), capture_output=True)
    assert done.returncode == 0, done


@pytest.mark.parametrize("text,said", [
    ("", r"\[default\] has no openssl_conf"), ("openssl_conf = init\n[init]\n", r"\[init\] has no providers"),
    ("openssl_conf = init\n[init]\nproviders = p\n[p]\ndefault = d\n[d]\nactivate = 1\n", r"\[p\] has no provider"),
    ("openssl_conf = init\n[init]\nproviders = p\n[p]\ndance = d\n[d]\nactivate = 1\n", "has no dns"),
    ("openssl_conf = init\nthis is no line\n", ":2: OpenSSL cannot read"),
    ("openssl_conf = $ENV::THERE_IS_NONE\n", ":1: OpenSSL cannot read"),
    ("openssl_conf = init\n[init]\nproviders = p\n[p]\ndance = d\n[d]\ndns = s\n[s]\ntimeout = 61\n", "dns.timeout = 61: allowed: 1 to 60"),
    (None, "No such file")])
def test_lookup_with_a_file_that_says_nothing(tmp_path, text, said):
    path = tmp_path / "openssl.cnf"
    if text is not None:
        path.write_text(text)
    done = dance("lookup", "--config", path, NAME)
    assert done.returncode == 1 and str(path) in done.stderr and re.search(said, done.stderr) and done.stdout == ""


def test_lookup_where_nobody_listens(tmp_path):
    done = dance("lookup", "--socket", tmp_path / "sock", NAME, "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1 and said["status"] == "failed" and "No such file" in said["reason"] and said["records"] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a /run and a network of its own")
def test_lookup_by_default(resolver):  # noqa: F811
    """The machine's resolver where there is one, else one that is started."""
    def look_up(prepare, timeout):
        script = f'mount -t tmpfs tmpfs /run && {prepare} && exec "$0" lookup {NAME} --timeout {timeout} --json'
        return json.loads(subprocess.run(["unshare", "-m", "-n", "sh", "-c", script, PROGRAM], env=environment(None),
                                         capture_output=True, text=True, timeout=patient(30)).stdout)
    there = look_up(f"mkdir /run/dance && ln -s {resolver.path} /run/dance/resolver.sock", 60)
    assert (there["resolver"], there["status"]) == ("/run/dance/resolver.sock", "secure")
    started = look_up("true", 2)
    assert started["resolver"] == "auto" and started["status"] in ("failed", "bogus"), started


def unchecked():
    """Of a process that has not the /proc of before: a leak checker finds nothing there, and takes that for its own failure."""
    return {**environment(None), "ASAN_OPTIONS": "detect_leaks=0"}


# Where no other test's resolver is to be found, all of which root would tell.
ALONE = ["unshare", "--pid", "--fork", "--mount-proc"] if os.geteuid() == 0 else []


def flush(*arguments):
    return subprocess.run([*ALONE, PROGRAM, "flush", NAME, "--socket", *arguments], env=unchecked(), capture_output=True,
                          text=True, timeout=patient(30))


def test_flush(resolver):  # noqa: F811
    """What is told is what test_flush.py sees done."""
    done = flush(resolver.path, "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 0 and said["service"] is True and said["status"] == "good"
    assert resolver.path in flush(resolver.path).stdout
    if ALONE:
        done = flush("/nothing", "--json")
        assert done.returncode == 1 and json.loads(done.stdout) == {"service": False, "others": 0, "status": "fault"}
        assert "nobody listens at /nothing" in done.stderr


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_enroll(world, tmp_path, s_server):
    """What it prints, published, and what it writes, given to a client, lets it in."""
    name = "Enrolled1._device.example.com"
    said = json.loads(good("enroll", name, "--out", tmp_path, "--ttl", "7", "--json"))
    key, conf = str(tmp_path / f"{name}.key"), str(tmp_path / f"{name}.cnf")
    assert (said["key"], said["config"], said["published"]) == (key, conf, False)
    assert (mode(key), mode(conf)) == (0o600, 0o644) and sorted(os.listdir(tmp_path)) == sorted(map(os.path.basename, (key, conf)))
    assert open(conf).read() == said["openssl_cnf"] and said["openssl_cnf"].startswith("[default]\nopenssl_conf = ")
    assert "P-256" in subprocess.run(["openssl", "pkey", "-in", key, "-noout", "-text"], capture_output=True, text=True).stdout
    zone = said["record"]["zone"]
    assert said["nsupdate"] == f"update add {zone}\nsend\n"
    assert good("record", name, "--key", key, "--ttl", "7") == zone + "\n"
    server = s_server("require")
    assert visit(server, conf) != 0
    lower, ttl, rdata = name.lower(), *re.fullmatch(rf"{name}\. (\d+) IN (TLSA .*)", zone).groups()
    with world.zones.record(lower, rdata, ttl):
        server = s_server("require", fresh=True)
        assert visit(server, conf) == 0, server.log.text()
        server.log.wait(f"accepted {lower} \\(TLSA 3 1 1")


def visit(server, conf):
    """Exit status of s_client with the file as it was written; its module is found where it was built."""
    env = {**environment(conf), "OPENSSL_MODULES": os.path.join(BUILD, "provider")}
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-ign_eof"], env=env,
                          input="ping\nCLOSE\n", capture_output=True, text=True, errors="replace", timeout=patient(30))
    return 0 if "gnip" in done.stdout else done.returncode or 1


def test_enroll_in_words(tmp_path):
    """Files here, and the key is not printed."""
    text = good("enroll", NAME + ".", cwd=tmp_path)
    folder = os.path.realpath(tmp_path)
    for what in (f"{NAME}. 3600 IN TLSA 3 1 1 ", f"update add {NAME}. 3600 IN TLSA 3 1 1 ", f"OPENSSL_CONF={folder}/{NAME}.cnf",
                 f"# {folder}/{NAME}.key", "[default]\nopenssl_conf = ", f"identity = {NAME}\nprivate_key = {folder}/{NAME}.key\n"):
        assert what in text
    assert "PRIVATE KEY" not in text


@pytest.mark.parametrize("there", ["key", "cnf"])
def test_enroll_overwrites_nothing(tmp_path, there):
    """And leaves nothing that it made before it saw that."""
    path = tmp_path / f"{NAME}.{there}"
    path.write_text("mine")
    done = dance("enroll", NAME, "--out", tmp_path)
    assert done.returncode == 1 and f"{path}: File exists" in done.stderr and done.stdout == ""
    assert path.read_text() == "mine" and os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(os.geteuid() != 0 or sanitized(), reason="needs root, for a /proc of its own, in which a sanitizer finds nothing")
def test_enroll_where_files_have_a_name_from_the_beginning(tmp_path):
    """As on file systems without O_TMPFILE."""
    call = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0" enroll "$1"', PROGRAM, NAME]
    done = subprocess.run(call, cwd=tmp_path, env=environment(None), capture_output=True, text=True)
    assert done.returncode == 0 and mode(tmp_path / f"{NAME}.key") == 0o600, done
    kept = (tmp_path / f"{NAME}.key").read_bytes()
    done = subprocess.run(call, cwd=tmp_path, env=environment(None), capture_output=True, text=True)
    assert done.returncode == 1 and "File exists; it is left as it is" in done.stderr and (tmp_path / f"{NAME}.key").read_bytes() == kept


def test_enroll_with_a_key_that_is_there(world, tmp_path):
    """It is named by an absolute path, is not touched, and is read as the module does."""
    os.symlink(world.path("client.key"), tmp_path / "a $key#.pem")
    said = json.loads(good("enroll", NAME, "--key", "a $key#.pem", "--json", cwd=tmp_path))
    assert said["key"] is None and f"private_key = {os.path.realpath(world.path('client.key'))}\n" in said["openssl_cnf"]
    assert said["record"]["zone"].endswith(pki.tlsa(3, 1, 1, world.device))
    assert sorted(os.listdir(tmp_path)) == sorted(["a $key#.pem", f"{NAME}.cnf"])
    os.remove(tmp_path / f"{NAME}.cnf")
    # A URI stays as it is, and may have a PIN in it.
    uri = "file:" + world.path("client.key")
    assert f"private_key = {uri}\n" in good("enroll", NAME, "--key", uri, cwd=tmp_path) and mode(tmp_path / f"{NAME}.cnf") == 0o600


def test_enroll_with_what_is_no_key(world, tmp_path):
    world.write("locked.key", subprocess.run(["openssl", "pkey", "-in", world.path("client.key"), "-aes128", "-passout", "pass:x"],
                                             capture_output=True, check=True).stdout)
    for name in ("ca.crt", "locked.key", "nothing"):
        done = dance("enroll", NAME, "--key", world.path(name), cwd=tmp_path, stdin=subprocess.DEVNULL)
        assert done.returncode == 1 and "client.private_key (a file): no private key without a passphrase" in done.stderr
    done = dance("enroll", NAME, "--out", tmp_path / "nothing")
    assert done.returncode == 1 and "No such file" in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("usage,selector,matching", [(u, s, m) for u in range(4) for s in range(2) for m in range(3)])
def test_record_of_a_certificate(world, usage, selector, matching):
    """As another implementation makes it."""
    path = world.write("device.crt", pki.pem(world.device))
    said = good("record", NAME, "--cert", path, "--usage", usage, "--selector", selector, "--matching", matching)
    assert said == f"{NAME}. 3600 IN {pki.tlsa(usage, selector, matching, world.device)}\n"


def test_record_of_a_key(world):
    wanted = f"{NAME}. 60 IN {pki.tlsa(3, 1, 1, world.device)}\n"
    public = world.write("client.pub", subprocess.run(["openssl", "pkey", "-in", world.path("client.key"), "-pubout"],
                                                      capture_output=True, check=True).stdout)
    path = world.write("device.crt", pki.pem(world.device))
    for what in (["--key", world.path("client.key")], ["--key", public], ["--key", "file:" + public],
                 ["--key", public, "--cert", path], ["--cert", path]):
        assert good("record", NAME, "--ttl", "60", *what) == wanted


def test_record_of_what_has_none(world):
    path = world.write("device.crt", pki.pem(world.device))
    for arguments, said in ((["--key", world.path("client.key"), "--selector", "0"], "selector 0 is about a certificate"),
                            (["--key", world.path("other.key"), "--cert", path], "not for this key"),
                            (["--key", path], "--key: no key"), (["--cert", world.path("client.key")], "--cert: no certificate"),
                            (["--key", "/nothing?pin-value=1234"], "No such file")):
        done = dance("record", NAME, *arguments)
        assert done.returncode == 1 and said in done.stderr and done.stdout == "" and "1234" not in done.stderr


def test_with_the_module_in_its_own_openssl_cnf(world, tmp_path):
    """Which is how it finds the providers of a key's URI."""
    conf = config(tmp_path / "both.cnf", tmp_path / "log", server={"allow": "*", "policy": "require"}, dns=world.dns(),
                  client={"identity": NAME, "private_key": world.path("client.key")})
    wanted = pki.tlsa(3, 1, 1, world.device)
    assert wanted in good("record", NAME, "--key", world.path("client.key"), conf=conf)
    assert wanted in good("enroll", NAME, "--key", world.path("client.key"), conf=conf, cwd=tmp_path)
    assert wanted in good("lookup", NAME, "--config", conf, conf=conf)


def test_update_that_nobody_takes(tmp_path):
    """The files are there, and what was to be published is printed all the same."""
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))  # and does not listen
        done = dance("enroll", NAME, "--out", tmp_path, "--update", f"127.0.0.1@{refusing.getsockname()[1]}")
    assert done.returncode == 1 and "is not published: nsupdate could not do it" in done.stderr
    assert "# The record, for a zone" in done.stdout and len(os.listdir(tmp_path)) == 2
    done = dance("enroll", "other.example.com", "--out", tmp_path, "--update", "127.0.0.1", env={"PATH": "/nothing"})
    assert done.returncode == 1 and "nsupdate cannot be started: No such file" in done.stderr


@pytest.fixture
def primary(world, tmp_path):
    """A BIND that signs example.org and takes updates: its port, the file of its key (TSIG), and how it is asked."""
    folder, port = tmp_path / "named", free_port()
    folder.mkdir()
    # The resolver gives up root, and reads the anchor all the same.
    os.chmod(tmp_path, 0o755)
    secret = 'key "tsig" { algorithm hmac-sha256; secret "%s"; };\n'
    (folder / "tsig.key").write_text(secret % base64.b64encode(os.urandom(32)).decode())
    (folder / "wrong.key").write_text(secret % base64.b64encode(os.urandom(32)).decode())
    (folder / "zone").write_text("$ORIGIN example.org.\n$TTL 60\n@ SOA ns hostmaster 1 3600 900 86400 60\n@ NS ns\nns A 127.0.0.1\n")
    (folder / "named.conf").write_text(
        f'options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no;'
        f' pid-file none; session-keyfile none; dnssec-validation no; }};\ncontrols {{ }};\ninclude "{folder}/tsig.key";\n'
        f'zone "example.org" {{ type primary; file "{folder}/zone"; dnssec-policy default; inline-signing no; allow-update {{ key tsig; }}; }};\n')
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(["named", "-g", "-n", "1", "-c", folder / "named.conf"], stderr=log)

    def signed():
        assert process.poll() is None, (folder / "log").read_text()
        keys = glob.glob(str(folder / "Kexample.org.+*.key"))
        dns = keys and {"trust_anchor": keys[0], "forward": f"127.0.0.1@{port}", "timeout": "60", "denial_ttl": "0"}
        return dns and dance("lookup", "ns.example.org", "--config", config(conf, tmp_path / "log", dns=dns)).stdout.startswith(
            "; ns.example.org: absent") and dns
    conf = tmp_path / "bind.cnf"
    try:
        yield types.SimpleNamespace(server=f"127.0.0.1@{port}", tsig=folder / "tsig.key", wrong=folder / "wrong.key",
                                    dns=wait_for(signed, what="a signed zone"), conf=conf)
    finally:
        process.terminate()
        process.wait(patient(20))


def test_update(primary, tmp_path):
    """One command, and the client is known: by those alone whose key the server takes."""
    name, folder = "dev._device.example.org", tmp_path / "out"
    folder.mkdir()
    for how, said in ([[], "REFUSED"], [["--tsig", primary.wrong], "BADSIG|NOTAUTH"], [["--tsig", folder], "nsupdate could not do it"]):
        done = dance("enroll", name, "--out", folder, "--update", primary.server, *how)
        assert done.returncode == 1 and re.search(said, done.stderr) and "is not published" in done.stderr
        for made in os.listdir(folder):
            os.remove(folder / made)
    assert dance("lookup", name, "--config", primary.conf).returncode == 1
    said = json.loads(good("enroll", name, "--out", folder, "--update", primary.server, "--tsig", primary.tsig, "--json"))
    assert said["published"] is True
    known = json.loads(good("lookup", name, "--config", primary.conf, "--json"))
    assert known["status"] == "secure" and [r["data"] for r in known["records"]] == [said["record"]["data"]]
    other = good("enroll", "other." + name, "--out", folder, "--update", primary.server, "--tsig", primary.tsig)
    assert f"which {primary.server} has taken" in other


@pytest.mark.parametrize("line,wanted", [
    (["l"], ["lookup"]), (["he"], ["help"]), (["--v"], ["--version"]), (["help", "enr"], ["enroll"]), (["help", ""], None),
    (["flush", "--"], ["--socket", "--json"]), (["lookup", NAME, "--so"], ["--socket"]), (["enroll", "--out", ""], ["folder"]),
    (["record", "--key", "a"], ["a.key"]), (["record", "--selector", ""], ["0", "1"]), (["enroll", ""], []),
    (["nothing", "--"], []), (["lookup", "--timeout", "-"], []), (["enroll", "--json", "--ts"], ["--tsig"]),
    (["rollover", "--c"], ["--config", "--cert-ready"]), (["rollover", "--key", "a"], ["a.key"]), (["rol"], ["rollover"]),
    (["check", "--"], ["--config", "--user", "--pid", "--service", "--offline", "--json"]), (["check", "--config", "a"], ["a.key"]), (["check", "--user", "roo"], ["root"])])
def test_completion(tmp_path, line, wanted):
    (tmp_path / "a.key").touch()
    (tmp_path / "folder").mkdir()
    script = ('. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dance; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, os.path.join(REPOSITORY, "cli", "dance.bash"), PROGRAM, *line], cwd=tmp_path,
                          capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.split() == (wanted if wanted is not None else [*commands(), "help", "--version"])
