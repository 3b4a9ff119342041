# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What happens to the process around the handshakes: fork, chroot, closed descriptors, a dead resolver."""
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess

import pytest

import pki
from conftest import DEVICE, PROGRAMS, config, entry, environment
from test_dns_outcomes import black_hole, silent_dns  # noqa: F401 (fixtures)
from processes import alive, workers
from zone import accepts, patient, wait_for

TLS_SERVER = os.path.join(PROGRAMS, "tls_server")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="chroot and namespaces need root")
needs_proc = pytest.mark.skipif(bool(os.environ.get("DANCE_PRELOAD")),
                                reason="LeakSanitizer wants /proc, which a chroot has not")
REQUIRE = {"policy": "require", "allow": "*._device.example.com, *.silent.example.net"}


def is_ours(pid, path):
    """Is path the same file for that process? Another run may use the same name in a chroot."""
    try:
        return os.path.samefile(f"/proc/{pid}/root{path}", path)
    except OSError:
        return True


def resolvers(server):
    """The processes that run the resolver of this server: they talk to its descendants."""
    wanted = server.process.pid
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as comm, open(f"/proc/{pid}/cmdline") as line:
                if comm.read().strip() == "dance-resolver" and server.log.path in line.read():
                    state = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
                    if state != "Z" and is_ours(pid, server.log.path):
                        found.append(int(pid))
        except OSError:
            continue
    assert wanted not in found
    return found


def kill_resolver(server):
    """Kill all of it, the supervisor first, so that nobody starts a worker again."""
    for supervisor in resolvers(server):
        killed = [supervisor, *workers(supervisor)]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(alive(pid) for pid in killed), what="their end")


@pytest.fixture
def tls_server(world, start):
    def run(*arguments, server=None, dns=None, verify="-V"):
        argv = [TLS_SERVER, "-p", "PORT", "-c", world.path("server.crt"), "-k", world.path("server.key"),
                "-a", world.path("ca.crt"), *([verify] if verify else []), *arguments]
        # Ready is said when everything has been done to the process; in an empty network
        # namespace the socket is still there but no longer in our /proc/net/tcp.
        return start(argv, server=server or REQUIRE, dns=dns,
                     ready=lambda p: re.search("^ready$", p.output.text(), re.M))
    return run


def good(world, server):
    return server.client().run([entry(world.device, DEVICE)], world.key)


def bad(world, server):
    return server.client().run([entry(pki.certificate(world.other_key, DEVICE), DEVICE)], world.other_key)


def check_both(world, server, rounds=2):
    for _ in range(rounds):
        outcome = good(world, server)
        assert outcome.accepted, (outcome, server.log.text(), server.output.text())
        assert bad(world, server).alert == 40, server.log.text()
    wait_for(lambda: server.output.text().count("accepted, ") >= rounds, what="the server's lines")
    text = server.output.text()
    assert "a child that we did not make" not in text
    # Nothing is left behind by success, and verification says OK.
    assert re.findall(r"accepted, verify result (\d+), queue: (.*)", text) == [("0", "empty")] * rounds, text
    assert "refused: error:" in text and "dance" in text


@pytest.mark.parametrize("arguments", [[], ["-f"], ["-e"], ["-l"], ["-e", "-f"], ["-t", "8"], ["-d"], ["-e", "-d"], ["-I"]],
                         ids=lambda a: " ".join(a) or "plain")
def test_life_of_a_server(world, tls_server, arguments):
    check_both(world, tls_server(*arguments))


@needs_root
def test_nobody(world, tls_server):
    check_both(world, tls_server("-u"))


@needs_root
@needs_proc
@pytest.mark.parametrize("arguments", [[], ["-f"], ["-e", "-u"]], ids=str)
def test_chroot(world, tls_server, tmp_path, arguments):
    """Nothing is in the new root: no resolver, no anchor, no log."""
    root = tmp_path / "root"
    root.mkdir()
    check_both(world, tls_server("-r", str(root), *arguments))


