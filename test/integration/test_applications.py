# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Applications that set the SSL_CTX's callbacks themselves, as Debian ships them.

They must neither crash nor be a way around policy require, and the rightful
client must get in. Where an application uses another OpenSSL than dance.so, it
must do what it does without.
"""
import http.client
import os
import re
import shutil
import socketserver
import subprocess
import threading

import pytest

import openssls
import pki
from conftest import DEVICE, Log, config, entry, environment
from zone import free_port, patient

REQUIRE = {"policy": "require", "allow": "*._device.example.com"}


def needs(program):
    return pytest.mark.skipif(shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin") is None,
                              reason=f"{program} is not installed")


def output_of(argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def pkix_leaf(world):
    return pki.certificate(world.key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)


def check(world, server):
    """The rightful client twice, with impostors of each kind in between; the server lives on."""
    leaf = pkix_leaf(world)
    for _ in range(2):
        outcome = server.client().run([entry(world.device, DEVICE)], world.key)
        assert outcome.accepted, (outcome, server.log.text(), server.output.text())
        wrong = server.client().run([entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key)
        assert wrong.alert == 40 and not wrong.data, (wrong, server.log.text())
        unnamed = server.client().run([entry(leaf)], world.key)
        assert unnamed.alert == 40 and not unnamed.data, (unnamed, server.log.text())
        empty = server.client().run([], None)
        assert empty.alert == 116 and not empty.data, (empty, server.log.text())
    assert server.process.poll() is None
    assert server.log.text().count(f"accepted {DEVICE}") == 2


@pytest.fixture(scope="module")
def backend():
    """What a TLS proxy passes on to: sends each line back, reversed."""
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(self.rfile.readline()[::-1])
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


perl = pytest.mark.skipif(not os.path.exists("/usr/lib/x86_64-linux-gnu/perl5") or
                    os.system("perl -MNet::SSLeay -e 1 2>/dev/null") != 0, reason="Perl's Net::SSLeay is not installed")

PERL = """
use strict; use Net::SSLeay; use IO::Socket::INET;
my ($port, $crt, $key, $ca, $how) = @ARGV;
Net::SSLeay::initialize();
my $ctx = Net::SSLeay::CTX_new();
Net::SSLeay::CTX_use_certificate_file($ctx, $crt, 1) and Net::SSLeay::CTX_use_PrivateKey_file($ctx, $key, 1) or die;
Net::SSLeay::CTX_load_verify_locations($ctx, $ca, "");
# Both say yes to everybody.
Net::SSLeay::CTX_set_verify($ctx, 3, sub { return 1 }) if $how eq "verify";
if ($how eq "cert_verify") {
    Net::SSLeay::CTX_set_verify($ctx, 1);
    Net::SSLeay::CTX_set_cert_verify_callback($ctx, sub { return 1 });
}
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 5, ReuseAddr => 1) or die;
while (my $s = $listener->accept) {
    my $ssl = Net::SSLeay::new($ctx);
    Net::SSLeay::set_fd($ssl, fileno $s);
    if (Net::SSLeay::accept($ssl) == 1) {
        my $got = Net::SSLeay::read($ssl);
        Net::SSLeay::write($ssl, scalar reverse $got) if defined $got;
    }
    Net::SSLeay::free($ssl);
    close $s;
}
"""


def perl_is_other():
    return openssls.is_other("Perl", output_of(
        ["perl", "-MNet::SSLeay", "-MDynaLoader", "-e", "print grep /SSLeay/, @DynaLoader::dl_shared_objects"]))


@perl
@pytest.mark.parametrize("how", ["none", "verify", "cert_verify"])
def test_perl(world, start, how):
    server = start(["perl", "-e", PERL, "PORT", world.path("server.crt"), world.path("server.key"),
                    world.path("ca.crt"), how], server=REQUIRE)
    if perl_is_other():
        openssls.check_untouched(world, server, strangers=True)
    else:
        check(world, server)


@perl
def test_perl_that_verifies_in_our_place(world, start):
    """Under mixed its cert_verify_callback decides about whoever says no name, and about nobody else."""
    server = start(["perl", "-e", PERL, "PORT", world.path("server.crt"), world.path("server.key"), world.path("ca.crt"),
                    "cert_verify"], server={**REQUIRE, "policy": "mixed"})
    if perl_is_other():
        openssls.check_untouched(world, server, strangers=True)
        return
    assert server.client().run([entry(world.device, DEVICE)], world.key).accepted, server.log.text()
    assert server.client().run([entry(pki.certificate(world.other_key, "x"))], world.other_key).accepted
    wrong = server.client().run([entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key)
    assert wrong.alert == 40 and server.log.wait(f"refused {DEVICE}: no TLSA record authenticates"), wrong
    server.log.mark()
    stranger = "stranger.example.com"
    outside = server.client().run([entry(pki.certificate(world.key, stranger), stranger)], world.key)
    assert outside.alert == 40 and server.log.wait(f"refused {stranger}: no pattern of allow"), outside


PERL_CLIENT = """
use strict; use Net::SSLeay; use IO::Socket::INET;
my ($port, $crt) = @ARGV;
Net::SSLeay::initialize();
my $ctx = Net::SSLeay::CTX_new();
Net::SSLeay::CTX_use_certificate_file($ctx, $crt, 1) or die;
my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die;
my $ssl = Net::SSLeay::new($ctx);
Net::SSLeay::set_fd($ssl, fileno $s);
Net::SSLeay::connect($ssl) == 1 or die;
Net::SSLeay::write($ssl, "ping\\n");
print Net::SSLeay::read($ssl);
"""


@perl
def test_perl_client_with_a_certificate_but_no_key(world, s_server, tmp_path):
    """libssl never sends such a certificate, so it is no credential of the application's."""
    server = s_server("require")
    conf = config(tmp_path / "cnf", tmp_path / "log",
                  client={"identity": DEVICE, "private_key": world.path("client.key")})
    done = subprocess.run(["perl", "-e", PERL_CLIENT, str(server.port), world.path("ca.crt")], env=environment(conf),
                          capture_output=True, text=True, timeout=patient(30))
    if perl_is_other():
        assert "gnip" not in done.stdout and DEVICE not in server.log.text()
        return
    assert "gnip" in done.stdout, done.stderr
    assert server.log.wait(f"accepted {DEVICE}")


