# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""OpenLDAP, which Debian 13 links with OpenSSL: SASL EXTERNAL, and its command line tools."""
import subprocess

from kit import Client, Server
from kit.rows import CannotRun
from kit.stage import free_port

# SASL EXTERNAL, and "who am I" (RFC 4532).
BIND = b"\x30\x18\x02\x01\x01\x60\x13\x02\x01\x03\x04\x00\xa3\x0c\x04\x08EXTERNAL\x04\x00"
WHO_AM_I = b"\x30\x1e\x02\x01\x02\x77\x19\x80\x17" b"1.3.6.1.4.1.4203.1.11.3"



def start(stage, conf):
    linked = subprocess.run(["ldd", "/usr/sbin/slapd"], capture_output=True, text=True, check=True).stdout
    if "libssl" not in linked:
        raise CannotRun("Debian 12 links it with GnuTLS")
    port = free_port()
    data = stage.folder_for("ldap", "openldap")
    stage.start(["/usr/sbin/slapd", "-d", "0", "-u", "openldap", "-g", "openldap", "-h", f"ldaps://127.0.0.1:{port}/", "-f",
                 stage.write("slapd.conf", f"""
include /etc/ldap/schema/core.schema
pidfile {data}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {stage.path("server.crt")}
TLSCertificateKeyFile {stage.path("server.key")}
TLSCACertificateFile {stage.path("ca.crt")}
TLSVerifyClient demand
database mdb
suffix "dc=example,dc=com"
directory {data}
""")], conf, port)
    return port


class OpenLdap(Server):
    name = "OpenLDAP"
    packages = ("slapd",)
    steps = [(BIND, rb"\x02\x01\x01\x61\x07\x0a\x01\x00"), (WHO_AM_I, rb"\x02\x01\x02\x78.*dn:")]
    identity = r"dn:cn=([\w.]+)"

    def start(self, stage):
        self.port = start(stage, stage.server_config(self.policy))


class LdapWhoAmI(Client):
    name = "ldapwhoami"
    packages = ("ldap-utils", "slapd")
    success = "dn:cn=alice.client.example.com"

    def start(self, stage):
        self.port = start(stage, stage.server_config("require"))

    def command(self, stage):
        return ["env", "LDAPTLS_REQCERT=never", "ldapwhoami", "-Y", "EXTERNAL", "-Q", "-H",
                f"ldaps://127.0.0.1:{self.port}/"]