@needs_root
def test_empty_network_namespace(world, tls_server):
    """The listening socket stays in the old namespace, the lookups go through the resolver."""
    check_both(world, tls_server("-N", "-u"))


@needs_root
def test_resolver_is_detached_and_not_root(world, tls_server):
    server = tls_server()
    assert good(world, server).accepted
    [pid] = resolvers(server)
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
    assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
    assert status["Groups"].strip() == ""
    assert int(status["PPid"]) != server.process.pid
    assert status["NoNewPrivs"].strip() == "1"
    stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    assert int(stat[3]) != os.getsid(server.process.pid), "a session of its own"
    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert not any(link.endswith(("server.key", ".crt", "output")) for link in links), links


def test_resolver_ends_with_its_last_user(world, tls_server):
    server = tls_server("-n", "2", "-f")
    assert good(world, server).accepted
    assert len(resolvers(server)) == 1
    assert good(world, server).accepted
    assert server.process.wait(patient(10)) == 0
    wait_for(lambda: not resolvers(server), 10, "the resolver's end")


def test_a_client_configuration_starts_no_resolver(world, start, s_client, s_server, tmp_path):
    server = s_server("require")
    done = s_client(server.port)
    assert done.accepted, done.text
    assert "started" not in done.log.text()


def test_resolver_killed_between_lookups(world, tls_server):
    server = tls_server()
    name = "ttl0._device.example.com"  # asked for each time
    leaf = pki.certificate(world.key, name)
    assert good(world, server).accepted
    for _ in range(3):
        wait_for(lambda: server.client().run([entry(leaf, name)], world.key).accepted, 10, "a resolver")
        kill_resolver(server)
        # Who is known does not need one.
        assert good(world, server).accepted
        # Refused with a reason at the worst, for a moment; then a fresh one serves.
        wait_for(lambda: server.client().run([entry(leaf, name)], world.key).accepted, 10, "a fresh resolver")


def test_resolver_killed_in_mid_lookup(world, tls_server, silent_dns):  # noqa: F811
    server = tls_server("-t", "4", dns={**silent_dns, "timeout": "3"})
    assert good(world, server).accepted
    name = "dev.silent.example.net"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = [pool.submit(lambda: server.client().run([entry(pki.certificate(world.key, name), name)], world.key))
                   for _ in range(2)]

        def asked():
            # Both of the server's threads wait in poll() for an answer.
            states = [open(f"/proc/{server.process.pid}/task/{t}/syscall").read().split()[0]
                      for t in os.listdir(f"/proc/{server.process.pid}/task")]
            return states.count("7") >= 2
        wait_for(asked, what="two lookups in flight")
        kill_resolver(server)
        for outcome in waiting:
            assert outcome.result().alert == 40, server.log.text()
    wait_for(lambda: good(world, server).accepted, 10, "a fresh resolver")
    assert f"refused {name}" in server.log.text()


@pytest.mark.parametrize("arguments", [["-T"], ["-X"], ["-X", "-K"], ["-X", "-I"]], ids=str)
def test_require_holds_against_the_applications_callbacks(world, tls_server, arguments):
    server = tls_server(*arguments)
    assert good(world, server).accepted, (server.log.text(), server.output.text())
    assert bad(world, server).alert == 40, (server.log.text(), server.output.text())
    leaf = pki.certificate(world.key, "no extension", issuer=world.ca, issuer_key=world.ca_key)
    assert server.client().run([entry(leaf)], world.key).alert == 40
    assert server.client().run([], None).alert == 116
    name = "u211._device.example.com"
    other = pki.certificate(world.key, name, ["other.example.com"], issuer=world.ca, issuer_key=world.ca_key)
    assert not server.client().run([entry(other, name), entry(world.ca)], world.key).accepted


