# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance check: each mistake has its finding, with the line and what to do, and what is right is good."""
import json
import os
import pwd
import re
import stat

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

import pki
from conftest import BUILD, MODULE, REPOSITORY
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
    done = dance("check", "--config", path, "--json", *arguments, **more)
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
    done = dance("check", conf=path)
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
    "not a line": ("policy = require", "policy require", "policy require", "cannot read this line: missing equal sign", "correct the line"),
    "a variable that is not set": ("timeout = 5", "timeout = $ENV::THERE_IS_NONE", "timeout", "variable has no value", "set the variable"),
    "a bracket": ("[dance_server]", "[dance_server", "[dance_server", "missing close square bracket", "correct the line"),
    "no openssl_conf": ("openssl_conf = dance_init\n", "", None, r"\[default\] has no openssl_conf", r"begin the file with \[default\]"),
    "openssl_conf in another section": ("[default]\n", "[old]\nx = 1\n", "openssl_conf", r"stands in \[old\]", r"before the first section"),
    "an init section that is not there": ("[dance_init]", "[dance_int]", "openssl_conf", r"\[dance_init\], which does not exist", "correct the name"),
    "no providers": ("providers = provider_sect\n", "x = y\n", "[dance_init]", "has no providers", "add providers = provider_sect"),
    "providers twice": ("[dance_init]\n", "[dance_init]\nproviders = others\n", "providers = others", "has providers twice", "leave one"),
    "an engine that is not there before it": (
        "[dance_init]\n", "[dance_init]\nengines = engine_sect\n", "engines", "engines stands before providers and fails",
        r"first line of \[dance_init\]"),
    "an unknown module before it": (
        "[dance_init]\n", "[dance_init]\nnonsense = nonsense_sect\n", "nonsense", "nonsense stands before providers and fails", "first line"),
    "no provider section": ("[provider_sect]", "[providers_sect]", "providers =", r"\[provider_sect\], which does not exist", "add the section"),
    "a provider's section that is not there": (
        "default = default_sect", "legacy = legacy_sect\ndefault = default_sect", "legacy", r"\[legacy_sect\], which does not exist", "add the section"),
    "no default": ("default = default_sect\n", "", "[provider_sect]", "default provider is not activated", "add default = default_sect"),
    "default without activate": ("[default_sect]\nactivate = 1", "[default_sect]\nx = 1", "[default_sect]", "default provider is not activated",
                                 "add activate = 1"),
    "no module": ("dance = dance_sect\n", "", "[provider_sect]", "no provider with the module dance.so", "add dance = dance_sect"),
    "no activate": (f"module = {MODULE}\nactivate = 1", f"module = {MODULE}", "[dance_sect]", "has no activate", "add activate = 1"),
    "activate off": (f"module = {MODULE}\nactivate = 1", f"module = {MODULE}\nactivate = 0", "activate = 0", "depends on the version", "activate = 1"),
    "no module file": (f"module = {MODULE}", "module = /nowhere/dance.so", "module", "cannot load the module /nowhere/dance.so: .*No such file",
                       "install the module"),
    "a module that is none": (f"module = {MODULE}", "module = {folder}/lib/dance.so", "module", "file too short", "install the module"),
    "a misspelt key": ("policy =", "polcy =", "polcy", r"\[dance_server\] has polcy, which nobody reads", "did you mean policy"),
    "a key in capitals": ("policy =", "Policy =", "Policy", "has Policy", "did you mean policy"),
    "a key that there is not": ("policy =", "colour = red\npolicy =", "colour", "has colour", r"dance\(7\)"),
    "a misspelt key of another section": ("policy =", "trust_anchr = /x\npolicy =", "trust_anchr", "trust_anchr", r"mean trust_anchor\? .*\[dance_dns\]"),
    "a misspelt role": ("server = dance_server", "sever = dance_server", "sever", "has sever", "did you mean server"),
    "a misspelt key of the module": ("log =", "logg =", "logg", "has logg", "did you mean log"),
    "a key in another section": ("policy =", "timeout = 3\npolicy =", "timeout = 3", r"timeout is not a key of \[dance_server\]", r"move it to \[dance_dns\]"),
    "a role without section": ("[dance_server]\n", "[dance_srv]\n", "server =", "there is no section of this name", "correct the name"),
    "a section that nobody names": ("server = dance_server\n", "", "[dance_server]", "no line names", r"write server = dance_server in \[dance_sect\]"),
    "dns that nobody names": ("dns = dance_dns\n", "", "[dance_dns]", "no line names", r"write dns = dance_dns in \[dance_sect\]"),
    "an empty section": ("policy = require\nallow = *._device.example.com\nallow_file = {folder}/allowed\n", "", "[dance_server]",
                         "no key that the module knows", "add the section's keys"),
    "a key twice": ("policy =", "policy = mixed\npolicy =", "policy = require", r"policy stands also at .*openssl.cnf:\d+; OpenSSL takes the last", "leave one"),
    "a section that names itself": ("client = dance_client", "client = dance_sect", "client", "names itself", "keys of the client"),
    "a value that is a section": ("[dance_dns]\n", "[require]\nx = 1\n[dance_dns]\n", "policy", "also the name of a section", "another name"),
    "a value": ("timeout = 5", "timeout = 5s", "timeout", "dns.timeout = 5s: allowed: 1 to 60", "correct the value"),
    "a value of the module": ("log = ", "log_level = loud\nlog = ", "log_level", "log_level = loud: allowed", "correct the value"),
    "a required key": ("identity =", "# identity =", "[dance_client]", r"client.identity = \(missing\): required", "add the key"),
    "a comment": ("853\\#dns", "853#dns", "forward", "dns.forward = ", r"write \\#"),
    "a comment without a port": ("192.0.2.53@853\\#dns", "192.0.2.53#dns", "forward", "dns.forward = 192.0.2.53#", r"write \\#"),
    "the same module again": ("dance = dance_sect", "dance = dance_sect\nsecond = second_sect", "module", "second section with the same module", "leave one"),
    "no key file": ("{folder}/a.key", "{folder}/none.key", "private_key", "cannot be opened: No such file", "dance enroll"),
    "a key with a passphrase": ("{folder}/a.key", "{folder}/locked.key", "private_key", "without a passphrase", "without a passphrase"),
    "a file that is no key": ("{folder}/a.key", "{folder}/anchor", "private_key", "no private key", "PEM or DER"),
    "another certificate": ("{folder}/a.crt", "{folder}/other.crt", "certificate", "not for client.private_key", "belongs to the key"),
    "no certificate": ("{folder}/a.crt", "{folder}/none.crt", "certificate", "No such file", "leave the key certificate out"),
    "no anchor": ("{folder}/anchor", "{folder}/none", "trust_anchor", "No such file", "dns-root-data"),
    "an empty anchor": ("{folder}/anchor", "{folder}/empty", "trust_anchor", "no DS or DNSKEY", "dns-root-data"),
    "no allow_file": ("{folder}/allowed", "{folder}/none", "allow_file", "No such file", "correct the path"),
    "a bad allow_file": ("{folder}/allowed", "{folder}/bad", "allow_file", r"a\.\.b", "pattern a line"),
    "a log in no folder": ("{folder}/log", "{folder}/none/log", "log", "cannot be made in .*/none: No such file", "make the folder"),
    "a log that is a folder": ("{folder}/log", "{folder}/lib", "log", "Is a directory", "correct the path"),
}
MORE = {"the same module again": "[second_sect]\nmodule = {module}\nactivate = 1\nlog_level = debug\n",
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
