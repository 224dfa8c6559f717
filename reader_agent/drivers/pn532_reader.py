"""A PN532 on a serial port (its high speed UART), polled for 13.56 MHz cards of type A."""

from __future__ import annotations

from collections.abc import Iterable

from reader_agent.cards.conversation import Errand
from reader_agent.clock import Clock
from reader_agent.confirmation import Verdict
from reader_agent.drivers.pn532_chip import NORMAL_BAUD
from reader_agent.drivers.pn532_orders import Found, Looked, Lost, News, Seen
from reader_agent.drivers.pn532_session import Action, PN532Session
from reader_agent.drivers.pn532_watch import Errands, Watch, refuse
from reader_agent.drivers.port_watch import READER_SILENT
from reader_agent.drivers.reader import Listener, ReaderHealth
from reader_agent.drivers.reader_config import Options, ReaderConfig
from reader_agent.drivers.serial_port import SerialPort
from reader_agent.observation import Observation
from reader_agent.presence import Presence
from schemas.tag_ids import is_blank

POLL_MS = 120
"""A pause ends at a turn of the port, every 50 ms: a card is seen within 200 ms."""


def judge(tag: str, _mono_ns: int, _previous_ns: int | None) -> Verdict:
    """The chip has checked every read by its CRC: once is enough, but for zeros."""
    return Verdict.PHANTOM if is_blank(tag) else Verdict.CONFIRMED


class PN532Reader:
    """A serial port, a session and a presence table, all on the port's thread.

    Options: `poll_ms` (the pause between two searches for cards, 120 unless told) and `name`
    (what its arrivals call it, `pn532` unless told).
    """

    def __init__(self, config: ReaderConfig, listener: Listener, clock: Clock) -> None:
        options = Options(config.options)
        self._config = config
        self._listener = listener
        self._clock = clock
        self._name = options.text("name", config.family)
        poll_ms = options.number("poll_ms", POLL_MS, range(20, 2001))
        options.refuse_others()
        self._chip: str | None = None
        self._is_closed = False
        self._there: set[str] = set()
        self._errands = Errands()
        self._presence = Presence(judge, repeat_s=(poll_ms + 100) / 1000)
        self._session = PN532Session(Watch(poll_ms, self._errands, self._there.__contains__).run)
        self._port = SerialPort(
            config.device,
            self._on_bytes,
            self._on_caught_up,
            clock=clock,
            on_open=self._on_open,
            baud=NORMAL_BAUD,
        )
        self._port.start()

    def health(self) -> ReaderHealth:
        """The port's state, and what the chip said of itself when it was last asked."""
        config = self._config
        port = self._port.health()
        return ReaderHealth(self._name, config.family, config.device, port, self._chip)

    def run(self, errand: Errand) -> None:
        """Carry out an errand after the next search for cards; returns at once, safe from any
        thread."""
        self._errands.append(errand)
        if self._is_closed:
            refuse(self._errands)

    def close(self) -> None:
        """Close the port and end its thread."""
        self._is_closed = True
        self._port.stop()
        self._session.end()
        refuse(self._errands)

    def _on_open(self) -> None:
        self._do(self._session.begin(self._clock.mono_ns()))

    def _on_bytes(self, data: bytes, mono_ns: int) -> None:
        self._do(self._session.feed(data, mono_ns))

    def _on_caught_up(self, mono_ns: int) -> None:
        if self._port.health().state == "open":
            self._do(self._session.tick(mono_ns))
            is_blind = self._port.health().fault is not None
        else:
            self._session.end()
            refuse(self._errands)
            is_blind = True
        if is_blind:
            # Nobody can say that a card is still there. While the chip is only being found again
            # after a hiccup, what lay on it is taken to lie there still.
            self._depart(mono_ns)

    def _do(self, actions: Iterable[Action]) -> None:
        news: list[News] = []
        for action in actions:
            if isinstance(action, bytes):
                self._port.write(action)
            elif isinstance(action, int):
                self._port.set_baud(action)
            else:
                news.append(action)
        # The orders first: a listener that fails must not keep a command from the chip.
        for each in news:
            self._tell(each)

    def _tell(self, news: News) -> None:
        match news:
            case Found(chip):
                self._chip = chip
                self._port.report(None)
                self._port.good_frame()
            case Lost():
                self._port.report(READER_SILENT)
            case Seen():
                self._observe(news)
            case Looked(mono_ns):
                self._depart(mono_ns)

    def _observe(self, seen: Seen) -> None:
        tag = seen.card.tag
        arrival = self._presence.observe(
            Observation(self._name, tag, seen.mono_ns, seen.frame, text=seen.text)
        )
        if not is_blank(tag):
            self._there.add(tag)
        if arrival is not None:
            self._listener.on_arrival(arrival)

    def _depart(self, mono_ns: int) -> None:
        for departure in self._presence.tick(mono_ns):
            self._there.discard(departure.tag)
            self._listener.on_departure(departure)