RUBY = """
require "socket"; require "openssl"
port, crt, key, ca = ARGV
ctx = OpenSSL::SSL::SSLContext.new
ctx.cert = OpenSSL::X509::Certificate.new(File.read(crt)); ctx.key = OpenSSL::PKey.read(File.read(key))
ctx.ca_file = ca
ctx.verify_mode = OpenSSL::SSL::VERIFY_PEER
ctx.verify_callback = ->(ok, store) { store.error = 0; true }
listener = OpenSSL::SSL::SSLServer.new(TCPServer.new("127.0.0.1", port.to_i), ctx)
listener.start_immediately = false
loop do
  s = listener.accept
  begin
    s.accept
    s.write(s.readpartial(100).reverse)
    s.close
  rescue OpenSSL::SSL::SSLError, EOFError, SystemCallError => e
    s.io.close_write rescue nil
    s.io.read rescue nil
    s.close rescue nil
  end
end
"""


def ruby_is_other():
    return openssls.is_other("Ruby", output_of(["ruby", "-ropenssl", "-e", "puts $LOADED_FEATURES.grep(/openssl\\.so/)"]))


@needs("ruby")
def test_ruby_server(world, start):
    server = start(["ruby", "-e", RUBY, "PORT", world.path("server.crt"), world.path("server.key"),
                    world.path("ca.crt")], server=REQUIRE)
    if ruby_is_other():
        openssls.check_untouched(world, server, strangers=True)
    else:
        check(world, server)


