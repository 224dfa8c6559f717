"""Practice: the same screens and taps over a throw-away station, for a first night.

The practice station has a folder of its own that goes with it, knows the district's places, people
and tags, and is tied to no cloud. Nothing of it reaches the live journal. A tap on the key or claim
tag of a real car ends it at once, and counts.
"""

from __future__ import annotations

import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import structlog

from reader_agent.clock import Clock
from reader_agent.config import Config
from reader_agent.presence import Arrival, Departure
from reader_agent.roster import Roster
from reader_agent.station import Station
from reader_agent.tap_outcome import TapOutcome
from schemas.district import Person
from schemas.problems import Refusal

_log = structlog.get_logger(__name__)


class Practice:
    """Which station the screens and the readers mean: the live one, or one to practise with.
    `stop` at the end."""

    def __init__(self, live: Station, config: Config, clock: Clock) -> None:
        self._live = live
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._practised: Station | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def is_on(self) -> bool:
        """Whether what is done now is for practice."""
        return self._practised is not None

    @property
    def station(self) -> Station:
        """The station that is meant now."""
        return self._practised or self._live

    def start(self, person: Person) -> None:
        """Begin, with the same person signed in. Refusal `storage_full`, `storage_fault`."""
        with self._lock:
            if self._practised is not None:
                return
            folder = tempfile.TemporaryDirectory(prefix="valet-practice-")
            config = replace(self._config, data_dir=Path(folder.name) / "station", asks_pin=False)
            try:
                station = Station(config, self._clock)
            except OSError as error:
                folder.cleanup()
                raise Refusal("storage_fault") from error
            _tell_district(station, self._live.roster)
            station.attach_readers(lambda: self._live.status().readers)
            if person.badge_tag is not None:
                station.on_arrival(self._tap(person.badge_tag))
            self._folder, self._practised = folder, station
        _log.info("practice.begins")
        # Screens come back by themselves, to the station that is meant now.
        self._live.feed.close()

    def stop(self) -> None:
        """Back to work; nothing stays of what was practised."""
        with self._lock:
            station, self._practised = self._practised, None
            folder, self._folder = self._folder, None
        if station is None:
            return
        station.close()
        if folder is not None:
            folder.cleanup()
        _log.info("practice.ends")

    def on_arrival(self, arrival: Arrival) -> TapOutcome:
        """A tag came to a reader."""
        if self.is_on and self._live.tags.is_of_car(arrival.tag):
            self.stop()
        return self.station.on_arrival(arrival)

    def on_departure(self, departure: Departure) -> None:
        """A tag left a reader."""
        self.station.on_departure(departure)

    def is_enrolled(self, tag: str) -> bool:
        """See `Station.is_enrolled`; of the live one, so that no read is trusted the less."""
        return self._live.is_enrolled(tag)

    def _tap(self, tag: str) -> Arrival:
        return Arrival(tag, "practice", self._clock.mono_ns(), confirmed=True)


def _tell_district(station: Station, roster: Roster) -> None:
    """What a cloud would tell a new station, without any visit."""
    changes = [{"kind": kind, "id": body["id"], "body": body} for kind, body in roster.documents()]
    asked = station.exchange.ask(limit_events=1, limit_bytes=65_536)
    answer = {
        "ack_seq": asked.acked_seq,
        "verdicts": [],
        "gap": None,
        "chain_broken_at": None,
        "from_cursor": asked.cursor,
        "cursor": 1,
        "changes": changes,
        "more": False,
        "alarm": None,
        "server_time": station.now(),
    }
    station.exchange.take(answer, asked)
