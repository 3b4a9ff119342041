# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""allow_file: lists of a million names, which processes share, and files that are changed, spoilt or gone."""
import os
import re
import signal
import threading

import pytest

import pki
from conftest import DEVICE, entry, listening, sanitized
from processes import workers
from test_process import good, needs_root, resolvers, tls_server  # noqa: F401 (fixture)
from zone import free_port, patient, wait_for

OTHER = "u311._device.example.com"
NAMES = 100000 if sanitized() else 1000000
LONG = 10000  # more than a process reads within a handshake
WORKERS = 8
GROWTH = 2 << 20
needs_nginx = pytest.mark.skipif(not os.path.exists("/usr/sbin/nginx"), reason="nginx is not installed")

NGINX = """
daemon off;
{user}
pid {folder}/pid;
error_log {folder}/error info;
worker_processes %d;
events {{ accept_mutex off; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl reuseport;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {crt}; ssl_certificate_key {key};
    ssl_client_certificate {ca};
    ssl_verify_client on;
    return 200 "hello\\n";
  }}
}}
""" % WORKERS


def nginx_command(world, folder, port):
    """Processes that are nobody's, if we are root, and share no socket."""
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, port=port, crt=world.path("server.crt"), key=world.path("server.key"),
                                 ca=world.path("ca.crt"), user="user nobody nogroup;" if os.geteuid() == 0 else ""))
    return ["/usr/sbin/nginx", "-e", str(folder / "error"), "-c", str(path)]


class Allowed:
    """The file, which is always replaced as a whole by rename(), unless said otherwise."""

    def __init__(self, path):
        self.path = str(path)

    def replace(self, text):
        with open(self.path + ".new", "w") as out:
            out.write(text)
        os.rename(self.path + ".new", self.path)

    def write(self, text):
        with open(self.path, "w") as out:
            out.write(text)


def many(count, *more):
    return "".join(f"n{i:07d}._sensor.example.org\n" for i in range(count)) + "".join(f"{name}\n" for name in more)


@pytest.fixture
def allowed(tmp_path):
    os.chmod(tmp_path, 0o755)
    return Allowed(tmp_path / "allowed")


@pytest.fixture
def nginx(world, start, tmp_path, allowed):
    started = []

    def run(**server):
        port = free_port()
        section = {"policy": "require", "allow": "nobody.example.com", "allow_file": allowed.path, **server}
        started.append(start(nginx_command(world, tmp_path, port), server=section, port=port, module={"log_level": "debug"},
                             ready=listening))
        return started[-1]
    yield run
    for server in started:
        server.stop()


@pytest.fixture
def serve(s_server, allowed):
    """A server of one process."""
    def run(policy="require", **more):
        return s_server(policy, fresh=True, allow="nobody.example.com", allow_file=allowed.path,
                        module={"log_level": "debug"}, **more)
    return run


def visit(world, server, name):
    return server.client(timeout=patient(20)).run([entry(pki.certificate(world.key, name), name)], world.key)


def children(server):
    with open(f"/proc/{server.process.pid}/task/{server.process.pid}/children") as f:
        return [int(pid) for pid in f.read().split()]


def all_have(server, pattern, knock):
    """Each worker says a line like this, with knock() until they do."""
    def seen():
        knock()
        said = set(map(int, re.findall(rf"\[(\d+)\] dance: {pattern}", server.log.text())))
        return set(children(server)) <= said
    wait_for(seen, 60, f"{pattern!r} by each worker")


def shares(server):
    """What is each worker's share of the memory that it uses."""
    def share(pid):
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return int(re.search(r"(?m)^Pss: +(\d+) kB", f.read()).group(1)) << 10
    return {pid: share(pid) for pid in children(server)}


