"""A 125 kHz reader on a serial port."""

from __future__ import annotations

from reader_agent.clock import Clock
from reader_agent.confirmation import Confirmation, Mode
from reader_agent.drivers.em125 import EM125Parser, Framing
from reader_agent.drivers.reader import Listener, ReaderHealth
from reader_agent.drivers.reader_config import Options, ReaderConfig
from reader_agent.drivers.serial_port import SerialPort
from reader_agent.observation import Observation
from reader_agent.presence import Presence


class EM125Reader:
    """A serial port, a parser and a presence table, in this order, on the port's thread.

    Options: `framing` (auto, ascii, raw, crlf), `mode` (auto, repeating, single), `repeat_ms`
    (how often the reader repeats itself, 65 unless told) and `name` (what its arrivals call it,
    `em125` unless told; needed where a station has two).
    """

    def __init__(self, config: ReaderConfig, listener: Listener, clock: Clock) -> None:
        options = Options(config.options)
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
