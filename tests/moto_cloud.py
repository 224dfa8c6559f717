"""AWS on loopback: moto's server as a process of its own, spoken to over HTTP by real boto3.

It has SNS, SQS and S3. It takes what AWS refuses (a number without its country), and knows nothing
of End User Messaging: what matters there is tested against `tests.loopback_aws`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WAIT_S = 60
_STARTED = "Running on http://127.0.0.1:"


@contextmanager
def moto_cloud(folder: Path) -> Iterator[str]:
    """The address of an AWS of one's own, while the block lasts."""
    log = folder / "moto.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"},
        )
        try:
            yield _wait_for(log, process)
        finally:
            process.terminate()
            process.wait(_WAIT_S)


def _wait_for(log: Path, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until and process.poll() is None:
        _, found, rest = log.read_text("utf-8", "replace").partition(_STARTED)
        if found and rest[:1].isdigit() and "\n" in rest:
            # Said once the socket listens.
            return f"http://127.0.0.1:{rest.split()[0].strip('/')}"
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8", "replace"))
