# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance status: what the resolver counts, who is told of whom, and that nothing of it stops or fools anybody."""
import collections
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess

import pytest

import strangers
from conftest import PROGRAMS, REPOSITORY, config, environment, listening
from strangers import OTHERS, STRANGER, Resolver, being, control_of
from test_allow_file import NGINX, needs_nginx
from test_cli import PROGRAM, dance, flush
from test_dns_outcomes import black_hole  # noqa: F401 (fixture)
from test_logs import more_refused, scan
from test_process import bad, good, needs_root, tls_server  # noqa: F401 (fixture)
from test_resolver import GARBAGE, HEADER, NAME, SECURE, conversation, look_up
from zone import free_port, patient, wait_for

ACCEPTED, REFUSED, LET_ON, LOST = range(4)
PROTOCOL_VERSION = 15  # its place among the reasons
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\d+)')


@pytest.fixture
def resolver(world, black_hole):  # noqa: F811
    resolver = Resolver(world, black_hole, "--max-workers", "16")
    yield resolver
    if resolver.process.poll() is None:
        resolver.stop()
    resolver.remove()


def status(resolver, code=0):
    done = dance("status", "--socket", resolver.path, "--json")
    assert done.returncode == code, (done, resolver.log())
    return json.loads(done.stdout)


def of(told, uid=0):
    """What is said of one user."""
    [user] = [user for user in told["users"] if user["uid"] == uid]
    return user


def counts(*of_each):
    """Such a message of an application."""
    return HEADER + b"\x0d" + struct.pack("!B", len(of_each)) + b"".join(struct.pack("!BBI", *one) for one in of_each)


def parsed(text):
    """The samples of Prometheus' text format: each metric with HELP and TYPE before it, all of it in one place, no sample twice."""
    samples, seen, current = {}, set(), None
    assert text.endswith("\n")
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("# HELP "):
            _, _, current, words = line.split(" ", 3)
            assert current not in seen and words
            seen.add(current)
            kind = next(lines).split(" ")
            assert kind[:3] == ["#", "TYPE", current] and kind[3] == ("counter" if current.endswith("_total") else "gauge")
            continue
        match = SAMPLE.fullmatch(line)
        assert match and match[1] == current, line
        key = current, match[2] or ""
        assert key not in samples, line
        samples[key] = int(match[3])
    return samples


def test_lookups(resolver):
    names = {NAME: "secure", "dev._device.example.net": "insecure", "bogus._device.example.com": "bogus",
             "missing._device.example.com": "absent", "nodata._device.example.com": "absent"}
    with control_of(resolver.path, 0) as channel:
        asked = [*names]
        for name in asked:
            look_up(channel, name)

        def kept():  # unless somebody else has all resolvers of the machine forget what they know
            asked.append(NAME)
            return look_up(channel, NAME)[0] == SECURE and (u := of(status(resolver))) and u["lookups_kept"] >= 1 and u
        user = wait_for(kept, what="what was kept")
        for outcome, number in collections.Counter(names[name] for name in asked).items():
            assert user[f"lookups_{outcome}"] == number, user
        assert user["dns_lookups"] >= len(names) and user["lookups_in_flight"] == 0 and user["names_kept"] >= 1
        assert user["worker"] == "ready" and user["channels"] >= 1 and user["lookups_late"] == 0
        # What a worker has done outlives it; what it had does not.
        before = user["flushes"], user["workers_started"]
        assert flush(resolver.path).returncode == 0
        user = wait_for(lambda: (u := of(status(resolver)))["workers_started"] > before[1] and u, what="the next worker")
        assert user["flushes"] > before[0] and user["lookups_secure"] == len(asked) - 4 and user["names_kept"] == 0
    assert "fault" not in dance("status", "--socket", resolver.path).stdout


def test_what_was_said_before_the_end_counts(resolver):
    """Of a process that has ended before the supervisor looked, too."""
    os.kill(resolver.pid, signal.SIGSTOP)
    with control_of(resolver.path, 0) as channel:
        channel.send(counts((REFUSED, PROTOCOL_VERSION, 3)))
    os.kill(resolver.pid, signal.SIGCONT)
    counted(resolver, refused={"protocol-version": 3})