QUIC = "-quic" in subprocess.run(["openssl", "s_client", "-help"], capture_output=True, text=True).stderr
needs_quic = pytest.mark.skipif(not QUIC, reason="QUIC came with OpenSSL 3.2")


@pytest.mark.parametrize("arguments", [
    [], ["-I"], ["-H"], ["-I", "-H"], ["-I", "-M"], ["-I", "-H", "-M"], ["-X", "-I", "-H", "-M"], *(
        pytest.param(["-Q", *more], marks=needs_quic) for more in ([], ["-I"], ["-H"], ["-I", "-H"]))], ids=str)
def test_require_asks_whatever_callbacks_are_taken(world, tls_server, arguments):
    """None of the info callback, client_hello_cb and the message callback is needed; also beside QUIC."""
    server = tls_server(*arguments, verify=None)
    for _ in range(2):
        assert good(world, server).accepted, (server.log.text(), server.output.text())
        assert bad(world, server).alert == 40, (server.log.text(), server.output.text())
        assert server.client().run([], None).alert == 116


@pytest.mark.parametrize("arguments", [["-G"], ["-X", "-G"], ["-X", "-K", "-G"], ["-X", "-G", "-H"]], ids=str)
def test_not_a_word_to_whom_require_refuses(world, tls_server, arguments):
    """The application would talk as soon as the handshake is over."""
    server = tls_server(*arguments)
    assert good(world, server).data.startswith(b"hello\n"), (server.log.text(), server.output.text())
    leaf = pki.certificate(world.key, "no extension", issuer=world.ca, issuer_key=world.ca_key)
    for outcome in (bad(world, server), server.client().run([entry(leaf)], world.key)):
        assert outcome.data == b"", (outcome, server.log.text())
        assert outcome.alert == 40, (outcome, server.log.text())


def test_mixed_keeps_the_applications_word(world, tls_server):
    server = tls_server("-T", server={"policy": "mixed", "allow": "*"})
    assert bad(world, server).accepted
    assert re.search(r"accepted, verify result [1-9]\d*, queue: empty", server.output.text())


def test_socket_resolver(world, tls_server, tmp_path):
    """dns.resolver = a socket: one resolver for the machine, which may be started again."""
    os.chmod(tmp_path, 0o755)
    path = str(tmp_path / "resolver.sock")
    argv = [os.path.join(os.path.dirname(PROGRAMS), "resolver", "dance-resolver"), "--socket", path, "--log", "stderr",
            "--trust-anchor", world.anchor, "--forward", f"127.0.0.1@{world.zones.port}", "--user", "root"]
    one = subprocess.Popen(argv)
    wait_for(lambda: accepts(path), what="the socket")
    server = tls_server("-f", dns={"resolver": path})
    try:
        check_both(world, server)
        assert not resolvers(server)
        one.terminate()
        assert one.wait(patient(10)) == 0
        assert good(world, server).alert == 40
        assert server.log.wait("dance-resolver cannot be reached")
    finally:
        one.kill()
        one.wait()
    two = subprocess.Popen(argv)
    try:
        wait_for(lambda: good(world, server).accepted, 10, "the new resolver")
    finally:
        two.terminate()
        assert two.wait(patient(10)) == 0


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not installed")
def test_systemd_socket_activation(world, tls_server, tmp_path):
    os.chmod(tmp_path, 0o755)
    path = str(tmp_path / "resolver.sock")
    program = os.path.join(os.path.dirname(PROGRAMS), "resolver", "dance-resolver")
    one = subprocess.Popen(["systemd-socket-activate", "--seqpacket", "-l", path, program, "--listen-fds", "--log", "stderr",
                            "--trust-anchor", world.anchor, "--forward", f"127.0.0.1@{world.zones.port}"])
    try:
        wait_for(lambda: os.path.exists(path), what="the socket")
        server = tls_server(dns={"resolver": path})
        check_both(world, server)
        assert not resolvers(server)
    finally:
        one.terminate()
        one.wait(patient(10))