@needs("ruby")
@pytest.mark.parametrize("callback,identity", [("", True), ("ctx.client_cert_cb = ->(s) { nil }", True)])
def test_ruby_client(world, s_server, tmp_path, callback, identity):
    """Ruby sets the SSL_CTX's client_cert_cb in any case."""
    server = s_server("require")
    script = f"""
require "socket"; require "openssl"
ctx = OpenSSL::SSL::SSLContext.new
ctx.verify_mode = OpenSSL::SSL::VERIFY_NONE
{callback}
s = OpenSSL::SSL::SSLSocket.new(TCPSocket.new("127.0.0.1", {server.port}), ctx)
s.connect
s.write("ping\\n")
print s.readpartial(100)
"""
    conf = config(tmp_path / "cnf", tmp_path / "log",
                  client={"identity": DEVICE, "private_key": world.path("client.key")})
    done = subprocess.run(["ruby", "-e", script], env=environment(conf), capture_output=True, text=True, timeout=patient(30))
    if ruby_is_other():
        assert "alert certificate required" in done.stderr
        assert Log(tmp_path / "log").wait(openssls.OTHER)
    else:
        assert ("gnip" in done.stdout) == identity, done.stderr
        assert server.log.wait(f"accepted {DEVICE}")


@needs("hitch")
@pytest.mark.parametrize("verify", ["none", "optional", "required"])
def test_hitch(world, start, backend, tmp_path, verify):
    """An event loop of libev, whose event_* symbols once collided with libevent's."""
    os.chmod(tmp_path, 0o755)
    pem = world.write("hitch.pem", open(world.path("server.key"), "rb").read()
                      + open(world.path("server.crt"), "rb").read())
    port = free_port()
    conf = tmp_path / "hitch.conf"
    conf.write_text(f'frontend = "[127.0.0.1]:{port}"\nbackend = "[127.0.0.1]:{backend}"\npem-file = "{pem}"\n'
                    f'workers = 2\nuser = "nobody"\ngroup = "nogroup"\nquiet = on\ndaemon = off\n'
                    f'tls-protos = TLSv1.2 TLSv1.3\nclient-verify = {verify}\n'
                    + ("" if verify == "none" else f'client-verify-ca = "{world.path("ca.crt")}"\n')
                    + ("" if os.geteuid() == 0 else 'user = ""\ngroup = ""\n'))
    server = start(["/usr/sbin/hitch", "--config", str(conf)], server=REQUIRE, port=port)
    if openssls.is_other("hitch", "/usr/sbin/hitch"):
        openssls.check_untouched(world, server, strangers=verify == "none")
    else:
        check(world, server)


MODULES = "/usr/lib/apache2/modules"
MOD_SSL = MODULES + "/mod_ssl.so"
APACHE = """
ServerRoot "{folder}"
ServerName localhost
PidFile "{folder}/pid"
Mutex file:{folder}
ErrorLog "{folder}/error"
LogLevel info
User {user}
Group {group}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule socache_shmcb_module {modules}/mod_socache_shmcb.so
LoadModule ssl_module {modules}/mod_ssl.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
LoadModule rewrite_module {modules}/mod_rewrite.so
LoadModule headers_module {modules}/mod_headers.so
Listen 127.0.0.1:{port}
DocumentRoot "{folder}/root"
<Directory "{folder}/root">
 Require all granted
</Directory>
"""


@pytest.fixture
def apache(start, tmp_path):
    def run(text, **kwargs):
        (tmp_path / "root").mkdir()
        (tmp_path / "root" / "index.html").write_text("hello\n")
        for path in (tmp_path, tmp_path / "root"):
            os.chmod(path, 0o755)
        port = free_port()
        conf = tmp_path / "apache.conf"
        root = os.geteuid() == 0
        conf.write_text(APACHE.format(folder=tmp_path, port=port, modules=MODULES,
                                      user="nobody" if root else "${USER}", group="nogroup") + text)
        return start(["/usr/sbin/apache2", "-DFOREGROUND", "-f", str(conf)], port=port, **kwargs)
    return run


