"""`python -m tests.power_cut [images]`: the figures, for each setting of `synchronous`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.power_cut.replay import record, replay
from tests.scratch import memory_folder


def main(count: str = "1800") -> None:
    """Print one line for each setting, and the first few images that went wrong."""
    for synchronous in ("FULL", "NORMAL", "OFF"):
        with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
            operations = record(Path(folder), synchronous)
            every = 1 if synchronous == "FULL" else 7
            result = replay(operations, Path(folder), synchronous, int(count), every=every)
        print(result.line(), flush=True)
        for verdict in (result.corrupt + result.losing)[: 5 if synchronous == "FULL" else 2]:
            print("  ", verdict, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
