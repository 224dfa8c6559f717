"""A broker and a sink as processes of their own, on loopback, for the length of one round."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.peers import programs
from tests.bench.peers.peer import Run

DEADLINE_S = 120.0
_ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def running(name: str, arguments: Sequence[str], port: int, log: Path) -> Iterator[None]:
    """A broker that accepts connections on this port; killed at the end."""
    program = programs.find(name)
    assert program is not None, name
    with log.open("ab") as output:
        process = subprocess.Popen(
            [program, *arguments], env=programs.environment(), stdout=output, stderr=output
        )
    try:
        _wait_for(port, process, log)
        yield
    finally:
        process.kill()
        process.wait(DEADLINE_S)


class SinkProcess:
    """`python -m tests.bench.peers.<name>` with these settings, ready when this returns."""

    def __init__(self, module: str, run: Run, port: int) -> None:
        settings = {"port": port, "url": run.database_url, "count": len(run.lines)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.bench.peers.{module}", json.dumps(settings)],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
        )
        assert self._told()["ready"]

    def committed_ns(self) -> int:
        """When it had everything on its disk (`time.monotonic_ns`, one clock for the machine)."""
        at_ns: int = self._told()["committed_ns"]
        return at_ns

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate(timeout=DEADLINE_S)

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the sink ended"
        told: dict[str, Any] = json.loads(line)
        return told


def tell(**facts: object) -> None:
    """Say something to whoever started this sink."""
    print(json.dumps(facts), flush=True)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        else:
            return
