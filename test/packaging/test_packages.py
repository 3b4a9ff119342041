# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The Debian packages: what is in them, and what becomes of a machine that installs, upgrades and purges them.

    scripts/package.sh --check

builds them and runs this file, with what the integration tests share. It is no part of scripts/test.sh: it needs a
Debian mirror, builds everything once more, and says nothing about another OpenSSL or a sanitizer. DANCE_PACKAGES is
the folder with the packages, without which they are built first; DANCE_RELEASE the release of Debian that they are for,
if it is not this machine's.
"""
import contextlib
import hashlib
import os
import re
import shutil
import stat
import subprocess

import pytest

from conftest import DEVICE, REPOSITORY, config, world  # noqa: F401 (fixture)
from container import Container, booted
from test_resolver import SECURE, look_up
from zone import free_port, wait_for

# What each package may have, beside folders. A path that is not listed here is a decision to be made.
CONTENTS = {
    "dance-provider": [
        r"/etc/apparmor.d/abstractions/dance", r"/usr/lib/[^/]+/ossl-modules/dance\.so", r"/usr/share/man/man7/dance\.7\.gz",
        r"/usr/share/doc/dance-provider/(README|CHANGELOG|SECURITY)\.md", r"/usr/share/doc/dance-provider/doc/[a-z]+\.md", r"/usr/share/doc/dance-provider/doc/fail2ban/dance\.conf",
        r"/usr/share/doc/dance-provider/examples/openssl\.cnf\.example",
    ],
    "dance-resolver": [
        r"(/usr)?/lib/systemd/system/dance-resolver\.(service|socket)", r"/usr/libexec/dance/dance-resolver",
        r"/usr/share/man/man8/dance-resolver\.8\.gz",
    ],
    "dance-tools": [
        r"/usr/bin/dance", r"/usr/share/man/man1/dance\.1\.gz", r"/usr/share/bash-completion/completions/dance",
    ],
}
OF_ALL = [r"/usr/share/doc/{name}/(changelog\.gz|copyright)"]
# What the machine itself writes while it runs: its package database, its journal, what systemd remembers.
OWN_AFFAIR = re.compile(r"/(proc|sys|dev|run|tmp)(/|$)|/var/(lib/dpkg/|lib/systemd/|log/|tmp/|cache/)|"
                        r"/etc/(machine-id|\.updated|resolv\.conf|ld\.so\.cache)|/var/(\.updated|lib/private)|/root/")
SERVER = {"policy": "require", "allow": "*._device.example.com"}
SOCKET = {"resolver": "/run/dance/resolver.sock", "timeout": "30"}


def output(*argv, **more):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **more).stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The packages without those of debug information: name -> path."""
    folder = os.environ.get("DANCE_PACKAGES")
    if not folder:
        if shutil.which("dpkg-buildpackage") is None or shutil.which("dh") is None:
            pytest.skip("dpkg-buildpackage or debhelper is not installed (scripts/packages.sh build package)")
        folder = str(tmp_path_factory.mktemp("packages"))
        output(os.path.join(REPOSITORY, "scripts", "package.sh"), folder)
    found = {name.split("_")[0]: os.path.join(folder, name) for name in os.listdir(folder)
             if name.endswith(".deb") and "-dbgsym_" not in name}
    assert set(found) == set(CONTENTS), found
    return found


def files_of(package):
    """What is in a package, beside folders."""
    listed = (line.split(None, 5) for line in output("dpkg-deb", "--contents", package).splitlines())
    return sorted(words[5].removeprefix(".").split(" -> ")[0] for words in listed if not words[0].startswith("d"))


def test_lintian(packages):
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed (scripts/packages.sh package-test)")
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", *packages.values()],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_contents(packages):
    for name, path in packages.items():
        allowed = [rule.format(name=name) for rule in OF_ALL] + CONTENTS[name]
        files = files_of(path)
        assert [file for file in files if not any(re.fullmatch(rule, file) for rule in allowed)] == []
        assert [rule for rule in allowed if not any(re.fullmatch(rule, file) for file in files)] == []


