"""A booth with real lines to a cloud, which takes photos and brings them; also as a process.

    python -m tests.photo_booth <folder> <cloud's address> <photos> <bytes each>

Takes a car in and photographs it, unless it has; says `{"taken": [...]}` once all that is durable,
brings what waits and says `{"done": true}`. Killed and started again, it goes on.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reader_agent.clock import SystemClock
from reader_agent.cloud_client import CloudClient
from reader_agent.photo_upload import photo_upload_of
from reader_agent.presence import Arrival
from reader_agent.station import Station
from tests.jpeg_file import jpeg
from tests.station_kit import HERRERA, config_of
from tests.visit_story import key_tag

DEADLINE_S = 60.0
STATION = "herrera-1"
PRIVATE_KEY = bytes(range(32))
BADGE = "em4100:0A00000001"


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something to come true."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.005)


class PhotoBooth:
    """The booth at Plaza Herrera, whose lines are open between `start` and `close`."""

    def __init__(self, folder: Path, url: str, **limits: int) -> None:
        # No long polls: one would outlive its test in the cloud's threads.
        quick = {"backoff_cap_s": 1, "long_poll_wait_s": 0, "photo_room_mb": 0}
        limits = {**quick, **limits}
        self.config = replace(config_of(folder, HERRERA, **limits), cloud_url=url)
        self.clock = SystemClock(assume_synced=True)
        self.station = Station(self.config, self.clock)
        client = CloudClient(self.config, PRIVATE_KEY, self.station.now)
        self.sync = self.station.sync_with(client)
        self.upload = photo_upload_of(self.station, client, self.config, self.clock)

    def start(self) -> None:
        """Open the lines, and wait until the district is known here."""
        self.sync.start()
        self.upload.start()
        until(lambda: self.station.place() is not None, "the district is known")

    def close(self) -> None:
        """End."""
        self.upload.stop()
        self.sync.stop()
        self.station.close()

    def tap(self, tag: str) -> None:
        """A tag comes to the reader."""
        arrival = Arrival(tag, "em125", self.clock.mono_ns(), confirmed=True)
        self.station.on_arrival(arrival)

    def receive(self, number: int = 1) -> str:
        """A car is taken in; its visit."""
        self.tap(BADGE)
        self.tap(key_tag(number))
        self.station.edit_draft(plate=f"AB{number:04d}", no_phone=True)
        return self.station.receive().visit_id

    def photograph(self, visit_id: str, content: bytes) -> str:
        """A photo of it; its hash."""
        self.tap(BADGE)
        self.station.photos.add(visit_id, content)
        return hashlib.sha256(content).hexdigest()

    def has_brought_all(self) -> bool:
        """Whether no photo waits any more."""
        return not self.station.photos.store.new() and not self.upload.waiting()


def main(folder: str, url: str, count: str, size_bytes: str) -> None:
    """Take, bring, say so."""
    booth = PhotoBooth(Path(folder), url)
    booth.start()
    visits = booth.station._mirror.visits()
    visit_id = visits[0].id if visits else booth.receive()
    known = {ref.sha256 for ref in booth.station.photos.of(visit_id)}
    contents = [jpeg(int(size_bytes), seed=seed) for seed in range(int(count))]
    for content in contents:
        if hashlib.sha256(content).hexdigest() not in known:
            booth.photograph(visit_id, content)
    taken = [hashlib.sha256(content).hexdigest() for content in contents]
    _say({"taken": taken})
    until(booth.has_brought_all, "every photo is in the cloud")
    _say({"done": True})
    booth.close()


def _say(fact: object) -> None:
    # In one piece, and on a line of its own: the threads' logs go to the same place.
    sys.stdout.write(f"\n{json.dumps(fact)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
