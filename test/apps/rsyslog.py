# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""rsyslog with its OpenSSL driver, in both roles."""
import itertools
import os

from kit import Client, Server
from kit.stage import free_port, read, wait_for

numbers = itertools.count()


def message():
    text = f"message {next(numbers)} of dance"
    return text, f"<13>1 2026-01-01T00:00:00Z client test - - - {text}".encode()


class _Receiver(Server):
    """Nothing is ever answered: who is let in is whose message is written."""
    messages = "messages"

    def attempt(self, stage, conf, *arguments):
        text, octets = message()
        path = stage.path(self.messages)
        self.steps = [(b"%d " % len(octets) + octets, lambda: os.path.exists(path) and text in read(path))]
        return super().attempt(stage, conf, *arguments)


class _Sender(Client):
    """It comes to an openssl s_server, which prints what it gets."""
    server = ("-quiet",)
    text_sent = "hello from a device"

    def attempt(self, stage, conf):
        target = stage.started[0].output
        target.mark()
        sender = self.start_sender(stage, conf)
        try:
            return self.attempted(self.arrived(stage, target), target.text())
        finally:
            sender.stop()

    def arrived(self, stage, target):
        """The message has come, or dance has turned the sender away (or nobody came with a name)."""
        wait_for(lambda: self.text_sent in target.text() or "refused" in stage.log.text(), 15, "the sender")
        return self.text_sent in target.text()


RSYSLOG = """
global(workDirectory="{folder}" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{ca}"
       defaultNetstreamDriverCertFile="{crt}" defaultNetstreamDriverKeyFile="{key}")
{more}
"""


class Rsyslog(_Receiver):
    name = "rsyslog"
    packages = ("rsyslog-openssl", "rsyslog")
    quiet = True
    note = "it holds the name against PermittedPeer, and does not show it"
    raw_crashes = True     # net_ossl_chkpeername() in nsd_ossl.c takes it for granted that there is a certificate

    def start(self, stage):
        self.port = free_port()
        stage.start(["rsyslogd", "-n", "-i", stage.path("pid"), "-f", stage.write("rsyslog.conf", RSYSLOG.format(
            folder=stage.folder, ca=stage.path("ca.crt"), crt=stage.path("server.crt"), key=stage.path("server.key"),
            more=f"""
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name"
       PermittedPeer=["*.client.example.com"])
input(type="imtcp" port="{self.port}" address="127.0.0.1")
action(type="omfile" file="{stage.path("messages")}")
"""))], stage.server_config(self.policy), self.port)


class RsyslogSender(_Sender):
    """It wants a certificate in its own configuration: self-signed, with the key of its identity."""
    name = "rsyslog"
    packages = ("rsyslog-openssl", "rsyslog")

    def start_sender(self, stage, conf):
        key, certificate = stage.credential(conf)
        port = free_port()
        process = stage.start(["rsyslogd", "-n", "-i", stage.path(f"pid-{port}"), "-f", stage.write(f"rsyslog-{port}.conf",
                              RSYSLOG.format(folder=stage.folder, ca=stage.path("server.crt"), crt=certificate, key=key,
                                             more=f"""
module(load="imtcp" StreamDriver.Name="ptcp" StreamDriver.Mode="0")
input(type="imtcp" port="{port}" address="127.0.0.1")
action(type="omfwd" target="127.0.0.1" port="{self.port}" protocol="tcp" StreamDriver="ossl" StreamDriverMode="1"
       StreamDriverAuthMode="anon")
"""))], conf, port)
        stage.run(["logger", "-n", "127.0.0.1", "-P", port, "-T", "--rfc5424", self.text_sent])
        return process
