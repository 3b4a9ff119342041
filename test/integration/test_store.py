# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The dane: store, as OpenSSL's own programs read it, from a signed zone of its own."""
import os
import re
import shutil
import socket
import subprocess
import types

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import pki
from conftest import BUILD, MODULE, PROGRAMS, Process, config, entry, environment, listening
from test_applications import apache  # noqa: F401 (fixture)
from test_dns_outcomes import black_hole  # noqa: F401 (fixture)
from zone import Zones, accepts, break_tlsa, free_port, patient, wait_for

STORE_PATHS = os.path.join(PROGRAMS, "store_paths")
RESOLVER = os.path.join(BUILD, "resolver", "dance-resolver")
NOT_ANCHORS = [0, 1, 3]
LONG = ".".join(["x" * 60] * 4)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")


class Published:
    """Certificates, and the zone that publishes them."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.ta_key, self.leaf_key, self.self_key = pki.new_key(), pki.new_key(), pki.new_key()
        self.ta = pki.certificate(self.ta_key, "the anchor", ca=True)
        self.sub_key = pki.new_key()
        self.sub = pki.certificate(self.sub_key, "the intermediate", ca=True, issuer=self.ta, issuer_key=self.ta_key)
        self.leaf = pki.certificate(self.leaf_key, "the leaf", ["leaf.example.com"], issuer=self.ta,
                                    issuer_key=self.ta_key)
        self.subleaf = pki.certificate(self.leaf_key, "the subleaf", issuer=self.sub, issuer_key=self.sub_key)
        self.own = pki.certificate(self.self_key, "self-made", ["self.example.com"])
        # The anchor's name and key as the anchor's, but not the same certificate.
        stranger_key = pki.new_key()
        self.stranger = pki.certificate(stranger_key, "the anchor", ca=True)
        self.write("leaf.key", pki.key_pem(self.leaf_key))
        self.write("self.key", pki.key_pem(self.self_key))
        for name in ("ta", "sub", "leaf", "subleaf", "own"):
            self.write(name + ".crt", pki.pem(getattr(self, name)))
        ta = pki.tlsa(2, 0, 0, self.ta)
        lines = [f"ta {ta}", f"_443._tcp.www {ta}", f"_853._udp.www {pki.tlsa(3, 0, 0, self.own)}",
                 f"bogus {ta}", "nodata A 127.0.0.1", f"alias CNAME ta", f"*.wild {ta}",
                 "sub " + pki.tlsa(2, 0, 0, self.sub),
                 "stranger " + pki.tlsa(2, 0, 0, self.stranger), f"both {ta}", "both " + pki.tlsa(2, 0, 0, self.stranger),
                 "digests " + pki.tlsa(2, 0, 1, self.ta), "digests " + pki.tlsa(2, 1, 0, self.ta),
                 "spki " + pki.tlsa(3, 1, 0, self.own), "private TLSA 255 0 0 " + pki.der(self.ta).hex(),
                 "behind TLSA 2 0 0 " + pki.der(self.ta).hex() + "300c300a06082b06010505070301",
                 f"all {ta}", "all " + pki.tlsa(3, 0, 0, self.own), "all " + pki.tlsa(0, 0, 0, self.sub),
                 "all " + pki.tlsa(3, 1, 0, self.own), "all " + pki.tlsa(3, 1, 1, self.own),
                 "all TLSA 2 0 0 3003020100", "all TLSA 3 1 0 3003020100", "all TLSA 9 9 9 ff"]
        for usage in NOT_ANCHORS:
            lines += [f"u{usage} " + pki.tlsa(usage, 0, 0, self.ta), f"self{usage} " + pki.tlsa(usage, 0, 0, self.own),
                      f"mixed{usage} " + pki.tlsa(usage, 0, 0, self.ta),
                      f"mixed{usage} " + pki.tlsa(2, 0, 0, self.stranger)]
        self.zones = Zones(folder)
        self.zones.add("example.com", lines, damage=break_tlsa("bogus.example.com"))
        self.zones.add("example.net", [f"ta {ta}"], signed=False)
        self.zones.add("example.org", [f"ta {ta}"], expired=True)
        self.anchor = self.write("anchors", self.zones.anchors.encode())
        self.zones.start()

    def write(self, name, octets):
        with open(self.path(name), "wb") as out:
            out.write(octets)
        return self.path(name)

    def path(self, name):
        return os.path.join(self.folder, name)

    def dns(self, **more):
        return {"trust_anchor": self.anchor, "forward": f"127.0.0.1@{self.zones.port}", **more}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    for path in (folder, folder.parent, folder.parent.parent):
        os.chmod(path, 0o755)
    published = Published(folder)
    yield published
    published.zones.stop()


@pytest.fixture
def conf(published, tmp_path):
    """Nothing but the dns section."""
    return config(tmp_path / "store.cnf", tmp_path / "log", dns=published.dns())


@pytest.fixture
def run(conf, tmp_path):
    """run(argv, ...): a program with the module; its outcome, and the module's log."""

    def run(*argv, conf=conf, stdin="", timeout=patient(60)):
        done = subprocess.run([str(a) for a in argv], env=environment(conf), input=stdin, capture_output=True, text=True,
                              timeout=timeout, cwd=tmp_path)
        log = tmp_path / "log"
        return types.SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr,
                                     log=log.read_text() if log.exists() else "")

    return run


