"""A station that only records: run as a process, so that a test can kill it or fill its disk.

    python -m tests.fault.journal_writer <folder> [<limit of a file's size in bytes>]

Prints the number of each event once it is durable, or the code of the refusal and then `stopped`.
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from reader_agent.clock import SystemClock
from reader_agent.journal import NewEvent
from reader_agent.station import Station
from schemas.problems import Refusal
from tests.station_kit import config_of


def main(folder: str, limit_bytes: str | None = None) -> None:
    """Record until killed or refused."""
    station = Station(config_of(Path(folder)), SystemClock())
    if limit_bytes is not None:
        # Without this the kernel ends the process instead of failing the write.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit_bytes), int(limit_bytes)))
    while True:
        try:
            event = station._recorder.record(lambda _work: NewEvent("shift.signed_on"), "ana")
        except Refusal as refusal:
            print(refusal.code, station.status().storage, flush=True)
            print("stopped", flush=True)
            return
        print(event.seq, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