@needs_nginx
def test_a_million_names_are_shared(world, nginx, allowed, record_property):
    allowed.replace(DEVICE + "\n")
    server = nginx()

    def knock():
        assert good(world, server).accepted, server.log.text()
    all_have(server, f"accepted {DEVICE}", knock)
    before = shares(server)
    assert len(before) == WORKERS
    # The file becomes a long one: the resolver makes the list, and the same for everybody.
    allowed.replace(many(NAMES, DEVICE))
    server.log.mark()
    all_have(server, f"read {NAMES + 1} patterns", knock)
    for i in range(10 * WORKERS):
        knock()
        # Any of them, so that all of the list is looked at.
        assert visit(world, server, f"n{i * 7919 % NAMES:07d}._sensor.example.org").alert == 40
        assert visit(world, server, f"none{i}._sensor.example.org").alert == 40
    after = shares(server)
    growth = {pid: after[pid] - before[pid] for pid in before}
    print("growth of the workers' shares:", sorted(growth.values()))
    if not sanitized():  # whose own memory grows with every allocation
        assert max(growth.values()) < GROWTH, growth
    lists = {os.stat(f"/proc/{pid}/fd/{fd}").st_ino for pid in children(server) for fd in os.listdir(f"/proc/{pid}/fd")
             if "dance-patterns" in os.readlink(f"/proc/{pid}/fd/{fd}")}
    assert len(lists) == 2, "the one that the parent read, and the one that the resolver made"
    assert len(resolvers(server)) == 1


@needs_nginx
def test_a_million_names_at_start(world, nginx, allowed):
    """Whoever is forked has what its parent read."""
    allowed.replace(many(NAMES, DEVICE))
    server = nginx()

    def knock():
        assert good(world, server).accepted, server.log.text()
        assert visit(world, server, OTHER).alert == 40
    server.log.mark()
    all_have(server, f"refused {OTHER}: no pattern of allow", knock)
    assert "patterns from" not in server.log.text()
    share = shares(server)
    allowed.replace(f"{DEVICE}\n")
    server.log.mark()
    all_have(server, "read 1 patterns", knock)
    less = shares(server)
    growth = {pid: share[pid] - less[pid] for pid in less}
    print("what the list adds to the workers' shares:", sorted(growth.values()))
    if not sanitized():  # whose own memory grows with every allocation
        assert max(growth.values()) < GROWTH, growth


@needs_nginx
def test_the_workers_of_a_server_hold_one_list_ahead(world, nginx, allowed):
    """Each of them sends what it has: that is one and the same memory."""
    allowed.replace(f"{DEVICE}\n")
    server = nginx(prefetch="yes")

    def knock():
        assert good(world, server).accepted, server.log.text()
    all_have(server, f"accepted {DEVICE}", knock)
    server.log.mark()
    allowed.replace(many(3000, DEVICE))
    all_have(server, "sent 3001 names to look up ahead", knock)
    server.log.wait("resolver: 3001 names are looked up ahead")
    assert server.log.text().count("names are looked up ahead") == 1, server.log.text()
    for resolver in resolvers(server):
        os.kill(resolver, signal.SIGUSR1)
    assert server.log.wait("resolver: .* 3002 held;")  # with nobody.example.com, of allow


@needs_root
def test_no_handshake_waits_for_a_long_list(world, serve, allowed):
    """While the resolver does not come to it the list before counts."""
    allowed.replace(f"{DEVICE}\n")
    server = serve()
    assert good(world, server).accepted
    [resolver] = resolvers(server)
    [worker] = workers(resolver)
    os.kill(resolver, signal.SIGSTOP)
    os.kill(worker, signal.SIGSTOP)
    try:
        allowed.replace(many(LONG, OTHER))
        server.log.mark()

        def ordered():
            assert good(world, server).accepted
            assert visit(world, server, OTHER).alert == 40
            return re.search(r"ordered the list of", server.log.text())
        wait_for(ordered, 20, "the order")
        assert good(world, server).accepted
        assert "patterns from" not in server.log.text()
    finally:
        os.kill(resolver, signal.SIGCONT)
        os.kill(worker, signal.SIGCONT)
    wait_for(lambda: good(world, server).alert == 40 and visit(world, server, OTHER).accepted, 20, "the new list")
    assert server.log.wait(f"read {LONG + 1} patterns")


def counts(world, server, text):
    """The list is the one before, and this is said, once."""
    def said():
        assert good(world, server).accepted and visit(world, server, OTHER).alert == 40
        return re.search(text, server.log.text())
    wait_for(said, 20, text)
    for _ in range(5):
        assert good(world, server).accepted
    assert len(re.findall(text, server.log.text())) == 1, server.log.text()