def certificates(text):
    return [x509.load_pem_x509_certificate(pem.encode())
            for pem in re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.S)]


def entries(text):
    """What storeutl lists: (type, name or None)."""
    return [(kind, name or None) for kind, name in re.findall(r"(?m)^\d+: (\w[\w ]*?)(?:: (.*))?$", text)]


def names_of(text):
    return [name for kind, name in entries(text) if kind == "Name"]


# What is listed

def test_list(published, run):
    done = run("openssl", "storeutl", "-text", "dane:all.example.com")
    assert done.code == 0 and done.err == "", done
    own, ta = pki.der(published.own).hex(), pki.der(published.ta).hex()
    assert sorted(names_of(done.out)) == sorted(f"all.example.com TLSA {text}" for text in (
        f"2 0 0 {ta}", f"3 0 0 {own}", "0 0 0 " + pki.der(published.sub).hex(),
        pki.tlsa(3, 1, 0, published.own)[5:], pki.tlsa(3, 1, 1, published.own)[5:], "2 0 0 3003020100", "3 1 0 3003020100",
        "9 9 9 ff"))
    kinds = [kind for kind, _ in entries(done.out)]
    assert kinds[:8] == ["Name"] * 8 and sorted(kinds[8:]) == ["Certificate"] * 3 + ["Public key"]
    assert {pki.der(c) for c in certificates(done.out)} == {pki.der(published.ta), pki.der(published.own),
                                                            pki.der(published.sub)}
    [key] = re.findall(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----\n", done.out, re.S)
    assert key == published.own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    # Of the three only the anchor's may be trusted.
    assert done.out.count("Rejected Uses:\n  Any Extended Key Usage") == 2
    for description in (r"DANE-TA Cert Full, TTL \d+ s", r"DANE-EE SPKI SHA2-256, TTL \d+ s", r"DANE-EE SPKI Full, TTL \d+ s",
                        r"DANE-EE Cert Full, TTL \d+ s; its certificate is no trust anchor",
                        r"PKIX-TA Cert Full, TTL \d+ s; its certificate is no trust anchor",
                        r"DANE-TA Cert Full, TTL \d+ s; its data is no certificate that OpenSSL can read",
                        r"DANE-EE SPKI Full, TTL \d+ s; its data is no public key that OpenSSL can read",
                        r"unassigned unassigned unassigned, TTL \d+ s"):
        assert re.search(f"(?m)^{description}$", done.out), (description, done.out)
    assert "Total found: 12" in done.out


@pytest.mark.parametrize("uri,owner", [
    ("dane:ta.example.com", "ta.example.com"), ("dane:TA.Example.COM.", "ta.example.com"), ("DANE:ta.example.com", "ta.example.com"),
    ("dane:www.example.com?port=443", "_443._tcp.www.example.com"),
    ("dane:www.example.com?port=443&proto=tcp", "_443._tcp.www.example.com"),
    ("dane:www.example.com?proto=udp&port=853", "_853._udp.www.example.com"),
    ("dane:alias.example.com", "alias.example.com"), ("dane:any.wild.example.com", "any.wild.example.com"),
    ("dane:_443._tcp.www.example.com", "_443._tcp.www.example.com")])
def test_owner_names(run, uri, owner):
    done = run("openssl", "storeutl", uri)
    assert done.code == 0 and done.err == "", done
    [name] = names_of(done.out)
    assert name.startswith(f"{owner} TLSA ")
    assert len(certificates(done.out)) == 1


@pytest.mark.parametrize("option,kinds", [("-certs", ["Certificate"]), ("-keys", []), ("-crls", [])])
def test_expectations_of_storeutl(published, run, option, kinds):
    done = run("openssl", "storeutl", option, "dane:all.example.com")
    assert done.code == 0 and done.err == "", done
    assert [kind for kind, _ in entries(done.out)] == kinds
    assert [pki.der(c) for c in certificates(done.out)] == [pki.der(published.ta)] * len(kinds)


def loads(text):
    return [(kind, int(error), int(eof)) for kind, error, eof in
            re.findall(r"(?m)^load: (.*), error (\d), eof (\d)$", text)]


# OSSL_STORE_INFO_NAME, _PARAMS, _PUBKEY, _PKEY, _CERT, _CRL
@pytest.mark.parametrize("expect,kinds", [(0, ["Name"] * 8 + ["Certificate"] * 3 + ["Public key"]), (1, ["Name"] * 8),
                                          (2, []), (3, ["Public key"]), (4, []), (5, ["Certificate"]), (6, [])])
def test_expectations_and_the_end(run, expect, kinds):
    done = run(STORE_PATHS, "list", "dane:all.example.com", expect)
    assert done.code == 0, done
    got = loads(done.out)
    # One load that brings nothing where there is nothing: only then is that known.
    assert sorted(kind for kind, _, _ in got) == sorted(kinds or ["none"])
    assert [(error, eof) for _, error, eof in got] == [(0, 0)] * (len(got) - 1) + [(0, 1)]
    assert done.out.endswith("after the end: none\nqueue: empty\n")


def test_an_error_ends(run):
    done = run(STORE_PATHS, "list", "dane:missing.example.com", 0)
    # The first time the end must not have been reached: storeutl would not count the error.
    assert loads(done.out) == [("none", 1, 0), ("none", 1, 1)]
    assert done.out.endswith("after the end: none\nqueue: dance: there is no TLSA record\n"), done


def test_programs_that_load_one_object(published, run):
    done = run("openssl", "x509", "-in", "dane:ta.example.com")
    assert certificates(done.out) == [published.ta], done
    done = run("openssl", "pkey", "-pubin", "-in", "dane:spki.example.com", "-pubout")
    assert done.out == published.own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), done
    # Whoever asks for certificates only may be about to trust them.
    done = run("openssl", "x509", "-in", "dane:self3.example.com")
    assert done.code != 0 and certificates(done.out) == []


