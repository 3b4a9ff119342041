# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""dance enable, with what openssl.cnf files out there are like: dance is in force, and nothing of the file is lost; where
that cannot be, it is said where. And no file is called good by dance check with which a server is open."""
import ctypes
import os
import subprocess

import pytest

from configurations import KINDS
from conftest import BUILD, Process, environment, listening
from test_cli import PROGRAM, dance
from zone import free_port

UNIT = "example"


class Line(ctypes.Structure):
    _fields_ = [("section", ctypes.c_char_p), ("name", ctypes.c_char_p), ("value", ctypes.c_char_p)]


def libcrypto():
    lines = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout.splitlines()
    library = ctypes.CDLL(next(line.split()[2] for line in lines if "libcrypto" in line))
    for name, result, arguments in [
            ("NCONF_new", ctypes.c_void_p, [ctypes.c_void_p]), ("NCONF_free", None, [ctypes.c_void_p]),
            ("NCONF_load", ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]),
            ("NCONF_get_section_names", ctypes.c_void_p, [ctypes.c_void_p]),
            ("NCONF_get_section", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
            ("OPENSSL_sk_num", ctypes.c_int, [ctypes.c_void_p]), ("OPENSSL_sk_free", None, [ctypes.c_void_p]),
            ("OPENSSL_sk_value", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int])]:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def effective(path):
    """What OpenSSL reads in a file: its sections, each as the list of its lines in order. None: it cannot read it."""
    library = libcrypto()
    conf = library.NCONF_new(None)
    try:
        if library.NCONF_load(conf, os.fsencode(path), None) <= 0:
            return None
        names = library.NCONF_get_section_names(conf)
        sections = {}
        for i in range(library.OPENSSL_sk_num(names)):
            name = ctypes.cast(library.OPENSSL_sk_value(names, i), ctypes.c_char_p).value
            stack = library.NCONF_get_section(conf, name)
            lines = [ctypes.cast(library.OPENSSL_sk_value(stack, j), ctypes.POINTER(Line)).contents
                     for j in range(library.OPENSSL_sk_num(stack))]
            sections[name.decode("latin-1")] = [(line.name.decode("latin-1"), line.value.decode("latin-1")) for line in lines]
        library.OPENSSL_sk_free(names)
        return sections
    finally:
        library.NCONF_free(conf)


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    """OpenSSL's own modules, and ours, in one folder."""
    folder = tmp_path_factory.mktemp("modules") / "provider"
    folder.mkdir()
    os.symlink(os.path.join(BUILD, "provider", "dance.so"), folder / "dance.so")
    os.symlink(os.path.join(BUILD, "resolver"), folder.parent / "resolver")
    said = subprocess.run(["openssl", "version", "-m"], capture_output=True, text=True, check=True).stdout
    own = os.path.join(said.split('"')[1], "legacy.so")
    if os.path.exists(own):
        os.symlink(own, folder / "legacy.so")
    return {"OPENSSL_MODULES": str(folder)}


@pytest.fixture
def theirs(tmp_path):
    """theirs(kind): its file."""
    def write(kind):
        for name, text in kind.files.items():
            octets = text.encode("latin-1") if kind.name == "utf-16" else text.encode()
            (tmp_path / name).write_bytes(octets.replace(b"FOLDER", os.fsencode(tmp_path)))
        return tmp_path / "openssl.cnf"
    return write


@pytest.fixture
def visited(world, tmp_path):
    """visited(conf, environment): an s_server that asks nobody for a certificate, and what a client without one got."""
    def run(conf, variables):
        port = free_port()
        argv = ["env", *(f"{k}={v}" for k, v in variables.items()), "openssl", "s_server", "-accept", f"127.0.0.1:{port}",
                "-cert", world.path("server.crt"), "-key", world.path("server.key"), "-rev"]
        server = Process(argv, conf, tmp_path / "log", port, listening, tmp_path / "output")
        try:
            return server.client().run([], None)
        finally:
            server.stop()
    return run


def enable(theirs, root, variables, *arguments):
    return dance("enable", "server", UNIT, "--allow", "*._device.example.com", "--config", theirs, "--root", root, *arguments,
                 env={**environment(None), **variables})


def check(path, variables):
    return dance("check", "--offline", "--config", path, env={**environment(None), **variables}, errors="replace")


@pytest.mark.parametrize("kind", KINDS, ids=[k.name for k in KINDS])
def test_each_kind_of_file(tmp_path, theirs, modules, visited, monkeypatch, kind):
    path, root, variables = theirs(kind), tmp_path / "root", {**modules, **kind.environment}
    root.mkdir()
    done = enable(path, root, variables)
    if kind.refused:
        assert done.returncode == 1 and kind.refused in done.stderr and str(tmp_path) in done.stderr + str(path), done
        assert not os.listdir(root)
        return
    assert done.returncode == 0, done.stderr
    made = root / "etc/dance" / f"{UNIT}.cnf"
    # A client that says no name is let in by the file as it was, and by what was made of it no more.
    assert visited(path, variables).accepted
    assert visited(made, variables).alert == 116
    done = check(made, variables)
    assert done.returncode == 0 and "configuration is good; client: none; server: require" in done.stdout, done.stdout
    for name, value in kind.environment.items():
        monkeypatch.setenv(name, value)
    nothing_lost(effective(path), effective(made))


