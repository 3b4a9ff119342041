# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""A BIND that serves example.org over TLS, and DNS messages, for the rows that are about DNS."""
import struct

from .stage import free_port

MARK = "transferred-by-tls"
ZONE = f"""$ORIGIN example.org.
$TTL 60
@ SOA ns hostmaster 1 3600 900 86400 60
@ NS ns
ns A 127.0.0.1
@ TXT "{MARK}"
"""
NAMED = """
options {{
  directory "{folder}"; pid-file none; session-keyfile none; listen-on-v6 {{ none; }}; dnssec-validation no;
  {options}
}};
controls {{ }};
{more}
"""


def message(qtype, name="example.org"):
    """A query over TCP: its length and itself. qtype: 16 TXT, 252 AXFR."""
    question = b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0" + struct.pack("!HH", qtype, 1)
    query = b"\x12\x34" + b"\1\0" + struct.pack("!HHHH", 1, 0, 0, 0) + question
    return struct.pack("!H", len(query)) + query


def named(stage, options, more, conf, port, folder="named"):
    where = stage.folder_for(folder)
    path = stage.write(f"{folder}/named.conf", NAMED.format(folder=where, options=options, more=more))
    return stage.start(["/usr/sbin/named", "-g", "-n", "1", "-c", path], conf, port)


def named_over_tls(stage, policy="require"):
    """BIND as primary of example.org: DNS over TLS and zone transfer over TLS; the port."""
    port = free_port()
    zone = stage.write("example.org", ZONE)
    named(stage, f"listen-on port {port} tls server {{ 127.0.0.1; }}; recursion no;"
          f" allow-transfer port {port} transport tls {{ any; }};",
          f'tls server {{ cert-file "{stage.path("server.crt")}"; key-file "{stage.path("server.key")}"; }};\n'
          f'zone "example.org" {{ type primary; file "{zone}"; }};', stage.server_config(policy), port)
    return port