def test_search_by_subject(published, run):
    done = run("openssl", "storeutl", "-certs", "-subject", "/CN=the anchor", "dane:all.example.com")
    assert done.code == 0 and entries(done.out) == [("Certificate", None)], done
    assert certificates(done.out) == [published.ta]
    done = run("openssl", "storeutl", "-subject", "/CN=the anchor", "dane:both.example.com")
    assert {pki.der(c) for c in certificates(done.out)} == {pki.der(published.ta), pki.der(published.stranger)}
    assert names_of(done.out) == []
    # Wrong usage, no certificate's subject, another's.
    for subject in ("/CN=self-made", "/CN=the intermediate", "/CN=the leaf", "/CN=the anchor/O=x"):
        done = run("openssl", "storeutl", "-certs", "-subject", subject, "dane:all.example.com")
        assert done.code == 0 and done.err == "" and entries(done.out) == [], (subject, done)
    for kind in ("-keys", "-crls"):
        assert entries(run("openssl", "storeutl", kind, "-subject", "/CN=the anchor", "dane:ta.example.com").out) == []


@pytest.mark.parametrize("arguments", [["-issuer", "/CN=the anchor", "-serial", "1"], ["-alias", "x"],
                                       ["-sha256", "-fingerprint", "00" * 32]], ids=lambda a: a[0])
def test_other_searches_of_storeutl(run, arguments):
    done = run("openssl", "storeutl", *arguments, "dane:ta.example.com")
    assert done.code != 0 and certificates(done.out) == []
    assert "doesn't support the given search criteria" in done.err