@pytest.mark.parametrize("names", [0, LONG], ids=["short", "long"])
def test_a_file_that_is_not_whole_changes_nothing(world, serve, allowed, names):
    allowed.replace(f"{DEVICE}\n")
    server = serve()
    assert good(world, server).accepted
    for text, fault in ((many(names, OTHER)[:-1], "its last line has no end: it is not complete"),
                        (many(names, OTHER, "*foo") + many(names), r"octets other than letters.*: \*foo"),
                        (many(names, OTHER) + "a..b\n", "it has an empty label: a..b")):
        server.log.mark()
        allowed.replace(text)
        counts(world, server, f"server.allow_file = {allowed.path}: .*{fault}; the list before counts")
    # In place, as an editor may write it.
    allowed.write(many(names, OTHER))
    wait_for(lambda: visit(world, server, OTHER).accepted, 20, "the new list")
    assert good(world, server).alert == 40


@pytest.mark.parametrize("names", [0, LONG], ids=["short", "long"])
def test_a_file_that_is_gone_changes_nothing(world, serve, allowed, names):
    allowed.replace(many(names, DEVICE))
    server = serve()
    assert good(world, server).accepted
    os.rename(allowed.path, allowed.path + ".away")
    os.mkdir(allowed.path)
    server.log.mark()
    counts(world, server, f"server.allow_file = {allowed.path}: it is no file")
    os.rmdir(allowed.path)
    for _ in range(5):
        assert good(world, server).accepted
    allowed.replace(many(names, OTHER))
    wait_for(lambda: visit(world, server, OTHER).accepted, 20, "the new list")


@needs_nginx
@needs_root
@pytest.mark.parametrize("names", [0, LONG], ids=["short", "long"])
def test_a_file_that_may_not_be_read_any_more_changes_nothing(world, nginx, allowed, names):
    allowed.replace(f"{DEVICE}\n")
    server = nginx()
    assert good(world, server).accepted
    with open(allowed.path + ".new", "w") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(many(names, OTHER))
    os.rename(allowed.path + ".new", allowed.path)

    def knock():
        assert good(world, server).accepted and visit(world, server, OTHER).alert == 40
    server.log.mark()
    all_have(server, f"server.allow_file = {allowed.path}: it cannot be read: Permission denied", knock)
    os.chmod(allowed.path, 0o644)
    server.log.mark()
    all_have(server, f"read {names + 1} patterns", lambda: visit(world, server, OTHER))
    assert good(world, server).alert == 40 and visit(world, server, OTHER).accepted


@pytest.mark.parametrize("text,fault", [
    (None, "No such file"), (f"{DEVICE}", "last line has no end"), (f"{DEVICE}\n*foo\n", "octets other than letters")])
@pytest.mark.parametrize("policy", ["mixed", "require"])
def test_a_faulty_file_at_the_start_closes(world, serve, allowed, policy, text, fault):
    """As any other fault of the section: who presents a certificate is refused, and under require everybody."""
    if text is not None:
        allowed.replace(text)
    server = serve(policy)
    assert server.log.wait(f"server.allow_file = {allowed.path}: .*{fault}")
    assert good(world, server).alert == 40
    pkix = pki.certificate(world.other_key, "pkix", issuer=world.ca, issuer_key=world.ca_key)
    assert not server.client().run([entry(pkix)], world.other_key).accepted
    # It stays so: what was configured was never in force.
    allowed.replace(f"{DEVICE}\n")
    for _ in range(3):
        assert good(world, server).alert == 40


def test_a_worker_of_the_resolver_that_dies_makes_no_difference(world, serve, allowed):
    allowed.replace(f"{DEVICE}\n")
    server = serve()
    assert good(world, server).accepted
    over = threading.Event()

    def kill():
        while not over.wait(0.05):
            for resolver in resolvers(server):
                for pid in workers(resolver):
                    os.kill(pid, signal.SIGKILL)
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        allowed.replace(many(LONG, DEVICE, OTHER))
        wait_for(lambda: good(world, server).accepted
                 and re.search("the resolver, which is to read it|patterns", server.log.text()), 30, "an order that is lost")
    finally:
        over.set()
        killer.join()
    wait_for(lambda: visit(world, server, OTHER).accepted, 30, "the new list")


def test_processes_of_one_handshake(world, tls_server, allowed):  # noqa: F811
    """Each takes up the list that an earlier one has ordered."""
    allowed.replace(many(10000, DEVICE))
    server = tls_server("-F", server={"policy": "require", "allow": "nobody.example.com", "allow_file": allowed.path})
    assert visit(world, server, DEVICE).accepted, server.log.text()
    allowed.replace(many(10000, OTHER))
    wait_for(lambda: not visit(world, server, DEVICE).accepted, 20, "the new list")
    wait_for(lambda: visit(world, server, OTHER).accepted, 20, "who is on it")
