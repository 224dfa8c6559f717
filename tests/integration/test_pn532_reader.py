"""A PN532 over a pty, from the line of configuration to arrivals and errands."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cards.conversation import CardError, Errand
from reader_agent.cards.originality import check
from reader_agent.cards.personalise import personalise
from reader_agent.clock import SystemClock
from reader_agent.drivers.pn532_reader import PN532Reader
from reader_agent.drivers.reader import CardReader, Listener
from reader_agent.drivers.reader_config import ReaderConfig, ReaderConfigError
from reader_agent.emulators.command_lines import BadCommand
from reader_agent.emulators.pn532 import PN532Emulator
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.presence import Arrival, Departure
from schemas.card_keys import CardKeys

DEADLINE_S = 60.0
URL = "https://example.com/t/7"
LINK = {"model": "ntag215", "uid": "04AB87F2CA1190", "url": URL}
SIGNED = "nfca:04AB87F2CA1190"


class Desk:
    """A reader on an emulated chip, and all that it says."""

    def __init__(self, device: Path, options: str = "name=desk") -> None:
        self.emulator = PN532Emulator(PtyLine(device), SystemClock())
        self.emulator.start()
        self.arrivals: queue.Queue[Arrival] = queue.Queue()
        self.departures: queue.Queue[Departure] = queue.Queue()
        self.reader = PN532Reader(
            ReaderConfig.parse(f"pn532:{device}?{options}"),
            Listener(self.arrivals.put, self.departures.put),
            SystemClock(),
        )

    def close(self) -> None:
        self.reader.close()
        self.emulator.stop()

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a condition; fails when it does not come."""
        clock, pause = SystemClock(), threading.Event()
        end_ns = clock.mono_ns() + int(DEADLINE_S * 1e9)
        while not is_so():
            assert clock.mono_ns() < end_ns, self.reader.health()
            pause.wait(0.005)

    def wait_for_chip(self) -> None:
        self.wait_until(lambda: self.reader.health().chip is not None)

    def send(self, tag: str, talk: Any) -> Any:
        """Run an errand and return its value, or raise its error."""
        done: Future[Any] = Future()
        self.reader.run(Errand(tag, talk, done))
        return done.result(timeout=DEADLINE_S)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "valet-pn532")
    desk.wait_for_chip()
    yield desk
    desk.close()


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ("poll_ms=5", "from 20 to 2000"),
        ("poll_ms=often", "from 20 to 2000"),
        ("baud=9600", "no such setting: baud; there are name, poll_ms"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_write(options: str, hint: str) -> None:
    with pytest.raises(ReaderConfigError, match=hint):
        PN532Reader(
            ReaderConfig.parse(f"pn532:/dev/valet-none?{options}"),
            Listener(lambda _: None),
            SystemClock(),
        )


def test_the_chip_says_what_it_is(desk: Desk) -> None:
    health = desk.reader.health()
    assert (health.name, health.family, health.chip) == ("desk", "pn532", "PN532 v1.6")
    assert (health.port.state, health.port.fault) == ("open", None)
    assert health.port.last_byte_mono_ns is not None


def test_a_card_arrives_once_with_its_link_and_departs_once(desk: Desk) -> None:
    desk.emulator.present(LINK, hold_ms=1500)
    arrival = desk.arrivals.get(timeout=DEADLINE_S)
    departure = desk.departures.get(timeout=DEADLINE_S)
    assert (arrival.tag, arrival.reader, arrival.confirmed) == (SIGNED, "desk", True)
    assert arrival.text == URL
    assert (departure.tag, departure.confirmed) == (SIGNED, True)
    assert departure.mono_ns - arrival.mono_ns > 1e9
    assert desk.arrivals.empty()


@pytest.mark.parametrize(
    "tag", ["nfca:11223344", "nfca:04112233445566", "nfca:0102030405060708090A"]
)
def test_a_short_tap_of_any_length_of_uid_arrives(desk: Desk, tag: str) -> None:
    desk.emulator.present(tag, hold_ms=300)
    assert desk.arrivals.get(timeout=DEADLINE_S).tag == tag


def test_a_card_that_proves_itself_says_something_new_at_each_tap(desk: Desk) -> None:
    spec = {
        "model": "ntag424",
        "uid": "04112233445577",
        "url": "https://example.com/t",
        "meta_key": "0102030405060708090A0B0C0D0E0F10",
        "file_key": "1112131415161718191A1B1C1D1E1F20",
    }
    said = []
    for _ in range(2):
        desk.emulator.put(spec)
        said.append(desk.arrivals.get(timeout=DEADLINE_S).text)
        desk.emulator.remove()
        desk.departures.get(timeout=DEADLINE_S)
    assert all(text is not None and text.startswith("https://example.com/t?") for text in said)
    assert said[0] != said[1]


def test_two_cards_arrive_both(desk: Desk) -> None:
    desk.emulator.put(LINK)
    desk.emulator.put("nfca:11223344")
    tags = {desk.arrivals.get(timeout=DEADLINE_S).tag for _ in range(2)}
    assert tags == {SIGNED, "nfca:11223344"}


def test_an_errand_is_run_on_the_card_that_lies_there(desk: Desk) -> None:
    assert isinstance(desk.reader, CardReader)
    desk.emulator.put(LINK)
    desk.arrivals.get(timeout=DEADLINE_S)
    assert desk.send(SIGNED, check) is True
    desk.emulator.remove()
    with pytest.raises(CardError, match="card_gone"):
        desk.send(SIGNED, check)


def test_a_blank_card_is_personalised_while_it_lies_there_as_one_presence(desk: Desk) -> None:
    keys = CardKeys(tuple(bytes([slot]) * 16 for slot in range(1, 6)), "https://example.com/t")
    desk.emulator.put({"model": "ntag424", "uid": "04112233445577"})
    tag = desk.arrivals.get(timeout=DEADLINE_S).tag
    url = desk.send(tag, lambda card: personalise(card, keys))
    assert url.startswith("https://example.com/t?picc_data=")
    desk.emulator.remove()
    desk.departures.get(timeout=DEADLINE_S)
    assert desk.arrivals.empty()
    desk.emulator.put("nfca:04112233445577")
    said = desk.arrivals.get(timeout=DEADLINE_S).text
    assert said is not None
    assert said.startswith("https://example.com/t?picc_data=")
    assert said != url


def test_an_errand_at_a_reader_without_a_device_is_refused(desk: Desk) -> None:
    desk.emulator.unplug()
    with pytest.raises(CardError, match="card_gone"):
        desk.send(SIGNED, check)


def test_an_errand_at_a_closed_reader_is_refused(desk: Desk) -> None:
    desk.reader.close()
    with pytest.raises(CardError, match="card_gone"):
        desk.send(SIGNED, check)


def test_the_emulator_obeys_json_lines(desk: Desk) -> None:
    obey = desk.emulator.obey
    assert obey(b'{"put": {"model": "ntag215", "uid": "04AB87F2CA1190"}}') == "put"
    assert desk.arrivals.get(timeout=DEADLINE_S).tag == SIGNED
    assert obey(b'{"remove": "nfca:04AB87F2CA1190"}') == "remove"
    assert desk.departures.get(timeout=DEADLINE_S).tag == SIGNED
    assert obey(b'{"tag": "nfca:11223344", "hold_ms": 400}') == "tag"
    assert desk.arrivals.get(timeout=DEADLINE_S).tag == "nfca:11223344"
    assert obey(b'{"remove": true}') == "remove"
    assert obey(b'{"raw": "0000ff00ff00"}') == "raw"
    assert obey(b'{"fault": "no_ack", "count": 2}') == "fault"
    assert obey(b'{"unplug": true}') == "unplug"
    desk.wait_until(lambda: desk.reader.health().port.state == "lost")
    assert obey(b'{"plug": true}') == "plug"
    desk.wait_until(lambda: desk.reader.health().port.state == "open")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "no JSON"),
        (b"{}", "give tag"),
        (b'{"tag": "em4100:010063E9AE"}', "nfca:"),
        (b'{"put": {"model": "abacus", "uid": "04"}}', "model is one of"),
        (b'{"remove": 7}', "a tag is a text"),
        (b'{"fault": "rust"}', "no such fault"),
        (b'{"fault": "no_ack", "count": -1}', "count"),
        (b'{"raw": "0"}', "hex"),
        (b'{"tag": "nfca:11223344", "hold_ms": -1}', "hold_ms"),
    ],
)
def test_the_emulator_refuses_what_it_does_not_understand(
    tmp_path: Path, line: bytes, why: str
) -> None:
    emulator = PN532Emulator(PtyLine(tmp_path / "valet-pn532"), SystemClock())
    emulator.start()
    try:
        with pytest.raises(BadCommand, match=why):
            emulator.obey(line)
    finally:
        emulator.stop()
