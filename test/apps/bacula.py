# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Bacula: the console comes to the director, that to the file and storage daemons, and the first of these to the second."""
import re
import shutil
import sqlite3

from kit import ALICE, BOB, CAROL, LEAVER, Client, Server
from kit.attempt import Attempt
from kit.stage import free_port

TABLES = "/usr/share/dbconfig-common/data/bacula-director-sqlite3/install/sqlite3"
SERVER_TLS = """
  TLS Enable = yes
  TLS Require = yes
  TLS Verify Peer = yes
  TLS CA Certificate File = "{ca}"
  TLS Certificate = "{crt}"
  TLS Key = "{key}"
""" + "".join(f'  TLS Allowed CN = "{name}"\n' for name in (ALICE, BOB, CAROL, LEAVER))
CLIENT_TLS = """
  TLS Enable = yes
  TLS Require = yes
  TLS CA Certificate File = "{server}"
"""
DAEMON = """
  WorkingDirectory = "{folder}"
  PidDirectory = "{folder}"
  Maximum Concurrent Jobs = 20
"""
MESSAGES = """
Messages {{
  Name = all
  console = all
}}
"""
DIRECTOR = """
Director {{
  Name = dir
  DirAddress = 127.0.0.1
  DirPort = {port}
  QueryFile = "/etc/bacula/scripts/query.sql"
  Password = "for the director"
  Messages = all
  {daemon}
  {tls}
}}
Catalog {{
  Name = catalog
  dbname = "bacula"
  dbuser = ""
  dbpassword = ""
}}
Client {{
  Name = client
  Address = localhost
  FDPort = {others}
  Catalog = catalog
  Password = "for the daemon"
  {client_tls}
}}
Storage {{
  Name = storage
  Address = localhost
  SDPort = {storage}
  Device = disk
  Media Type = File
  Password = "for the daemon"
  {client_tls}
}}
FileSet {{
  Name = files
  Include {{
    File = "{folder}.conf"
  }}
}}
Pool {{
  Name = pool
  Pool Type = Backup
  Label Format = "volume-{port}-"
}}
Job {{
  Name = job
  Type = Backup
  Client = client
  FileSet = files
  Storage = storage
  Pool = pool
  Messages = all
}}
""" + MESSAGES
FILE = """
FileDaemon {{
  Name = client
  FDAddress = 127.0.0.1
  FDPort = {port}
  {daemon}
  {client_tls}
}}
Director {{
  Name = dir
  Password = "for the daemon"
  {tls}
}}
""" + MESSAGES.replace("console = all", "director = dir = all")
STORAGE = """
Storage {{
  Name = storage
  SDAddress = 127.0.0.1
  SDPort = {port}
  {daemon}
  {data_tls}
}}
Device {{
  Name = disk
  Media Type = File
  Archive Device = "{folder}"
  Random Access = yes
  LabelMedia = yes
  AutomaticMount = yes
}}
Director {{
  Name = dir
  Password = "for the daemon"
  {tls}
}}
""" + MESSAGES.replace("console = all", "director = dir = all")
CONSOLE = """
Director {{
  Name = dir
  Address = localhost
  DirPort = {port}
  Password = "for the director"
  {client_tls}
}}
"""


def files(stage, text):
    return text.format(ca=stage.path("ca.crt"), crt=stage.path("server.crt"), key=stage.path("server.key"),
                       server=stage.path("server.crt"))


def daemon(stage, conf, program, text, tls="", others=0, **more):
    """One of the three, as the user that Debian's units give it up to."""
    port = free_port()
    name = f"{program}-{port}"
    folder = stage.folder_for(name, "bacula")
    if text is DIRECTOR:
        with sqlite3.connect(f"{folder}/bacula.db") as database, open(TABLES) as tables:
            database.executescript(tables.read())
        shutil.chown(f"{folder}/bacula.db", "bacula")
    parts = {part: files(stage, more.get(part, "")) for part in ("client_tls", "data_tls")}
    path = stage.write(f"{name}.conf", text.format(
        port=port, folder=folder, daemon=DAEMON.format(folder=folder), others=others, storage=more.get("storage", others),
        tls=files(stage, tls), **parts))
    return stage.start([f"/usr/sbin/{program}", "-f", "-u", "bacula", "-g", "bacula", "-c", path], conf, port)


def console(stage, conf, port, command, tls=""):
    """What the console says to a command."""
    path = stage.write(f"console-{free_port()}.conf", CONSOLE.format(port=port, client_tls=files(stage, tls)))
    return stage.run(["bconsole", "-n", "-c", path], conf, text=f"{command}\nquit\n", timeout=60)[1]


