# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance chain: what it writes, and what clients that have no DNS do with it."""
import json
import os
import re
import shutil
import subprocess

import pytest
from cryptography import x509

import chain
import pki
from conftest import DEVICE, REPOSITORY, config, environment, let_everybody_in
from test_chains_tls import made  # noqa: F401 (fixture)
from test_cli import PROGRAM, dance, good
from test_collect import start  # noqa: F401 (fixture)
from test_san_fallback import gnutls
from zone import free_port, patient, wait_for

OID = x509.ObjectIdentifier("1.3.6.1.4.1.54392.5.1621")


@pytest.fixture(scope="module")
def collector(made, start):  # noqa: F811
    return start(made.dns.port, made.root.anchor())


def at(collector, *arguments):
    return ["chain", *arguments, "--socket", collector.path, "--timeout", "30"]


def tlsa(made):  # noqa: F811
    return [made.tlsa]


def test_a_file(made, collector, tmp_path):  # noqa: F811
    """It holds, it is new or as it was and whole, and everybody may read it."""
    path = tmp_path / "sensor7.chain"
    said = good(*at(collector, DEVICE.upper() + ".", "--out", path))
    octets = path.read_bytes()
    assert chain.holds(chain.parse(octets), made.anchor, DEVICE) == tlsa(made)
    assert path.stat().st_mode & 0o777 == 0o644
    assert f"; {DEVICE}: secure\n" in said and f"written to {path}" in said and "TLSA" not in said
    found = re.search(r"; (\d+) octets, (\d+) records, whose signatures hold from (\S+Z) until (\S+Z)\n; to be collected again in (\d+) s", said)
    assert int(found[1]) == len(octets) and int(found[2]) == len(chain.parse(octets)) and found[3] < found[4]
    os.chmod(path, 0o640)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12346)
    before = path.stat()
    told = json.loads(good(*at(collector, DEVICE, "--out", path, "--json")))
    assert (told["name"], told["status"], told["reason"], told["octets"], told["file"]) == (DEVICE, "secure", "", len(octets), str(path))
    after = path.stat()
    assert path.read_bytes() == octets and after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.listdir(tmp_path) == ["sensor7.chain"]