def told(path, uid):
    """The messages that whoever connects as uid by a socket with a name is sent: users, and how many there are."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.bind("")
        with being(uid):
            s.connect(path)
        s.settimeout(patient(20))
        head = s.recv(65536)
        assert head[:6] == HEADER + b"\x0e"
        users, follow = struct.unpack("!II", head[-8:])
        messages = [s.recv(65536) for _ in range(follow)]
        assert all(m[:6] == HEADER + b"\x0f" for m in messages)
        return [struct.unpack("!I", m[6:10])[0] for m in messages], users


@needs_root
def test_who_is_told_of_whom(resolver):
    with contextlib.ExitStack() as stack:
        for uid in (*OTHERS, STRANGER):
            assert look_up(stack.enter_context(control_of(resolver.path, uid)), NAME)[0] == SECURE
        for uid in (100, STRANGER):
            assert told(resolver.path, uid) == ([uid], 1)
        uids, users = told(resolver.path, 0)
        assert set(uids) == {*OTHERS, STRANGER} and users == len(uids) and set(uids[:2]) == {0, 100}
        for uid in OTHERS:
            assert of(status(resolver), uid)["lookups_secure"] == 1


@needs_root
def test_users_who_have_gone_are_remembered(resolver):
    """Of a bounded number, and nothing of them but numbers; those who come often have an ordinary number."""
    with control_of(resolver.path, STRANGER) as channel:
        channel.send(counts((REFUSED, 1, 7)))
        wait_for(lambda: of(status(resolver), STRANGER)["refused"], what="the count")
    def gone():
        users = [user for user in status(resolver)["users"] if user["uid"] == STRANGER]
        return users and users[0]["worker"] == "none" and users[0]
    user = wait_for(gone, 40, "the end of the worker")
    assert user["refused"] == {"configuration": 7} and user["channels"] == 0 and user["conversations"] == 0
    with control_of(resolver.path, STRANGER) as channel:
        assert look_up(channel, NAME)[0] == SECURE
        user = wait_for(lambda: (u := of(status(resolver), STRANGER))["lookups_secure"] and u, what="another lookup")
        assert user["refused"] == {"configuration": 7} and user["workers_started"] >= 2


@needs_root
def test_a_worker_that_is_stuck(resolver):
    """Its user's numbers are told all the same, and the exit status says so."""
    with control_of(resolver.path, 0) as channel:
        channel.send(counts((ACCEPTED, 0, 3)))
        wait_for(lambda: of(status(resolver))["accepted"] == 3, what="the count")
        [worker] = resolver.workers()
        os.kill(worker, signal.SIGSTOP)
        done = dance("status", "--socket", resolver.path, "--json", timeout=patient(60))
        assert done.returncode == 1 and "it does not answer" in done.stderr, done
        assert of(json.loads(done.stdout))["accepted"] == 3
        os.kill(worker, signal.SIGCONT)
        wait_for(lambda: dance("status", "--socket", resolver.path).returncode == 0, 60, "an answer")
        assert of(status(resolver))["accepted"] == 3


def test_dns_cannot_be_set_up(resolver):
    resolver.stop()
    anchor = resolver.argv[resolver.argv.index("--trust-anchor") + 1]
    with open(anchor, "w") as out:
        out.write("nothing\n")
    resolver.start()
    done = dance("status", "--socket", resolver.path, "--json")
    assert done.returncode == 1 and "DNS cannot be set up: " in done.stderr and anchor in done.stderr, done
    user = of(json.loads(done.stdout), os.geteuid())
    assert user["worker"] == "broken" and anchor in user["fault"]
    samples = parsed(dance("status", "--socket", resolver.path, "--prometheus").stdout)
    assert samples["dance_resolver_good", ""] == 0 and set(v for (m, _), v in samples.items() if m == "dance_dns_ready") == {0}


def test_nobody_listens(tmp_path):
    path = str(tmp_path / "sock")
    for arguments in ([], ["--json"], ["--prometheus"]):
        done = dance("status", "--socket", path, *arguments)
        assert done.returncode == 1 and f"{path}: nobody listens there" in done.stderr, done
    assert json.loads(dance("status", "--socket", path, "--json").stdout)["status"] == "fault"
    assert parsed(dance("status", "--socket", path, "--prometheus").stdout) == {("dance_resolver_good", ""): 0}


