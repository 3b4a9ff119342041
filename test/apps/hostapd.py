# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""hostapd as RADIUS server: EAP-TLS 1.3 with its own EAP server, and eapol_test."""
import signal

from radius import EapTls

from kit.stage import free_port, wait_for

CONF = """
driver=none
logger_stdout=-1
logger_stdout_level=0
radius_server_clients={clients}
radius_server_auth_port={port}
eap_server=1
eap_user_file={users}
ca_cert={ca}
server_cert={crt}
private_key={key}
tls_flags=[ENABLE-TLSv1.3]
"""


class Hostapd(EapTls):
    """Its log has the client's certificate, and whom it let in by the name of EAP, which is the client's own affair."""
    name = "hostapd (EAP-TLS 1.3)"
    packages = ("hostapd", "eapoltest")
    identity = r"authsrv: peer certificate: depth=0 .* subject=/CN=(\S+)"

    def start(self, stage):
        self.port = free_port()
        self.server = stage.start(["/usr/sbin/hostapd", "-d", stage.write("hostapd.conf", CONF.format(
            port=self.port, clients=stage.write("clients", "127.0.0.1 testing123\n"),
            users=stage.write("users", "* TLS\n"), ca=stage.path("ca.crt"), crt=stage.path("server.crt"),
            key=stage.path("server.key")))], stage.server_config(self.policy), None,
            lambda p: "AP-ENABLED" in p.output.text())

    def reload(self, stage):
        """It reads its files again, and keeps the SSL_CTX that it has."""
        self.server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "Signal 1 received - reloading configuration" in self.server.output.text(), what="hostapd's reload")
