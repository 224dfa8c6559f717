"""A scanner of barcodes and QR codes on a serial port."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from structlog.typing import FilteringBoundLogger

from reader_agent.clock import Clock
from reader_agent.confirmation import Verdict
from reader_agent.drivers.gm65 import ASK_BAUD, encode_order
from reader_agent.drivers.port_watch import READER_SILENT
from reader_agent.drivers.reader import Listener, ReaderHealth
from reader_agent.drivers.reader_config import Options, ReaderConfig
from reader_agent.drivers.scanner import Scan, ScannerParser
from reader_agent.drivers.serial_port import SerialPort
from reader_agent.observation import Observation
from reader_agent.presence import MISSED_READS, Presence

BAUD = 9600
SAME_CODE_MS = 2500
LINE = "line"
GM65 = "gm65"
GM65_CHIP = "GM65 family"
IDLE_NS = 30_000_000_000
ANSWER_NS = 500_000_000
TRIES = 3
SILENT_PAUSE_NS = 5_000_000_000
COMPLAINT_NS = 600_000_000_000
"""A scanner at the wrong speed drops every line; the log is told of it once in ten minutes."""

log: FilteringBoundLogger = structlog.get_logger()


class ScannerReader:
    """A serial port, a parser and a presence table, on the port's thread.

    Options: `name`, `baud` (9600), `repeat_ms` (2500: a code that was not read for so long is
    presented anew; less than 600 counts as 600) and `family`. With `line`, the default, nothing
    is ever sent to the scanner. With `gm65` it is asked for a setting when it has been quiet for
    30 s, and its health says when it does not answer; no setting is changed.
    """

    def __init__(self, config: ReaderConfig, listener: Listener, clock: Clock) -> None:
        options = Options(config.options)
        self._config = config
        self._listener = listener
        self._clock = clock
        self._name = options.text("name", config.family)
        baud = options.positive("baud", BAUD)
        repeat_s = options.positive("repeat_ms", SAME_CODE_MS) / 1000
        is_asked = options.choice("family", (LINE, GM65), LINE) == GM65
        options.refuse_others()
        self._parser = ScannerParser(self._on_answer, self._on_drop)
        self._presence = Presence(_believe, repeat_s=repeat_s / MISSED_READS)
        self._has_answered = False
        self._dropped = 0
        self._next_complaint_ns = 0
        self._port = SerialPort(
            config.device,
            self._on_bytes,
            self._on_caught_up,
            clock=clock,
            on_open=self._on_open,
            baud=baud,
        )
        self._watch = GM65Watch(self._port.write) if is_asked else None
        self._port.start()

    def health(self) -> ReaderHealth:
        """The port's state under this reader's name."""
        config, port = self._config, self._port.health()
        is_known = self._watch is not None and self._watch.is_known
        chip = GM65_CHIP if is_known and port.state == "open" else None
        return ReaderHealth(self._name, config.family, config.device, port, chip)

    def close(self) -> None:
        """Close the port and end its thread."""
        self._port.stop()

    def _on_open(self) -> None:
        self._parser.forget()
        if self._watch is not None:
            self._watch.begin(self._clock.mono_ns())

    def _on_bytes(self, data: bytes, mono_ns: int) -> None:
        self._take(self._parser.feed(data, mono_ns), mono_ns)

    def _on_caught_up(self, mono_ns: int) -> None:
        # A text that was begun when the cable was pulled is not whole, however long it is quiet:
        # only on an open port does a pause end one.
        if self._port.health().state == "open":
            self._take(self._parser.tick(mono_ns), mono_ns)
            if self._watch is not None:
                self._watch.tick(mono_ns)
                self._port.report(self._watch.fault)
        for departure in self._presence.tick(mono_ns):
            self._listener.on_departure(departure)

    def _take(self, scans: list[Scan], mono_ns: int) -> None:
        if scans or self._has_answered:
            self._port.good_frame()
            if self._watch is not None:
                self._watch.heard(mono_ns, is_answer=self._has_answered)
            self._has_answered = False
        for scan in scans:
            arrival = self._presence.observe(
                Observation(self._name, scan.tag, mono_ns, scan.raw, text=scan.text)
            )
            if arrival is not None:
                self._listener.on_arrival(arrival)

    def _on_answer(self, _raw: bytes) -> None:
        self._has_answered = True

    def _on_drop(self, reason: str) -> None:
        self._dropped += 1
        now_ns = self._clock.mono_ns()
        if now_ns >= self._next_complaint_ns:
            self._next_complaint_ns = now_ns + COMPLAINT_NS
            log.warning(
                "scanner.line_dropped",
                port=self._config.device,
                reason=reason,
                dropped=self._dropped,
            )


class GM65Watch:
    """Finds out whether a GM65 is alive: it asks when nothing was heard for a while."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._due_ns = 0
        self._tries_left = 0
        self.fault: str | None = None
        self.is_known = False
        """Whether it has answered since the port was opened."""

    def begin(self, mono_ns: int) -> None:
        """The port is open: ask at once."""
        self.fault = None
        self.is_known = False
        self._tries_left = TRIES
        self._ask(mono_ns)

    def heard(self, mono_ns: int, *, is_answer: bool) -> None:
        """The scanner has answered or sent a code: it is alive."""
        self.fault = None
        self.is_known |= is_answer
        self._tries_left = TRIES
        self._due_ns = mono_ns + IDLE_NS

    def tick(self, mono_ns: int) -> None:
        """Everything from before `mono_ns` has been heard: ask if it is time to."""
        if mono_ns < self._due_ns:
            return
        if self._tries_left > 0:
            self._ask(mono_ns)
        else:
            self.fault = READER_SILENT
            self._tries_left = TRIES
            self._due_ns = mono_ns + SILENT_PAUSE_NS

    def _ask(self, mono_ns: int) -> None:
        self._tries_left -= 1
        self._due_ns = mono_ns + ANSWER_NS
        self._write(encode_order(ASK_BAUD))


def _believe(_tag: str, _mono_ns: int, _previous_ns: int | None) -> Verdict:
    """A code carries its own error correction: what was decoded was there."""
    return Verdict.CONFIRMED