@needs_root
def test_a_socket_of_somebody_else_is_not_believed(world, tls_server, tmp_path):
    """Whoever answers decides who is let in."""
    os.chmod(tmp_path, 0o777)
    path = str(tmp_path / "resolver.sock")
    # A copy: the clone may lie where only root can go.
    program = shutil.copy(os.path.join(os.path.dirname(PROGRAMS), "resolver", "dance-resolver"), tmp_path / "program")
    rogue = subprocess.Popen([program, "--socket", path, "--log", "stderr", "--trust-anchor", world.anchor, "--forward",
                              f"127.0.0.1@{world.zones.port}"], user=65534, group=65534, extra_groups=[])
    try:
        wait_for(lambda: accepts(path), what="the socket")
        server = tls_server(dns={"resolver": path})
        assert good(world, server).alert == 40
        assert server.log.wait("belongs to user 65534, neither root nor this process's own")
    finally:
        rogue.terminate()
        rogue.wait(patient(10))


@pytest.mark.skipif(shutil.which("valgrind") is None or bool(os.environ.get("DANCE_PRELOAD")),
                    reason="valgrind is not installed, or a sanitizer build is tested")
def test_valgrind(world, start, tmp_path):
    """One accepted, one refused, one malformed; silent to the process's end."""
    report = tmp_path / "valgrind"
    server = start(["valgrind", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
                    "--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=99",
                    f"--log-file={report}", TLS_SERVER, "-p", "PORT", "-c", world.path("server.crt"),
                    "-k", world.path("server.key"), "-V", "-n", "4"], server=REQUIRE,
                   ready=lambda p: "ready" in p.output.text())
    assert server.client(timeout=60).run([entry(world.device, DEVICE)], world.key).accepted, server.log.text()
    assert server.client(timeout=60).run([entry(world.device, b"")], world.key).alert == 50
    assert server.client(timeout=60).run([entry(world.device, "outside.example.com")], world.key).alert == 40
    assert server.client(timeout=60).run([], None).alert == 116
    assert server.process.wait(patient(60)) == 0, report.read_text()
    assert "ERROR SUMMARY: 0 errors" in report.read_text()


@pytest.mark.parametrize("default_context", [False, True])
def test_library_contexts_that_come_and_go(world, tmp_path, default_context):
    """The module is initialised once and stays mapped, whoever loads and frees it."""
    conf = config(tmp_path / "cnf", tmp_path / "log", server=REQUIRE, dns=world.dns(),
                  client={"identity": DEVICE, "private_key": world.path("client.key")})
    env = environment(conf if default_context else "/dev/null")
    done = subprocess.run([os.path.join(PROGRAMS, "lib_contexts"), conf], env=env, capture_output=True, text=True,
                          timeout=patient(60))
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


def test_installed(tmp_path):
    """cmake --install: all that belongs to it is put in place, and the target uninstall takes it away again."""
    build = os.path.dirname(PROGRAMS)
    target = tmp_path / "target"
    root = tmp_path / "root"
    env = {**os.environ, "DESTDIR": str(root)}
    subprocess.run(["cmake", "--install", build, "--prefix", str(target)], check=True, capture_output=True, env=env)
    [module] = root.rglob("ossl-modules/dance.so")
    found = {path.name for path in root.rglob("*")}
    assert {"dance-resolver", "dance-resolver.service", "dance-resolver.socket", "dance.7", "dance-resolver.8",
            "README.md", "operators.md", "openssl.cnf.example"} <= found
    symbols = subprocess.run(["nm", "-D", "--defined-only", str(module)], check=True, capture_output=True, text=True).stdout
    assert [line.split()[2] for line in symbols.splitlines()] == ["OSSL_provider_init"] or "_asan" in symbols or "tsan" in symbols
    subprocess.run(["cmake", "--build", build, "--target", "uninstall"], check=True, capture_output=True, env=env)
    assert [path for path in root.rglob("*") if not path.is_dir() or path.name == "dance"] == []
