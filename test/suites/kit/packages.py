# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""Debian's source packages, and packages that are unpacked instead of installed, in folders of the cache.

The machine's lists of packages are not touched: those with sources are in the cache as well, of the same mirror.
"""
import fcntl
import os
import re
import shlex
import shutil
import subprocess

CACHE = os.path.join(os.environ.get("DANCE_CACHE")
                     or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "dance"), "suites")
ORIGINS = ("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages",
           "Origin: Debian")
updated = set()


def apt(*arguments, cwd=None, program="apt-get"):
    """apt-get with lists of its own: what it says; RuntimeError with it, if it fails."""
    folder = os.path.join(CACHE, "apt")
    for part in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    options = {"Dir::Etc::SourceList": f"{folder}/sources.list", "Dir::Etc::SourceParts": "/dev/null",
               "Dir::State::Lists": f"{folder}/lists", "Dir::Cache": f"{folder}/cache", "APT::Sandbox::User": "root"}
    settings = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    if arguments[0] != "update" and not updated:
        origins = subprocess.run(ORIGINS, check=True, capture_output=True, text=True).stdout.split("\n")
        with open(f"{folder}/sources.list", "w") as out:
            for origin in sorted({line for line in origins if line}):
                out.write(f"deb {origin}\ndeb-src {origin}\n")
        updated.add(True)
        apt("update")
    return command(program, *settings, *arguments, cwd=cwd)


def command(*argv, cwd=None, env=None):
    """A step of getting or building: what it says; RuntimeError with its last words, if it fails."""
    done = subprocess.run(argv, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(argv)}: exit status {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def made(name, make):
    """The folder of that name in the cache, made by make(folder) if it is not there whole."""
    folder = os.path.join(CACHE, name)
    os.makedirs(CACHE, exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(folder, ".complete")):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            make(folder)
            with open(os.path.join(folder, ".complete"), "w"):
                pass
    return folder


def source(package, prepare=lambda tree: None):
    """The unpacked tree of a Debian source package; prepare(tree) once, to patch or build it."""
    def make(folder):
        # Not every mirror has the sources of its newest packages; any version's tests will do.
        known = re.findall(r"^Version: (.*)", apt("showsrc", "--only-source", package, program="apt-cache"), re.M)
        failures = []
        for wanted in [package, *(f"{package}={version}" for version in known)]:
            try:
                apt("source", wanted, cwd=folder)
                break
            except RuntimeError as failure:
                failures.append(str(failure))
        else:
            raise RuntimeError(failures[0])
        prepare(tree(folder))

    def tree(folder):
        return next(e.path for e in os.scandir(folder) if e.is_dir())

    return tree(made("source-" + package, make))


def unpacked(*packages):
    """A folder with what these packages have, each a name or name=version."""
    def make(folder):
        os.makedirs(f"{folder}/debs")
        apt("download", *packages, cwd=f"{folder}/debs")
        for deb in os.listdir(f"{folder}/debs"):
            command("dpkg-deb", "-x", f"{folder}/debs/{deb}", folder)

    return made("unpacked-" + packages[0].split("=")[0], make)
