"""What is done with a card that lies on a reader, for as long as it lies there.

Everything here waits: for a reader's thread, for a card that answers slowly, for the cloud. It is
called from a thread that has nothing else to do, never with the station's lock held.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from reader_agent.cards import originality
from reader_agent.cards.conversation import GONE, Card, CardError, Errand, Talk
from reader_agent.cards.personalise import personalise
from reader_agent.cloud import CloudLost, KeySource
from reader_agent.drivers.reader import CardReader
from schemas.problems import HTTP_STATUS, Refusal

LOOK_WITHIN_S: Final = 5.0
PERSONALISE_WITHIN_S: Final = 20.0
"""Some thirty exchanges with a card that may take half a second for the longest of them."""

T = TypeVar("T")
ReaderOf = Callable[[str], CardReader | None]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a card is. `is_original`: whether its maker's signature holds, None where the chip has
    none. `takes_keys`: whether it could be given ours."""

    is_original: bool | None
    takes_keys: bool


class CardErrands:
    """Finds the reader by the name that its arrivals carry, and talks to the card on it."""

    def __init__(self) -> None:
        self._reader_of: ReaderOf = lambda _name: None
        self._keys: KeySource | None = None

    def attach_readers(self, reader_of: ReaderOf) -> None:
        """Say where the card readers can be found by name."""
        self._reader_of = reader_of

    def attach_keys(self, keys: KeySource) -> None:
        """Say who gives a card its keys."""
        self._keys = keys

    def can_talk(self, reader: str) -> bool:
        """Whether more can be had from a card on this reader than its number."""
        return self._reader_of(reader) is not None

    def look(self, reader: str, tag: str) -> Looked:
        """What the card is. Refusal `reader_needed`, `card_gone`, `card_refused`."""
        return self._run(reader, tag, _look, LOOK_WITHIN_S)

    def give_keys(self, reader: str, tag: str, actor_id: str) -> None:
        """Ask the cloud for the card's keys and write them; they are forgotten when this returns.

        Refusal `cloud_needed`, what the cloud refuses with, `reader_needed`, `card_gone` (the card
        was taken away: doing it again finishes what was begun) and `card_refused`.
        """
        if self._keys is None:
            raise Refusal("cloud_needed")
        try:
            keys = self._keys.card_keys(tag, actor_id)
        except CloudLost as error:
            problem = error.problem or ""
            is_refused = HTTP_STATUS.get(problem, 500) < 500
            raise Refusal(problem if is_refused else "cloud_needed") from error
        self._run(reader, tag, lambda card: personalise(card, keys), PERSONALISE_WITHIN_S)

    def _run(
        self, reader_name: str, tag: str, talk: Callable[[Card], Talk[T]], within_s: float
    ) -> T:
        reader = self._reader_of(reader_name)
        if reader is None:
            raise Refusal("reader_needed")
        done: Future[T] = Future()
        reader.run(Errand(tag, talk, done))
        try:
            return done.result(within_s)
        except TimeoutError:
            # One that the reader has not begun by now, it shall not begin later.
            done.cancel()
            raise Refusal("card_gone") from None
        except CardError as error:
            _log.info("card.failed", reader=reader_name, code=error.code, detail=error.detail)
            raise Refusal("card_gone" if error.code == GONE else "card_refused") from error


def _look(card: Card) -> Talk[Looked]:
    is_original = yield from originality.check(card)
    return Looked(is_original, card.speaks_apdu)