@needs("apache2")
@pytest.mark.parametrize("verify", ["none", "optional_no_ca", "require"])
def test_apache_server(world, apache, verify):
    """mod_ssl takes client_hello_cb, the verify callback and SSL_set_verify; HTTP is the echo."""
    server = apache(f"SSLEngine on\nSSLCertificateFile {world.path('server.crt')}\n"
                    f"SSLCertificateKeyFile {world.path('server.key')}\nSSLCACertificateFile {world.path('ca.crt')}\n"
                    f"SSLVerifyClient {verify}\nSSLVerifyDepth 3\n", server=REQUIRE)
    request = b"GET /index.html HTTP/1.0\r\n\r\n"
    if openssls.is_other("Apache", MOD_SSL):
        openssls.check_untouched(world, server, strangers=verify != "require", request=request)
        return
    good = server.client().run([entry(world.device, DEVICE)], world.key, request=request)
    assert good.data.startswith(b"HTTP/1.1 200"), (good, server.log.text())
    wrong = pki.certificate(world.other_key, DEVICE)
    leaf = pkix_leaf(world)
    for certificates, key, alert in (([entry(wrong, DEVICE)], world.other_key, 40), ([entry(leaf)], world.key, 40),
                                     ([], None, 116)):
        outcome = server.client().run(certificates, key, request=request)
        assert outcome.alert == alert and not outcome.data, (outcome, server.log.text())
    again = server.client().run([entry(world.device, DEVICE)], world.key, request=request)
    assert again.data.startswith(b"HTTP/1.1 200"), (again, server.log.text())


@needs("apache2")
def test_apache_session_cache(world, apache, s_client):
    """mod_ssl sets the session's lifetime to its own when the first ticket has been sent."""
    if openssls.is_other("Apache", MOD_SSL):
        pytest.skip("Apache uses another OpenSSL than dance.so, see test_apache_server")
    server = apache(f"SSLEngine on\nSSLCertificateFile {world.path('server.crt')}\n"
                    f"SSLCertificateKeyFile {world.path('server.key')}\nSSLCACertificateFile {world.path('ca.crt')}\n"
                    "SSLSessionCache shmcb:sessions(512000)\nSSLVerifyClient require\n", server=REQUIRE)
    done = s_client(server.port, request="GET /index.html HTTP/1.0\r\n\r\n")
    assert "200 OK" in done.text, (done.text, server.log.text())
    hints = [int(h) for h in re.findall(r"TLS session ticket lifetime hint: (\d+)", done.text)]
    assert len(hints) == 2 and all(0 < h <= 60 for h in hints), hints


@needs("apache2")
def test_apache_mod_proxy_client(world, start, apache):
    """mod_proxy sets client_cert_cb whether it has a certificate or not."""
    origin = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key",
                    world.path("server.key"), "-www"], server=REQUIRE)
    proxy = apache(f'SSLProxyEngine on\nSSLProxyVerify none\nSSLProxyCheckPeerName off\nProxyPass "/" '
                   f'"https://127.0.0.1:{origin.port}/"\n', dns={},
                   module={"client": "dance_client\n[dance_client]\n"
                           f"identity = {DEVICE}\nprivate_key = {world.path('client.key')}\n[ignored]"})
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=patient(20))
    connection.request("GET", "/")
    answer = connection.getresponse()
    if openssls.is_other("Apache", MOD_SSL):
        assert answer.status == 502, (answer.read(), proxy.log.text())
        assert proxy.log.wait(openssls.OTHER)
        return
    assert answer.status == 200, (answer.read(), proxy.log.text(), origin.log.text())
    assert origin.log.wait(f"accepted {DEVICE}")


