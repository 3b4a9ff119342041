# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Containers with a systemd of their own, booted by systemd-nspawn; they end with the tests that booted them."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import uuid

import pytest

from test_resolver import control
from zone import patient, wait_for


def removed(group):
    """A control group and those below it are not there any more; busy as long as a process of theirs is not reaped."""
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            return False
    return not os.path.exists(group)


@contextlib.contextmanager
def own_groups():
    """Control groups of our own for a container, as folders; empty where systemd makes them."""
    if os.path.isdir("/run/systemd/system"):
        yield []
        return
    root, here, name = "/sys/fs/cgroup", [], f"dance-{uuid.uuid4().hex[:8]}"
    tops = [f"{root}/systemd", f"{root}/unified"] if os.path.isdir(f"{root}/systemd") else [root]
    for top in filter(os.path.isdir, tops):
        here.append(f"{top}/{name}")  # the same in each, or systemd-nspawn makes it so
    try:
        for folder in here:
            os.mkdir(folder)
        yield here
    finally:
        for top in here:
            wait_for(lambda: removed(top), what=f"the end of {top}")


class Container:
    """A booted container, in which dance-resolver.service is the service.

    Its arguments: a folder for its output, its control groups (own_groups()), systemd-nspawn's own arguments, and the
    unit that has been reached when it is up.
    """

    def __init__(self, folder, groups, *arguments, unit):
        self.output, self.unit = folder / "nspawn", unit
        # Whoever kills the tests ends the container too.
        argv = ["setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "--boot", "--register=no", "--console=pipe",
                f"--machine=dance-{uuid.uuid4().hex[:8]}", *arguments, *(["--keep-unit"] if groups else []),
                f"systemd.unit={unit}", "systemd.show_status=no"]
        enter = "".join(f"echo $$ >{group}/cgroup.procs; " for group in groups)
        self.process = subprocess.Popen(["sh", "-ec", enter + 'exec "$@"', "sh", *argv], stdin=subprocess.DEVNULL,
                                        stdout=open(self.output, "w"), stderr=subprocess.STDOUT)
        self.leader = None

    def boot(self):
        """Wait until its systemd has come as far as the target. An error where it cannot run here."""
        def begun():
            if self.process.poll() is not None:
                raise OSError(self.output.read_text())
            for pid in open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read().split():
                with contextlib.suppress(OSError):
                    status = open(f"/proc/{pid}/status").read()
                    if re.search(r"(?m)^Name:\tsystemd$", status) and re.search(r"(?m)^NSpid:.*\t1$", status):
                        self.leader = int(pid)
            return self.leader
        wait_for(begun, 60, f"the container in {self.output}")
        self.socket = f"/proc/{self.leader}/root/run/dance/resolver.sock"
        wait_for(lambda: begun() and self.run("systemctl", "is-active", self.unit, check=False) == "active", 60,
                 f"its unit in {self.output}")

    def run(self, *argv, check=True):
        done = subprocess.run(["nsenter", "-t", str(self.leader), "-m", "-p", "-u", "-i", "--", *argv], capture_output=True,
                              text=True, timeout=patient(60))
        assert not check or done.returncode == 0, (argv, done.stdout, done.stderr)
        return done.stdout.strip()

    def systemctl(self, *arguments):
        return self.run("systemctl", *arguments)

    def supervisor(self):
        """Its pid, as this machine counts; None while there is none."""
        inside = self.systemctl("show", "--property=MainPID", "--value", "dance-resolver.service")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                status = open(f"/proc/{pid}/status").read()
                if os.path.samefile(f"/proc/{pid}/ns/pid", f"/proc/{self.leader}/ns/pid") \
                        and re.search(rf"(?m)^NSpid:.*\t{inside}$", status):
                    return int(pid)
        return None

    def log(self):
        return self.run("journalctl", "--unit=dance-resolver.service", "--no-pager", "--output=cat", check=False)

    def connect(self, uid=0):
        """A control channel of a user."""
        folder = os.open(os.path.dirname(self.socket), os.O_PATH)
        try:
            os.seteuid(uid)
            return control(f"/proc/self/fd/{folder}/resolver.sock")
        finally:
            os.seteuid(0)
            os.close(folder)

    def stop(self):
        if self.leader is not None:
            os.kill(self.leader, signal.SIGKILL)  # and with it all that runs in there
        else:
            self.process.kill()
        self.process.wait(patient(20))


@contextlib.contextmanager
def booted(make):
    """The container that make(groups) returns, booted; the test is skipped where none can be."""
    if os.geteuid() != 0:
        pytest.skip("booting a container needs root")
    if shutil.which("systemd-nspawn") is None:
        pytest.skip("systemd-nspawn is not installed")
    with contextlib.ExitStack() as stack:
        try:
            container = make(stack.enter_context(own_groups()))
            stack.callback(container.stop)
            container.boot()
        except OSError as why:
            pytest.skip(f"no container can be booted here: {why}")
        yield container
