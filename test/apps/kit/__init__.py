# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What the files of test/apps are written with: see test/apps/README.md."""
from .rows import GOES_ON, Client, Forwarder, NotOpenSSL, OwnTests, Server
from .stage import ALICE, BOB, CAROL, LEAVER, Stage

__all__ = ["ALICE", "BOB", "CAROL", "GOES_ON", "LEAVER", "Client", "Forwarder", "NotOpenSSL", "OwnTests", "Server", "Stage"]