@pytest.mark.parametrize("search", ["issuer", "fingerprint", "alias"])
def test_a_search_that_was_refused_brings_nothing(run, search):
    """OpenSSL's trust store does not look at what OSSL_STORE_find() says."""
    done = run(STORE_PATHS, "ignore", "dane:all.example.com", search)
    assert "find: 0\n" in done.out
    assert loads(done.out) == [("none", 1, 0), ("none", 1, 1)]
    assert set(re.findall("queue: (.*)", done.out)) == {"dance: a dane: store can only be searched for a subject"}


def test_a_subject_that_is_no_name_brings_nothing(run):
    done = run(STORE_PATHS, "garbage", "dane:all.example.com")
    assert done.code == 0, done
    assert {kind for kind, _, _ in loads(done.out)} <= {"none"}
    assert "queue: dance: a dane: store can only be searched for a subject" in done.out


# What is an error

URI_FAULTS = [
    ("dane:", "it is empty"), ("dane://ta.example.com", "the name follows dane: at once"), ("dane:a..example.com", "it has an empty label"),
    ("dane:ta.example.com?usage=2", "it has a parameter other than port and proto"),
    ("dane:ta.example.com?port=0", "port is not a number from 1 to 65535"),
    ("dane:ta.example.com?port=65536", "port is not a number from 1 to 65535"),
    ("dane:ta.example.com?port=443&proto=quic", "proto is not tcp, udp or sctp"),
    ("dane:ta.example.com?proto=tcp", "proto is there without port"),
    ("dane:a b.example.com", "it has octets other than letters"), ("dane:%74a.example.com", "it has octets other than letters"),
    (f"dane:{LONG}?port=65535&proto=sctp", "it is longer than 253 octets")]


@pytest.mark.parametrize("uri,why", URI_FAULTS)
def test_bad_uris(run, uri, why):
    for argv in (["storeutl", uri], ["verify", "-CAstore", uri, "/dev/null"]):
        done = run("openssl", *argv)
        assert done.code != 0 and "Total found" not in done.out
        assert re.search(f"dance:.*the dane: URI is not acceptable:.*{re.escape(uri)}: {why}", done.err), done


FAILURES = [
    ("ta.example.net", "the TLSA record is not secured by DNSSEC"),
    ("bogus.example.com", "the TLSA record failed DNSSEC validation"),
    ("ta.example.org", "the TLSA record failed DNSSEC validation"),
    ("missing.example.com", "there is no TLSA record:.*: the name does not exist"),
    ("nodata.example.com", "there is no TLSA record:.*: the name exists, but has no TLSA record"),
    ("ta.example.edu", "the TLSA lookup failed:.*: the DNS answers (SERVFAIL|REFUSED)")]


@pytest.mark.parametrize("name,reason", FAILURES)
@pytest.mark.parametrize("arguments", [[], ["-certs"], ["-keys"], ["-subject", "/CN=the anchor"]], ids=lambda a: " ".join(a) or "all")
def test_what_dnssec_does_not_vouch_for(run, name, reason, arguments):
    done = run("openssl", "storeutl", *arguments, f"dane:{name}")
    assert done.code != 0, done
    assert re.search(f"error:.*:dance:.*{reason}", done.err), done
    assert name in done.err
    assert done.out in ("", "Total found: 0\n")
    # In a search it is OpenSSL's verification that asks, and says no more than that there is no issuer.
    assert (f"no trust anchor from dane:{name}: " in done.log) == ("-subject" in arguments)


@pytest.mark.parametrize("name,reason", FAILURES)
def test_no_anchor_from_what_dnssec_does_not_vouch_for(published, run, name, reason):
    done = run("openssl", "verify", "-CAstore", f"dane:{name}", published.path("leaf.crt"))
    assert done.code != 0 and "unable to get local issuer certificate" in done.err, done
    assert re.search(f"no trust anchor from dane:{name}: {reason.split(':')[0]}", done.log)


