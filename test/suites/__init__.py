# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Test suites that others wrote; see README.md."""
