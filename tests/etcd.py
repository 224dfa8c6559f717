"""etcd, in which Patroni agrees on who leads: where its program is, and one for the tests.

with running_etcd(folder) as endpoint:           # host:port of its clients' side
    ...
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.booth_process import free_port

PACKAGE: Final = "etcd-server"
UNPACKED: Final = Path(__file__).resolve().parents[1] / ".venv" / ".cache" / "etcd"
HOW_TO_GET: Final = (
    "The tests of a database that fails over need etcd: `make test` unpacks Debian's into "
    f".venv where there is apt-get; or `apt-get install {PACKAGE}`; or set VALET_TEST_ETCD to the "
    "program."
)
START_WAIT_S = 60.0


class EtcdMissing(Exception):
    """etcd cannot be run here; the message says what to do."""


def find() -> Path | None:
    """The program: named, installed, or unpacked by `.ci/find_tools.py`."""
    named = os.environ.get("VALET_TEST_ETCD")
    if named:
        return Path(named) if os.access(named, os.X_OK) else None
    found = shutil.which("etcd") or shutil.which("etcd", path=str(UNPACKED / "usr" / "bin"))
    return None if found is None else Path(found)


@contextmanager
def running_etcd(folder: Path) -> Iterator[str]:
    """Run one that knows nothing yet while the block lasts; its data lies in `folder`. Raises
    `EtcdMissing`."""
    program = find()
    if program is None:
        raise EtcdMissing(HOW_TO_GET)
    client, peer = (f"127.0.0.1:{free_port()}" for _ in range(2))
    log = folder / "etcd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(program, "--data-dir", folder / "etcd", "--logger", "zap"),
                *("--listen-client-urls", f"http://{client}"),
                *("--advertise-client-urls", f"http://{client}"),
                *("--listen-peer-urls", f"http://{peer}"),
                *("--initial-advertise-peer-urls", f"http://{peer}"),
                *("--initial-cluster", f"default=http://{peer}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_for(client, process, log)
        yield client
    finally:
        process.kill()
        process.wait(START_WAIT_S)


def _wait_for(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_WAIT_S
    while not _is_healthy(endpoint):
        if process.poll() is not None or time.monotonic() > end:
            raise EtcdMissing(f"etcd did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.05)


def _is_healthy(endpoint: str) -> bool:
    connection = http.client.HTTPConnection(endpoint, timeout=START_WAIT_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