def own_certificate(arguments):
    """The lines for a certificate that s_client would be given as -cert FILE -key FILE."""
    given = dict(zip(arguments[::2], arguments[1::2]))
    return f'TLS Certificate = "{given["-cert"]}"\n  TLS Key = "{given["-key"]}"\n' if given else ""


class BaculaDirector(Server):
    """Its console is its client, which sends no session again."""
    name = "Bacula (director)"
    packages = ("bacula-director-sqlite3", "bacula-director", "bacula-console", "sqlite3")
    package = "bacula-director"
    quiet = True
    resumes = False

    def start(self, stage):
        self.port = daemon(stage, stage.server_config(self.policy), "bacula-dir", DIRECTOR, SERVER_TLS).port

    def attempt(self, stage, conf, *arguments):
        text = console(stage, conf, self.port, "version", CLIENT_TLS + own_certificate(arguments))
        return Attempt("dir Version: " in text, text)

    def reload(self, stage):
        """Asked for by its console: it makes its SSL_CTXs anew, and knows a pool that is new in its file."""
        with open(stage.path(f"bacula-dir-{self.port}.conf"), "a") as conf:
            conf.write("Pool {\n  Name = later\n  Pool Type = Backup\n}\n")
        said = console(stage, stage.client_config(ALICE), self.port, "reload\n.pools", CLIENT_TLS)
        assert re.search("^later$", said, re.M), said


class _Daemon(Server):
    """The director is its client: a new one each time, whose own console comes without TLS."""
    packages = (*BaculaDirector.packages, "bacula-fd", "bacula-sd")
    quiet = True
    resumes = False

    def start(self, stage):
        self.port = daemon(stage, stage.server_config(self.policy), self.program, self.conf, SERVER_TLS).port

    def attempt(self, stage, conf, *arguments):
        return ask_daemon(stage, conf, self.port, self.asked, CLIENT_TLS + own_certificate(arguments))


def ask_daemon(stage, conf, port, asked, tls=CLIENT_TLS):
    """Whether a director with this openssl.cnf hears from a daemon how that is."""
    director = daemon(stage, conf, "bacula-dir", DIRECTOR, others=port, client_tls=tls)
    try:
        text = console(stage, None, director.port, f"status {asked}={asked}")
    finally:
        director.stop()
    return Attempt("Daemon started " in text, text)


class BaculaFile(_Daemon):
    name = "Bacula (file daemon)"
    package = "bacula-fd"
    program = "bacula-fd"
    conf = FILE
    asked = "client"


class BaculaStorage(_Daemon):
    name = "Bacula (storage)"
    package = "bacula-sd"
    program = "bacula-sd"
    conf = STORAGE
    asked = "storage"


class BaculaClient(Client):
    """The director, to a file daemon."""
    name = "Bacula (director)"
    packages = _Daemon.packages
    package = "bacula-director"

    def start(self, stage):
        self.port = daemon(stage, stage.server_config("require"), "bacula-fd", FILE, SERVER_TLS).port

    def attempt(self, stage, conf):
        return ask_daemon(stage, conf, self.port, "client")


class BaculaConsole(Client):
    name = "Bacula (console)"
    packages = BaculaDirector.packages
    package = "bacula-console"

    def start(self, stage):
        self.port = daemon(stage, stage.server_config("require"), "bacula-dir", DIRECTOR, SERVER_TLS).port

    def attempt(self, stage, conf):
        text = console(stage, conf, self.port, "version", CLIENT_TLS)
        return Attempt("dir Version: " in text, text)


class BaculaData(Client):
    """The file daemon, to the storage daemon with what it saves; the director comes to both without TLS."""
    name = "Bacula (file daemon)"
    packages = _Daemon.packages
    package = "bacula-fd"

    def start(self, stage):
        self.port = daemon(stage, stage.server_config("require"), "bacula-sd", STORAGE, data_tls=SERVER_TLS).port

    def attempt(self, stage, conf):
        started = [daemon(stage, conf, "bacula-fd", FILE, client_tls=CLIENT_TLS)]
        try:
            started.append(daemon(stage, None, "bacula-dir", DIRECTOR, others=started[0].port, storage=self.port))
            text = console(stage, None, started[1].port, "run job=job yes\nwait\nmessages")
        finally:
            for process in reversed(started):
                process.stop()
        return Attempt("Termination:            Backup OK" in text, text)
