# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Faults of the configuration are said and close."""
import subprocess

import pytest

import pki
from conftest import DEVICE, config, entry, environment
from zone import patient

SERVER = {"allow": "*._device.example.com"}
CLIENT = {"identity": DEVICE, "private_key": "/nonexistent/key"}
FAULTS = [
    ("server", "policy", "Require", "mixed, dane or require"),
    ("server", "allow", "*foo", r"owner names, \*.suffix or \*, separated by commas"),
    ("server", "allow_file", "relative", "an absolute path"),
    ("server", "certificate_names", "off", "match or any"),
    ("server", "usages", "dane-xx", "pkix-ta, pkix-ee, dane-ta and dane-ee, separated by commas"),
    ("server", "raw_public_key", "YES", "no, or yes with OpenSSL 3.2 or later"),
    ("server", "san_fallback", "smtp-client", "no, yes or a service label such as _smtp-client"),
    ("server", "prefetch", "maybe", "yes or no"),
    ("client", "identity", "b\u00fccher.example", "a domain name of letters, digits"),
    ("client", "servers", "*x", "server names"),
    ("client", "raw_public_key", "on", "no, or yes with OpenSSL 3.2 or later"),
    ("dns", "timeout", "0", "1 to 60 .seconds."),
    ("dns", "trust_anchor", "anchor", "an absolute path"),
    ("dns", "forward", "192.0.2.53@853#dns.example.net", ".*begins a comment"),
    ("dns", "forward", "192.0.2.53#dns.example.net", ".*begins a comment"),
    ("dns", "forward", "127.0.0.1, 192.0.2.53@8853#dns.example.net", ".*begins a comment"),
    ("dns", "resolver", "none", "auto, or the absolute path"),
    ("dns", "denial_ttl", "86401", "0 to 86400"),
    ("module", "log_level", "loud", "error, info or debug"),
    ("module", "inactive", "Exit", "open or exit"),
    ("module", "extension_type", "65281", "a number from 0 to 65535"),  # renegotiation_info
    ("module", "extension_type", "70000", "a number from 0 to 65535"),
]


def listed(conf):
    done = subprocess.run(["openssl", "list", "-providers", "-verbose"], env=environment(conf),
                          capture_output=True, text=True, timeout=patient(30))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("section,key,value,allowed", FAULTS)
def test_fault_is_shown(tmp_path, section, key, value, allowed):
    import re
    sections = {"server": dict(SERVER), "client": dict(CLIENT), "dns": {}, "module": {}}
    sections[section][key] = value
    path = config(tmp_path / "cnf", tmp_path / "log", **sections)
    text = listed(path)
    name = key if section == "module" else f"{section}.{key}"
    assert re.search(rf"dance \S+; configuration has a fault: {re.escape(name)} = .*: allowed: {allowed}", text), text
    assert "status: inactive" in text.split("dance\n", 1)[1]


def test_good_configuration_is_shown(tmp_path):
    text = listed(config(tmp_path / "cnf", tmp_path / "log", server=SERVER, client=CLIENT))
    assert f"configuration is good; client: {DEVICE}; server: mixed" in text
    assert "version: " in text and "DANE TLS client authentication" in text


def test_nothing_configured(tmp_path):
    assert "neither client nor server is configured" in listed(config(tmp_path / "cnf", tmp_path / "log"))


def test_missing_section_closes(tmp_path):
    path = config(tmp_path / "cnf", tmp_path / "log", module={"server": "no_such_section"})
    assert "server = no_such_section: there is no section of this name" in listed(path)


@pytest.mark.parametrize("fault", [{"usages": "x"}, {"policy": "requires"}, {"san_fallback": "smtp"},
                                   {"allow": None}])
def test_faulty_server_refuses_certificates(world, s_server, fault):
    server = s_server(**{"policy": "mixed", "strict": False, "fresh": True, **fault})
    leaf = pki.certificate(world.key, DEVICE, issuer=world.ca, issuer_key=world.ca_key)
    for attempt in ([entry(world.device, DEVICE)], [entry(leaf)]):
        outcome = server.client().run(attempt, world.key)
        assert outcome.alert == 40, (outcome, server.log.text())
    assert server.log.wait("refused .*the configuration of dance has a fault")
    assert server.log.wait(r"the configuration of dance has a fault: server\.")


