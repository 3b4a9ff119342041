# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Programs that Debian links with another TLS library than OpenSSL: no provider reaches them."""
from kit import NotOpenSSL


class Exim(NotOpenSSL):
    name = "Exim"
    unpacked = ("exim4-daemon-light",)
    file = "usr/sbin/exim4"


class Wget(NotOpenSSL):
    name = "wget"
    unpacked = ("wget",)
    file = "usr/bin/wget"