def test_in_words(made, collector):  # noqa: F811
    """Without a file the records themselves are printed, as lines that any reader of zone files takes."""
    said = good(*at(collector, DEVICE))
    lines = [line for line in said.splitlines() if not line.startswith(";")]
    told = json.loads(good(*at(collector, DEVICE, "--json")))
    assert told["records"] == lines and told["file"] is None and told["certificate"] is None
    assert f"{DEVICE}. 3600 CLASS1 TLSA \\# 35 {made.tlsa.hex()}" in lines
    assert {line.split()[3] for line in lines} == {"TLSA", "RRSIG", "DNSKEY", "DS"} and [line for line in lines if line.startswith(". ")]
    with subprocess.Popen(["ldns-read-zone", "/dev/stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        read, faults = p.communicate("\n".join([". 1 SOA a. b. 1 1 1 1 1", *lines]) + "\n", patient(20))
    assert p.returncode == 0 and len(read.splitlines()) >= len(lines), (read, faults)


@pytest.mark.parametrize("name,status,reason", [("missing._device.example.com", "absent", "does not exist"),
                                                ("dev._device.unsigned.com", "insecure", "not signed"),
                                                ("dev._device.past.com", "bogus", "")])
def test_where_there_is_none(collector, tmp_path, name, status, reason):
    """What there is stays as it is."""
    path = tmp_path / "file"
    path.write_bytes(b"before")
    done = dance(*at(collector, name, "--out", path, "--json"))
    told = json.loads(done.stdout)
    assert done.returncode == 1 and (told["status"], told["file"], told["records"]) == (status, None, []) and reason in told["reason"]
    done = dance(*at(collector, name, "--out", path))
    assert done.returncode == 1 and f"; {name}: {status}: " in done.stdout and "written" not in done.stdout
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == ["file"]


def test_nobody_answers(tmp_path):
    done = dance("chain", DEVICE, "--socket", tmp_path / "sock", "--out", tmp_path / "x", "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["status"] == "failed" and not os.listdir(tmp_path)


@pytest.mark.parametrize("arguments,said", [
    ([], "missing: NAME"), ([DEVICE, "--certificate", "x"], "go together"), ([DEVICE, "--key", "x"], "go together"),
    ([DEVICE, "--out", "x", "--certificate", "x", "--key", "y"], "same file"), ([DEVICE, "--timeout", "61"], "1 to 60"),
    ([DEVICE, "--socket", "/x", "--config", "/y"], "exclude each other"), (["a..b"], "empty label")])
def test_command_lines_that_mean_nothing(arguments, said):
    done = dance("chain", *arguments)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""


def test_files_that_are_left(world, collector, tmp_path):
    """Not in the place of a key, of what is no file, and not where nothing can be written."""
    key = tmp_path / "both.pem"
    shutil.copy(world.path("client.key"), key)
    before = key.read_bytes()
    for arguments in (["--certificate", key, "--key", world.path("client.key")], ["--out", key]):
        done = dance(*at(collector, DEVICE, *arguments))
        assert done.returncode == 1 and "private key" in done.stderr and key.read_bytes() == before
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(key)
    os.mkfifo(pipe)
    for path in (link, pipe):
        done = dance(*at(collector, DEVICE, "--out", path))
        assert done.returncode == 1 and "no file" in done.stderr and key.read_bytes() == before, done
    assert link.is_symlink() and pipe.is_fifo()
    done = dance(*at(collector, DEVICE, "--out", tmp_path / "none" / "x"))
    assert done.returncode == 1 and "No such file" in done.stderr
    done = dance(*at(collector, DEVICE, "--certificate", tmp_path / "c", "--key", world.path("other.key")))
    assert done.returncode == 1 and "names the key" in done.stderr and not (tmp_path / "c").exists()


def test_a_certificate(world, made, collector, tmp_path):  # noqa: F811
    """What any TLS stack can send: the name, the key, and the chain."""
    path = tmp_path / "sensor7.crt"
    said = good(*at(collector, DEVICE, "--certificate", path, "--key", world.path("client.key")))
    assert f"carried by the certificate in {path}" in said
    made_of = x509.load_pem_x509_certificate(path.read_bytes())
    assert made_of.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == [DEVICE]
    carried = made_of.extensions.get_extension_for_oid(OID)
    assert not carried.critical and carried.value.value[:2] == b"\0\0"
    assert chain.holds(chain.parse(carried.value.value[2:]), made.anchor, DEVICE) == tlsa(made)


def test_the_timers_service(made, collector, tmp_path):  # noqa: F811
    """The unit that doc/systemd has does what it says, and systemd understands both."""
    folder = os.path.join(REPOSITORY, "doc", "systemd")
    service = open(os.path.join(folder, "dance-chain@.service")).read()
    command, = re.findall(r"(?m)^ExecStart=/usr/bin/dance (.*)$", service)
    for a, b in (("%i", DEVICE), ("/run/dance/resolver.sock", collector.path), ("/var/lib/dance", str(tmp_path))):
        command = command.replace(a, b)
    good(*command.split())
    assert chain.holds(chain.parse((tmp_path / f"{DEVICE}.chain").read_bytes()), made.anchor, DEVICE) == tlsa(made)
    if shutil.which("systemd-analyze"):
        units = tmp_path / "units"
        units.mkdir()
        (units / f"dance-chain@{DEVICE}.service").write_text(service.replace("/usr/bin/dance", PROGRAM))
        shutil.copy(os.path.join(folder, "dance-chain@.timer"), units / f"dance-chain@{DEVICE}.timer")
        (units / "dance-resolver.socket").write_text("[Socket]\nListenSequentialPacket=/run/dance/resolver.sock\n")
        (units / "dance-resolver.service").write_text("[Service]\nExecStart=/bin/true\n")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(str(units / f"dance-chain@{DEVICE}.{kind}") for kind in ("service", "timer"))],
                              capture_output=True, text=True, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"})
        said = "\n".join(line for line in done.stderr.splitlines() if "dance-chain" in line)
        assert done.returncode == 0 and not said, done.stderr


NGINX = """
daemon off;
{user}
pid {folder}/pid;
error_log {folder}/error.log info;
worker_processes 1;
events {{ }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {world}/server.crt; ssl_certificate_key {world}/server.key;
    ssl_client_certificate {world}/ca.crt;
    ssl_verify_client on;
    return 200 "$ssl_client_verify $ssl_client_s_dn\\n";
  }}
}}
"""


@pytest.fixture
def nginx(world, made, tmp_path, tmp_path_factory):  # noqa: F811
    """nginx(policy): its port, its log, and how to run something beside it; it has a trust anchor and no DNS, and where
    we may make a network namespace no way to any either."""
    apart = os.geteuid() == 0 and subprocess.run(["unshare", "-n", "true"]).returncode == 0
    let_everybody_in(tmp_path, tmp_path_factory)
    started = []

    def run(policy):
        port = free_port()
        log = tmp_path / "dance.log"
        log.touch()
        os.chmod(log, 0o666)
        conf = config(tmp_path / "openssl.cnf", log, server={"policy": policy, "allow": "*", "san_fallback": "yes", "chain": "only"},
                      dns={"trust_anchor": made.anchor_file()})
        text = NGINX.format(folder=tmp_path, port=port, world=world.folder, user="user nobody nogroup;" if os.geteuid() == 0 else "")
        (tmp_path / "nginx.conf").write_text(text)
        begin = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"] if apart else []
        started.append(subprocess.Popen([*begin, "/usr/sbin/nginx", "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"],
                                        env=environment(conf)))
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), what="nginx")
        return port, log, ["nsenter", "-t", str(started[-1].pid), "-n", "--"] if apart else []
    yield run
    for process in started:
        process.terminate()
        process.wait(patient(20))


