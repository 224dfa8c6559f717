"""A reader from one line of configuration."""

from __future__ import annotations

import pytest

from reader_agent.clock import FakeClock
from reader_agent.drivers.em125 import Framing, encode_em125
from reader_agent.drivers.em125_reader import EM125Reader
from reader_agent.drivers.reader import Listener
from reader_agent.drivers.reader_config import ReaderConfig, ReaderConfigError
from reader_agent.drivers.readers import open_reader
from reader_agent.presence import Arrival, Departure

MS = 1_000_000
TAG = "em4100:010063E9AE"
FRAME = encode_em125(TAG, Framing.ASCII)


class Heard:
    """A listener that remembers."""

    def __init__(self, *enrolled: str) -> None:
        self.arrivals: list[Arrival] = []
        self.departures: list[Departure] = []
        self.listener = Listener(
            self.arrivals.append, self.departures.append, lambda tag: tag in enrolled
        )


def test_the_line_names_family_device_and_settings() -> None:
    config = ReaderConfig.parse("em125:/dev/valet-em125?framing=raw&mode=single")
    assert (config.family, config.device) == ("em125", "/dev/valet-em125")
    assert config.options == {"framing": "raw", "mode": "single"}


def test_a_device_name_may_hold_colons() -> None:
    device = "/dev/serial/by-path/platform-usb-0:1.3:1.0-port0"
    assert ReaderConfig.parse(f"em125:{device}").device == device


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("", "reader_family_unknown", "em125:/dev/valet-em125"),
        ("/dev/ttyUSB0", "reader_family_unknown", "em125:/dev/valet-em125"),
        ("rdm6300:/dev/ttyUSB0", "reader_family_unknown", "known families: em125"),
        ("em125", "reader_device_missing", "em125:/dev/valet-em125"),
        ("em125:?mode=single", "reader_device_missing", "em125:/dev/valet-em125"),
        ("em125:/dev/x?mode=sometimes", "reader_option_wrong", "repeating, single, auto"),
        ("em125:/dev/x?framing=", "reader_option_wrong", "auto, ascii, raw, crlf"),
        ("em125:/dev/x?repeat_ms=0", "reader_option_wrong", "whole number above 0"),
        ("em125:/dev/x?repeat_ms=fast", "reader_option_wrong", "whole number above 0"),
        ("em125:/dev/x?baud=9600", "reader_option_wrong", "no such setting: baud"),
    ],
)
def test_a_wrong_line_is_refused_with_what_to_write(text: str, code: str, hint: str) -> None:
    with pytest.raises(ReaderConfigError) as refused:
        open_reader(ReaderConfig.parse(text), Heard().listener, FakeClock())
    assert refused.value.code == code
    assert hint in str(refused.value)


def test_a_reader_without_its_device_is_open_and_waits() -> None:
    config = ReaderConfig.parse("em125:/dev/valet-none?name=counter")
    reader = open_reader(config, Heard().listener, FakeClock())
    health = reader.health()
    reader.close()
    assert (health.name, health.family, health.device) == ("counter", "em125", "/dev/valet-none")
    assert health.port.state == "waiting"


def test_bytes_become_one_arrival_and_one_departure() -> None:
    heard = Heard(TAG)
    config = ReaderConfig.parse("em125:/dev/valet-none?name=counter")
    reader = EM125Reader(config, heard.listener, FakeClock())
    reader.close()
    for at_ms in range(0, 300, 65):
        reader._on_bytes(FRAME, at_ms * MS)
        reader._on_caught_up((at_ms + 20) * MS)
    reader._on_caught_up(900 * MS)
    assert heard.arrivals == [Arrival(TAG, "counter", 0, confirmed=True)]
    assert heard.departures == [Departure(TAG, "counter", 260 * MS, confirmed=True)]


def test_the_settings_reach_the_parser_and_the_policy() -> None:
    heard = Heard(TAG)
    config = ReaderConfig.parse("em125:/dev/valet-none?mode=repeating&framing=crlf&repeat_ms=1000")
    reader = EM125Reader(config, heard.listener, FakeClock())
    reader.close()
    reader._on_bytes(FRAME, 0)
    assert heard.arrivals == []
    reader._on_bytes(encode_em125(TAG, Framing.CRLF), 0)
    reader._on_caught_up(2_900 * MS)
    assert [arrival.confirmed for arrival in heard.arrivals] == [False]
    assert heard.departures == []
