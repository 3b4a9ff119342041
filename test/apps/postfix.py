# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Postfix to Postfix: a verified client may relay. Services in their chroot, as Debian ships them."""
import os
import re
import signal
import smtplib

from kit import GOES_ON, Client, Server
from kit.stage import free_port, read, wait_for

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = server.example.com
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
tls_config_file = {conf}
{more}
"""
# What smtpd_tls_received_header writes into each message.
HEADER = r"""/^Received:.*Client CN "([^"]*)".*(verified OK|not verified)/ INFO client CN $1, $2
"""
MASTER = """
127.0.0.1:{port} inet n - y - - smtpd
cleanup unix n - y - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - y 1000? 1 tlsmgr
rewrite unix - - y - - trivial-rewrite
bounce unix - - y - 0 bounce
defer unix - - y - 0 bounce
trace unix - - y - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - y - - smtp
discard unix - - y - - discard
error unix - - y - - error
retry unix - - y - - error
anvil unix - - y - 1 anvil
scache unix - - y - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def postfix(stage, name, conf, more):
    """A Postfix of its own; (its process, the path of its log). openssl.cnf comes by tls_config_file alone."""
    port = free_port()
    folder = stage.folder_for(name)
    stage.folder_for(f"{name}/spool")
    stage.folder_for(f"{name}/data", "postfix")
    stage.write(f"{name}/main.cf", MAIN.format(folder=folder, conf=conf, more=more))
    stage.write(f"{name}/master.cf", MASTER.format(port=port))
    process = stage.start(["setsid", "/usr/sbin/postfix", "-c", folder, "start-fg"], None, port)
    stop = process.stop

    def stop_postfix():
        """What we started is a script, which leaves the master behind."""
        if process.process.poll() is None:
            os.kill(int(read(f"{folder}/spool/pid/master.pid")), signal.SIGTERM)
        return stop()

    process.stop = stop_postfix
    return process, f"{folder}/maillog"


def receiver(stage, conf):
    """Relays for verified clients, and for nobody else."""
    return postfix(stage, "receiver", conf, f"""
smtpd_tls_cert_file = {stage.path("server.crt")}
smtpd_tls_key_file = {stage.path("server.key")}
smtpd_tls_CAfile = {stage.path("ca.crt")}
smtpd_tls_security_level = may
smtpd_tls_ask_ccert = yes
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
smtpd_relay_restrictions = permit_tls_all_clientcerts, reject_unauth_destination
smtpd_recipient_restrictions =
default_transport = discard
header_checks = regexp:{stage.write("header_checks", HEADER)}
""")


class PostfixServer(Server):
    name = "Postfix (smtpd)"
    packages = ("postfix",)
    refusal = rb"^[45]54 "
    policy = "mixed"       # a mail server takes mail for its own domains from everybody
    starttls = "smtp"
    steps = [(b"EHLO client\r\n", "^250 "), (b"MAIL FROM:<a@example.net>\r\n", "^250 2.1.0"),
             (b"RCPT TO:<b@example.net>\r\n", "^250 2.1.5"), (b"DATA\r\n", "^354"),
             (b"Subject: hello\r\n\r\nhello\r\n.\r\n", "^250 2.0.0")]
    identity = r"client CN (\S+), verified OK"
    verdict = GOES_ON
    reasons = {"none": None}
    note = "who is not authenticated may not relay, and is served otherwise as before"

    def start(self, stage):
        process, self.maillog = receiver(stage, stage.server_config(self.policy))
        self.port = process.port

    def saw(self, stage, attempt):
        return read(self.maillog)


class PostfixClient(Client):
    name = "Postfix (smtp)"
    packages = ("postfix",)

    def start(self, stage):
        process, _ = receiver(stage, stage.server_config("require"))
        self.port = process.port

    def attempt(self, stage, conf):
        name = f"sender-{free_port()}"
        process, log = postfix(stage, name, conf or "none", f"""
mynetworks = 127.0.0.0/8
default_transport = smtp:[127.0.0.1]:{self.port}
smtp_tls_security_level = encrypt
smtp_tls_loglevel = 1
soft_bounce = yes
""")
        try:
            with smtplib.SMTP("127.0.0.1", process.port, timeout=10) as smtp:
                smtp.sendmail("a@example.net", ["b@example.net"], "Subject: hello\r\n\r\nhello\r\n")
            status = wait_for(lambda: re.search(r"status=\w+ .*", read(log)), 20, "a delivery").group()
        finally:
            process.stop()
        return self.attempted(status.startswith("status=sent"), read(log))