def request(port, beside, certificate, key, priority):
    """What nginx says to GnuTLS's own client."""
    done = subprocess.run([*beside, "gnutls-cli", "--no-ca-verification", "--priority", priority, "--x509certfile", certificate, "--x509keyfile", key,
                           "-p", str(port), "127.0.0.1"], input="GET / HTTP/1.0\r\n\r\n", capture_output=True, text=True,
                          timeout=patient(20))
    return done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("gnutls-cli") is None or not os.path.exists("/usr/sbin/nginx"), reason="needs gnutls-cli and nginx")
@pytest.mark.parametrize("policy,priority", [("require", "NORMAL"), ("dane", "NORMAL:-VERS-TLS1.3")])
def test_gnutls_to_nginx_without_dns(world, made, collector, nginx, tmp_path, policy, priority):  # noqa: F811
    """A client whose TLS stack knows nothing of dance, and a server that asks nobody."""
    certificate = tmp_path / "sensor7.crt"
    good(*at(collector, DEVICE, "--certificate", certificate, "--key", world.path("client.key")))
    port, log, beside = nginx(policy)
    said = request(port, beside, certificate, world.path("client.key"), priority)
    assert f"SUCCESS CN={DEVICE}" in said, (said, log.read_text())
    assert f"accepted {DEVICE}" in log.read_text()
    # The same without a chain, and with somebody else's.
    plain = world.write("plain.crt", pki.pem(world.device))
    assert "SUCCESS" not in request(port, beside, plain, world.path("client.key"), priority)
    wait_for(lambda: "reason=chain-absent" in log.read_text(), what="the refusal")
