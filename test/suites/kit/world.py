# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""The three openssl.cnf that suites run with: the machine's own, and with the module in it as client and server, and as
server alone. A stage of test/apps serves the client's record."""
import re

from kit.shared import config
from kit.stage import ALICE, ALLOW, Stage

WITHOUT, BOTH, SERVER = "without", "client and server", "server"
# Said at level debug, once in a process, when the extension is on an SSL_CTX.
IN_FORCE = "is dane_clientid: the application cannot add one"
SYSTEM = ".include /etc/ssl/openssl.cnf\n"


class World(Stage):
    """A stage with the suites' configurations: conf[WITHOUT], conf[BOTH], conf[SERVER]."""

    def __init__(self, folder):
        super().__init__(folder)
        dns = self.resolver()
        server = {"policy": "mixed", "allow": ALLOW}
        client = {"identity": ALICE, "private_key": self.path(f"{ALICE}.key")}
        # Without a resolver of the machine the module starts one itself, as is the default: a child of whoever is tested.
        own = {"trust_anchor": self.path("anchor"), "forward": f"127.0.0.1@{self.zone.port}"}
        self.logs = {BOTH: self.path("both.log"), SERVER: self.path("server.log")}
        for log in self.logs.values():
            self.write(log, "", 0o666)
        module = {"module": self.path("provider", "dance.so"), "log_level": "debug"}
        roles = {WITHOUT: {}, BOTH: {"client": client, "server": server, "dns": dns}, SERVER: {"server": server, "dns": own}}
        self.conf = {mode: self.include(config(self.path(f"{number}.cnf"), self.logs.get(mode, "none"), module=module, **role))
                     for number, (mode, role) in enumerate(roles.items())}
        with open(self.conf[WITHOUT]) as text:
            plain = re.sub(r"^dance = dance_sect\n|^\[dance_sect\][^[]*", "", text.read(), flags=re.M)
        assert "dance_sect" not in plain and "dance.so" not in plain
        self.write(self.conf[WITHOUT], plain)

    @staticmethod
    def include(path):
        with open(path) as text:
            ours = text.read()
        with open(path, "w") as out:
            out.write(SYSTEM + ours)
        return path

    def seen(self, mode):
        """What the module has been at so far, in that mode: the processes that made an SSL_CTX with it, and the handshakes
        that it let in by DANE."""
        with open(self.logs[mode], errors="replace") as text:
            lines = text.readlines()
        processes = {found[1] for line in lines if IN_FORCE in line and (found := re.search(r"\[(\d+)\]", line))}
        return len(processes), sum("dance: accepted " in line for line in lines)
