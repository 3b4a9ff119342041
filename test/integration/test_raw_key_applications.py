# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Raw public keys and applications whose verify callbacks look at the peer's certificate.

There is none. They must not be asked, must not crash, and must let nobody in whom
DANE does not authenticate, whichever policy is in force.
"""
import os
import subprocess

import pytest

import openssls
import pki
from conftest import BUILD, DEVICE, MODULE, config, environment
from test_applications import RADIUS, backend, needs  # noqa: F401 (backend is a fixture)
from test_raw_keys import NEGOTIATED, VERSION, raw_client  # noqa: F401 (raw_client is a fixture)
from zone import accepts, free_port, patient, wait_for

pytestmark = pytest.mark.skipif(VERSION < (3, 2), reason="raw public keys need OpenSSL 3.2")
POLICIES = pytest.mark.parametrize("policy", ["mixed", "dane", "require"])


def same_openssl(application, path):
    if openssls.libcrypto_of(path) != openssls.libcrypto_of(MODULE):
        pytest.skip(f"{application} uses another OpenSSL than dance.so, which is inactive in it (test_applications.py)")


def section(policy):
    return {"policy": policy, "allow": "*._device.example.com", "raw_public_key": "yes"}


def check(server, raw_client, *arguments, request="ping\n", answer="gnip"):
    """Twice the rightful client, a stranger in between; the server lives on."""
    for _ in range(2):
        done = raw_client(server.port, DEVICE, "client.key", *arguments, request=request)
        assert answer in done.text and NEGOTIATED in done.text, (done.text, server.log.text(), server.output.text())
        wrong = raw_client(server.port, DEVICE, "other.key", *arguments, request=request)
        assert wrong.alert == 40 and answer not in wrong.text and NEGOTIATED in wrong.text, (wrong.text, server.log.text())
    assert server.process.poll() is None
    assert server.log.wait(rf"accepted {DEVICE} \(TLSA 3 1 1, TTL \d+ s, raw public key\)")
    assert server.log.wait(f"refused {DEVICE}: no TLSA record authenticates")


@needs("stunnel")
@POLICIES
@pytest.mark.parametrize("verify", ["requireCert = yes", "verifyChain = yes", "verifyPeer = yes"])
def test_stunnel(world, start, backend, raw_client, tmp_path, policy, verify):  # noqa: F811
    same_openssl("stunnel", "/usr/bin/stunnel4")
    port = free_port()
    conf = tmp_path / "stunnel.conf"
    conf.write_text(f"foreground = yes\npid =\ndebug = 6\n[s]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{backend}\n"
                    f"cert = {world.path('server.crt')}\nkey = {world.path('server.key')}\n"
                    f"CAfile = {world.path('ca.crt')}\n{verify}\n")
    server = start(["stunnel", str(conf)], server=section(policy), port=port)
    check(server, raw_client)


DOVECOT = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap
import_environment {{
  OPENSSL_CONF = {conf}
}}
listen = 127.0.0.1
ssl = required
ssl_server_cert_file = {crt}
ssl_server_key_file = {key}
ssl_server_ca_file = {ca}
ssl_server_request_client_cert = yes
auth_ssl_require_client_cert = {require}
auth_mechanisms = plain
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
passdb static {{
  password = secret
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = {folder}/home
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service imap {{
  executable = /usr/lib/dovecot/imap
}}
"""


@pytest.fixture
def resolver(world, tmp_path):
    """A dance-resolver of the machine, and the dns section that names its socket."""
    path = str(tmp_path / "resolver.sock")
    process = subprocess.Popen(
        [os.path.join(BUILD, "resolver", "dance-resolver"), "--socket", path, "--log", "stderr", "--trust-anchor",
         world.anchor, "--forward", f"127.0.0.1@{world.zones.port}"], stderr=subprocess.DEVNULL)
    wait_for(lambda: accepts(path), what="the socket")
    yield {"resolver": path}
    process.terminate()
    process.wait(patient(10))


