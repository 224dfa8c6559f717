"""A reader from a line of configuration: `em125:/dev/valet-em125?framing=raw&mode=single`.

`open_reader` is all that the station calls. It looks up the family before the first colon in
`FAMILIES` and gives the rest to it. A new family is one function in that table; how to write one
is described in firmware_notes/em125.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl

from reader_agent.clock import Clock
from reader_agent.confirmation import Confirmation, Mode
from reader_agent.em125 import EM125Parser, Framing
from reader_agent.observation import Observation
from reader_agent.presence import Arrival, Departure, Presence
from reader_agent.serial_port import PortHealth, SerialPort

EXAMPLE = "em125:/dev/valet-em125"


class ReaderConfigError(ValueError):
    """The line of configuration opens no reader; the message says what to write instead.

    `code` is `reader_family_unknown`, `reader_device_missing` or `reader_option_wrong`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class ReaderConfig:
    """What the line says: which family, which device, and settings by name."""

    family: str
    device: str
    options: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> ReaderConfig:
        """Take `family:device?option=value&…` apart. Raises `ReaderConfigError`."""
        family, _, rest = text.partition(":")
        device, _, query = rest.partition("?")
        config = cls(family, device, dict(parse_qsl(query, keep_blank_values=True)))
        config.check()
        return config

    def check(self) -> None:
        """Raise `ReaderConfigError` if this names no known family or no device."""
        if self.family not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise ReaderConfigError(
                "reader_family_unknown",
                f"no reader family {self.family!r}: write {EXAMPLE}; known families: {known}",
            )
        if not self.device:
            raise ReaderConfigError(
                "reader_device_missing",
                f"which device? write the family, a colon and its path: {EXAMPLE}",
            )


@dataclass(frozen=True, slots=True)
class ReaderHealth:
    """A reader and what is known of its port."""

    name: str
    family: str
    device: str
    port: PortHealth


class Reader(Protocol):
    """An open reader. Its callbacks come from its own thread."""

    def health(self) -> ReaderHealth:
        """The state as of now; safe from any thread."""

    def close(self) -> None:
        """Give the device back and end the reader's thread. Not to be called from a callback."""


@dataclass(frozen=True, slots=True)
class Listener:
    """What a reader tells the station, and what it asks."""

    on_arrival: Callable[[Arrival], None]
    on_departure: Callable[[Departure], None] = lambda _departure: None
    is_enrolled: Callable[[str], bool] = lambda _tag: False


def open_reader(config: ReaderConfig, listener: Listener, clock: Clock) -> Reader:
    """Start a reader. A device that is not there yet is waited for; that is no error.

    Raises `ReaderConfigError` for an unknown family, a missing device and a wrong option.
    """
    config.check()
    return FAMILIES[config.family](config, listener, clock)


class EM125Reader:
    """A serial port, a parser and a presence table, in this order, on the port's thread.

    Options: `framing` (auto, ascii, raw, crlf), `mode` (auto, repeating, single), `repeat_ms`
    (how often the reader repeats itself, 65 unless told) and `name` (what its arrivals call it,
    `em125` unless told; needed where a station has two).
    """

    def __init__(self, config: ReaderConfig, listener: Listener, clock: Clock) -> None:
        options = _Options(config.options)
        self._config = config
        self._listener = listener
        self._name = options.text("name", config.family)
        mode = Mode(options.choice("mode", tuple(Mode), "auto"))
        self._parser = EM125Parser(options.choice("framing", ("auto", *Framing), "auto"))
        self._presence = Presence(
            Confirmation(mode, listener.is_enrolled).judge,
            repeat_s=options.positive("repeat_ms", 65) / 1000,
        )
        options.refuse_others()
        self._port = SerialPort(config.device, self._on_bytes, self._on_caught_up, clock=clock)
        self._port.start()

    def health(self) -> ReaderHealth:
        """The port's state under this reader's name."""
        config = self._config
        return ReaderHealth(self._name, config.family, config.device, self._port.health())

    def close(self) -> None:
        """Close the port and end its thread."""
        self._port.stop()

    def _on_bytes(self, data: bytes, mono_ns: int) -> None:
        for frame in self._parser.feed(data, mono_ns):
            self._port.good_frame()
            arrival = self._presence.observe(Observation(self._name, frame.tag, mono_ns, frame.raw))
            if arrival is not None:
                self._listener.on_arrival(arrival)

    def _on_caught_up(self, mono_ns: int) -> None:
        self._parser.tick(mono_ns)
        for departure in self._presence.tick(mono_ns):
            self._listener.on_departure(departure)


FAMILIES: dict[str, Callable[[ReaderConfig, Listener, Clock], Reader]] = {
    "em125": EM125Reader,
}


class _Options:
    """The settings of one reader, read one by one so that a wrong one can be named."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._left = dict(given)
        self._known: list[str] = []

    def text(self, name: str, default: str) -> str:
        """The setting as it is written."""
        self._known.append(name)
        return self._left.pop(name, default)

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """The setting, which has to be one of `choices`."""
        text = self.text(name, default)
        if text not in choices:
            raise _wrong_option(f"{name}={text}: write one of {', '.join(choices)}")
        return text

    def positive(self, name: str, default: int) -> int:
        """The setting as a whole number above zero."""
        text = self.text(name, str(default))
        if not text.isdecimal() or int(text) == 0:
            raise _wrong_option(f"{name}={text}: write a whole number above 0")
        return int(text)

    def refuse_others(self) -> None:
        """Complain of a setting that nobody asked for: it is a slip of the pen."""
        if self._left:
            unknown = ", ".join(self._left)
            known = ", ".join(self._known)
            raise _wrong_option(f"no such setting: {unknown}; there are {known}")


def _wrong_option(message: str) -> ReaderConfigError:
    return ReaderConfigError("reader_option_wrong", message)
