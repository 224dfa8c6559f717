"""What is done all day with a PN532: find it, look for cards, talk to them, find it again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from reader_agent.cards.conversation import GONE, CardError, Errand
from reader_agent.cards.look import look
from reader_agent.drivers.pn532_cards import Cards
from reader_agent.drivers.pn532_chip import configure, find, firmware
from reader_agent.drivers.pn532_orders import (
    ChipError,
    Dialog,
    Found,
    Looked,
    Lost,
    Pause,
    Seen,
)
from schemas.tag_ids import is_blank

CHECK_NS = 30_000_000_000
RETRY_MS = 5_000
"""Between two searches for a chip that does not answer."""
SLICE_MS = 250
"""How long an errand may wait for being told that the chip is lost."""
LOOKS = 3

Errands = deque[Errand]


class Watch:
    """The conversation with one chip. `is_known` tells whether a tag has arrived and not departed:
    a card says what it says only when it is new, because a look costs a count of its counter."""

    def __init__(self, poll_ms: int, errands: Errands, is_known: Callable[[str], bool]) -> None:
        self._poll_ms = poll_ms
        self._errands = errands
        self._is_known = is_known
        self._cards = Cards()

    def run(self) -> Dialog[None]:
        """Never ends."""
        may_try_rates = True
        while True:
            self._cards = Cards()
            try:
                chip = yield from find(may_try_rates=may_try_rates)
                yield from configure()
            except ChipError:
                # It has been called at all speeds once: from now on only at the normal one.
                may_try_rates = False
                yield Lost()
                yield from self._wait_for_chip()
                continue
            yield Found(chip)
            may_try_rates = True
            try:
                yield from self._rounds()
            except ChipError:
                yield Pause(SLICE_MS)

    def _rounds(self) -> Dialog[None]:
        checked_ns: int | None = None
        while True:
            listing = yield from self._cards.find()
            for target in listing.targets:
                card = target.card
                text = None
                if not is_blank(card.tag) and not self._is_known(card.tag):
                    text = yield from self._look_at(card.tag)
                yield Seen(card, listing.mono_ns, listing.frame, text)
            yield Looked(listing.mono_ns)
            yield from self._run_errands()
            checked_ns = listing.mono_ns if checked_ns is None else checked_ns
            if listing.mono_ns - checked_ns >= CHECK_NS and not listing.targets:
                yield Found((yield from firmware()))
                checked_ns = listing.mono_ns
            yield Pause(self._poll_ms)

    def _look_at(self, tag: str) -> Dialog[str | None]:
        """What a card says when it arrives; one that is only just in reach gets more tries."""
        for _ in range(LOOKS):
            try:
                return (yield from self._cards.talk(tag, look))
            except CardError:
                yield from self._cards.find()
        return None

    def _run_errands(self) -> Dialog[None]:
        while self._errands:
            errand = self._errands.popleft()
            if errand.done.set_running_or_notify_cancel():
                yield from self._run(errand)

    def _run(self, errand: Errand) -> Dialog[None]:
        try:
            value: object = yield from self._cards.talk(errand.tag, errand.talk)
        except (ChipError, GeneratorExit):
            errand.done.set_exception(CardError(GONE, "the reader was lost"))
            raise
        except Exception as error:  # noqa: BLE001 - whoever gave the errand waits for its end
            errand.done.set_exception(error)
        else:
            errand.done.set_result(value)

    def _wait_for_chip(self) -> Dialog[None]:
        for _ in range(RETRY_MS // SLICE_MS):
            refuse(self._errands)
            yield Pause(SLICE_MS)


def refuse(errands: Errands) -> None:
    """Tell all who wait that there is no reader now."""
    while errands:
        errand = errands.popleft()
        if errand.done.set_running_or_notify_cancel():
            errand.done.set_exception(CardError(GONE, "the reader is lost"))
