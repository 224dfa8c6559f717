"""A UHF reader on a real pty, with a module made of software behind it."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reader_agent.clock import FakeClock, SystemClock
from reader_agent.drivers.r200 import Command, Kind, Pair, encode, encode_tag
from reader_agent.drivers.r200_reader import R200Reader
from reader_agent.drivers.reader_config import ReaderConfig, ReaderConfigError
from reader_agent.emulators.command_lines import BadCommand
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.emulators.r200 import R200Emulator
from tests.reader_ear import Ear, wait_for, wait_for_chip, wait_until

KEYS, OTHER = "epc:E200001D7315016521408FC6", "epc:E28068900000500E88C6A4A7"
NOTICE = encode(Pair.BB, Kind.NOTICE, Command.POLL, encode_tag(KEYS, -50))
MS = 1_000_000

OpenReader = Callable[..., R200Reader]


@pytest.fixture
def device(tmp_path: Path) -> Path:
    return tmp_path / "valet-r200"


@pytest.fixture(params=["bb", "aa"])
def module(device: Path, request: pytest.FixtureRequest) -> Iterator[R200Emulator]:
    emulator = R200Emulator(PtyLine(device), SystemClock(), pair=request.param, timing=0.3)
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def open_reader(device: Path, ear: Ear) -> Iterator[OpenReader]:
    """Open a reader with these options; it is closed at the end."""
    with ExitStack() as stack:

        def opened(**options: str) -> R200Reader:
            config = ReaderConfig("r200", str(device), options)
            reader = R200Reader(config, ear.listener, SystemClock())
            stack.callback(reader.close)
            return reader

        yield opened


def test_a_tag_arrives_at_once_and_is_confirmed_when_it_is_surely_here(
    module: R200Emulator, open_reader: OpenReader, ear: Ear
) -> None:
    open_reader(name="gate")
    module.put(KEYS, -57)
    first, second = ear.arrival(), ear.arrival()
    assert (first.tag, first.reader, first.rssi_dbm) == (KEYS, "gate", -57)
    assert [first.confirmed, second.confirmed] == [False, True]
    assert second.rssi_dbm == -57
    module.remove()
    departure = ear.departure()
    assert (departure.tag, departure.confirmed) == (KEYS, True)
    assert ear.arrivals.empty()


def test_a_tag_has_gone_after_two_seconds_without_a_read_and_not_before(ear: Ear) -> None:
    reader = R200Reader(ReaderConfig("r200", "/dev/none", {}), ear.listener, FakeClock())
    reader.close()
    for at_ms in (0, 1950, 3900):
        reader._on_caught_up(at_ms * MS)
        reader._on_bytes(NOTICE, at_ms * MS)
    assert ear.arrival().mono_ns == 0
    reader._on_caught_up(5899 * MS)
    assert ear.departures.empty()
    reader._on_caught_up(5900 * MS)
    assert ear.departure().mono_ns == 3900 * MS
    assert ear.arrivals.empty()


def test_two_tags_side_by_side_are_seen_and_neither_is_confirmed_until_one_comes_closer(
    module: R200Emulator, open_reader: OpenReader, ear: Ear
) -> None:
    open_reader(reads="20", window_ms="500")
    module.put(OTHER, -52)
    module.put(KEYS, -50)
    seen = [ear.arrival() for _ in range(2)]
    assert {arrival.tag for arrival in seen} == {KEYS, OTHER}
    assert not any(arrival.confirmed for arrival in seen)
    with pytest.raises(queue.Empty):
        ear.arrivals.get(timeout=0.6)
    module.put(KEYS, -40)
    assert ear.arrival().tag == KEYS


def test_a_weak_tag_is_seen_and_never_confirmed(
    module: R200Emulator, open_reader: OpenReader, ear: Ear
) -> None:
    open_reader(min_rssi_dbm="-60")
    module.put(KEYS, -61)
    assert ear.arrival().confirmed is False
    module.remove(KEYS)
    assert ear.departure().confirmed is False
    assert ear.arrivals.empty()


def test_the_module_says_what_it_is_and_how_it_works(
    module: R200Emulator, open_reader: OpenReader
) -> None:
    reader = open_reader()
    wait_for_chip(reader, "M100 26dBm V1.0, region china_900, 26 dBm")
    assert (module.region, module.power_cdbm) == (1, 2600)


def test_region_and_power_are_set_before_the_module_transmits(
    module: R200Emulator, open_reader: OpenReader
) -> None:
    reader = open_reader(region="us", power_dbm="20")
    wait_for_chip(reader, "M100 26dBm V1.0, region us, 20 dBm")
    wait_until(lambda: module.is_transmitting, reader.health)
    assert (module.region, module.power_cdbm) == (2, 2000)


def test_a_module_that_cannot_do_what_is_configured_does_not_transmit(
    module: R200Emulator, open_reader: OpenReader
) -> None:
    reader = open_reader(power_dbm="30")
    wait_for(reader, "open", "reader_refused")
    assert not module.is_transmitting


def test_a_radio_that_is_off_stays_off(module: R200Emulator, open_reader: OpenReader) -> None:
    reader = open_reader(radio="off")
    wait_for_chip(reader, "M100")
    assert not module.is_transmitting


def test_a_closed_reader_leaves_no_module_transmitting(
    module: R200Emulator, open_reader: OpenReader
) -> None:
    reader = open_reader()
    wait_until(lambda: module.is_transmitting, reader.health)
    reader.close()
    wait_until(lambda: not module.is_transmitting, reader.health)
    assert reader.health().chip is None
    reader.close()


def test_a_module_that_a_killed_process_left_polling_is_taken_over(
    device: Path, module: R200Emulator, open_reader: OpenReader, ear: Ear
) -> None:
    first = open_reader()
    wait_until(lambda: module.is_transmitting, first.health)
    first._port.stop()  # as a kill would: nobody tells the module
    assert module.is_transmitting
    module.put(KEYS, -50)
    second = open_reader(region="us")
    wait_for_chip(second, "M100 26dBm V1.0, region us")
    assert ear.confirmed().tag == KEYS


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"region": "mars"}, "us, eu"),
        ({"power_dbm": "99"}, "0 to 33"),
        ({"power_dbm": "strong"}, "whole number"),
        ({"min_rssi_dbm": "65"}, "-120 to 0"),
        ({"reads": "0"}, "1 to 50"),
        ({"window_ms": "1"}, "50 to 10000"),
        ({"margin_db": "-1"}, "0 to 60"),
        ({"radio": "loud"}, "on, off"),
        ({"baud": "9600"}, "no such setting: baud"),
    ],
)
def test_a_wrong_option_is_refused_with_what_to_write(options: dict[str, str], hint: str) -> None:
    with pytest.raises(ReaderConfigError, match=hint) as refused:
        R200Reader(ReaderConfig("r200", "/dev/none", options), Ear().listener, SystemClock())
    assert refused.value.code == "reader_option_wrong"


def obey(module: R200Emulator, **command: Any) -> str:
    return module.obey(json.dumps(command).encode())


def test_the_emulator_obeys_json_lines(
    module: R200Emulator, open_reader: OpenReader, ear: Ear, device: Path
) -> None:
    reader = open_reader()
    wait_until(lambda: module.is_transmitting, reader.health)
    assert obey(module, tag=KEYS, rssi_dbm=-44, hold_ms=400) == "tag"
    assert ear.confirmed().rssi_dbm == -44
    assert obey(module, put=OTHER, rssi_dbm=-30) == "put"
    assert ear.confirmed().tag == OTHER
    assert obey(module, remove=OTHER) == obey(module, remove=True) == "remove"
    assert obey(module, fault="noise", count=2) == "fault"
    assert obey(module, raw="00BB") == "raw"
    assert obey(module, unplug=True) == "unplug"
    assert not device.is_symlink()
    assert obey(module, plug=True) == "plug"
    wait_until(lambda: module.is_transmitting, reader.health)


@pytest.mark.parametrize(
    "command",
    [
        {},
        {"tag": "em4100:010063E9AE"},
        {"tag": "epc:E2"},
        {"tag": KEYS, "rssi_dbm": 200},
        {"tag": KEYS, "hold_ms": -1},
        {"put": "keys"},
        {"remove": False},
        {"raw": "0"},
        {"fault": "fire"},
        {"fault": "noise", "count": -1},
        {"fault": "noise", "count": "twice"},
    ],
)
def test_the_emulator_refuses_nonsense(device: Path, command: dict[str, Any]) -> None:
    emulator = R200Emulator(PtyLine(device), SystemClock())
    with pytest.raises(BadCommand):
        obey(emulator, **command)