def test_fields(packages):
    """Both architectures' modules can be there at a time, and the resolver has an anchor to begin with."""
    assert output("dpkg-deb", "--field", packages["dance-provider"], "Multi-Arch").strip() == "same"
    assert "dns-root-data" in output("dpkg-deb", "--field", packages["dance-resolver"], "Depends")
    assert len({output("dpkg-deb", "--field", path, "Version") for path in packages.values()}) == 1


def test_abstraction(tmp_path):
    """AppArmor can read what a profile is to include."""
    if shutil.which("apparmor_parser") is None:
        pytest.skip("apparmor is not installed (scripts/packages.sh package-test)")
    profile = tmp_path / "profile"
    profile.write_text("#include <tunables/global>\nprofile server /usr/sbin/server {\n  #include <abstractions/base>\n"
                       f'  #include "{REPOSITORY}/packaging/apparmor/dance"\n}}\n')
    names = output("apparmor_parser", "--skip-kernel-load", "--skip-cache", "--names", str(profile))
    assert names.split() == ["server", "server//dance_resolver"]


def newer(package, folder):
    """The same package with a higher version; its path, below a folder that is made for it."""
    tree = folder / "tree"
    folder.mkdir()
    output("dpkg-deb", "--raw-extract", package, str(tree))
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+newer", control.read_text()))
    target = folder / f"{folder.name}.deb"
    output("dpkg-deb", "--root-owner-group", "--build", str(tree), str(target))
    return str(target)


