# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance check: each mistake has its finding, with the line and what to do, and what is right is good."""
import json
import os
import pwd
import re
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

import chain
import pki
from conftest import MODULE, REPOSITORY, let_everybody_in
from hierarchy import Hierarchy
from test_cli import dance

BASE = """\
[default]
openssl_conf = dance_init

[dance_init]
providers = provider_sect

[provider_sect]
default = default_sect
dance = dance_sect

[default_sect]
activate = 1

[dance_sect]
module = {module}
activate = 1
log = {folder}/log
client = dance_client
server = dance_server
dns = dance_dns

[dance_client]
identity = sensor7._device.example.com
private_key = {folder}/a.key
certificate = {folder}/a.crt

[dance_server]
policy = require
allow = *._device.example.com
allow_file = {folder}/allowed

[dance_dns]
trust_anchor = {folder}/anchor
forward = 192.0.2.53@853\\#dns.example.net
timeout = 5
"""
OTHER_INIT = "[old_init]\nssl_conf = old_ssl\n[old_ssl]\nsystem_default = old_system\n[old_system]\nMinProtocol = TLSv1.2\n"


@pytest.fixture
def folder(tmp_path):
    key = pki.new_key()
    (tmp_path / "a.key").write_bytes(pki.key_pem(key))
    (tmp_path / "a.crt").write_bytes(pki.pem(pki.certificate(key, "sensor7._device.example.com")))
    (tmp_path / "other.crt").write_bytes(pki.pem(pki.certificate(pki.new_key(), "sensor7._device.example.com")))
    (tmp_path / "locked.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    (tmp_path / "allowed").write_text("*._device.example.net\n")
    (tmp_path / "bad").write_text("*._device.example.net\na..b\n")
    (tmp_path / "anchor").write_text(". IN DS 20326 8 2 " + "00" * 32 + "\n")
    (tmp_path / "short").write_text(". IN DS 20326 8 2 " + "00" * 31 + "\n")
    (tmp_path / "empty").write_text("")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "dance.so").write_text("this is no module")
    return tmp_path


