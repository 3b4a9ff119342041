# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""syslog-ng, which knows the client's CN in its templates. Its package conflicts with rsyslog's."""
import glob
import itertools
import os

from kit import Client, Server
from kit.stage import free_port, listening, read, wait_for

numbers = itertools.count()


def start(stage, conf, name, text, port=None):
    root = stage.path("root")
    modules = glob.glob(f"{root}/usr/lib/syslog-ng/*/")[0].rstrip("/")
    libraries = os.path.dirname(modules)
    path = stage.write(f"{name}.conf", '@version: 3.38\noptions { use-dns(no); dns-cache(no); };\n' + text)
    return stage.start(["env", f"LD_LIBRARY_PATH={libraries}", f"{root}/usr/sbin/syslog-ng", "-F", "--no-caps", "-f", path,
                        "-R", stage.path(f"{name}.persist"), "-p", stage.path(f"{name}.pid"), "-c",
                        stage.path(f"{name}.ctl"), "--module-path", modules], conf, port,
                       listening if port else lambda _: True)


class _Row:
    packages = ("libivykis0|libivykis0t64", "libnet1", "libjson-c5", "libglib2.0-0|libglib2.0-0t64")
    unpacked = ("syslog-ng-core",)
    package = "syslog-ng-core"


class SyslogNg(_Row, Server):
    name = "syslog-ng"
    identity = r"hello \d+ from (\S+)"

    def start(self, stage):
        self.port = free_port()
        start(stage, stage.server_config(self.policy), "receiver", f"""
source tls {{ network(ip("127.0.0.1") port({self.port}) transport("tls") flags(no-parse)
  tls(key-file("{stage.path("server.key")}") cert-file("{stage.path("server.crt")}") ca-file("{stage.path("ca.crt")}")
      peer-verify(required-trusted))); }};
destination file {{ file("{stage.path("messages")}" template("$MESSAGE from ${{.tls.x509_cn}}\\n")); }};
log {{ source(tls); destination(file); }};
""", self.port)

    def attempt(self, stage, conf, *arguments):
        # syslog-ng leaves the name out of a connection's first message where the handshake comes with it.
        first, second, path = f"first {next(numbers)}", f"hello {next(numbers)}", stage.path("messages")
        self.steps = [(f"{text}\n".encode(), lambda text=text: os.path.exists(path) and text + " from" in read(path))
                      for text in (first, second)]
        return super().attempt(stage, conf, *arguments)

    def saw(self, stage, attempt):
        return read(stage.path("messages"))


class SyslogNgSender(_Row, Client):
    """It comes to an openssl s_server, which prints what it gets."""
    name = "syslog-ng"
    server = ("-quiet",)

    def attempt(self, stage, conf):
        target = stage.started[0].output
        target.mark()
        sender = start(stage, conf, f"sender-{free_port()}", f"""
source file {{ file("{stage.write("input", "hello from a device" + chr(10))}" flags(no-parse)); }};
destination tls {{ network("127.0.0.1" port({self.port}) transport("tls") tls(peer-verify(optional-untrusted))); }};
log {{ source(file); destination(tls); }};
""")
        try:
            wait_for(lambda: "from a device" in target.text() or "refused" in stage.log.text(), 15, "the sender")
            return self.attempted("from a device" in target.text(), target.text() + sender.output.text())
        finally:
            sender.stop()
