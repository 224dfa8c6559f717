"""Where the peers' servers are: installed, or where `.ci/find_tools.py bench` unpacks them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MOSQUITTO: Final = "mosquitto"
NATS: Final = "nats-server"
PEERS: Final = (MOSQUITTO, NATS)
"""The names of the Debian packages and of the programs in them."""

HOW_TO_GET: Final = "`make bench` unpacks it where there is apt; or apt-get install"
UNPACKED: Final = Path(__file__).resolve().parents[3] / ".venv" / ".cache" / "peers"
_FOLDERS = ("/usr/sbin", "/usr/local/sbin", str(UNPACKED / "usr" / "sbin"))
_VERSION_OPTIONS = {MOSQUITTO: "-h", NATS: "--version"}


def find(name: str) -> str | None:
    """A server's program; Debian puts it where only root's path leads."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(_FOLDERS))


def environment() -> Mapping[str, str]:
    """What a program needs to find the libraries that were unpacked beside it."""
    folders = {str(path.parent) for path in UNPACKED.glob("usr/lib/*/*.so*")}
    if not folders:
        return os.environ
    before = filter(None, [os.environ.get("LD_LIBRARY_PATH")])
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join([*sorted(folders), *before])}


def version(name: str) -> str:
    """What the program says of itself, in one line; `missing` where there is none."""
    program = find(name)
    if program is None:
        return "missing"
    asked = subprocess.run(
        [program, _VERSION_OPTIONS[name]],
        check=False,
        capture_output=True,
        text=True,
        env=environment(),
    )
    return (asked.stdout or asked.stderr).partition("\n")[0]
