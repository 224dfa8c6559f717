"""A scanner on a real pty, with one made of software behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from reader_agent.clock import FakeClock, SystemClock
from reader_agent.drivers import scanner as scanner_parser
from reader_agent.drivers.gm65 import ASK_BAUD, Kind, Order, encode_order
from reader_agent.drivers.reader_config import ReaderConfig, ReaderConfigError
from reader_agent.drivers.scanner import code_tag
from reader_agent.drivers.scanner_reader import ScannerReader
from reader_agent.emulators.command_lines import BadCommand
from reader_agent.emulators.pty_line import PtyLine
from reader_agent.emulators.scanner import ScannerEmulator
from tests.reader_ear import Ear, wait_for, wait_for_chip, wait_until

CODE = "CV1:H-0427:1234"
MS = 1_000_000

OpenReader = Callable[..., ScannerReader]
MakeScanner = Callable[..., ScannerEmulator]


@pytest.fixture
def device(tmp_path: Path) -> Path:
    return tmp_path / "valet-scanner"


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def make_scanner(device: Path) -> Iterator[MakeScanner]:
    """Plug in a scanner; it is unplugged at the end."""
    with ExitStack() as stack:

        def made(**settings: Any) -> ScannerEmulator:
            emulator = ScannerEmulator(PtyLine(device), SystemClock(), **settings)
            emulator.start()
            stack.callback(emulator.stop)
            return emulator

        yield made


@pytest.fixture
def open_reader(device: Path, ear: Ear) -> Iterator[OpenReader]:
    """Open a reader with these options and wait for its port; it is closed at the end."""
    with ExitStack() as stack:

        def opened(**options: str) -> ScannerReader:
            config = ReaderConfig("scanner", str(device), options)
            reader = ScannerReader(config, ear.listener, SystemClock())
            stack.callback(reader.close)
            wait_for(reader, "open")
            return reader

        yield opened


@pytest.mark.parametrize("end", ["crlf", "cr", "lf", "none"])
def test_a_scanned_code_arrives_with_its_text(
    make_scanner: MakeScanner, open_reader: OpenReader, ear: Ear, end: str
) -> None:
    scanner = make_scanner(end=end, aim="]Q1")
    open_reader(name="counter")
    scanner.scan(CODE)
    arrival = ear.arrival()
    assert (arrival.tag, arrival.reader, arrival.text) == (code_tag(CODE), "counter", CODE)
    assert arrival.confirmed


def test_a_code_that_is_read_again_and_again_arrives_once(
    make_scanner: MakeScanner, open_reader: OpenReader, ear: Ear
) -> None:
    scanner = make_scanner()
    open_reader()
    for _ in range(5):
        scanner.scan(CODE)
    scanner.scan("another")
    assert [ear.arrival().text, ear.arrival().text] == [CODE, "another"]
    assert ear.arrivals.empty()


def test_the_same_code_counts_anew_after_2_5_s(ear: Ear) -> None:
    reader = ScannerReader(ReaderConfig("scanner", "/dev/none", {}), ear.listener, FakeClock())
    reader.close()
    for at_ms in (0, 2400, 4800, 7300):
        reader._on_caught_up(at_ms * MS)
        reader._on_bytes(CODE.encode() + b"\r", at_ms * MS)
    assert [ear.arrival().mono_ns, ear.arrival().mono_ns] == [0, 7300 * MS]
    assert ear.departure().mono_ns == 4800 * MS


def test_how_long_the_same_code_is_ignored_can_be_set(ear: Ear) -> None:
    config = ReaderConfig("scanner", "/dev/none", {"repeat_ms": "5000"})
    reader = ScannerReader(config, ear.listener, FakeClock())
    reader.close()
    for at_ms in (0, 4900, 9900):
        reader._on_caught_up(at_ms * MS)
        reader._on_bytes(CODE.encode() + b"\r", at_ms * MS)
    assert [ear.arrival().mono_ns, ear.arrival().mono_ns] == [0, 9900 * MS]


def test_the_text_of_a_code_is_nowhere_in_the_log(
    make_scanner: MakeScanner, open_reader: OpenReader, ear: Ear
) -> None:
    with capture_logs() as logs:
        scanner = make_scanner()
        open_reader()
        scanner.scan(CODE)
        scanner.scan("H-0427" * 100)
        scanner.send(b"H-0427\xff\r")
        scanner.scan("after")
        assert [ear.arrival().text, ear.arrival().text] == [CODE, "after"]
    assert [entry["event"] for entry in logs] == ["reader.open", "scanner.line_dropped"]
    assert "H-0427" not in str(logs)
    assert code_tag(CODE) not in str(logs)


def test_dropped_lines_are_mentioned_once_in_ten_minutes(ear: Ear) -> None:
    clock = FakeClock()
    reader = ScannerReader(ReaderConfig("scanner", "/dev/none", {}), ear.listener, clock)
    reader.close()
    with capture_logs() as logs:
        for _ in range(4):
            reader._on_bytes(b"\xff\r" * 5 + b"good\r", clock.mono_ns())
            clock.advance(300)
    assert [(entry["reason"], entry["dropped"]) for entry in logs] == [
        ("line_not_text", 1),
        ("line_not_text", 11),
    ]


def test_a_plain_scanner_is_never_spoken_to(
    make_scanner: MakeScanner, open_reader: OpenReader, ear: Ear
) -> None:
    scanner = make_scanner()
    reader = open_reader()
    scanner.scan(CODE)
    ear.arrival()
    assert not scanner.orders
    assert reader.health().chip is None


def test_a_gm65_is_asked_and_its_answers_are_no_codes(
    make_scanner: MakeScanner, open_reader: OpenReader, ear: Ear
) -> None:
    scanner = make_scanner()
    reader = open_reader(family="gm65")
    wait_for_chip(reader, "GM65")
    assert list(scanner.orders) == [ASK_BAUD]
    assert reader.health().port.fault is None
    scanner.scan("31")
    assert ear.arrival().text == "31"
    assert ear.arrivals.empty()


def test_a_gm65_that_does_not_answer_is_reported_and_its_codes_are_read_all_the_same(
    make_scanner: MakeScanner, open_reader: OpenReader, ear: Ear
) -> None:
    scanner = make_scanner(gm65=False)
    reader = open_reader(family="gm65")
    wait_for(reader, "open", "reader_silent")
    scanner.scan(CODE)
    assert ear.arrival().text == CODE
    wait_for(reader, "open")


def test_a_triggered_gm65_sends_its_ack_before_the_code(
    make_scanner: MakeScanner, open_reader: OpenReader, ear: Ear
) -> None:
    scanner = make_scanner(timing=0.1)
    reader = open_reader()
    scanner.put("052301")
    for checked in (True, False):
        # Nothing of ours triggers a scanner; another program on the wire might.
        reader._port.write(encode_order(Order(Kind.WRITE, 2, b"\x01"), checked=checked))
    assert ear.arrival().text == "052301"
    wait_until(lambda: len(scanner.orders) == 2, lambda: scanner.orders)
    assert ear.arrivals.empty()


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"family": "honeywell"}, "line, gm65"),
        ({"baud": "fast"}, "whole number above 0"),
        ({"repeat_ms": "0"}, "whole number above 0"),
        ({"trigger": "manual"}, "no such setting: trigger"),
    ],
)
def test_a_wrong_option_is_refused_with_what_to_write(options: dict[str, str], hint: str) -> None:
    with pytest.raises(ReaderConfigError, match=hint) as refused:
        ScannerReader(ReaderConfig("scanner", "/dev/none", options), Ear().listener, FakeClock())
    assert refused.value.code == "reader_option_wrong"


def obey(scanner: ScannerEmulator, **command: Any) -> str:
    return scanner.obey(json.dumps(command).encode())


def test_the_emulator_obeys_json_lines(
    make_scanner: MakeScanner,
    open_reader: OpenReader,
    ear: Ear,
    device: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scanner_parser, "SILENCE_NS", 5_000_000_000)
    scanner = make_scanner()
    reader = open_reader()
    assert obey(scanner, code=CODE) == "code"
    assert ear.arrival().text == CODE
    assert obey(scanner, put="x") == "put"
    assert obey(scanner, remove=True) == "remove"
    assert obey(scanner, raw=b"052301\r".hex()) == "raw"
    assert ear.arrival().text == "052301"
    assert obey(scanner, fault="split") == "fault"
    assert obey(scanner, code="in pieces") == "code"
    assert ear.arrival().text == "in pieces"
    assert obey(scanner, unplug=True) == "unplug"
    assert not device.is_symlink()
    assert obey(scanner, plug=True) == "plug"
    wait_for(reader, "open")


@pytest.mark.parametrize(
    "command",
    [
        {},
        {"code": 5},
        {"code": "\ud800"},
        {"put": None},
        {"remove": False},
        {"raw": "0"},
        {"fault": "fire"},
        {"fault": "noise", "count": -1},
    ],
)
def test_the_emulator_refuses_nonsense(device: Path, command: dict[str, Any]) -> None:
    emulator = ScannerEmulator(PtyLine(device), SystemClock())
    with pytest.raises(BadCommand):
        obey(emulator, **command)
