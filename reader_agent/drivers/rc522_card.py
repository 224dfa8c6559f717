"""A conversation with one card on an MFRC522, from waking it to sending it back to sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from reader_agent.cards.conversation import (
    BROKEN,
    GONE,
    REFUSED,
    Card,
    CardError,
    Talk,
    converse,
)
from reader_agent.cards.crc_a import with_crc_a, without_crc_a
from reader_agent.drivers.rc522_chip import Chip
from reader_agent.drivers.rc522_iso14443a import halt, wake
from reader_agent.drivers.rc522_iso_dep import IsoDep, activate
from reader_agent.drivers.rc522_map import FIFO_BYTES

T = TypeVar("T")
COMMAND_S = 0.0155
"""For a Type 2 command; the longest, a write, has ten milliseconds."""
REPEATABLE = frozenset({0x30, 0x39, 0x3A, 0x3C, 0x60, 0xA2})
"""READ, READ_CNT, FAST_READ, READ_SIG, GET_VERSION and WRITE: done twice is done once."""
MOST_TRIES = 3
FIELD_OFF_S = 0.005
"""Long enough for a card to lose its power, and as long again for its start."""
_ACK = 0xA


def talk_to(
    chip: Chip,
    uid: bytes,
    talk: Callable[[Card], Talk[T]],
    *,
    pause: Callable[[float], object] = time.sleep,
) -> T:
    """Wake the card `uid`, run a conversation with it, and let it sleep. Raises `CardError`."""
    card = wake(chip, uid)
    if card is None:
        raise CardError(GONE, "it did not wake up")
    line = _line_to(chip, card, pause)
    try:
        return converse(talk(line.card), line.send)
    finally:
        line.release()


class _BareLine:
    """Commands to a card that speaks no ISO/IEC 14443-4, each with its CRC."""

    def __init__(self, chip: Chip, card: Card) -> None:
        self.card = card
        self._chip = chip
        self._is_selected = True

    def send(self, command: bytes) -> bytes:
        """The answer without its CRC; of an ACK its four bits. Raises `CardError`."""
        if len(command) + 2 > FIFO_BYTES:
            raise CardError(REFUSED, "the command is too long for this reader")
        tries = MOST_TRIES if command[:1] and command[0] in REPEATABLE else 1
        answer = None
        for _ in range(tries):
            self._select_again()
            answer = self._chip.exchange(with_crc_a(command), COMMAND_S)
            if answer is None:
                # A card is silent when it does not know a command, and when it is not there.
                self._is_selected = False
                self._select_again()
                continue
            if len(answer.data) == 1 and answer.last_bits == 4 and not answer.is_broken:
                return self._acknowledged(answer.data[0] & 0x0F)
            data = without_crc_a(answer.data)
            if data is not None and not answer.is_broken and not answer.last_bits:
                return data
            self._is_selected = False
        if answer is None:
            raise CardError(REFUSED, "it is silent")
        raise CardError(BROKEN, "its answer did not come through")

    def release(self) -> None:
        """Let it sleep."""
        halt(self._chip)

    def _acknowledged(self, nibble: int) -> bytes:
        if nibble == _ACK:
            return bytes([nibble])
        # Who says no goes back to where it has to be woken.
        self._is_selected = False
        raise CardError(REFUSED, f"NAK {nibble:X}")

    def _select_again(self) -> None:
        if self._is_selected:
            return
        if wake(self._chip, self.card.uid) is None:
            raise CardError(GONE, "it does not answer any more")
        self._is_selected = True


class _BlockLine:
    """APDUs to a card that speaks ISO/IEC 14443-4."""

    def __init__(
        self, chip: Chip, card: Card, dep: IsoDep, pause: Callable[[float], object]
    ) -> None:
        self.card = card
        self._chip = chip
        self._dep = dep
        self._pause = pause

    def send(self, command: bytes) -> bytes:
        """The response with its status word. Raises `CardError`."""
        return self._dep.transceive(command)

    def release(self) -> None:
        """End the session, which halts the card. One that does not hear of it would answer no
        WUPA either, so it is made to forget."""
        if not self._dep.deselect():
            self._chip.switch_field(on=False)
            self._pause(FIELD_OFF_S)
            self._chip.switch_field(on=True)
            self._pause(FIELD_OFF_S)


def _line_to(chip: Chip, card: Card, pause: Callable[[float], object]) -> _BareLine | _BlockLine:
    if not card.speaks_apdu:
        return _BareLine(chip, card)
    for _ in range(MOST_TRIES):
        ats = activate(chip.exchange)
        if ats is not None:
            dep = IsoDep(chip.exchange, ats)
            pause(dep.start_wait_s)
            return _BlockLine(chip, replace(card, ats=ats), dep, pause)
        if wake(chip, card.uid) is None:
            break
    raise CardError(GONE, "no answer to RATS")
