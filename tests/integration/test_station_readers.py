"""A station with its real card readers, on emulated chips: cards are made, issued and known."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reader_agent.clock import SystemClock
from reader_agent.drivers.reader import CardReader, Listener
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.drivers.readers import open_reader
from reader_agent.emulators.pn532 import PN532Emulator
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.emulators.rc522 import RC522Emulator
from reader_agent.presence import Arrival
from schemas.sun import read_sun_url, verify_sun
from tests.booth_process import free_port, settings, start
from tests.card_desk import KEYS, KeyOffice
from tests.station_kit import ANA, KEY_1, SOFIA, StationKit

DEADLINE_S = 60.0
# One of the few whose maker's signature is public, which the software card then has.
UID = "04518DFAA96180"
TAG = f"nfca:{UID}"


class Counter:
    """A station with one card reader, at which a blank card can be laid down and taken away."""

    def __init__(self, folder: Path, family: str) -> None:
        device, clock = folder / "valet-chip", SystemClock()
        self.kit = StationKit(folder)
        self.departed = threading.Event()
        self.chip: PN532Emulator | RC522Emulator
        if family == "pn532":
            self.chip = PN532Emulator(PtyLine(device), clock)
        else:
            self.chip = RC522Emulator(device, clock)
        self.chip.start()
        listener = Listener(self._arrived, lambda _: self.departed.set())
        config = ReaderConfig.parse(f"{family}:{device}?name=desk")
        self.reader = open_reader(config, listener, clock)
        assert isinstance(self.reader, CardReader)
        self.kit.station.card_errands.attach_readers({"desk": self.reader}.get)
        self.kit.station.card_errands.attach_keys(KeyOffice())
        self.kit.station.uplink.succeeded()

    def close(self) -> None:
        self.reader.close()
        self.chip.stop()
        self.kit.station.close()

    def put(self) -> None:
        self._obey({"put": {"model": "ntag424", "uid": UID}})

    def take_away(self) -> None:
        self.departed.clear()
        self._obey({"remove": True})
        assert self.departed.wait(DEADLINE_S)

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        """Wait for a condition; fails when it does not come."""
        deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
        while not is_so():
            assert time.monotonic() < deadline, (self.reader.health(), self.kit.types())
            pause.wait(0.02)

    def _arrived(self, arrival: Arrival) -> None:
        self.kit.station.on_arrival(arrival)

    def _obey(self, command: dict[str, object]) -> None:
        self.chip.obey(json.dumps(command).encode())


@pytest.fixture(params=["pn532", "rc522"])
def counter(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Counter]:
    counter = Counter(tmp_path, request.param)
    yield counter
    counter.close()


def test_a_blank_card_is_made_on_a_real_driver_and_proves_itself_when_it_is_issued(
    counter: Counter,
) -> None:
    kit = counter.kit
    kit.tap(SOFIA)
    kit.station.enrolment.begin("claim")
    kit.station.focus("enroll")
    counter.put()
    counter.wait_for(lambda: "tag.enrolled" in kit.types())
    data = kit.recorded()[-1]["data"]
    assert (data["tag"], data["is_secure"], data["is_original"]) == (TAG, True, True)
    counter.take_away()

    kit.station.enrolment.end()
    kit.station.focus("queue")
    kit.tap(ANA)
    kit.tap(KEY_1)
    kit.station.edit_draft(plate="AB1234", no_phone=True)
    counter.put()

    def claim_of_draft() -> str | None:
        draft = kit.station.draft()
        return draft.claim_tag if draft else None

    counter.wait_for(lambda: claim_of_draft() == TAG)
    kit.station.receive()
    url = kit.recorded()[-1]["data"]["claim_url"]
    read = verify_sun(read_sun_url(url), KEYS.meta, lambda _uid: KEYS.file)
    assert read is not None
    assert read.tag == TAG


def test_two_readers_of_one_name_are_refused_in_words(tmp_path: Path) -> None:
    config = tmp_path / "agent.env"
    readers = f"em125:{tmp_path}/a,em125:{tmp_path}/b"
    config.write_text(settings(tmp_path, free_port(), READERS=readers), "utf-8")
    process = start("--config", str(config))
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert "two readers are called em125" in said
    assert "Traceback" not in said