def test_silent_dns(published, run, black_hole, tmp_path):  # noqa: F811
    path = published.write("silent.conf", (
        f'server:\n do-not-query-localhost: no\nstub-zone:\n name: "silent.example.net"\n'
        f" stub-addr: 127.0.0.1@{black_hole}\n").encode())
    sock = str(tmp_path / "sock")
    conf = config(tmp_path / "silent.cnf", tmp_path / "log", dns={"resolver": sock, "timeout": "1"})
    resolver = subprocess.Popen([RESOLVER, "--socket", sock, "--user", "root", "--log", "none", "--trust-anchor", published.anchor,
                                 "--forward", f"127.0.0.1@{published.zones.port}", "--unbound-config", path])
    try:
        wait_for(lambda: accepts(sock), what="the socket")
        # Its worker is there then: what it takes to start it is not what is measured.
        wait_for(lambda: run("openssl", "storeutl", "dane:ta.example.com", conf=conf, timeout=patient(10)).code == 0, what="its answer")
        done = run("openssl", "storeutl", "dane:ta.silent.example.net", conf=conf, timeout=patient(10))
        assert done.code != 0
        assert re.search(r"the TLSA lookup failed:.*ta.silent.example.net: no answer from the DNS within \d+ ms", done.err), done
        done = run("openssl", "verify", "-CAstore", "dane:ta.silent.example.net", published.path("leaf.crt"), conf=conf, timeout=patient(10))
        assert done.code != 0 and "unable to get local issuer certificate" in done.err, done
    finally:
        resolver.terminate()
        resolver.wait(patient(10))


