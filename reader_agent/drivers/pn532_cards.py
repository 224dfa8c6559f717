"""The cards on a PN532: found anew in each round, and talked to in between.

Presence is kept by letting go of the cards and finding them again. Asking the chip whether a card
is still there (Diagnose 06) would be less to do, but made PN53x chips hang when it was not
(nfc-tools/libnfc#267), and a second card would never be noticed. Finding without letting go
misses a card every second time (esphome/esphome#9875, adafruit/Adafruit-PN532#52): one that is
active falls back at the first call and answers only the next.

A round that misses a card so asks again, and then takes the power away for a moment, after which
every card answers. A card with a random UID, such as a phone, would come back as another one: it
is asked directly, by a block that changes nothing, and so is what lies beside it. Meanwhile no
other card is searched for.

A card may also have been found and halted by a search whose answer was lost on the line, and is
then silent without our knowing of it. So now and then the field starts anew while nothing is
found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from reader_agent.cards.conversation import BROKEN, GONE, REFUSED, Card, CardError, Talk
from reader_agent.drivers import pn532_chip
from reader_agent.drivers.pn532_chip import Listing, Outcome, Target
from reader_agent.drivers.pn532_orders import ChipError, Dialog
from schemas.tag_ids import TagIDError, check_lasting

T = TypeVar("T")

APDU_WAIT_MS = 3000
"""The chip keeps the card's own time limits, which are shorter with every card we know."""
COMMAND_WAIT_MS = 500
REPEATABLE = frozenset({0x30, 0x39, 0x3A, 0x3C, 0x60, 0xA2})
"""READ, READ_CNT, FAST_READ, READ_SIG, GET_VERSION and WRITE: done twice is done once."""
MOST_TRIES = 3
MOST_EMPTY_ROUNDS = 8
"""After these, in something more than a second, the field starts anew."""

_READ, _WRITE = 0x30, 0xA2
_ACK = 0x0A

# Status bytes of the chip (nfcpy, nfc/clf/pn532.py).
_FINE, _TIMEOUT = 0x00, 0x01
_CARD_IS_GONE = frozenset({_TIMEOUT, 0x0A, 0x27, 0x29, 0x2B})
_CARD_SAID_NO = frozenset({0x02, 0x13, 0x14})
"""A NAK of four bits has no CRC: the chip takes it for a broken answer or a failed login."""
_CHIP_IS_SILENT = 0xFF


