# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""packaging/rpm/dance.spec: rpmbuild makes the same three packages of it. What an RPM system does with them is not seen here."""
import os
import re
import shutil
import subprocess

import pytest

from conftest import REPOSITORY
from test_packages import CONTENTS, output

SPEC = os.path.join(REPOSITORY, "packaging", "rpm", "dance.spec")
# Debian's own: its abstractions, and pages that debhelper compresses.
LEFT_OUT = {r"/etc/apparmor.d/abstractions/dance"}
ADDED = [r"/etc/dance", r"/usr/libexec/dance", r"/usr/lib/\.build-id.*", r"/usr/share/licenses/.*", r"/usr/share/doc/dance-provider(/doc(/fail2ban)?|/examples)?"]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """name -> path."""
    if shutil.which("rpmbuild") is None:
        pytest.skip("rpm is not installed (scripts/packages.sh package-test)")
    folder = tmp_path_factory.mktemp("rpm")
    (folder / "SOURCES").mkdir()
    version = re.search(r"(?m)^Version: +(\S+)", open(SPEC).read())[1]
    names = (output("git", "-C", REPOSITORY, "-c", f"safe.directory={REPOSITORY}", "ls-files", "--cached", "--others", "--exclude-standard").split("\n")
             if os.path.exists(os.path.join(REPOSITORY, ".git")) else [name for name in os.listdir(REPOSITORY) if not name.startswith("build")])
    (folder / "names").write_text("\n".join(name for name in names if os.path.exists(os.path.join(REPOSITORY, name))))
    subprocess.run(["tar", "-C", REPOSITORY, "-czf", folder / "SOURCES" / f"dance-{version}.tar.gz", "-T", folder / "names",
                    f"--transform=s,^,dance-{version}/,"], check=True)
    # What it needs is there by names of another distribution.
    done = subprocess.run(["rpmbuild", "-bb", "--nodeps", "--define", f"_topdir {folder}", "--define", "debug_package %{nil}", SPEC],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    found = [os.path.join(root, name) for root, _, files in os.walk(folder / "RPMS") for name in files]
    return {re.match(r"(.*)-[^-]+-[^-]+\.rpm$", os.path.basename(path))[1]: path for path in found}


def test_contents(packages):
    assert set(packages) == set(CONTENTS)
    for name, path in packages.items():
        files = output("rpm", "-qlp", path).split()
        wanted = [rule.removesuffix(r"\.gz") for rule in CONTENTS[name] if rule not in LEFT_OUT]
        assert [file for file in files if not any(re.fullmatch(rf"{rule}(\.gz)?", file) for rule in wanted + ADDED)] == []
        assert [rule for rule in wanted if not any(re.fullmatch(rf"{rule}(\.gz)?", file) for file in files)] == []


def test_scripts(packages):
    """They are for a shell, whether the macros for systemd were there or not."""
    assert output("rpm", "-qp", "--scripts", packages["dance-provider"]) == output("rpm", "-qp", "--scripts", packages["dance-tools"]) == ""
    said = output("rpm", "-qp", "--scripts", packages["dance-resolver"])
    assert "%" not in said and "rm -f /run/dance/resolver.sock" in said