def nothing_lost(before, after):
    settings = dict(before["default"])
    init = before.get(settings.get("openssl_conf"), [])
    providers = dict(init).get("providers")
    default = dict(before.get(providers, [])).get("default")
    for name, lines in before.items():
        for key, value in lines:
            if (name, key) not in {("default", "openssl_conf"), ("default", "nodejs_conf"), (default, "activate")}:
                assert dict(after[name])[key] == value, (name, key)
    ours = after[dict(after["default"])["openssl_conf"]]
    assert ours[0][0] == "providers"
    assert ours[1:] == [line for line in init if line[0] != "providers"]
    listed = dict(after[ours[0][1]])
    assert dict(before.get(providers, [])).items() <= listed.items() and "dance" in listed


# The ways in which the lines of a manual get into a file that is there.
SECTIONS = "[dance_sect]\nmodule = dance.so\nactivate = 1\nserver = dance_server\ndns = dance_dns\n[dance_server]\n" \
    "policy = require\nallow = *\n[dance_dns]\nresolver = /run/dance/resolver.sock\n"
BLOCK = "openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\n[provider_sect]\ndefault = default_sect\n" \
    "dance = dance_sect\n[default_sect]\nactivate = 1\n" + SECTIONS
WAYS = {"sections-at-the-end": ("", "\n[provider_sect]\ndance = dance_sect\n" + SECTIONS), "block-at-the-end": ("", "\n" + BLOCK),
        "block-with-default-at-the-end": ("", "\n[default]\n" + BLOCK), "block-at-the-top": (BLOCK, ""),
        "block-that-includes-it": None}
# Of these check has to see that they are good that way.
GOOD = {"empty", "debian-12", "debian-13", "ubuntu-22.04", "fedora", "suse", "pkcs11-provider", "tpm2", "oqs", "crlf"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS, ids=[k.name for k in KINDS])
def test_none_is_called_good_that_is_open(theirs, modules, visited, kind, way):
    path, variables = theirs(kind), {**modules, **kind.environment}
    if WAYS[way] is None:
        path.rename(path.with_name("theirs.cnf"))
        path.write_text(f".include {path.with_name('theirs.cnf')}\n[default]\n{BLOCK}")
    else:
        path.write_bytes(WAYS[way][0].encode() + path.read_bytes() + WAYS[way][1].encode())
    done = check(path, variables)
    assert done.returncode in (0, 1), done
    assert done.returncode == 0 or WAYS[way] is not None or kind.name not in GOOD, done.stdout
    if done.returncode == 0:
        assert visited(path, variables).alert == 116, done.stdout
    else:
        assert "what to do: " in done.stdout and str(path.parent) in done.stdout


@pytest.fixture
def system(tmp_path, theirs):
    """A file that is there, and an empty folder for /."""
    root = tmp_path / "root"
    root.mkdir()
    return theirs(next(k for k in KINDS if k.name == "debian-13")), root


def files(root):
    return sorted(os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names)


def test_what_is_written_and_removed(system, modules):
    path, root = system
    done = enable(path, root, modules, "--dry-run")
    assert done.returncode == 0 and files(root) == [] and os.listdir(root) == [], done
    printed = done.stdout
    done = enable(path, root, modules)
    assert done.returncode == 0 and done.stderr == "", done
    written = ["etc/dance/example.cnf", "etc/systemd/system/example.service.d/dance.conf"]
    assert files(root) == written
    for name in written:
        assert f"wrote {root}/{name}" in done.stdout and (root / name).read_text() in printed
        assert os.stat(root / name).st_mode & 0o777 == 0o644
    drop_in = (root / written[1]).read_text()
    assert "Environment=OPENSSL_CONF=/etc/dance/example.cnf\n" in drop_in
    assert "/dance check --offline --config /etc/dance/example.cnf\n" in drop_in
    # What is there is never overwritten.
    before = (root / written[0]).read_text()
    done = enable(path, root, modules)
    assert done.returncode == 1 and "it is left as it is" in done.stderr and (root / written[0]).read_text() == before
    (root / "etc/dance/mine").write_text("")
    done = dance("disable", UNIT, "--root", root)
    assert done.returncode == 0 and files(root) == ["etc/dance/mine"] and not (root / written[1]).parent.exists()
    done = dance("disable", f"{UNIT}.service", "--root", root)
    assert done.returncode == 1 and "not enabled" in done.stderr


