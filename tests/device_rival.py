"""A second process on a serial port, and what a process has open."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEADLINE_S = 60.0
_HOLD = """
import serial, sys
port = serial.Serial(sys.argv[1], exclusive=True)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another(device: Path) -> Iterator[None]:
    """Inside the block another process has the port; afterwards it has ended and let go."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(device)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as rival:
        assert rival.stdout is not None
        assert rival.stdout.readline() == b"held\n"
        yield
        rival.communicate(timeout=DEADLINE_S)


def open_files() -> int:
    """How many file descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))