@pytest.fixture(scope="module")
def root(packages, tmp_path_factory):
    """The root of a machine with Debian, and nothing but what the packages depend on."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("a machine is made by root and debootstrap (scripts/packages.sh package-test)")
    here = re.search(r"(?m)^VERSION_CODENAME=(\w+)", open("/etc/os-release").read())
    release = os.environ.get("DANCE_RELEASE", here[1] if here else "sid")
    depends = ", ".join(output("dpkg-deb", "--field", path, "Depends") for path in packages.values())
    include = {re.match(r"\s*([a-z0-9.+-]+)", word)[1] for word in depends.split(",")} - set(packages)
    path = tmp_path_factory.mktemp("root")
    os.chmod(path, 0o755)
    done = subprocess.run(["unshare", "--mount", "debootstrap", "--variant=minbase",
                           f"--include={','.join(sorted(include | {'systemd', 'systemd-sysv', 'openssl', 'nginx-light', 'curl'}))}",
                           release, str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no machine can be made here (is there a Debian mirror?): {done.stdout[-300:]}")
    # It would listen on every address of this machine, whose network it has.
    os.unlink(path / "etc/systemd/system/multi-user.target.wants/nginx.service")
    yield path
    subprocess.run(["rm", "-rf", "--one-file-system", str(path)], check=True)


@pytest.fixture(scope="module")
def machine(root, tmp_path_factory):
    with booted(lambda groups: Container(tmp_path_factory.mktemp("machine"), groups, f"--directory={root}", "--resolv-conf=off",
                                         unit="multi-user.target")) as container:
        yield container


def everything(root):
    """Each path of a machine that is not its own affair, with what can be seen to have changed in it."""
    seen = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            shown = "/" + os.path.relpath(path, root)
            if OWN_AFFAIR.match(shown):
                continue
            found = os.lstat(path)
            what = [oct(found.st_mode), found.st_uid, found.st_gid]
            if stat.S_ISLNK(found.st_mode):
                what.append(os.readlink(path))
            elif stat.S_ISREG(found.st_mode):
                with open(path, "rb") as content:
                    what.append(hashlib.sha256(content.read()).hexdigest())
            seen[shown] = what
        folders[:] = [name for name in folders if not OWN_AFFAIR.match("/" + os.path.relpath(os.path.join(folder, name), root))]
    return seen


def test_machine(machine, root, packages, world, tmp_path):  # noqa: F811
    """Installed, used, upgraded while it is used, purged: and the machine is as it was."""
    before = everything(root)
    incoming = root / "opt" / "incoming"

    def install(*paths):
        incoming.mkdir(exist_ok=True)
        for path in paths:
            shutil.copy(path, incoming)
        machine.run("dpkg", "--install", *(f"/opt/incoming/{os.path.basename(path)}" for path in paths))
        shutil.rmtree(incoming)

    def providers(**more):
        return machine.run("env", *(f"{name}={value}" for name, value in more.items()), "openssl", "list", "-providers",
                           "-verbose")

    install(*packages.values())
    after = everything(root)
    # Nothing of anybody else has changed, and no application has the module for its being installed.
    assert {path for path in before if after.get(path) != before[path]} == set()
    added = set(after) - set(before)
    shipped = {file for path in packages.values() for file in files_of(path)}
    links = {path for path in added if path.startswith("/etc/systemd/system/")}
    rest = {path for path in added - links if not os.path.isdir(f"{root}{path}")}
    real = {os.path.relpath(os.path.realpath(f"{root}{path}"), os.path.realpath(root)) for path in shipped}
    assert {path.lstrip("/") for path in rest} <= real | shipped
    assert all("dance-resolver" in path or path.endswith(".wants") for path in links), links
    assert "dance" not in providers()
    assert machine.supervisor() is None
    machine.systemctl("is-active", "dance-resolver.socket")

    # Used: the module finds the resolver, which begins with the first question.
    for name, sections in {"server": {"server": SERVER, "dns": SOCKET},
                           "client": {"client": {"identity": DEVICE, "private_key": "/etc/dance/client.key"}}}.items():
        config(root / "etc/dance" / f"{name}.cnf", "stderr", module={"module": "dance.so"}, **sections)
    for name in ("anchors", "client.key", "server.key", "server.crt"):
        shutil.copy(world.path(name), root / "etc/dance")
    os.chmod(root / "etc/dance/anchors", 0o644)
    (root / "etc/default/dance-resolver").write_text("DANCE_RESOLVER_OPTIONS=\"--trust-anchor /etc/dance/anchors "
                                                     f"--forward 127.0.0.1@{world.zones.port} --log stderr\"\n")
    assert re.search("configuration is good.*server: require", providers(OPENSSL_CONF="/etc/dance/server.cnf"))
    port = free_port()
    machine.run("systemd-run", "--unit=server", "--setenv=OPENSSL_CONF=/etc/dance/server.cnf", "openssl", "s_server",
                "-accept", f"127.0.0.1:{port}", "-cert", "/etc/dance/server.crt", "-key", "/etc/dance/server.key",
                "-Verify", "1", "-rev")

    def served(configuration):
        return "gnip" in machine.run("sh", "-c", f"printf 'ping\\nCLOSE\\n' | OPENSSL_CONF={configuration} timeout 60 openssl "
                                     f"s_client -connect 127.0.0.1:{port} -ign_eof", check=False)
    wait_for(lambda: served("/etc/dance/client.cnf"), what="a client that is let in")
    assert not served("/dev/null")
    assert "TLSA 3 1 1" in machine.run("dance", "lookup", DEVICE).replace("\t", " ")

    # Upgraded: another supervisor, the same socket, and the server, and who has nothing but his channel, go on.
    with contextlib.closing(machine.connect()) as channel:
        assert look_up(channel, DEVICE)[0] == SECURE, machine.log()
        one, listens = machine.supervisor(), os.stat(machine.socket).st_ino
        install(*(newer(path, tmp_path / name) for name, path in packages.items()))
        assert machine.supervisor() not in (one, None)
        assert os.stat(machine.socket).st_ino == listens
        assert look_up(channel, DEVICE)[0] == SECURE, machine.log()
    assert served("/etc/dance/client.cnf") and not served("/dev/null")
    machine.systemctl("stop", "server")

    # Purged, and what was written by hand above taken away: nothing is left, and nothing runs.
    for path in [*(root / "etc/dance").iterdir(), root / "etc/default/dance-resolver"]:
        path.unlink()
    machine.run("dpkg", "--purge", *packages)
    wait_for(lambda: machine.supervisor() is None, what="the resolver's end")
    assert everything(root) == before
    assert machine.run("find", "/run", "/tmp", "/var", "/etc", "/usr", "-xdev", "-name", "*dance*", "-not", "-path",
                       "/var/log/*") == ""


def test_first_client(machine, root, packages, world):  # noqa: F811
    """What README.md says, typed on a machine with nginx: its first client, and no server without the module."""
    name, typed = "first._device.example.com", []

    def type_in(*words, **more):
        typed.append(words)
        return machine.run(*words, **more)
    port = free_port()
    for file in ("server.key", "server.crt", "ca.crt"):
        shutil.copy(world.path(file), root / "etc/nginx")
    (root / "etc/nginx/nginx.conf").write_text(f"""
