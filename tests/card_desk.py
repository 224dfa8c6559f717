"""A reader that talks to cards made of software, at the counter of a station under test.

    desk = CardDesk(station, clock)             # its arrivals say "desk"
    desk.lay(blank_card(uid, None))             # the card lies there, and the station is told
    desk.wait_for("enroll.done_secure")         # what a screen is told of it

The errands of the station run on a thread of the reader, as those of real readers do.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from reader_agent.cards.conversation import GONE, REFUSED, Card, CardError, Errand, converse
from reader_agent.cards.look import look
from reader_agent.clock import FakeClock
from reader_agent.cloud import UNREACHABLE, CloudLost
from reader_agent.drivers.port_watch import PortHealth
from reader_agent.drivers.reader import ReaderHealth
from reader_agent.emulators.tags.model import TagModel
from reader_agent.presence import Arrival
from reader_agent.screen_feed import ScreenMessage
from reader_agent.station import Station
from reader_agent.tap_outcome import TapOutcome
from schemas.card_keys import CardKeys

NAME = "desk"
KEYS = CardKeys(tuple(bytes([0xA0 + slot]) * 16 for slot in range(5)), "https://valet.example/t")
WITHIN_S = 10.0


class CardDesk:
    """One card reader of a station, and the cloud's keys beside it."""

    def __init__(self, station: Station, clock: FakeClock) -> None:
        self._station = station
        self._clock = clock
        self.keys = KeyOffice()
        self.model: TagModel | None = None
        self.tear_after: int | None = None
        self.may_talk = threading.Event()
        self.may_talk.set()
        self._screen = station.feed.subscribe()
        station.card_errands.attach_readers({NAME: self}.get)
        station.card_errands.attach_keys(self.keys)

    def health(self) -> ReaderHealth:
        """As of a reader whose port is open."""
        return ReaderHealth(NAME, "pn532", "/dev/desk", PortHealth("open"))

    def close(self) -> None:
        """Nothing to give back."""

    def run(self, errand: Errand) -> None:
        """See `CardReader.run`."""
        threading.Thread(target=self._carry_out, args=(errand,), daemon=True).start()

    def lay(self, model: TagModel, *, tear_after: int | None = None) -> TapOutcome:
        """Lay a card down; with `tear_after` it is taken away after so many commands."""
        self.model, self.tear_after = model, tear_after
        model.field_off()
        card = card_of(model)
        text = converse(look(card), self._send_to(model))
        self._clock.advance(3)
        return self._station.on_arrival(
            Arrival(card.tag, NAME, self._clock.mono_ns(), confirmed=True, text=text)
        )

    def wait_for(self, key: str) -> ScreenMessage:
        """The message with these words, when the screens are told it."""
        deadline = time.monotonic() + WITHIN_S
        heard = []
        while time.monotonic() < deadline:
            message = self._screen.next(0.5)
            if message is not None and message.key is not None:
                heard.append(message.key)
                if message.key == key:
                    return message
        raise AssertionError(f"{key} was not said; what was: {heard}")

    def _carry_out(self, errand: Errand) -> None:
        self.may_talk.wait(WITHIN_S)
        done: Future[Any] = errand.done
        model = self.model
        if model is None or card_of(model).tag != errand.tag:
            done.set_exception(CardError(GONE))
            return
        try:
            send = self._send_to(model, self.tear_after)
            done.set_result(converse(errand.talk(card_of(model)), send))
        except CardError as error:
            done.set_exception(error)

    def _send_to(self, model: TagModel, tear_after: int | None = None) -> Any:
        count = 0

        def send(command: bytes) -> bytes:
            nonlocal count
            count += 1
            if tear_after is not None and count > tear_after:
                self.model = None
                raise CardError(GONE)
            answer = model.apdu(command) if model.ats is not None else model.command(command)
            if not isinstance(answer, bytes):
                raise CardError(GONE if answer is None else REFUSED)
            return answer

        return send


@dataclass
class KeyOffice:
    """The cloud's answer to a station that makes a card: `KEYS`, or why not."""

    lost: CloudLost | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def card_keys(self, tag: str, actor_id: str) -> CardKeys:
        """See `KeySource.card_keys`."""
        self.asked.append((tag, actor_id))
        if self.lost is not None:
            raise self.lost
        return KEYS

    def go_away(self) -> None:
        """Nobody answers any more."""
        self.lost = CloudLost(UNREACHABLE)


def card_of(model: TagModel) -> Card:
    """The card that a reader selects."""
    return Card(model.uid, model.atqa, model.sak, model.ats)