def test_busy_resolver(published, run, tmp_path):
    """A lookup that waits for a silent server is all that this resolver may have in flight."""
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(patient(20))
        unbound = tmp_path / "unbound.conf"
        unbound.write_text(f'server:\n do-not-query-localhost: no\nstub-zone:\n name: "silent.example.net"\n'
                           f" stub-addr: 127.0.0.1@{silent.getsockname()[1]}\n")
        path = str(tmp_path / "sock")
        resolver = subprocess.Popen([RESOLVER, "--socket", path, "--user", "root", "--log", "none", "--trust-anchor", published.anchor,
                                     "--forward", f"127.0.0.1@{published.zones.port}", "--unbound-config", str(unbound),
                                     "--max-lookups", "1"])
        try:
            wait_for(lambda: os.path.exists(path), what="the socket")
            conf = config(tmp_path / "socket.cnf", tmp_path / "log", dns={"resolver": path, "timeout": "20"})
            waiting = subprocess.Popen(["openssl", "storeutl", "dane:ta.silent.example.net"], env=environment(conf),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                assert silent.recv(4096)
                done = run("openssl", "storeutl", "dane:ta.example.com", conf=conf)
                assert done.code != 0 and "too many TLSA lookups are in flight" in done.err, done
            finally:
                waiting.kill()
                waiting.wait()
        finally:
            resolver.terminate()
            assert resolver.wait(patient(10)) == 0


@pytest.mark.parametrize("dns,reason", [
    (None, "the configuration of dance has a fault:.*:a dane: URI needs the dns section"),
    ({"timeout": "0"}, "the configuration of dance has a fault:.*:dns.timeout = 0: allowed: 1 to 60"),
    ({"forward": "192.0.2.53@853#dns.example.net"}, "the configuration of dance has a fault:.*forward = 192.0.2.53@853"),
    ({"resolver": "/nonexistent/program"}, "dance-resolver cannot be reached:.*ta.example.com: /nonexistent/program"),
    ({"trust_anchor": "/nonexistent/anchor"}, "the TLSA lookup failed:.*/nonexistent/anchor")])
@pytest.mark.parametrize("roles", [{}, {"client": {"identity": "a.example.com", "private_key": "/nonexistent/key"}}],
                         ids=["dns alone", "with a client"])
def test_configuration(run, tmp_path, dns, reason, roles):
    conf = config(tmp_path / "faulty.cnf", tmp_path / "log", dns=dns, **roles)
    done = run("openssl", "storeutl", "dane:ta.example.com", conf=conf)
    assert done.code != 0 and names_of(done.out) == []
    assert re.search(f"dance:.*{reason}", done.err), done


def test_only_the_dns_section_counts(published, run, tmp_path):
    """A fault of another role does not close the store."""
    conf = config(tmp_path / "mixed.cnf", tmp_path / "log", dns=published.dns(), server={"policy": "nonsense"},
                  client={"identity": "not..a.name"})
    done = run("openssl", "storeutl", "dane:ta.example.com", conf=conf)
    assert done.code == 0 and len(names_of(done.out)) == 1, done


def test_where_only_fips_is_wanted(published, run, conf, tmp_path):
    """There is no cryptography in the store: it is found as OpenSSL's own file: store is, of the base provider."""
    with open(conf) as file:
        text = file.read()
    path = tmp_path / "fips.cnf"
    path.write_text(text.replace("default = default_sect", "default = default_sect\nbase = default_sect").replace(
        "[provider_sect]", "alg_section = algorithms\n[algorithms]\ndefault_properties = fips=yes\n[provider_sect]"))
    assert run("openssl", "storeutl", "-noout", "file:" + published.path("ta.crt"), conf=path).code == 0
    assert run("openssl", "dgst", "-md5", path, conf=path).code != 0
    done = run("openssl", "storeutl", "-noout", "-text", "dane:ta.example.com", conf=path)
    assert done.code == 0 and len(names_of(done.out)) == 1, done


def test_private_library_context(published, run, conf):
    """A context of its own uses the configuration of the process."""
    done = run(STORE_PATHS, "private", "dane:ta.example.com", conf)
    assert done.code == 0 and loads(done.out) == [("Name", 0, 0), ("Certificate", 0, 1)], done
    done = run(STORE_PATHS, "private", "dane:ta.example.com", conf, conf="/dev/null")
    assert done.code == 0 and loads(done.out) == [("Name", 0, 0), ("Certificate", 0, 1)], done


# Who is trusted

def verify(run, published, arguments, leaf):
    done = run("openssl", "verify", "-no-CAfile", "-no-CApath", *arguments, published.path(leaf))
    assert (done.code == 0) == done.out.endswith(f"{leaf}: OK\n"), done
    return done


@pytest.mark.parametrize("name", ["ta", "www.example.com?port=443", "alias", "x.wild", "all"])
def test_the_anchor_is_trusted(published, run, name):
    uri = "dane:" + (name if "?" in name else name + ".example.com")
    done = verify(run, published, ["-CAstore", uri], "leaf.crt")
    assert done.code == 0, done
    assert re.search(r"trust anchor from dane:\S+ \(TLSA 2 0 0, TTL \d+ s\)", done.log)


def test_an_intermediate_as_anchor(published, run):
    assert verify(run, published, ["-CAstore", "dane:sub.example.com"], "subleaf.crt").code != 0
    assert verify(run, published, ["-partial_chain", "-CAstore", "dane:sub.example.com"], "subleaf.crt").code == 0


@pytest.mark.parametrize("extra", [[], ["-partial_chain"], ["-purpose", "crlsign"], ["-purpose", "ocsphelper"]],
                         ids=lambda a: " ".join(a) or "plain")
@pytest.mark.parametrize("option", ["-CAstore", "-trusted"])
def test_nothing_else_is_trusted(published, run, option, extra):
    cases = [(f"u{u}", "leaf.crt") for u in NOT_ANCHORS] + [(f"u{u}", "ta.crt") for u in NOT_ANCHORS]
    cases += [(f"self{u}", "own.crt") for u in NOT_ANCHORS] + [(f"mixed{u}", "leaf.crt") for u in NOT_ANCHORS]
    cases += [(name, "leaf.crt") for name in ("stranger", "digests", "private", "behind", "sub", "spki")]
    cases += [("all", "own.crt"), ("ta", "own.crt")]
    for name, leaf in cases:
        done = verify(run, published, [*extra, option, f"dane:{name}.example.com"], leaf)
        assert done.code != 0, (name, leaf, done)
    # The same way in, and an anchor.
    assert verify(run, published, [*extra[:1], option, "dane:ta.example.com"] if extra == ["-partial_chain"] else
                  [option, "dane:ta.example.com"], "leaf.crt").code == 0


@pytest.mark.parametrize("name,leaf", [(f"u{u}", "leaf.crt") for u in NOT_ANCHORS] + [(f"u{u}", "ta.crt") for u in NOT_ANCHORS]
                         + [(f"self{u}", "own.crt") for u in NOT_ANCHORS] + [("all", "own.crt")])
def test_nothing_else_is_trusted_where_the_list_is_poured_into_a_trust_store(published, run, name, leaf):
    """X509_LOOKUP_load_store(): all that a store lists, without a search."""
    done = run(STORE_PATHS, "pour", f"dane:{name}.example.com", published.path(leaf))
    [verdict] = re.findall(r"verify: (-?\d), (.*)", done.out)
    assert verdict[0] == "0" and verdict[1] != "ok", done


def test_pouring_an_anchor(published, run):
    """Up to OpenSSL 3.6 pouring ends at the first name; then nobody is trusted."""
    done = run(STORE_PATHS, "pour", "dane:ta.example.com", published.path("leaf.crt"))
    [[loaded, verified]] = re.findall(r"load: (\d)\nverify: (-?\d)", done.out)
    assert loaded == verified, done


@pytest.fixture(scope="module")
def serve(published, tmp_path_factory):
    """serve(argv, ...): a server with nothing but the dns section; add: further lines of its openssl.cnf."""
    started = []

    def serve(argv, add="", ready=listening, log_level="info"):
        folder = tmp_path_factory.mktemp("server")
        os.chmod(folder, 0o777)
        conf = config(folder / "openssl.cnf", folder / "log", dns=published.dns(), module={"log_level": log_level})
        with open(conf, "a") as out:
            out.write(add)
        port = free_port()
        process = Process([str(a).replace("PORT", str(port)) for a in argv], conf, folder / "log", port, ready,
                          folder / "output")
        started.append(process)
        return process

    yield serve
    for process in started:
        process.stop()


def s_server(world, *arguments):
    return ["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
            world.path("server.key"), "-Verify", "3", "-verify_return_error", "-rev", *arguments]


@pytest.fixture
def knock(published, s_client):
    def knock(server, leaf="leaf", key="leaf"):
        return s_client(server.port, "-cert", published.path(leaf + ".crt"), "-key", published.path(key + ".key"),
                        client=False)
    return knock


SSL_SECTION = "[openssl_init]\nssl_conf = ssl_section\n[ssl_section]\nmail = mail_section\n[mail_section]\nVerifyCAStore = {}\n"


@pytest.mark.parametrize("way", ["-CAstore", "-verifyCAstore", "VerifyCAStore"])
def test_s_server(world, published, serve, knock, way):
    """VerifyCAStore: in the section that the application applies by SSL_CTX_config()."""
    def server(name):
        uri = f"dane:{name}.example.com"
        return serve(s_server(world, way, uri)) if way[0] == "-" else serve(s_server(world, "-ssl_config", "mail"),
                                                                            add=SSL_SECTION.format(uri))

    right = server("ta")
    for _ in range(2):
        assert knock(right).accepted, right.output.text()
    # OpenSSL keeps an anchor that it found.
    assert right.log.text().count("trust anchor from dane:ta.example.com (TLSA 2 0 0") == 1
    assert not knock(right, "own", "self").accepted
    for name, leaf, key in [("u3", "leaf", "leaf"), ("u0", "leaf", "leaf"), ("self3", "own", "self"), ("missing", "leaf", "leaf"),
                            ("bogus", "leaf", "leaf")]:
        wrong = server(name)
        got = knock(wrong, leaf, key)
        assert not got.accepted and got.alert is not None, (name, got.text, wrong.output.text())


def test_names_of_cas_do_not_come_from_a_store(world, run, conf):
    """ClientCAStore opens what is listed, and names of records are not URIs: an error, not an empty list of names."""
    with open(conf, "a") as out:
        out.write(SSL_SECTION.format("dane:ta.example.com").replace("VerifyCAStore", "ClientCAStore"))
    done = run("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", world.path("server.crt"), "-key",
               world.path("server.key"), "-ssl_config", "mail", timeout=patient(20))
    assert done.code != 0 and "ACCEPT" not in done.out, done


def test_the_reason_is_on_the_queue_of_a_server(world, serve, knock):
    server = serve(s_server(world, "-CAstore", "dane:bogus.example.com"))
    assert not knock(server).accepted
    assert server.output.wait("dance:.*the TLSA record failed DNSSEC validation.*bogus.example.com")


def test_wrong_subject_is_said_at_debug(world, published, serve, knock):
    server = serve(s_server(world, "-CAstore", "dane:ta.example.com"), log_level="debug")
    assert not knock(server, "own", "self").accepted
    assert server.log.wait("no trust anchor from dane:ta.example.com: no TLSA 2 0 0 record there has that subject")


TLS_SERVER = os.path.join(PROGRAMS, "tls_server")


@needs_root
@pytest.mark.parametrize("arguments", [[], ["-f"], ["-e", "-u"]], ids=str)
def test_chroot(world, published, serve, knock, tmp_path, arguments):
    """The channel is made when the store is named; the lookup, long after chroot and setuid."""
    if os.environ.get("DANCE_PRELOAD"):
        pytest.skip("LeakSanitizer wants /proc, which a chroot has not")
    root = tmp_path / "root"
    root.mkdir()
    server = serve([TLS_SERVER, "-p", "PORT", "-c", world.path("server.crt"), "-k", world.path("server.key"), "-V",
                    "-A", "dane:ta.example.com", "-r", str(root), *arguments], ready=lambda p: re.search("^ready$", p.output.text(), re.M))
    assert knock(server).accepted, (server.output.text(), server.log.text())
    assert not knock(server, "own", "self").accepted
    # What success leaves behind: nothing.
    assert server.output.wait("accepted, verify result 0, queue: empty")


def libcrypto(path):
    done = subprocess.run(["ldd", path], check=True, capture_output=True, text=True)
    return re.search(r"libcrypto\.so\.\d+", done.stdout).group()


@pytest.mark.skipif(not os.path.exists("/usr/sbin/apache2"), reason="apache2 is not installed")
def test_apache(world, published, apache, tmp_path):  # noqa: F811
    text = (f"SSLEngine on\nSSLCertificateFile {world.path('server.crt')}\n"
            f"SSLCertificateKeyFile {world.path('server.key')}\nSSLVerifyClient require\nSSLVerifyDepth 3\n"
            "SSLOpenSSLConfCmd VerifyCAStore dane:ta.example.com\n")
    if libcrypto(MODULE) != libcrypto("/usr/lib/apache2/modules/mod_ssl.so"):
        # Linked with another libcrypto than the module: there is no store, which is an error, not a crash.
        with pytest.raises(AssertionError, match="returncode: 1"):
            apache(text, dns=published.dns())
        assert re.search("VerifyCAStore dane:ta.example.com.* failed(.|\n)*No store loader found",
                         (tmp_path / "error").read_text())
        return
    server = apache(text, dns=published.dns())
    request = b"GET /index.html HTTP/1.0\r\n\r\n"
    good = server.client().run([entry(published.leaf)], published.leaf_key, request=request)
    assert good.data.startswith(b"HTTP/1.1 200"), (good, server.log.text())
    bad = server.client().run([entry(published.own)], published.self_key, request=request)
    assert bad.alert is not None and not bad.data, (bad, server.log.text())


def test_many_opens_are_answered_from_the_cache(published, run, tmp_path):
    """The zone's server has gone, and stores are opened and searched all the same."""
    folder = tmp_path / "zone"
    folder.mkdir()
    for path in (tmp_path, folder):
        os.chmod(path, 0o755)
    zones = Zones(folder)
    zones.add("example.com", ["ta " + pki.tlsa(2, 0, 0, published.ta)])
    (folder / "anchors").write_text(zones.anchors)
    zones.start()
    conf = config(tmp_path / "cached.cnf", tmp_path / "log",
                  dns={"trust_anchor": folder / "anchors", "forward": f"127.0.0.1@{zones.port}"})
    process = subprocess.Popen([STORE_PATHS, "find", "dane:ta.example.com", published.path("leaf.crt"), "1"],
                               env=environment(conf), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "found: 1\n"
        zones.stop()
        out, _ = process.communicate("\n", timeout=patient(60))
        assert out == "found once more: 1\nqueue: empty\n"
    finally:
        process.kill()
        process.wait()
    done = run(STORE_PATHS, "find", "dane:ta.example.com", published.path("leaf.crt"), 500)
    assert done.out == "found: 500\nfound once more: 1\nqueue: empty\n", done


@pytest.mark.skipif(shutil.which("valgrind") is None or bool(os.environ.get("DANCE_PRELOAD")),
                    reason="valgrind is not installed, or a sanitizer build is tested")
@pytest.mark.parametrize("arguments", [
    ["list", "dane:all.example.com", "0"], ["list", "dane:all.example.com", "5"], ["list", "dane:missing.example.com", "0"],
    ["list", "dane:no uri", "0"], ["ignore", "dane:all.example.com", "issuer"], ["garbage", "dane:all.example.com"],
    ["pour", "dane:all.example.com", "leaf.crt"], ["find", "dane:both.example.com", "leaf.crt", "3"]], ids=lambda a: " ".join(a))
def test_valgrind(published, run, tmp_path, arguments):
    report = tmp_path / "valgrind"
    arguments = [published.path(a) if a.endswith(".crt") else a for a in arguments]
    done = run("valgrind", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
               "--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=99", f"--log-file={report}",
               STORE_PATHS, *arguments, timeout=patient(120))
    assert done.code in (0, 1), (done, report.read_text())
    assert "ERROR SUMMARY: 0 errors" in report.read_text()
