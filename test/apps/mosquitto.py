# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""mosquitto: the client's name as MQTT user name; publishing; a bridge between two brokers."""
from kit import Client, Server
from kit.stage import free_port, read

# MQTT 3.1.1: CONNECT with client id "dance", and CONNACK "accepted".
CONNECT = bytes.fromhex("101100044d5154540402003c0005") + b"dance"
CONNACK = rb"\x20\x02\x00\x00"


def broker(stage):
    port = free_port()
    stage.start(["/usr/sbin/mosquitto", "-v", "-c", stage.write("broker.conf", f"""
listener {port} 127.0.0.1
cafile {stage.path("ca.crt")}
certfile {stage.path("server.crt")}
keyfile {stage.path("server.key")}
require_certificate true
use_identity_as_username true
user nobody
""")], stage.server_config("require"), port)
    return port


class Mosquitto(Server):
    name = "mosquitto"
    packages = ("mosquitto",)
    steps = [(CONNECT, CONNACK)]
    identity = r"connected from \S+ as dance \(.*u'(.*?)'"

    def start(self, stage):
        self.port = broker(stage)

    def saw(self, stage, attempt):
        return read(stage.started[0].output.path)


class MosquittoPub(Client):
    name = "mosquitto_pub"
    packages = ("mosquitto-clients", "mosquitto")
    success = r"received CONNACK \(0\)"

    def start(self, stage):
        self.port = broker(stage)

    def command(self, stage):
        return ["mosquitto_pub", "-d", "-h", "localhost", "-p", str(self.port), "--cafile", stage.path("server.crt"),
                "-t", "t", "-m", "m"]


class MosquittoBridge(Client):
    name = "mosquitto (bridge)"
    packages = ("mosquitto",)
    success = "Received SUBACK"  # a CONNACK may say no
    failure = "OpenSSL Error|Connection Refused|Protocol error"

    def start(self, stage):
        self.port = broker(stage)

    def command(self, stage):
        return ["/usr/sbin/mosquitto", "-v", "-c", stage.write(f"bridge-{free_port()}.conf", f"""
listener {free_port()} 127.0.0.1
connection above
address 127.0.0.1:{self.port}
topic # out
topic answers in
bridge_cafile {stage.path("server.crt")}
bridge_insecure true
notifications false
user nobody
""")]
