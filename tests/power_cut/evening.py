"""An evening at one booth, recorded: run as a process, because its SQLite is hooked for good.

    python -m tests.power_cut.evening <folder> <recording> <synchronous> [damaged]

The station is the real one. With `NORMAL` or `OFF` only that pragma is changed, after it has
opened. With `damaged` the folder holds a damaged journal, and a few events follow its rescue.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.power_cut.recorder import Recorder
from tests.station_kit import CLAIM_1, HERRERA, KEY_1, StationKit, config_of, visit_change

ONLINE_CARS = 8
OFFLINE_CARS = 32
PHONE = "61234567"


class Evening:
    """One booth, whose every acknowledged event is noted."""

    def __init__(self, folder: Path, recorder: Recorder, synchronous: str) -> None:
        self._recorder = recorder
        self._synchronous = synchronous
        self._noted = 0
        self._kit = StationKit(folder)
        self._opened()

    def online(self, cars: int) -> None:
        """Cars come and go, and the cloud takes every event at once: the log is emptied often."""
        for _ in range(cars):
            self._car(has_cloud=True)

    def offline(self, cars: int) -> None:
        """Cars come and go, and nothing is sent: the log grows until it is folded in."""
        for _ in range(cars):
            self._car(has_cloud=False)

    def restart(self) -> None:
        """An orderly end and a new beginning."""
        self._kit.restart()
        self._opened()

    def catch_up(self) -> None:
        """The cloud is back and takes all that was kept."""
        self._kit.tell(acknowledge=True)

    def close(self) -> None:
        """The end of the evening."""
        self._kit.station.close()

    def _car(self, *, has_cloud: bool) -> None:
        kit = self._kit
        card = kit.receive(KEY_1, phone=PHONE, claim=CLAIM_1)
        self._note()
        kit.tell(visit_change(card.visit_id), acknowledge=has_cloud)
        kit.station.request_car(card.visit_id, HERRERA)
        self._note()
        kit.tap(KEY_1)
        self._note()
        kit.tap(KEY_1)
        kit.station.hand_over(card.visit_id, "claim_tag", claim_tag=CLAIM_1)
        self._note()
        if has_cloud:
            kit.tell(visit_change(card.visit_id, is_open=False), acknowledge=True)

    def _opened(self) -> None:
        station = self._kit.station
        if self._synchronous != "FULL":
            station._db.rows(f"PRAGMA synchronous = {self._synchronous}")
        self._recorder.note_opened(station._journal.journal_id)
        self._note()

    def _note(self) -> None:
        station = self._kit.station
        rows = station._db.rows("SELECT seq, hash FROM event WHERE seq > ?", (self._noted,))
        for row in rows:
            self._recorder.acknowledge(row["seq"], row["hash"])
            self._noted = row["seq"]


def main(folder: str, recording: str, synchronous: str, damaged: str = "") -> None:
    """Record one evening."""
    data_dir = config_of(Path(folder)).data_dir
    data_dir.mkdir(exist_ok=True)
    recorder = Recorder(data_dir)
    evening = Evening(Path(folder), recorder, synchronous)
    if damaged:
        evening.offline(2)
    else:
        evening.online(ONLINE_CARS)
        evening.offline(OFFLINE_CARS)
        evening.restart()
        evening.offline(2)
        evening.catch_up()
        evening.online(2)
    evening.close()
    recorder.save(Path(recording))


if __name__ == "__main__":
    main(*sys.argv[1:])