RADIUS = """
name = freeradius
raddbdir = "{folder}"
libdir = "/usr/lib/freeradius"
logdir = "{folder}"
run_dir = "{folder}"
pidfile = "{folder}/pid"
security {{ allow_vulnerable_openssl = yes }}
modules {{
  eap {{
    default_eap_type = tls
    tls-config common {{
      private_key_file = "{key}"
      certificate_file = "{crt}"
      ca_file = "{ca}"
      cipher_list = "DEFAULT"
      tls_min_version = "1.2"
      tls_max_version = "1.3"
      cache {{ enable = no }}
    }}
    tls {{ tls = common }}
  }}
}}
client localhost {{
  ipaddr = 127.0.0.1
  secret = testing123
}}
server default {{
  listen {{
    type = auth
    ipaddr = 127.0.0.1
    port = {port}
  }}
  authorize {{
    eap {{ ok = return }}
  }}
  authenticate {{
    eap
  }}
}}
"""


@needs("freeradius")
@needs("eapol_test")
@pytest.mark.skipif(bool(os.environ.get("DANCE_PRELOAD")),
                    reason="FreeRADIUS loads its modules with RTLD_DEEPBIND, which sanitizers do not take")
def test_freeradius(world, start, tmp_path):
    """It uses ex_data indexes of the SSL that it never asked for, and takes the info callback."""
    port = free_port()
    os.chmod(tmp_path, 0o755)
    (tmp_path / "dictionary").write_text("$INCLUDE /usr/share/freeradius/dictionary\n")
    (tmp_path / "radiusd.conf").write_text(RADIUS.format(
        folder=tmp_path, key=world.path("server.key"), crt=world.path("server.crt"), ca=world.path("ca.crt"), port=port))
    server = start(["/usr/sbin/freeradius", "-d", str(tmp_path), "-n", "radiusd", "-fxx", "-l", "stdout"], server=REQUIRE,
                   port=port, ready=lambda p: "Ready to process requests" in p.output.text())
    world.write("device.crt", pki.pem(world.device))
    world.write("stranger.crt", pki.pem(pki.certificate(world.other_key, DEVICE)))

    def authenticate(certificate, key, identity):
        path = tmp_path / "eapol.conf"
        path.write_text(f'network={{\n key_mgmt=IEEE8021X\n eap=TLS\n identity="x"\n ca_cert="{world.path("server.crt")}"\n'
                        f' client_cert="{world.path(certificate)}"\n private_key="{world.path(key)}"\n'
                        ' phase1="tls_disable_tlsv1_3=0"\n}\n')
        conf = config(tmp_path / "client.cnf", tmp_path / "client.log",
                      client={"identity": DEVICE, "private_key": world.path(key)}) if identity else None
        done = subprocess.run(["eapol_test", "-c", str(path), "-a", "127.0.0.1", "-p", str(port), "-s", "testing123",
                               "-t", "10", "-r", "0"], env=environment(conf), capture_output=True, text=True, timeout=patient(60),
                              errors="replace")
        return done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout

    if openssls.is_other("FreeRADIUS", "/usr/sbin/freeradius"):
        world.write("leaf.crt", pki.pem(pkix_leaf(world)))
        ok, text = authenticate("leaf.crt", "client.key", False)
        assert ok, (text[-3000:], server.output.text()[-6000:])
        assert not authenticate("device.crt", "client.key", True)[0]
        assert server.process.poll() is None and server.log.wait(openssls.OTHER)
        return
    for _ in range(2):
        ok, text = authenticate("device.crt", "client.key", True)
        assert ok, (server.log.text(), text[-3000:], server.output.text()[-6000:])
        assert not authenticate("stranger.crt", "other.key", True)[0]
        assert not authenticate("device.crt", "client.key", False)[0]
    assert server.process.poll() is None
    assert server.log.text().count(f"accepted {DEVICE}") == 2
