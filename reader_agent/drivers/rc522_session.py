"""One opened MFRC522: who lies on it, what they say, and whether the chip is still well.

A turn asks for cards once, and once a second for the chip's health. A chip that is not well is set
up again, if that does not help through its reset pin; while it stays unwell nothing is asked of
it but that, once a second. Nothing here waits for longer than a card may think.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from structlog.typing import FilteringBoundLogger

from reader_agent.cards.conversation import GONE, Card, CardError, Errand, Talk
from reader_agent.cards.look import look
from reader_agent.clock import Clock
from reader_agent.drivers.rc522_card import talk_to
from reader_agent.drivers.rc522_chip import Chip, ChipHungError
from reader_agent.drivers.rc522_field import Field
from reader_agent.drivers.rc522_iso14443a import inventory

CHECK_NS = 1_000_000_000
QUIET_NS = 60_000_000_000
"""A chip that is set up again within a minute of the last time makes no second line in the log."""
POWER_UP_S = 0.005
"""A card's start after its field came on (ISO/IEC 14443-3)."""
LOOKS = 2

T = TypeVar("T")
log: FilteringBoundLogger = structlog.get_logger()


class Session:
    """What happens on one opened chip, on the reader's thread. Any method raises `OSError` when
    the bus fails."""

    def __init__(
        self,
        device: str,
        chip: Chip,
        field: Field,
        clock: Clock,
        *,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.is_well = False
        self.heard_mono_ns: int | None = None
        """When the chip was last found well."""
        self._device = device
        self._chip = chip
        self._field = field
        self._clock = clock
        self._pause = pause
        self._next_check_ns = clock.mono_ns()
        self._restarted_ns: int | None = None

    def turn(self) -> None:
        """Ask for cards, if the chip is well."""
        asked_ns = self._clock.mono_ns()
        try:
            self._check_in_time(asked_ns)
            if self.is_well:
                self._ask(asked_ns)
        except ChipHungError:
            self._make_well()
        self._field.caught_up(asked_ns)

    def run(self, errand: Errand) -> None:
        """Carry out an errand whose future is running; its end is told in any case."""
        try:
            uid = _uid_of(errand.tag)
            if uid is None or not self.is_well:
                raise CardError(GONE, "it is not on this reader")
            value = self._talk(uid, errand.talk)
        except ChipHungError:
            errand.done.set_exception(CardError(GONE, "the reader hung"))
            self._make_well()
        except OSError:
            errand.done.set_exception(CardError(GONE, "the reader was lost"))
            raise
        except Exception as error:  # noqa: BLE001 - whoever gave the errand waits for its end
            errand.done.set_exception(error)
        else:
            errand.done.set_result(value)

    def _ask(self, asked_ns: int) -> None:
        for card in inventory(self._chip, self._field.uids()):
            text = None if self._field.knows(card.tag) else self._look_at(card)
            self._field.saw(card, text, max(asked_ns, self._clock.mono_ns()))

    def _look_at(self, card: Card) -> str | None:
        """What a card says when it arrives; one that is only just in reach gets a second try."""
        for _ in range(LOOKS):
            try:
                return self._talk(card.uid, look)
            except CardError:
                continue
        return None

    def _talk(self, uid: bytes, talk: Callable[[Card], Talk[T]]) -> T:
        return talk_to(self._chip, uid, talk, pause=self._pause)

    def _check_in_time(self, now_ns: int) -> None:
        if now_ns >= self._next_check_ns:
            # Twice, because one bit that was read wrong is no reason to drop the field.
            self._make_well(unless=self.is_well and (self._chip.is_well() or self._chip.is_well()))

    def _make_well(self, *, unless: bool = False) -> None:
        """Set the chip up again, unless it is well. The registers of one that hangs look well."""
        self.is_well = unless or self._restart()
        now_ns = self._clock.mono_ns()
        self._next_check_ns = now_ns + CHECK_NS
        if self.is_well:
            self.heard_mono_ns = now_ns

    def _restart(self) -> bool:
        if not self._chip.set_up():
            self._chip.pulse_reset()
            if not self._chip.set_up():
                return False
        self._pause(POWER_UP_S)
        if self.is_well:  # until just now
            self._say_restarted()
        return True

    def _say_restarted(self) -> None:
        now_ns = self._clock.mono_ns()
        if self._restarted_ns is None or now_ns - self._restarted_ns > QUIET_NS:
            log.warning("reader.restarted", port=self._device, chip=self._chip.name)
        self._restarted_ns = now_ns


def _uid_of(tag: str) -> bytes | None:
    kind, _, digits = tag.partition(":")
    return bytes.fromhex(digits) if kind == "nfca" else None
