"""`python -m tests.wire [version]`: record the wire of the code that is here."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.wire.recording import record, save


def main(name: str = "") -> None:
    """Record, and say what and where."""
    with tempfile.TemporaryDirectory() as folder:
        recording = record(Path(folder), name)
    path = save(recording)
    print(f"{path.name}: {len(recording['requests'])} requests, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
