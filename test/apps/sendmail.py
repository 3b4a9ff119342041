# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""sendmail: relaying by the subject in the access map. Its package conflicts with Postfix's."""
import glob
import os
import subprocess

import pki
from kit import ALICE, BOB, LEAVER, Server
from kit.rows import CannotRun
from kit.stage import free_port, read

MC = """divert(-1)
include(`{cf}/m4/cf.m4')
divert(0)dnl
OSTYPE(`linux')dnl
define(`QUEUE_DIR', `{folder}/queue')dnl
define(`confPID_FILE', `{folder}/pid')dnl
define(`STATUS_FILE', `{folder}/statistics')dnl
define(`HELP_FILE', `{folder}/help')dnl
define(`ALIAS_FILE', `')dnl
define(`confDOMAIN_NAME', `server.example.com')dnl
define(`confDELIVERY_MODE', `queueonly')dnl
define(`confCACERT', `{ca}')dnl
define(`confCACERT_PATH', `{folder}')dnl
define(`confSERVER_CERT', `{crt}')dnl
define(`confSERVER_KEY', `{key}')dnl
define(`confRECEIVED_HEADER', `by $j (client ${{cert_subject}}, ${{verify}}); $b')dnl
define(`confBIND_OPTS', `-DNSRCH -DEFNAMES')dnl
undefine(`ALIAS_FILE')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`access_db', `hash -T<TMPF> {folder}/access')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`nocanonify')dnl
DAEMON_OPTIONS(`Port={port}, Addr=127.0.0.1, Name=MTA')dnl
MAILER(`smtp')dnl
"""


class Sendmail(Server):
    name = "sendmail"
    packages = ("m4", "libnsl2", "liblockfile1", "libwrap0", "libldap-2.5-0|libldap2")
    unpacked = ("sendmail-bin", "sendmail-cf")
    package = "sendmail-bin"
    policy = "mixed"       # a mail server takes mail for its own domains from everybody
    starttls = "smtp"
    refusal = rb"^[45]50 "
    arguments = ("-bind", "127.0.0.2:0")  # from 127.0.0.1 everybody may relay
    steps = [(b"EHLO client\r\n", "^250 "), (b"MAIL FROM:<a@example.net>\r\n", "^250 2.1.0"),
             (b"RCPT TO:<b@example.net>\r\n", "^250 2.1.5"), (b"DATA\r\n", "^354"),
             (b"Subject: hello\r\n\r\nhello\r\n.\r\n", "^250 2.0.0")]
    identity = r"client /CN=(\S+), OK"
    reasons = {"none": None, "another's issuer": None}
    note = "who says a name must be that client; others may not relay, and are served otherwise as before"

    def start(self, stage):
        self.port = free_port()
        # sendmail trusts no file that lies where others may write, as below /tmp: it sees the stage as /mnt.
        os.chmod(stage.folder, 0o755)
        os.makedirs(f"{stage.folder_for('sendmail')}/queue")
        stage.write("sendmail/key", read(stage.path("server.key")), 0o600)
        root = stage.path("root")
        programs = f"{root}/usr/libexec/sendmail"
        access = "".join(f"CERTIssuer:/CN={x} SUBJECT\nCERTSubject:/CN={x} RELAY\n" for x in (ALICE, LEAVER))
        cf = f"{root}/usr/share/sendmail/cf"
        mc = stage.write("sendmail/dance.mc", MC.format(cf=cf, folder="/mnt/sendmail", ca="/mnt/ca.crt",
                                                        key="/mnt/sendmail/key", crt="/mnt/server.crt", port=self.port))
        text = subprocess.run(["m4", f"-D_CF_DIR_={cf}/", mc], check=True, capture_output=True).stdout
        cf = stage.write("sendmail/sendmail.cf", text)
        subprocess.run([f"{programs}/makemap", "-C", cf, "hash", stage.path("sendmail/access")],
                       input=access.encode(), check=True, capture_output=True)
        # It is setgid, so that OpenSSL takes no OPENSSL_CONF from the environment: the system's openssl.cnf it must
        # be. And it sleeps for a minute where the machine has no qualified name. All for this process alone.
        conf = stage.server_config(self.policy)
        if stage.run(["unshare", "--uts", "--mount", "true"])[0] != 0:
            raise CannotRun("the system's openssl.cnf cannot be another one for a single process here (unshare)")
        stage.start(["unshare", "--uts", "--mount", "sh", "-c", f"mount --bind {conf} /etc/ssl/openssl.cnf &&"
                     f" mount --bind {stage.folder} /mnt && hostname server.example.com &&"
                     f" exec {programs}/sendmail -bD -C /mnt/sendmail/sendmail.cf"], None, self.port)

    def clients(self, stage):
        """And one whom dance knows and sendmail does not, with a certificate that Alice is said to have issued."""
        key = stage.keys[BOB]
        leaf = pki.certificate(key, BOB, issuer=pki.certificate(key, ALICE), issuer_key=key)
        path = stage.write("issued.crt", pki.pem(leaf))
        return {**super().clients(stage), "another's issuer": stage.client_config(BOB, certificate=path)}

    def saw(self, stage, attempt):
        return "".join(read(path) for path in glob.glob(stage.path("sendmail/queue/qf*")))