pid /run/nginx.pid;
events {{}}
http {{
  access_log off;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_protocols TLSv1.3;
    ssl_certificate server.crt; ssl_certificate_key server.key;
    ssl_client_certificate ca.crt; ssl_verify_client on;
    return 200 "hello $ssl_client_s_dn\\n";
  }}
}}
""")
    shutil.copy(world.path("anchors"), root / "etc/anchors")
    os.chmod(root / "etc/anchors", 0o644)
    # A zone of the test's own, instead of one below the root's anchor.
    (root / "etc/default/dance-resolver").write_text("DANCE_RESOLVER_OPTIONS=\"--trust-anchor /etc/anchors "
                                                     f"--forward 127.0.0.1@{world.zones.port}\"\n")
    (root / "opt/incoming").mkdir()
    for path in packages.values():
        shutil.copy(path, root / "opt/incoming")
    type_in("sh", "-c", "dpkg --install /opt/incoming/*.deb")
    record = re.search(rf"(?m)^{name}\. \d+ IN (TLSA .*)$", type_in("dance", "enroll", name, "--out", "/etc/dance"))[1]
    with world.zones.record(name, record, 60):
        type_in("dance", "enable", "server", "nginx", "--allow", "*._device.example.com")
        type_in("systemctl", "start", "nginx")

        def curl(**variables):
            return machine.run("env", *(f"{variable}={value}" for variable, value in variables.items()), "curl", "--silent", "--insecure",
                               f"https://127.0.0.1:{port}/", check=False)
        typed.append("curl")
        assert curl(OPENSSL_CONF=f"/etc/dance/{name}.cnf") == f"hello CN={name}", machine.run("journalctl", "--no-pager")
        assert "hello" not in curl()
        assert f"accepted {name} (TLSA 3 1 1" in machine.run("journalctl", "-t", "dance", "--no-pager")
        assert len(typed) <= 8
        # Without the module it does not start, where it would let everybody in.
        machine.systemctl("stop", "nginx")
        [module] = root.glob("usr/lib/*/ossl-modules/dance.so")
        module.rename(f"{module}.away")
        machine.run("systemctl", "start", "nginx", check=False)
        assert machine.run("systemctl", "is-active", "nginx", check=False) == "failed"
        (module.parent / "dance.so.away").rename(module)
        machine.systemctl("start", "nginx")
        assert curl(OPENSSL_CONF=f"/etc/dance/{name}.cnf") == f"hello CN={name}"
    machine.systemctl("stop", "nginx")
    machine.run("dance", "disable", "nginx")
    assert sorted(os.listdir(root / "etc/dance")) == [f"{name}.cnf", f"{name}.key"]
    assert not (root / "etc/systemd/system/nginx.service.d").exists()
