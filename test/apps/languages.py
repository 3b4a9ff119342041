# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The TLS of Python, Node.js, Ruby, Perl, PHP, Lua and Tcl, in both roles."""
import sys

from kit import Client, OwnTests, Server
from kit.stage import free_port




class _Client(Client):
    script = None
    interpreter = ()

    def command(self, stage):
        return [*self.interpreter, self.script.replace("PORT", str(self.port))]


class _Server(Server):
    """Answers a line with who it thinks the client is."""
    script = None
    interpreter = ()
    request = b"hello\n"
    welcome = r"you are .*\n"
    identity = "you are (.*)"

    def start(self, stage):
        self.port = free_port()
        script = self.script
        for word, value in {"PORT": self.port, "CRT": stage.path("server.crt"), "KEY": stage.path("server.key"),
                            "CAFILE": stage.path("ca.crt")}.items():
            script = script.replace(word, str(value))
        stage.start([*self.interpreter, script], stage.server_config(self.policy), self.port)


class PythonServer(_Server):
    name = "Python (ssl)"
    packages = ("python3",)
    interpreter = ("/usr/bin/python3", "-c")
    script = """
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("CRT", "KEY")
context.load_verify_locations("CAFILE")
context.verify_mode = ssl.CERT_REQUIRED
listener = socket.create_server(("127.0.0.1", PORT))
while True:
    plain, _ = listener.accept()
    try:
        with context.wrap_socket(plain, server_side=True) as s:
            name = dict(x[0] for x in s.getpeercert().get("subject", ())).get("commonName") if s.getpeercert() else ""
            s.recv(100)
            s.sendall(f"you are {name}\\n".encode())
    except OSError:
        pass
"""


class PythonClient(_Client):
    name = "Python (ssl)"
    packages = ("python3",)
    interpreter = ("/usr/bin/python3", "-c")
    script = """
import socket, ssl
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
with context.wrap_socket(socket.create_connection(("127.0.0.1", PORT)), server_hostname="server.example.com") as s:
    s.sendall(b"ping\\n")
    print(s.recv(100))
"""


class PythonTests(OwnTests):
    name = "Python (test_ssl)"
    packages = ("python3", f"libpython3.{sys.version_info.minor}-testsuite")
    package = "python3"
    results = r"^(test_\w+ \(\S+\))[\s\S]*?(?:\.\.\. |^)(ok|FAIL|ERROR|skipped)\b"
    least = 100

    def command(self, stage):
        return ["/usr/bin/python3", "-m", "test", "-v", "test_ssl"]


class NodeServer(_Server):
    """Its section of openssl.cnf is nodejs_conf."""
    name = "Node.js"
    packages = ("nodejs",)
    interpreter = ("node", "-e")
    script = """
const fs = require("fs");
require("tls").createServer({cert: fs.readFileSync("CRT"), key: fs.readFileSync("KEY"), ca: fs.readFileSync("CAFILE"),
    requestCert: true, rejectUnauthorized: true}, s => {
  s.on("error", () => {});
  s.once("data", () => s.end(`you are ${s.getPeerCertificate().subject.CN}\\n`));
}).on("tlsClientError", () => {}).listen(PORT, "127.0.0.1");
"""


class NodeClient(_Client):
    name = "Node.js"
    packages = ("nodejs",)
    interpreter = ("node", "-e")
    script = """
const s = require("tls").connect({port: PORT, host: "127.0.0.1", servername: "server.example.com",
    rejectUnauthorized: false}, () => s.write("ping\\n"));
s.on("error", e => { console.log(String(e)); process.exit(1); });
s.on("data", d => { console.log(String(d)); process.exit(0); });
"""


class RubyServer(_Server):
    name = "Ruby (openssl)"
    packages = ("ruby",)
    package = "ruby3.1|ruby3.3"
    interpreter = ("ruby", "-e")
    script = """
require "socket"; require "openssl"
ctx = OpenSSL::SSL::SSLContext.new
ctx.cert = OpenSSL::X509::Certificate.new(File.read("CRT")); ctx.key = OpenSSL::PKey.read(File.read("KEY"))
ctx.ca_file = "CAFILE"
ctx.verify_mode = OpenSSL::SSL::VERIFY_PEER | OpenSSL::SSL::VERIFY_FAIL_IF_NO_PEER_CERT
ctx.session_id_context = "ruby"
listener = OpenSSL::SSL::SSLServer.new(TCPServer.new("127.0.0.1", PORT), ctx)
listener.start_immediately = false
loop do
  s = listener.accept
  begin
    s.accept
    s.readpartial(100)
    s.write("you are #{s.peer_cert && s.peer_cert.subject.to_a.assoc("CN")[1]}\\n")
  rescue OpenSSL::SSL::SSLError, EOFError, SystemCallError
  end
  s.close rescue nil
end
"""


class RubyClient(_Client):
    """Ruby sets client_cert_cb in any case."""
    name = "Ruby (openssl)"
    packages = ("ruby",)
    package = "ruby3.1|ruby3.3"
    interpreter = ("ruby", "-e")
    script = """
require "socket"; require "openssl"
ctx = OpenSSL::SSL::SSLContext.new
ctx.verify_mode = OpenSSL::SSL::VERIFY_NONE
s = OpenSSL::SSL::SSLSocket.new(TCPSocket.new("127.0.0.1", PORT), ctx)
s.connect
s.write("ping\\n")
print s.readpartial(100)
"""


