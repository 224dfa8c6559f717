"""The reader families, by the word before the first colon of a line of configuration.

`open_reader` is all that the station calls. A new family is one line in `FAMILIES`; how to write
one is described in firmware_notes/drivers.md.
"""

from __future__ import annotations

from collections.abc import Callable

from reader_agent.clock import Clock
from reader_agent.drivers.em125_reader import EM125Reader
from reader_agent.drivers.pn532_reader import PN532Reader
from reader_agent.drivers.r200_reader import R200Reader
from reader_agent.drivers.rc522_reader import RC522Reader
from reader_agent.drivers.reader import Listener, Reader
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.drivers.scanner_reader import ScannerReader

FAMILIES: dict[str, Callable[[ReaderConfig, Listener, Clock], Reader]] = {
    "em125": EM125Reader,
    "pn532": PN532Reader,
    "rc522": RC522Reader,
    "r200": R200Reader,
    "scanner": ScannerReader,
}


def parse_reader(text: str) -> ReaderConfig:
    """The reader that a line of configuration names. Raises `ReaderConfigError`."""
    config = ReaderConfig.parse(text)
    config.check(tuple(FAMILIES))
    return config


def open_reader(config: ReaderConfig, listener: Listener, clock: Clock) -> Reader:
    """Start a reader. A device that is not there yet is waited for; that is no error.

    Raises `ReaderConfigError` for an unknown family, a missing device and a wrong option.
    """
    config.check(tuple(FAMILIES))
    return FAMILIES[config.family](config, listener, clock)
