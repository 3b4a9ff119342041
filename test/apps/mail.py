# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Mail programs of users: fetchmail, s-nail and swaks, to servers of the other files."""
from dovecot import Dovecot
from postfix import receiver

from kit import ALICE, Client
from kit.stage import free_port


class Fetchmail(Client):
    """IMAP with SASL EXTERNAL."""
    name = "fetchmail"
    packages = ("fetchmail", "dovecot-imapd")
    success = "No mail for|messages? for"

    def start(self, stage):
        server = Dovecot()
        server.start(stage)
        self.port = server.port

    def command(self, stage):
        rc = stage.write(f"fetchmailrc-{free_port()}", f"""
poll 127.0.0.1 protocol IMAP service {self.port} auth external
  user "{ALICE}" password "" ssl sslproto "TLS1.3" no sslcertck
""", 0o600)
        return ["env", f"FETCHMAILHOME={stage.folder}", "fetchmail", "-v", "--check", "--nodetach", "-t", "8", "-f", rc]


class SNail(Client):
    """Submission to a Postfix that relays for verified clients. openssl.cnf by its own variable, of its own section."""
    name = "s-nail"
    packages = ("s-nail", "postfix")
    success = "^delivered"

    def start(self, stage):
        process, _ = receiver(stage, stage.server_config("require"))
        self.port = process.port

    def command(self, stage):
        return ["sh", "-c", "[ -z \"$OPENSSL_CONF\" ] || set -- -S tls-config-file=$OPENSSL_CONF; unset OPENSSL_CONF;"
                f"echo hello | HOME={stage.folder} DEAD=/dev/null s-nail -n -v \"$@\" -S v15-compat -S tls-verify=ignore -S smtp-use-starttls"
                f" -S mta=smtp://127.0.0.1:{self.port} -S smtp-auth=none -S from=a@example.net"
                " -S sendwait -s hello b@example.net && echo delivered"]


class Swaks(Client):
    name = "swaks (Perl)"
    packages = ("swaks", "libnet-ssleay-perl", "postfix")
    success = "<~  250 2.0.0|<~.*250 2.0.0 Ok: queued"

    def start(self, stage):
        process, _ = receiver(stage, stage.server_config("require"))
        self.port = process.port

    def command(self, stage):
        return ["swaks", "--server", f"127.0.0.1:{self.port}", "-tls", "--from", "a@example.net", "--to",
                "b@example.net", "--helo", "client", "--timeout", "8"]