def test_nobody_answers(tmp_path):
    """Who listens and does no more is waited for, and not for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.bind(str(tmp_path / "sock"))
        s.listen()
        done = dance("status", "--socket", tmp_path / "sock", timeout=patient(60))
        assert done.returncode == 1 and "it is older than this command" in done.stderr


@pytest.mark.parametrize("arguments,said", [
    (["--socket", "sock"], "absolute"), (["--socket", "/x", "--config", "/y"], "exclude each other"),
    (["--json", "--prometheus"], "exclude each other"), (["x"], "'x'")])
def test_command_lines_that_mean_nothing(arguments, said):
    done = dance("status", *arguments)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""


def test_where_a_file_says(resolver, tmp_path):
    server = {"policy": "require", "allow": "*"}
    shared = config(tmp_path / "shared.cnf", "none", server=server, dns={"resolver": resolver.path})
    assert json.loads(dance("status", "--config", shared, "--json").stdout)["socket"] == resolver.path
    own = config(tmp_path / "own.cnf", "none", server=server, dns={"timeout": "3"})
    done = dance("status", "--config", own)
    assert done.returncode == 1 and "a resolver of its own" in done.stderr


# What is counted in applications.

def dns(resolver):
    return {"resolver": resolver.path, "timeout": str(min(60, int(patient(3))))}


def scanned(server, many=4000):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda _: scan(server.port), range(many)):
            pass


def counted(resolver, **wanted):
    """They come by messages of processes that have ended, which the worker reads when it can."""
    def there():
        user = of(status(resolver), os.geteuid())
        return {key: user[key] for key in wanted} == wanted and user
    return wait_for(there, 30, f"{wanted} in {of(status(resolver), os.geteuid())}")


@pytest.mark.parametrize("arguments", [["-t", "4", "-n", "1004"], ["-n", "4016"]], ids=["threads", "one"])
def test_a_scanner(world, tls_server, resolver, arguments):  # noqa: F811
    """Few lines, and 4,000 in the counters; the rightful are told apart."""
    server = tls_server(*arguments, dns=dns(resolver))
    for _ in range(8):
        assert good(world, server).accepted
    assert bad(world, server).alert == 40
    scanned(server)
    for _ in range(7):
        assert good(world, server).accepted
    assert server.process.wait(patient(20)) == 0, server.output.text()
    user = counted(resolver, accepted=15, refused={"protocol-version": 4000, "tlsa-no-match": 1}, let_on={}, lines_lost=0)
    assert len(server.log.text().splitlines()) < 100 and user["lookups_secure"] >= 1
    assert more_refused(server.log.text()) > 3000


def test_it_is_told_while_they_come(world, tls_server, resolver):  # noqa: F811
    """The first at once; and what was kept back comes with a client that comes a second later."""
    server = tls_server(dns=dns(resolver))
    scan(server.port)
    counted(resolver, refused={"protocol-version": 1})
    for _ in range(20):
        scan(server.port)
    came = [21]

    def all_told():
        scan(server.port)
        came[0] += 1
        return of(status(resolver), os.geteuid())["refused"]["protocol-version"] == came[0]
    wait_for(all_told, 30, "all that came")


@pytest.mark.parametrize("arguments", [["-f"], ["-e", "-f"]], ids=" ".join)
def test_a_process_for_each_client(world, tls_server, resolver, arguments):  # noqa: F811
    """Nothing is lost where each process has one, and nothing of the parent's is told by a child."""
    server = tls_server(*arguments, dns=dns(resolver))
    for _ in range(5):
        assert good(world, server).accepted
    for _ in range(60):
        scan(server.port)
    counted(resolver, accepted=5, refused={"protocol-version": 60})


@needs_nginx
def test_nginx(world, start, resolver, tmp_path):
    """Its workers, which were forked, each for itself."""
    os.chmod(tmp_path, 0o755)
    port = free_port()
    (tmp_path / "nginx.conf").write_text(NGINX.format(
        folder=tmp_path, port=port, crt=world.path("server.crt"), key=world.path("server.key"), ca=world.path("ca.crt"),
        user="user nobody nogroup;" if os.geteuid() == 0 else ""))
    server = start(["/usr/sbin/nginx", "-e", str(tmp_path / "error"), "-c", str(tmp_path / "nginx.conf")], port=port,
                   server={"policy": "require", "allow": "*._device.example.com"}, dns=dns(resolver), ready=listening)
    for _ in range(20):
        assert good(world, server).accepted
    scanned(server)
    server.stop()
    counted(resolver, accepted=20, refused={"protocol-version": 4000})
    assert len(server.log.text().splitlines()) < 20 + 100 + 1