@needs("dovecot")
@pytest.mark.skipif(os.geteuid() != 0, reason="Dovecot is started by root")
@POLICIES
@pytest.mark.parametrize("require", ["no", "yes"])
def test_dovecot(world, start, raw_client, resolver, tmp_path, policy, require):  # noqa: F811
    """imap-login may not start processes (RLIMIT_NPROC): the machine's resolver answers."""
    same_openssl("Dovecot", "/usr/lib/dovecot/modules/libssl_iostream_openssl.so")
    port = free_port()
    for path in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        os.chmod(path, 0o755)
    conf = config(tmp_path / "openssl.cnf", tmp_path / "dance.log", server=section(policy), dns=resolver)
    (tmp_path / "dance.log").touch()
    os.chmod(tmp_path / "dance.log", 0o666)
    (tmp_path / "dovecot.conf").write_text(DOVECOT.format(
        folder=tmp_path, conf=conf, crt=world.path("server.crt"), key=world.path("server.key"), ca=world.path("ca.crt"),
        port=port, require=require))
    server = start(["dovecot", "-F", "-c", str(tmp_path / "dovecot.conf")], server=section(policy), dns=resolver,
                   port=port)
    server.log.path = str(tmp_path / "dance.log")
    log = tmp_path / "dovecot.log"
    check(server, raw_client, request="a login x secret\nb logout\n", answer="* OK ")
    assert not [line for line in log.read_text().splitlines() if "signal" in line or "core dumped" in line], log.read_text()


@needs("freeradius")
@needs("eapol_test")
@pytest.mark.skipif(bool(os.environ.get("DANCE_PRELOAD")),
                    reason="FreeRADIUS loads its modules with RTLD_DEEPBIND, which sanitizers do not take")
@POLICIES
def test_freeradius(world, start, tmp_path, policy):
    """cbtls_verify reads the certificate's serial number, issuer and names."""
    same_openssl("FreeRADIUS", "/usr/sbin/freeradius")
    port = free_port()
    os.chmod(tmp_path, 0o755)
    (tmp_path / "dictionary").write_text("$INCLUDE /usr/share/freeradius/dictionary\n")
    (tmp_path / "radiusd.conf").write_text(RADIUS.format(
        folder=tmp_path, key=world.path("server.key"), crt=world.path("server.crt"), ca=world.path("ca.crt"), port=port))
    server = start(["/usr/sbin/freeradius", "-d", str(tmp_path), "-n", "radiusd", "-fxx", "-l", "stdout"],
                   server=section(policy), port=port, ready=lambda p: "Ready to process requests" in p.output.text())
    world.write("device.crt", pki.pem(world.device))
    world.write("stranger.crt", pki.pem(pki.certificate(world.other_key, DEVICE)))

    def authenticate(certificate, key):
        path = tmp_path / "eapol.conf"
        path.write_text(f'network={{\n key_mgmt=IEEE8021X\n eap=TLS\n identity="x"\n ca_cert="{world.path("server.crt")}"\n'
                        f' client_cert="{world.path(certificate)}"\n private_key="{world.path(key)}"\n'
                        ' phase1="tls_disable_tlsv1_3=0"\n}\n')
        conf = config(tmp_path / "client.cnf", tmp_path / "client.log",
                      client={"identity": DEVICE, "private_key": world.path(key), "raw_public_key": "yes"})
        done = subprocess.run(["eapol_test", "-c", str(path), "-a", "127.0.0.1", "-p", str(port), "-s", "testing123",
                               "-t", "10", "-r", "0"], env=environment(conf), capture_output=True, text=True, timeout=patient(60),
                              errors="replace")
        return done.stdout

    # FreeRADIUS is what is looked at: without a certificate it leaves out the message that ends EAP-TLS 1.3
    # (RFC 9190, section 2.1.1), and an eapol_test of 2.11 or later turns an accepted client into a failure.
    for n in (1, 2):
        text = authenticate("device.crt", "client.key")
        assert server.output.text().count("Sent Access-Accept") == n, (server.log.text(), text, server.output.text())
        text = authenticate("stranger.crt", "other.key")
        assert server.output.text().count("Sent Access-Reject") == n and "SUCCESS" not in text, text
        assert server.output.text().count("Sent Access-Accept") == n, (server.log.text(), text)
    assert server.process.poll() is None
    assert server.log.wait(f"accepted {DEVICE} .*raw public key"), server.log.text()
    assert server.log.wait(f"refused {DEVICE}: no TLSA record authenticates")