class Cards:
    """What one chip has listed."""

    def __init__(self) -> None:
        self._listed: dict[str, Target] = {}
        self._must_select = False
        self._empty_rounds = 0

    def find(self) -> Dialog[Listing]:
        """One round: the cards that lie there now. Raises `ChipError`."""
        expected, self._listed = self._listed, {}
        self._must_select = False
        if not _are_lasting(expected):
            same = yield from self._ask_each(expected)
            if same is not None:
                return same
        if expected:
            yield from pn532_chip.release()
        listing = yield from pn532_chip.list_cards()
        if len(listing.targets) < len(expected):
            listing = yield from pn532_chip.list_cards()
        found = _by_tag(listing.targets)
        is_missing = (
            bool(expected) and _are_lasting(expected) and not expected.keys() <= found.keys()
        )
        self._empty_rounds = 0 if found or expected else self._empty_rounds + 1
        if (is_missing and _are_lasting(found)) or self._empty_rounds >= MOST_EMPTY_ROUNDS:
            self._empty_rounds = 0
            yield from pn532_chip.restart_field()
            listing = yield from pn532_chip.list_cards()
        self._listed = _by_tag(listing.targets)
        return listing

    def _ask_each(self, expected: Mapping[str, Target]) -> Dialog[Listing | None]:
        """Which of the cards are still there; None if no longer one of a random UID is."""
        there: dict[str, Target] = {}
        last: Listing | None = None
        for tag, target in expected.items():
            ask = pn532_chip.ping if target.card.speaks_apdu else pn532_chip.select
            heard = yield from ask(target.number)
            if heard is not None:
                there[tag], last = target, heard
        if last is None or _are_lasting(there):
            return None
        self._listed = there
        return Listing(tuple(there.values()), last.mono_ns, last.frame)

    def talk(self, tag: str, talk_of: Callable[[Card], Talk[T]]) -> Dialog[T]:
        """Run a conversation with a card of the last round; what it returns.

        Raises `CardError`, and `ChipError` where the chip itself is lost.
        """
        if tag not in self._listed:
            raise CardError(GONE, "it is not on this reader")
        talk = talk_of(self._listed[tag].card)
        try:
            command = next(talk)
            while True:
                try:
                    answer = yield from self._send(tag, command)
                except CardError as error:
                    command = talk.throw(error)
                else:
                    command = talk.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            talk.close()

    def _send(self, tag: str, command: bytes) -> Dialog[bytes]:
        target = self._listed.get(tag)
        if target is None:
            raise CardError(GONE, "it does not answer any more")
        if target.card.speaks_apdu:
            return (yield from self._send_apdu(target, command))
        return (yield from self._send_bare(target, command))

    def _send_apdu(self, target: Target, apdu: bytes) -> Dialog[bytes]:
        try:
            outcome = yield from pn532_chip.exchange(target.number, apdu, APDU_WAIT_MS)
        except ChipError:
            outcome = Outcome(_TIMEOUT, b"")
        if outcome.status == _FINE:
            return outcome.data
        if outcome.status in _CARD_IS_GONE:
            raise CardError(GONE, f"the chip says {outcome.status:02X}")
        raise CardError(BROKEN, f"the chip says {outcome.status:02X}")

    def _send_bare(self, target: Target, command: bytes) -> Dialog[bytes]:
        """A command to a card that speaks no ISO/IEC 14443-4: of an ACK its four bits."""
        tries = MOST_TRIES if command[:1] and command[0] in REPEATABLE else 1
        status = _FINE
        for _ in range(tries):
            if self._must_select:
                target = yield from self._select_again(target.card.tag)
            outcome = yield from self._try_bare(target, command)
            status, data = outcome.status, outcome.data
            if status == _FINE and len(data) != 1:
                # The chip swallows the ACK of a write.
                return data or bytes([_ACK])
            if status == _FINE and data[0] == _ACK:
                return data
            # Who says no, or nothing, goes back to where it has to be selected.
            self._must_select = True
            if status == _FINE:
                raise CardError(REFUSED, f"NAK {data[0]:X}")
            if status in _CARD_IS_GONE:
                # A card is silent when it does not know a command, and when it is not there.
                target = yield from self._select_again(target.card.tag)
        if status in _CARD_SAID_NO or status in _CARD_IS_GONE:
            raise CardError(REFUSED, f"the chip says {status:02X}")
        raise CardError(BROKEN, f"the chip says {status:02X}")

    def _try_bare(self, target: Target, command: bytes) -> Dialog[Outcome]:
        is_ours = command[:1] and command[0] in (_READ, _WRITE)
        try:
            if is_ours or not target.card.is_type2:
                return (yield from pn532_chip.exchange(target.number, command, COMMAND_WAIT_MS))
            yield from pn532_chip.select(target.number)
            return (yield from pn532_chip.send_raw(command, COMMAND_WAIT_MS))
        except ChipError:
            return Outcome(_CHIP_IS_SILENT, b"")

    def _select_again(self, tag: str) -> Dialog[Target]:
        """The card, found once more. Raises `CardError` `card_gone`."""
        yield from self.find()
        target = self._listed.get(tag)
        if target is None:
            raise CardError(GONE, "it does not answer any more")
        return target


def _by_tag(targets: Iterable[Target]) -> dict[str, Target]:
    return {target.card.tag: target for target in targets}


def _are_lasting(targets: Mapping[str, Target]) -> bool:
    """Whether all of them would have the same UID in a new field: whether there is no phone."""
    return not any(
        target.card.speaks_apdu and not _is_lasting(tag) for tag, target in targets.items()
    )


def _is_lasting(tag: str) -> bool:
    try:
        check_lasting(tag)
    except TagIDError:
        return False
    return True