def write(folder, text, name="openssl.cnf"):
    path = folder / name
    # Octets, for byte order marks and line ends.
    path.write_bytes((text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")))
    return path


def base(folder):
    return BASE.format(module=MODULE, folder=folder)


def check(path, *arguments, **more):
    """The exit status and the findings."""
    done = dance("check", "--offline", "--config", path, "--json", *arguments, **more)
    assert done.stderr == "", done
    said = json.loads(done.stdout)
    assert done.returncode == (said["status"] == "fault"), said
    return done.returncode, said["findings"]


def faults(findings):
    return [finding for finding in findings if finding["severity"] == "fault"]


def one(findings, where, what, remedy):
    """There is this fault, at this place."""
    found = [f for f in faults(findings) if re.search(what, f["what"])]
    assert len(found) == 1, findings
    assert found[0]["where"] == where and re.search(remedy, found[0]["remedy"]), found
    return found[0]


def line_of(text, needle):
    """Of the last line that begins so."""
    return max(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(needle))


def test_what_is_right_is_good(folder):
    path = write(folder, base(folder))
    status, findings = check(path)
    assert status == 0 and {f["severity"] for f in findings} == {"good"}, findings
    assert any("configuration is good; client: sensor7._device.example.com; server: require" in f["what"] for f in findings)
    assert any("certificate is for it" in f["what"] for f in findings)
    # Nothing was made, and the text says the same.
    assert not (folder / "log").exists()
    done = dance("check", "--offline", conf=path)
    assert done.returncode == 0 and done.stdout.endswith(f"{len(findings)} good, 0 warnings, 0 faults\n")
    assert "\033" not in done.stdout


def test_the_example_is_good(folder):
    with open(os.path.join(REPOSITORY, "openssl.cnf.example")) as file:
        text = file.read()
    for example, real in (("dance.so ", MODULE + " "), ("/etc/dance/sensor7.key", f"{folder}/a.key"),
                          ("/usr/share/dns/root.key", f"{folder}/anchor")):
        assert example in text
        text = text.replace(example, real)
    status, findings = check(write(folder, text))
    assert status == 0 and {f["severity"] for f in findings} == {"good"}, findings


# What is replaced in the base by what; how the line begins that is named (None: the file); the finding, and the remedy.
MISTAKES = {
    "not a line": (
        "policy = require", "policy require", "policy require", "cannot read this line: missing equal sign", "correct the line"),
    "a variable that is not set": (
        "timeout = 5", "timeout = $ENV::THERE_IS_NONE", "timeout", "variable has no value", "set the variable"),
    "a bracket": ("[dance_server]", "[dance_server", "[dance_server", "missing close square bracket", "correct the line"),
    "no openssl_conf": ("openssl_conf = dance_init\n", "", None, r"\[default\] has no openssl_conf", r"begin the file with \[default\]"),
    "openssl_conf in another section": (
        "[default]\n", "[old]\nx = 1\n", "openssl_conf", r"stands in \[old\]", r"before the first section"),
    "an init section that is not there": (
        "[dance_init]", "[dance_int]", "openssl_conf", r"\[dance_init\], which does not exist", "correct the name"),
    "no providers": ("providers = provider_sect\n", "x = y\n", "[dance_init]", "has no providers", "add providers = provider_sect"),
    "providers twice": ("[dance_init]\n", "[dance_init]\nproviders = others\n", "providers = others", "has providers twice", "leave one"),
    "an engine that is not there before it": (
        "[dance_init]\n", "[dance_init]\nengines = engine_sect\n", "engines", "engines stands before providers and fails",
        r"first line of \[dance_init\]"),
    "an unknown module before it": (
        "[dance_init]\n", "[dance_init]\nnonsense = nonsense_sect\n", "nonsense", "nonsense stands before providers and fails", "first line"),
    "no provider section": (
        "[provider_sect]", "[providers_sect]", "providers =", r"\[provider_sect\], which does not exist", "add the section"),
    "a provider's section that is not there": (
        "default = default_sect", "legacy = legacy_sect\ndefault = default_sect", "legacy", r"\[legacy_sect\], which does not exist", "add the section"),
    "no default": ("default = default_sect\n", "", "[provider_sect]", "default provider is not activated", "add default = default_sect"),
    "default without activate": (
        "[default_sect]\nactivate = 1", "[default_sect]\nx = 1", "[default_sect]", "default provider is not activated",
                                 "add activate = 1"),
    "a provider with algorithms that is not there": (
        "default = default_sect", "fips = fips_sect", "providers =", "OpenSSL has no SHA2-256", "activate default"),
    "no module": ("dance = dance_sect\n", "", "[provider_sect]", "no provider with the module dance.so", "add dance = dance_sect"),
    "no activate": (f"module = {MODULE}\nactivate = 1", f"module = {MODULE}", "[dance_sect]", "has no activate", "add activate = 1"),
    "activate off": (
        f"module = {MODULE}\nactivate = 1", f"module = {MODULE}\nactivate = 0", "activate = 0", "depends on the version", "activate = 1"),
    "no module file": (
        f"module = {MODULE}", "module = /nowhere/dance.so", "module", "cannot load the module /nowhere/dance.so: .*No such file",
                       "install the module"),
    "a module that is none": (f"module = {MODULE}", "module = {folder}/lib/dance.so", "module", "file too short", "install the module"),
    "a misspelt key": ("policy =", "polcy =", "polcy", r"\[dance_server\] has polcy, which nobody reads", "did you mean policy"),
    "a key in capitals": ("policy =", "Policy =", "Policy", "has Policy", "did you mean policy"),
    "a key that there is not": ("policy =", "colour = red\npolicy =", "colour", "has colour", r"dance\(7\)"),
    "a misspelt key of another section": (
        "policy =", "trust_anchr = /x\npolicy =", "trust_anchr", "trust_anchr", r"mean trust_anchor\? .*\[dance_dns\]"),
    "a misspelt role": ("server = dance_server", "sever = dance_server", "sever", "has sever", "did you mean server"),
    "a misspelt key of the module": ("log =", "logg =", "logg", "has logg", "did you mean log"),
    "a key in another section": (
        "policy =", "timeout = 3\npolicy =", "timeout = 3", r"timeout is not a key of \[dance_server\]", r"move it to \[dance_dns\]"),
    "a role without section": ("[dance_server]\n", "[dance_srv]\n", "server =", "there is no section of this name", "correct the name"),
    "a section that nobody names": (
        "server = dance_server\n", "", "[dance_server]", "no line names", r"write server = dance_server in \[dance_sect\]"),
    "dns that nobody names": ("dns = dance_dns\n", "", "[dance_dns]", "no line names", r"write dns = dance_dns in \[dance_sect\]"),
    "an empty section": ("policy = require\nallow = *._device.example.com\nallow_file = {folder}/allowed\n", "", "[dance_server]",
                         "no key that the module knows", "add the section's keys"),
    "a key twice": (
        "policy =", "policy = mixed\npolicy =", "policy = require", r"policy stands also at .*openssl.cnf:\d+; OpenSSL takes the last",
        "leave one"),
    "a key behind a header": (
        "[dance_server]\n", "[dance_server] ", "[dance_server]", r"behind the \] of \[dance_server\] nobody reads", "a line of its own"),
    "a section that names itself": ("client = dance_client", "client = dance_sect", "client", "names itself", "keys of the client"),
    "a value that is a section": (
        "[dance_dns]\n", "[require]\nx = 1\n[dance_dns]\n", "policy", "also the name of a section", "another name"),
    "a value": ("timeout = 5", "timeout = 5s", "timeout", "dns.timeout = 5s: allowed: 1 to 60", "correct the value"),
    "a value of the module": ("log = ", "log_level = loud\nlog = ", "log_level", "log_level = loud: allowed", "correct the value"),
    "a required key": ("identity =", "# identity =", "[dance_client]", r"client.identity = \(missing\): required", "add the key"),
    "a comment": ("853\\#dns", "853#dns", "forward", "dns.forward = ", r"write \\#"),
    "a comment without a port": ("192.0.2.53@853\\#dns", "192.0.2.53#dns", "forward", "dns.forward = 192.0.2.53#", r"write \\#"),
    "the same module again": (
        "dance = dance_sect", "dance = dance_sect\nsecond = second_sect", "module", "second section with the same module; it says log",
        "leave one"),
    "no key file": ("{folder}/a.key", "{folder}/none.key", "private_key", "cannot be opened: No such file", "dance enroll"),
    "a key with a passphrase": ("{folder}/a.key", "{folder}/locked.key", "private_key", "without a passphrase", "without a passphrase"),
    "a file that is no key": ("{folder}/a.key", "{folder}/anchor", "private_key", "no private key", "PEM or DER"),
    "another certificate": ("{folder}/a.crt", "{folder}/other.crt", "certificate", "not for client.private_key", "belongs to the key"),
    "no certificate": ("{folder}/a.crt", "{folder}/none.crt", "certificate", "No such file", "leave the key certificate out"),
    "no anchor": ("{folder}/anchor", "{folder}/none", "trust_anchor", "No such file", "dns-root-data"),
    "an empty anchor": ("{folder}/anchor", "{folder}/empty", "trust_anchor", "no DS or DNSKEY", "dns-root-data"),
    "a short digest": ("{folder}/anchor", "{folder}/short", "trust_anchor", "line 1: the digest is not", "dns-root-data"),
    "no allow_file": ("{folder}/allowed", "{folder}/none", "allow_file", "No such file", "correct the path"),
    "a bad allow_file": ("{folder}/allowed", "{folder}/bad", "allow_file", r"a\.\.b", "pattern a line"),
    "a log in no folder": ("{folder}/log", "{folder}/none/log", "log", "cannot be made in .*/none: No such file", "make the folder"),
    "no chain": ("timeout = 5", "timeout = 5\n[dance_client]\nchain = {folder}/none", "chain", "No such file", "dance chain"),
    "a chain that is none": ("timeout = 5", "timeout = 5\n[dance_client]\nchain = {folder}/bad", "chain", "it is no DNSSEC chain", "dance chain"),
    "a chain of nowhere": ("timeout = 5", "timeout = 5\n[dance_client]\nchain = maybe", "chain", "no, yes or an absolute path", "correct the value"),
    "a server's chain": ("timeout = 5", "timeout = 5\n[dance_server]\nchain = yes", "chain", "no, accept or only", "correct the value"),
    "looked up ahead, and not at all": ("timeout = 5", "timeout = 5\n[dance_server]\nchain = only\nprefetch = yes", "prefetch",
                                        "not beside server.chain = only", "correct the value"),
    "one number for both": ("timeout = 5", "timeout = 5\n[dance_client]\nchain = yes\n[dance_sect]\nchain_extension_type = 65280",
                            "chain_extension_type", "another number than that of extension_type", "correct the value"),
    "a misspelt number": ("timeout = 5", "timeout = 5\n[dance_sect]\nchain_extention_type = 65290", "chain_extention_type", "which nobody reads",
                          "did you mean chain_extension_type"),
    "a log that is a folder": ("{folder}/log", "{folder}/lib", "log", "Is a directory", "correct the path"),
}
MORE = {"a provider with algorithms that is not there": "[fips_sect]\nmodule = /nowhere/fips.so\nactivate = 1\n",
        "the same module again": "[second_sect]\nmodule = {module}\nactivate = 1\nlog_level = debug\n",
        "providers twice": "[others]\ndefault = default_sect\n",
        "an engine that is not there before it": "[engine_sect]\nx = engine_x\n[engine_x]\nengine_id = x\ndynamic_path = /nowhere/x.so\ninit = 1\n",
        "an unknown module before it": "[nonsense_sect]\nx = 1\n"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake(folder, mistake):
    old, new, begins, what, remedy = MISTAKES[mistake]
    old, new = (part.replace("{folder}", str(folder)) for part in (old, new))
    text = base(folder)
    assert text.count(old) == 1, old
    text = text.replace(old, new) + MORE.get(mistake, "").format(module=MODULE)
    path = write(folder, text)
    status, findings = check(path)
    assert status == 1
    one(findings, str(path) if begins is None else f"{path}:{line_of(text, begins)}", what, remedy)
    done = dance("check", "--config", path)
    assert done.returncode == 1 and "what to do: " in done.stdout


def test_text_without_a_file(tmp_path):
    path = tmp_path / "none.cnf"
    status, findings = check(path)
    assert status == 1
    one(findings, str(path), "No such file", "name the file")
    done = dance("check", "--offline", conf=path)
    assert done.returncode == 1 and "No such file" in done.stdout


def test_what_is_included_has_its_own_lines(folder):
    """And what is wrong there, or stands behind it."""
    head, tail = base(folder).split("[dance_server]\n")
    more = write(folder, "[dance_server]\n" + tail.replace("policy", "polcy"), "more.cnf")
    path = write(folder, head + f".include {more}\n[other]\nx = 1\n")
    assert one(check(path)[1], f"{more}:2", "polcy", "policy")
    write(folder, "# fine\nthis is none\n", "more.cnf")
    one(check(path)[1], f"{more}:2", "missing equal sign", "correct the line")
    write(folder, b"\xef\xbb\xbf[dance_server]\n" + tail.encode(), "more.cnf")
    findings = check(path)[1]
    one(findings, f"{more}:1", "byte order mark", "without a byte order mark")
    one(findings, f"{more}:1", "cannot read this line", "correct the line")
    write(folder, "[dance_server]\n" + tail, "more.cnf")
    assert check(path)[0] == 0
    write(folder, head + f".include {more}\nnot a line either\n")
    one(check(path)[1], f"{path}:{head.count(chr(10)) + 2}", "missing equal sign", "correct the line")
    more.unlink()
    write(folder, head + f".include {more}\n[dance_server]\n{tail}")
    status, findings = check(path)
    assert status == 0 and [f["severity"] for f in findings if "include" in f["what"]] == ["warning"]


def test_a_folder_is_included(folder):
    head, tail = base(folder).split("[dance_server]\n")
    (folder / "conf.d").mkdir()
    write(folder, "[dance_server]\n" + tail.replace("timeout", "timout"), "conf.d/a.cnf")
    write(folder, "this is not read", "conf.d/a.txt")
    path = write(folder, head + ".include conf.d\n")
    line = 1 + line_of(tail, "timeout")
    one(check(path, env={**os.environ, "OPENSSL_CONF_INCLUDE": str(folder)})[1], f"{folder}/conf.d/a.cnf:{line}",
        "timout", "did you mean timeout")


def test_a_byte_order_mark_that_openssl_takes(folder):
    path = write(folder, b"\xef\xbb\xbf" + base(folder).encode())
    status, findings = check(path)
    # Some versions of OpenSSL skip it in the file itself, others read nothing.
    assert [f["where"] for f in findings if "byte order mark" in f["what"]] == [f"{path}:1"]
    assert status == (not any("configuration is good" in f["what"] for f in findings))


def test_windows_line_ends(folder):
    assert check(write(folder, base(folder).replace("\n", "\r\n")))[0] == 0


def test_the_system_file_included_before_is_good(folder):
    """The recommended form; what the other file had is no mistake."""
    other = write(folder, "openssl_conf = old_init\n" + OTHER_INIT, "system.cnf")
    path = write(folder, f".include {other}\n" + base(folder).replace("provider_sect\n\n", "provider_sect\nssl_conf = old_ssl\n\n", 1))
    status, findings = check(path)
    assert status == 0 and {f["severity"] for f in findings} == {"good"}, findings


def test_appended_to_another_file(folder):
    """README's classic: the last openssl_conf is that of another section, or the first one that of [default]."""
    other = "openssl_conf = old_init\n" + OTHER_INIT
    path = write(folder, other + base(folder).replace("[default]\n", ""))
    findings = check(path)[1]
    one(findings, f"{path}:{line_of(other, '[old_init]')}", "has no providers", "providers")
    text = base(folder) + other.replace("openssl_conf", "[default]\nopenssl_conf")
    path = write(folder, text)
    findings = check(path)[1]
    one(findings, f"{path}:2", r"\[default\] has openssl_conf twice", "leave one")
    one(findings, f"{path}:{line_of(text, '[old_init]')}", "has no providers", "providers")


def test_node_alone(folder):
    text = base(folder).replace("openssl_conf", "nodejs_conf")
    status, findings = check(write(folder, text))
    assert status == 0 and [f["where"].rsplit(":")[-1] for f in findings if f["severity"] == "warning"] == ["2"]
    # What is wrong with the rest is found all the same.
    assert check(write(folder, text.replace("policy", "polcy")))[0] == 1


def test_what_stands_before_providers_and_is_good(folder):
    text = base(folder).replace("providers =", "ssl_conf = old_ssl\nproviders =") + OTHER_INIT.split("\n", 2)[2]
    path = write(folder, text)
    status, findings = check(path)
    assert status == 0
    assert [f["where"] for f in findings if f["severity"] == "warning"] == [f"{path}:{line_of(text, 'ssl_conf')}"]


def test_a_module_for_another_openssl(folder):
    text = base(folder).replace("dance = dance_sect", "dance = dance_sect\nfour = four_sect") + (
        "[four_sect]\nmodule = /opt/openssl4/dance.so\nactivate = 1\n")
    status, findings = check(write(folder, text))
    assert status == 0 and ["second section" in f["what"] for f in findings if f["severity"] == "warning"] == [True]


def test_a_comment_directly_behind_a_value(folder):
    """What was cut off may be half of a path; or nothing."""
    text = base(folder).replace("/log\n", "#1/log\n")
    path = write(folder, text)
    findings = check(path)[1]
    assert [(f["where"], "begins a comment" in f["what"]) for f in findings if f["severity"] == "warning"] == [
        (f"{path}:{line_of(text, 'log')}", True)]
    assert check(write(folder, base(folder).replace("/log\n", "/log # x\n").replace("[dance_dns]", "[dance_dns] # x")))[0] == 0


def test_another_provider_under_the_name(folder):
    """It is loaded, and has a state, which is no word of ours."""
    said = subprocess.run(["openssl", "version", "-m"], capture_output=True, text=True, check=True).stdout
    shutil.copy(os.path.join(said.split('"')[1], "legacy.so"), folder / "lib" / "dance.so")
    path = write(folder, base(folder).replace(MODULE, f"{folder}/lib/dance.so"))
    assert check(path)[0] == 1 and "does not activate the module" in faults(check(path)[1])[0]["what"]


def test_roles_that_two_sections_share_out(folder):
    text = base(folder).replace("dance = dance_sect", "dance = dance_sect\nsecond = second_sect").replace("client = dance_client\n", "")
    text += f"[second_sect]\nmodule = {MODULE}\nactivate = 1\nlog = {folder}/log\nclient = dance_client\n"
    path = write(folder, text)
    status, findings = check(path)
    assert status == 0 and [f["where"] for f in findings if f["severity"] == "warning"] == [f"{path}:{line_of(text, 'module')}"]


def test_neither_role(folder):
    text = base(folder).split("[dance_client]")[0]
    for role in "client", "server", "dns":
        text = text.replace(f"{role} = dance_{role}\n", "")
    path = write(folder, text)
    one(check(path)[1], f"{path}:{line_of(text, '[dance_sect]')}", "neither client nor server nor dns", "add client =")


def test_a_pin_is_not_told(folder):
    text = base(folder).replace(f"{folder}/a.key", "pkcs11:object=a?pin-value=4711")
    done = dance("check", "--config", write(folder, text), "--json")
    assert done.returncode == 1 and "4711" not in done.stdout + done.stderr and "pkcs11: URI" in done.stdout


def test_what_is_written_nobody_obeys(folder):
    done = dance("check", "--config", write(folder, base(folder).replace("policy =", "po\033[31mcy = 1\npolicy =")))
    assert done.returncode == 1 and "\033" not in done.stdout


def test_a_pipe_and_a_folder(folder):
    os.mkfifo(folder / "pipe")
    text = base(folder)
    for name, key in (("allowed", "allow_file"), ("anchor", "trust_anchor"), ("a.key", "private_key"), ("a.crt", "certificate")):
        for there in "pipe", "lib":
            path = write(folder, text.replace(f"{folder}/{name}", f"{folder}/{there}"))
            one(check(path)[1], f"{path}:{line_of(text, key)}", "it is no file", "accessible to the user as whom")


def test_the_chain_of_a_file(folder):
    """Whose it is, and for how long it holds: what is wrong there keeps nobody out."""
    tree = Hierarchy(folder, bytes([3, 1, 1]) + bytes(32))
    text = base(folder) + f"[dance_client]\nchain = {folder}/chain\n"
    path = write(folder, text)
    for name, severity, what in (("sensor7._device.example.com", "good", r"the chain is the identity's, and holds for 7\d\d hours"),
                                 ("other._device.example.com", "warning", "it has no record of sensor7._device.example.com")):
        (folder / "chain").write_bytes(chain.encode(tree.chain(name)))
        status, findings = check(path)
        found = [f for f in findings if re.search(what, f["what"])]
        assert status == 0 and len(found) == 1 and found[0]["severity"] == severity, findings
        assert found[0]["where"] == f"{path}:{line_of(text, 'chain')}"
    for name, what in (("dev._device.past.com", "its signatures have ended"), ("dev._device.future.com", "its signatures do not hold yet")):
        (folder / "chain").write_bytes(chain.encode(tree.chain(name)))
        status, findings = check(write(folder, text.replace("sensor7._device.example.com\nprivate", f"{name}\nprivate").replace(
            f"certificate = {folder}/a.crt\n", "")))
        assert status == 0 and [f["severity"] for f in findings if what in f["what"]] == ["warning"], findings


@pytest.mark.parametrize("keys,said", [("chain = yes\n", "lookups: by a resolver of its own"), ("", "lookups: none")])
def test_a_client_alone_asks_for_its_chain(folder, keys, said):
    text = base(folder)
    text = re.sub(r"(?m)^(server|dns) = .*\n", "", text[:text.index("[dance_server]")]) + keys
    _, findings = check(write(folder, text))
    assert any(f["what"].endswith(said) for f in findings), findings


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_as_another_user(folder, tmp_path_factory):
    # A copy of the module: the tree may be root's alone.
    module = shutil.copy(MODULE, folder / "module.so")
    text = base(folder).replace(MODULE, str(module))
    path = write(folder, text)
    let_everybody_in(folder, tmp_path_factory)
    nobody = pwd.getpwnam("nobody")
    for name in "a.key", "allowed", "anchor", "a.crt":
        (folder / name).chmod(0o600)
    findings = check(path, "--user", "nobody")[1]
    for key in "private_key", "certificate", "allow_file", "trust_anchor":
        one(findings, f"{path}:{line_of(text, key)}", rf"{key} = .*Permission denied", "accessible to the user nobody")
    one(findings, f"{path}:{line_of(text, 'log')}", "log = .*cannot be made in .*Permission denied", "the user nobody")
    assert check(path)[0] == 0
    for name in "a.key", "allowed", "anchor", "a.crt", ".":
        os.chown(folder / name, nobody.pw_uid, nobody.pw_gid)
    assert check(path, "--user", "nobody")[0] == 0
    # A group that the user is in will do, and the groups of whoever calls do not count.
    os.chown(folder / "a.key", 0, nobody.pw_gid)
    (folder / "a.key").chmod(0o640)
    assert check(path, "--user", "nobody")[0] == 0
    os.chown(folder / "a.key", 0, 0)
    assert check(path, "--user", "nobody")[0] == 1
    # The file itself.
    os.chown(folder / "a.key", nobody.pw_uid, nobody.pw_gid)
    path.chmod(0o600)
    one(check(path, "--user", "nobody")[1], str(path), "cannot be opened: Permission denied", "accessible to the user nobody")


@pytest.mark.parametrize("arguments,said", [(["--user", "nobody-at-all"], "no user 'nobody-at-all'"), (["--config", ""], "--config is empty"), (["x"], "'x'")])
def test_command_lines_that_mean_nothing(arguments, said):
    done = dance("check", *arguments)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""


def test_no_file_at_all():
    done = dance("check", env={**os.environ, "OPENSSL_CONF": ""})
    assert done.returncode == 2 and "OPENSSL_CONF is empty" in done.stderr