def test_the_resolver_is_not_there_for_a_while(world, tls_server, resolver):  # noqa: F811
    """What cannot be told is kept, and told to the next one. What was told to one that ends is lost perhaps, and is one."""
    server = tls_server("-n", "31", dns=dns(resolver))
    resolver.stop()
    for _ in range(30):
        scan(server.port)
    resolver.start()
    # Whose lookup it is finds the new one.
    assert good(world, server).accepted
    assert server.process.wait(patient(20)) == 0, server.output.text()
    user = counted(resolver, accepted=1)
    wait_for(lambda: of(status(resolver), os.geteuid())["refused"].get("protocol-version") in (29, 30), what=user)


def test_an_application_goes_on(world, start, resolver):
    """Not authenticated, and let on all the same: apart."""
    server = start([os.path.join(PROGRAMS, "tls_server"), "-p", "PORT", "-c", world.path("server.crt"), "-k", world.path("server.key"),
                    "-a", world.path("ca.crt"), "-V", "-T"], server={"policy": "mixed", "allow": "*._device.example.com"},
                   dns=dns(resolver), ready=lambda p: re.search("^ready$", p.output.text(), re.M))
    bad(world, server)
    server.log.wait("not authenticated, the application goes on with")
    counted(resolver, accepted=0, refused={}, let_on={"tlsa-no-match": 1})


def test_lines_that_are_lost(world, start, resolver, tmp_path):
    """At the start on stderr, at the first refusal on the error queue, and in the numbers."""
    server = start(["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", world.path("server.crt"), "-key", world.path("server.key"),
                    "-naccept", "5", "-rev"], server={"policy": "require", "allow": "*._device.example.com"}, dns=dns(resolver),
                   module={"log": tmp_path / "missing" / "log"})
    wanted = f"log = {tmp_path}/missing/log: No such file or directory"
    assert server.output.text().count(f"dance: {wanted}; lines are lost, which is said this once\n") == 1, server.output.text()
    for _ in range(2):
        assert bad(world, server).alert == 40
    for _ in range(3):
        assert good(world, server).accepted
    assert server.process.wait(patient(20)) == 0, server.output.text()
    text = server.output.text()
    assert re.search(rf"error:.*no TLSA record authenticates.*\n.*error:.*the configuration of dance has a fault:.*{re.escape(wanted)}", text), text
    assert text.count(wanted) == 2 and text.count("dance: the first line that is lost: refused ") == 1, text
    counted(resolver, accepted=3, refused={"tlsa-no-match": 2}, lines_lost=5)


# Those who do not mean well.

@needs_root
def test_a_stranger_tells_what_he_likes(resolver):
    """He spoils his own numbers alone, and what is none is dropped."""
    with control_of(resolver.path, STRANGER) as his, control_of(resolver.path, 0) as channel:
        assert look_up(channel, NAME)[0] == SECURE
        bad_ones = [counts((4, 0, 1)), counts((REFUSED, 64, 1)), counts((ACCEPTED, 1, 1)), counts((LOST, 1, 1)), counts((REFUSED, 1, 0)),
                    counts(), counts((ACCEPTED, 0, 1)) + b"x", counts((ACCEPTED, 0, 1))[:-1], counts(*[(ACCEPTED, 0, 1)] * 33),
                    *(message for message in GARBAGE if message[5:] != b"\x07")]  # which has all forgotten
        for message in bad_ones:
            his.send(message)
        for _ in range(3):
            his.send(counts((REFUSED, PROTOCOL_VERSION, 2**32 - 1), (LET_ON, 63, 1), (LOST, 0, 2)))
        user = wait_for(lambda: (u := of(status(resolver), STRANGER))["lines_lost"] == 6 and u, what="what he said")
        assert user["refused"] == {"protocol-version": 3 * (2**32 - 1)} and user["let_on"] == {"reason-63": 3} and user["accepted"] == 0
        # Over a conversation it is no message, and ends it.
        talk = conversation(his)
        talk.send(counts((ACCEPTED, 0, 1)))
        assert talk.recv(100) == b""
        assert of(status(resolver), STRANGER)["accepted"] == 0
        assert (of(status(resolver))["refused"], of(status(resolver))["lookups_secure"]) == ({}, 1)


