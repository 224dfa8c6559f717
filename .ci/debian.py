"""Debian packages that a bare machine lacks, installed where we are allowed to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path


def install(*packages: str) -> bool:
    """Install Debian packages as root or through a sudo that asks nothing; tell if that worked.

    Says on the terminal what it is about to do. Answers False, and changes nothing, where the
    machine has no apt-get or we have no right to use it.
    """
    prefix = _privilege()
    if prefix is None or shutil.which("apt-get") is None:
        return False
    print(f"installing {' '.join(packages)} with apt-get ...", flush=True)
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    # A bare machine has no package lists yet, and an old one has stale ones.
    return _run(prefix, command) or (_run(prefix, ["apt-get", "update"]) and _run(prefix, command))


def unpack(folder: Path, *packages: str) -> bool:
    """Put Debian packages, with all that they need and this machine lacks, under `folder`; tell if
    that worked. Needs no rights and starts nothing: a server that apt installs would run at once.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return False
    names = _lacking(packages) or (_update() and _lacking(packages))
    if not names:
        return False
    print(f"unpacking {' '.join(names)} into {folder} ...", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="valet-deb-") as archives:
        # By default apt downloads as a user of its own, who may not write here.
        download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", *names]
        if not _succeeds(download, archives):
            return False
        found = sorted(Path(archives).glob("*.deb"))
        return all(_succeeds(["dpkg", "-x", str(deb), str(folder)], archives) for deb in found)


def _lacking(packages: tuple[str, ...]) -> list[str]:
    """Names of what apt would install for these, they among them."""
    options = ["-o", "Debug::NoLocking=1", "--no-install-recommends"]
    asked = subprocess.run(
        ["apt-get", "--simulate", *options, "install", *packages],
        check=False,
        capture_output=True,
        text=True,
    )
    return re.findall(r"^Inst (\S+)", asked.stdout, re.MULTILINE) if not asked.returncode else []


def _update() -> bool:
    """Fetch apt's lists, where we may."""
    prefix = _privilege()
    return prefix is not None and _run(prefix, ["apt-get", "update"])


def _succeeds(command: list[str], folder: str) -> bool:
    """Run a command in a folder; its last words show only when it fails."""
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        print("\n".join((done.stdout + done.stderr).splitlines()[-5:]), flush=True)
    return done.returncode == 0


def _privilege() -> list[str] | None:
    """Return what to put before a command to run it as root, None where nothing would do."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True)
    return ["sudo", "-n"] if asked.returncode == 0 else None


def _run(prefix: list[str], command: list[str]) -> bool:
    """Run apt-get without questions; its last words show only when it fails."""
    done = subprocess.run(
        [
            *prefix,
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            command[0],
            "--quiet",
            "-o",
            "DPkg::Lock::Timeout=300",
            *command[1:],
        ],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        print("\n".join(done.stdout.splitlines()[-5:]), flush=True)
    return done.returncode == 0