def test_only_its_own_files_are_removed(system, modules):
    path, root = system
    assert enable(path, root, modules).returncode == 0
    (root / "etc/dance/example.cnf").write_text("# of somebody else\n")
    done = dance("disable", UNIT, "--root", root)
    assert done.returncode == 1 and "it stays" in done.stderr and files(root) == ["etc/dance/example.cnf"]
    # A drop-in that is there keeps the file from being written, too.
    os.unlink(root / "etc/dance/example.cnf")
    (root / "etc/systemd/system/example.service.d").mkdir()
    (root / "etc/systemd/system/example.service.d/dance.conf").write_text("[Service]\n")
    assert enable(path, root, modules).returncode == 1
    assert files(root) == ["etc/systemd/system/example.service.d/dance.conf"]


def test_roles_and_applications(system, modules):
    """Both roles in one file; where it is not the unit that gives OPENSSL_CONF, it is said what does."""
    path, root = system
    env = {**environment(None), **modules}
    base = ["--config", path, "--root", root, "--dry-run"]
    done = dance("enable", "client", "curl@1", "--identity", "a.example.com", "--key", "/etc/dance/a#1.key", *base, env=env)
    assert done.returncode == 0 and "client = dance_client" in done.stdout and "server =" not in done.stdout, done
    assert "private_key = /etc/dance/a\\#1.key\n" in done.stdout
    done = dance("enable", "client", "relay", "--identity", "a.example.com", "--key", "/k", "--allow", "*", "--policy", "mixed",
                 *base, env=env)
    assert done.returncode == 0 and "client = dance_client\nserver = dance_server" in done.stdout and "policy = mixed" in done.stdout
    for unit, said in (("postfix", "tls_config_file = /etc/dance/postfix.cnf"), ("postfix@-", "tls_config_file"),
                       ("postgresql@15-main", "environment"), ("apache2", "export OPENSSL_CONF=/etc/dance/apache2.cnf"),
                       ("dovecot", "import_environment"), ("sendmail", "BindReadOnlyPaths")):
        done = dance("enable", "server", unit, "--allow", "*", *base, env=env)
        assert done.returncode == 0 and said in done.stdout.rsplit("ExecStartPre", 1)[1], done
    done = dance("enable", "server", "nginx", "--allow", "*", *base, env=env)
    assert done.stdout.endswith("check --offline --config /etc/dance/nginx.cnf\n")


@pytest.mark.parametrize("arguments,status,said", [
    (["enable", "server", "x"], 2, "a server needs --allow"), (["enable", "client", "x"], 2, "needs --identity and --key"),
    (["enable", "both", "x"], 2, "neither server nor client"), (["enable", "server", "../x", "--allow", "*"], 2, "no name of a service"),
    (["enable", "server", "a b", "--allow", "*"], 2, "no name of a service"), (["disable", "-"], 2, "no name of a service"),
    (["enable", "client", "x", "--identity", "a.example.com"], 2, "belong together"),
    (["enable", "client", "x", "--identity", "a.example.com", "--key", "/k", "--policy", "dane"], 2, "needs --allow"),
    (["enable", "server", "x", "--allow", "*", "--policy", "none"], 1, "mixed, dane or require"),
    (["enable", "server", "x", "--allow", "a..b"], 1, "allow"),
    (["enable", "server", "x", "--allow", "*", "--config", "/nonexistent"], 1, "/nonexistent")])
def test_what_is_refused(tmp_path, modules, arguments, status, said):
    done = dance(*arguments, "--root", tmp_path, env={**environment(None), **modules})
    assert done.returncode == status and said in done.stderr and done.stdout == "", done
    assert not os.listdir(tmp_path)


def test_the_module_is_missing(system, tmp_path):
    path, root = system
    (tmp_path / "none").mkdir()
    done = enable(path, root, {"OPENSSL_MODULES": str(tmp_path / "none")})
    assert done.returncode == 1 and "does not load dance.so" in done.stderr and not os.listdir(root)


def test_settings_stay_in_force(world, system, tmp_path, modules, theirs):
    """What ssl_conf says holds in the server that has dance: nobody comes with an older TLS."""
    path = theirs(next(k for k in KINDS if k.name == "tls-1.3-only"))
    root = system[1]
    assert enable(path, root, modules).returncode == 0
    port = free_port()
    server = Process(["env", *(f"{k}={v}" for k, v in modules.items()), "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert",
                      world.path("server.crt"), "-key", world.path("server.key"), "-rev"], root / "etc/dance/example.cnf",
                     tmp_path / "log", port, listening, tmp_path / "output")
    try:
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2"], env=environment(None), input="",
                              capture_output=True, text=True)
    finally:
        server.stop()
    assert "alert protocol version" in done.stderr, done
