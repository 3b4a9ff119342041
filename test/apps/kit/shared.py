# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What test/integration has already: zones, keys, configurations, processes, logs."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "integration"))

# pylint: disable=wrong-import-position,unused-import
import pki
from conftest import BUILD, Log, Process, config, environment, listening
from zone import Zones, free_port, wait_for

__all__ = ["BUILD", "Log", "Process", "Zones", "config", "environment", "free_port", "listening", "pki", "wait_for"]
