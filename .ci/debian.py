"""Debian packages that a bare machine lacks, installed where we are allowed to."""

from __future__ import annotations

import os
import shutil
import subprocess


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