def ask_and_hold(tell, path):
    """Connections that are told how the resolver is, and read none of it, with something sent that is never read either."""
    held = []
    with contextlib.suppress(OSError):
        while len(held) < 2000:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.setblocking(False)
            s.bind("")
            s.connect(path)
            a, b = socket.socketpair()
            socket.send_fds(s, [b"x"], [b.fileno()])
            held.append((s, a, b))
    return held


@needs_root
def test_a_stranger_asks_and_asks(resolver):
    voices = [strangers.Voice(resolver.path, uid) for uid in OTHERS]
    stranger = strangers.Stranger(STRANGER, ask_and_hold, resolver.path)
    for _ in range(3):
        for voice in voices:
            voice.is_served()
        assert of(status(resolver))["worker"] == "ready"
    stranger.let_go()
    wait_for(lambda: of(status(resolver), STRANGER)["channels"] == 0, 40, "the end of his connections")
    for voice in voices:
        voice.is_served()


@needs_root
def test_as_prometheus_reads_it(resolver):
    with contextlib.ExitStack() as stack:
        for uid in (*OTHERS, STRANGER):
            channel = stack.enter_context(control_of(resolver.path, uid))
            assert look_up(channel, NAME)[0] == SECURE
            channel.send(counts(*((REFUSED, place, place + 1) for place in range(32))))
            channel.send(counts(*((LET_ON, place, place + 1) for place in range(32, 64))))
        wait_for(lambda: all(of(status(resolver), uid)["let_on"] for uid in (*OTHERS, STRANGER)), what="what they said")
        done = dance("status", "--socket", resolver.path, "--prometheus")
    assert done.returncode == 0 and done.stderr == ""
    samples = parsed(done.stdout)
    assert samples["dance_resolver_good", ""] == 1
    assert samples["dance_clients_total", 'user="root",outcome="refused",reason="protocol-version"'] == PROTOCOL_VERSION + 1
    assert samples["dance_lookups_total", 'user="root",status="secure"'] == 1
    assert len({labels for metric, labels in samples if metric == "dance_worker_up"}) == len(OTHERS) + 1
    if shutil.which("promtool"):
        checked = subprocess.run(["promtool", "check", "metrics"], input=done.stdout, capture_output=True, text=True)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_providers_status(world, tmp_path):
    """It is good as far as is known, and says which log cannot be written as soon as that is."""
    conf = config(tmp_path / "openssl.cnf", tmp_path / "missing" / "log", server={"policy": "require", "allow": "*"}, dns=world.dns())
    done = subprocess.run([os.path.join(PROGRAMS, "log_status")], env=environment(conf), capture_output=True, text=True, timeout=patient(30))
    assert done.returncode == 0, done
    before, after = done.stdout.splitlines()
    assert re.match("1 dance .*configuration is good", before)
    assert after.startswith("0 " + before[2:]) and f"; lines for the log are lost: log = {tmp_path}/missing/log: No such file" in after


def test_the_unit_of_the_manual(resolver, tmp_path):
    """What operators.md has for the node exporter leaves a whole file, whatever comes."""
    with open(os.path.join(REPOSITORY, "doc/operators.md")) as f:
        [command] = re.findall(r"(?m)^    ExecStart=/bin/sh -c '(.*dance status.*)'$", f.read())
    command = command.replace("/var/lib/prometheus/node-exporter", str(tmp_path)).replace(
        "dance status", f"{PROGRAM} status --socket {resolver.path}")
    for there in (1, 0):
        assert subprocess.run(["/bin/sh", "-c", command], timeout=patient(60)).returncode == 0
        assert os.listdir(tmp_path) == ["dance.prom"]
        assert parsed((tmp_path / "dance.prom").read_text())["dance_resolver_good", ""] == there
        if there:
            resolver.stop()