def test_faulty_server_lets_nobody_without_certificate_under_require(world, s_server):
    for policy in ("require", "REQUIRE"):
        server = s_server(policy, ask=False, usages="x", fresh=True)
        assert server.client().run([], None).alert == 116, server.log.text()
    server = s_server("mixed", ask="optional", usages="x", fresh=True)
    assert server.client().run([], None).accepted, server.log.text()


def test_faulty_client_sends_no_identity(world, s_server, s_client):
    server = s_server("mixed", ask="optional")
    done = s_client(server.port, client={"identity": DEVICE + ".", "private_key": world.path("client.key")})
    assert done.accepted, done.text
    assert server.log.text() == ""
    assert done.log.wait("the configuration of dance has a fault: client.identity")


@pytest.mark.parametrize("key,why", [("/nonexistent/key", "no private key without a passphrase can be read"),
                                     ("ENCRYPTED", "no private key without a passphrase can be read")])
def test_key_that_cannot_be_read(world, s_server, s_client, tmp_path, key, why):
    """Without a prompt for a passphrase, which would be a stall."""
    if key == "ENCRYPTED":
        key = str(tmp_path / "encrypted.key")
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256",
                        "-pass", "pass:secret", "-out", key], check=True, capture_output=True)
    server = s_server("mixed", ask="optional")
    done = s_client(server.port, client={"identity": DEVICE, "private_key": key})
    assert done.accepted and server.log.text() == "", done.text
    assert done.log.wait(why)


@pytest.mark.parametrize("key", ["pkcs11:object=key?pin-value=s3cret", "pkcs11:object=key;pin-value=s3cret",
                                 "pkcs11:object=key;type=private;pin-value=s3cret?module-name=x", "/nonexistent/s3cret"])
@pytest.mark.parametrize("section,name", [("client", "private_key"), ("client", "certificate"), ("server", "private_key"),
                                          ("dns", "certificate"), ("module", "private_key"), ("module", "certificate")])
def test_no_pin_in_the_log(world, s_server, tmp_path, section, name, key):
    """Nor in an error, nor in what the provider says of itself."""
    client = {"identity": DEVICE, "private_key": world.path("client.key"), **({name: key} if section == "client" else {})}
    sections = {"server": {"allow": "*"}, "dns": world.dns(), "module": {"log_level": "debug"}}
    if section != "client":
        sections[section][name] = key
    log = tmp_path / "log"
    conf = config(tmp_path / "cnf", log, client=client, **sections)
    said = subprocess.run(["openssl", "list", "-providers", "-verbose"], env=environment(conf), capture_output=True,
                          text=True, check=True)
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{s_server('mixed', ask='optional').port}"],
                          env=environment(conf), input="ping\nCLOSE\n", capture_output=True, text=True,
                          timeout=patient(30))
    told = f"client.{name} (" if section == "client" else f"{section}.{name} = ..." if section != "module" else f"{name} = ..."
    assert told in log.read_text(), log.read_text()
    assert "s3cret" not in said.stdout + said.stderr + done.stdout + done.stderr + log.read_text()


def test_extension_type_is_taken(world, s_server, s_client):
    """An application that wants it itself finds that libssl takes no second one; the log says so."""
    done = s_client(s_server("require").port, module={"log_level": "debug", "extension_type": "65280"})
    assert done.accepted and done.log.text().count("the extension of type 65280 is dane_clientid") == 1, done.log.text()


@pytest.mark.parametrize("key,value", [("trust_anchor", "/a"), ("forward", "192.0.2.53"), ("unbound_config", "/u"), ("denial_ttl", "5")])
def test_what_only_a_service_could_heed_is_a_fault(tmp_path, key, value):
    for resolver in ("/run/dance/resolver.sock", str(tmp_path / "later.sock"), str(tmp_path)):
        text = listed(config(tmp_path / "cnf", tmp_path / "log", server=SERVER, dns={"resolver": resolver, key: value}))
        assert f"configuration has a fault: dns.{key} = {value}: not beside a resolver that is a socket" in text
    for resolver in ("auto", "/bin/true"):
        text = listed(config(tmp_path / "cnf", tmp_path / "log", server=SERVER, dns={"resolver": resolver, key: value}))
        assert "configuration is good" in text
