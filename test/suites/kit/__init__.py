# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What the suites have in common."""
