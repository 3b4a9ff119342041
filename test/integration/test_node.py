# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Node.js: Debian's uses libssl, others carry an OpenSSL of their own and export it; all read nodejs_conf.

It sets cert_cb, and its verify callback says yes to everybody: what counts is the result that it asks for afterwards.
"""
import os
import shutil
import subprocess

import pytest

import openssls
import pki
from conftest import DEVICE, Log, config, entry, environment
from zone import patient

NODE = shutil.which("node", path="/usr/bin") or shutil.which("node")
pytestmark = [pytest.mark.skipif(NODE is None, reason="Node.js is not installed"),
              pytest.mark.skipif(bool(os.environ.get("DANCE_PRELOAD")),
                                 reason="Node.js is not built with the sanitizer and wants the address space for itself")]

SERVER = """
const tls = require("tls"), fs = require("fs");
const [port, crt, key, ca, ask] = process.argv.slice(1);
tls.createServer({cert: fs.readFileSync(crt), key: fs.readFileSync(key), ca: fs.readFileSync(ca),
                  requestCert: ask !== "none", rejectUnauthorized: ask === "required"}, s => {
    console.log("authorized", s.authorized, (s.getPeerCertificate().subject || {}).CN);
    s.on("error", e => console.log(e.message));
    s.on("data", d => s.end(d.toString().split("").reverse().join("")));
}).on("tlsClientError", e => console.log("refused", e.message)).listen(Number(port), "127.0.0.1");
"""

CLIENT = """
const tls = require("tls"), fs = require("fs");
const [port, ca] = process.argv.slice(1);
const s = tls.connect({port: Number(port), host: "127.0.0.1", servername: "server.example.com", ca: fs.readFileSync(ca)},
                      () => s.write("ping\\n"));
s.on("data", d => { console.log(d.toString()); s.destroy(); });
s.on("error", e => { console.log("refused", e.message); process.exitCode = 1; });
"""


def is_other():
    """Node.js that carries its own OpenSSL exports it, and dance works with that if it is of the same generation."""
    major = subprocess.run([NODE, "-p", "process.versions.openssl"], capture_output=True, text=True, check=True).stdout
    if openssls.libcrypto_of(NODE) is None:
        ours = openssls.libcrypto_of(openssls.MODULE)
        return openssls.note("Node.js", f"OpenSSL {major.strip()}", ours) if ours[-1] != major[0] else False
    return openssls.is_other("Node.js", NODE)


@pytest.fixture
def node_server(world, start):
    def run(ask, policy):
        return start([NODE, "-e", SERVER, "PORT", world.path("server.crt"), world.path("server.key"),
                      world.path("ca.crt"), ask], server={"policy": policy, "allow": "*._device.example.com"})
    return run


# What becomes of a wrong key, of a client of the application's CA and of one without certificate. Under require nobody
# of them gets in; otherwise Node.js goes on unless it is strict: then it cuts off whom it was told that it is nobody.
ANYBODY = ["in", "in", "in"]
EXPECTED = {("none", "mixed"): ANYBODY, ("none", "dane"): ANYBODY, ("optional", "mixed"): ANYBODY,
            ("optional", "dane"): ANYBODY, ("required", "mixed"): ["cut off", "in", 116],
            ("required", "dane"): ["cut off", "cut off", 116]}


def what_became(outcome):
    return "in" if outcome.data else outcome.alert or "cut off"


@pytest.mark.parametrize("policy", ["mixed", "dane", "require"])
@pytest.mark.parametrize("ask", ["none", "optional", "required"])
def test_server(world, node_server, ask, policy):
    server = node_server(ask, policy)
    leaf = pki.certificate(world.key, "pkix client", issuer=world.ca, issuer_key=world.ca_key)
    good = what_became(server.client().run([entry(world.device, DEVICE)], world.key))
    others = [what_became(server.client().run(certificates, key)) for certificates, key in
              (([entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key), ([entry(leaf)], world.key),
               ([], None))]
    again = what_became(server.client().run([entry(world.device, DEVICE)], world.key))
    text = (server.log.text(), server.output.text())
    assert server.alive()
    if is_other():
        # As without dance; the good one is a stranger then.
        assert (good, again) == (("cut off",) * 2 if ask == "required" else ("in",) * 2), text
        assert others == EXPECTED[ask, "mixed"], text
        assert server.log.wait(openssls.OTHER)
        return
    assert (good, again) == ("in", "in"), text
    assert others == (EXPECTED[ask, policy] if policy != "require" else [40, 40, 116]), text
    assert server.output.text().count(f"authorized true {DEVICE}") == (2 if ask != "none" else 0), text
    asked = ask != "none" or policy == "require"
    assert server.log.text().count(f"accepted {DEVICE}") == (2 if asked else 0), text
    verdicts = [f"refused {DEVICE}: no TLSA", f"not authenticated, the application goes on with {DEVICE}: no TLSA"]
    assert [server.log.text().count(v) for v in verdicts] == (
        [0, 0] if not asked else [1, 0] if policy == "require" else [0, 1]), text


@pytest.mark.parametrize("key,accepted", [("client.key", True), ("other.key", False)])
def test_client(world, s_server, tmp_path, key, accepted):
    server = s_server("require")
    conf = config(tmp_path / "cnf", tmp_path / "log", client={"identity": DEVICE, "private_key": world.path(key)})
    done = subprocess.run([NODE, "-e", CLIENT, str(server.port), world.path("server.crt")], env=environment(conf),
                          capture_output=True, text=True, timeout=patient(60))
    if is_other():
        assert "refused" in done.stdout and done.returncode == 1, (done, server.log.text())
        assert Log(tmp_path / "log").wait(openssls.OTHER)
        assert server.log.wait("the client sent no certificate")
    elif accepted:
        assert "gnip" in done.stdout, (done, server.log.text())
        assert server.log.wait(f"accepted {DEVICE}")
    else:
        assert "refused" in done.stdout and "handshake failure" in done.stdout, (done, server.log.text())
        assert server.log.wait(f"refused {DEVICE}: no TLSA record authenticates")