class PerlServer(_Server):
    name = "Perl (IO::Socket::SSL)"
    packages = ("libio-socket-ssl-perl",)
    interpreter = ("perl", "-e")
    script = """
use IO::Socket::SSL; $SIG{PIPE} = "IGNORE";
my $listener = IO::Socket::SSL->new(LocalAddr => "127.0.0.1", LocalPort => PORT, Listen => 5, ReuseAddr => 1,
    SSL_server => 1, SSL_cert_file => "CRT", SSL_key_file => "KEY", SSL_ca_file => "CAFILE",
    SSL_verify_mode => SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT) or die $SSL_ERROR;
while (1) {
    my $s = $listener->accept or next;
    my $line = <$s>;
    print $s "you are " . $s->peer_certificate("commonName") . "\\n" if defined $line;
    close $s;
}
"""


class PerlVerifies(PerlServer):
    """Verifies in OpenSSL's place, and is content with everybody."""
    name = "Perl (cert_verify_callback)"
    policy = "dane"
    reasons = {"none": None}
    open_without = True
    note = "policy dane: would let in whoever has a certificate, and has no say"
    script = PerlServer.script.replace("SSL_server => 1,", "SSL_server => 1, SSL_create_ctx_callback => sub {"
                                       " Net::SSLeay::CTX_set_cert_verify_callback(shift, sub { 1 }, undef) },")


class PerlClient(_Client):
    name = "Perl (IO::Socket::SSL)"
    packages = ("libio-socket-ssl-perl",)
    interpreter = ("perl", "-e")
    script = """
use IO::Socket::SSL; $| = 1;
my $s = IO::Socket::SSL->new(PeerAddr => "127.0.0.1", PeerPort => PORT, SSL_verify_mode => SSL_VERIFY_NONE) or die $SSL_ERROR;
print $s "ping\\n"; my $line = <$s>; print $line;
"""


class PhpServer(_Server):
    name = "PHP (streams)"
    packages = ("php-cli",)
    package = "php8.2-cli|php8.4-cli"
    open_without = True    # by allow_self_signed, which it needs
    interpreter = ("php", "-r")
    script = """
$c = stream_context_create(["ssl" => ["local_cert" => "CRT", "local_pk" => "KEY", "cafile" => "CAFILE",
    "verify_peer" => true, "verify_peer_name" => false, "capture_peer_cert" => true, "allow_self_signed" => true]]);
$listener = stream_socket_server("tcp://127.0.0.1:PORT", $e, $m, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $c);
while (true) {
    $s = @stream_socket_accept($listener, 100);
    if (!$s) continue;
    if (@stream_socket_enable_crypto($s, true, STREAM_CRYPTO_METHOD_TLSv1_3_SERVER)) {
        $p = stream_context_get_params($s)["options"]["ssl"]["peer_certificate"];
        fgets($s);
        fwrite($s, "you are " . openssl_x509_parse($p)["subject"]["CN"] . "\\n");
    }
    fclose($s);
}
"""


class PhpClient(_Client):
    name = "PHP (streams)"
    packages = ("php-cli",)
    package = "php8.2-cli|php8.4-cli"
    interpreter = ("php", "-r")
    script = """
$c = stream_context_create(["ssl" => ["verify_peer" => false, "verify_peer_name" => false]]);
$s = stream_socket_client("tls://127.0.0.1:PORT", $e, $m, 10, STREAM_CLIENT_CONNECT, $c);
fwrite($s, "ping\\n"); print fgets($s);
"""


class LuaServer(_Server):
    name = "Lua (LuaSec)"
    packages = ("lua-sec", "lua5.4")
    interpreter = ("lua5.4", "-e")
    script = """
local socket, ssl = require "socket", require "ssl"
local ctx = assert(ssl.newcontext{mode = "server", protocol = "any", key = "KEY", certificate = "CRT", cafile = "CAFILE",
    verify = {"peer", "fail_if_no_peer_cert"}, options = "all"})
local listener = assert(socket.bind("127.0.0.1", PORT))
while true do
  local plain = listener:accept()
  local s = ssl.wrap(plain, ctx)
  if s:dohandshake() and s:receive("*l") then
    local name
    local peer = s:getpeercertificate()
    for _, f in ipairs(peer and peer:subject() or {}) do if f.name == "commonName" then name = f.value end end
    s:send("you are " .. (name or "") .. "\\n")
  end
  s:close()
end
"""


class LuaClient(_Client):
    name = "Lua (LuaSec)"
    packages = ("lua-sec", "lua5.4")
    interpreter = ("lua5.4", "-e")
    script = """
local socket, ssl = require "socket", require "ssl"
local s = assert(ssl.wrap(assert(socket.connect("127.0.0.1", PORT)), {mode = "client", protocol = "any", verify = "none", options = "all"}))
assert(s:dohandshake())
s:send("ping\\n"); print(s:receive("*l"))
"""


class TclClient(_Client):
    name = "Tcl (tls)"
    packages = ("tcl-tls", "tcl")
    success = "gnip"

    def command(self, stage):
        return ["tclsh", stage.write("client.tcl", f"""
package require tls
set s [tls::socket -tls1.3 1 -require 0 127.0.0.1 {self.port}]
fconfigure $s -buffering line
puts $s "ping"
puts [gets $s]
""")]
