"""ISO/IEC 14443-3 type A over an MFRC522: waking cards, telling them apart, sending them to sleep.

A card that was read is halted, so that only WUPA wakes it: a card that is merely asked again goes
silent at every second REQA, which is how other drivers lose cards that lie still. Nothing counts
that was not checked: the XOR byte of each UID part, and the CRC_A of the SAK.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reader_agent.cards.conversation import Card
from reader_agent.cards.crc_a import with_crc_a, without_crc_a
from reader_agent.drivers.rc522_chip import Chip, Received

REQA, WUPA = 0x26, 0x52
LEVELS = (0x93, 0x95, 0x97)
CASCADE_TAG = 0x88
NVB_ALL = 0x70
SAK_INCOMPLETE = 0x04
HALT = bytes.fromhex("5000")
SHORT_S = 0.002
"""For answers that begin after 91 µs and are over within a millisecond."""
HALT_S = 0.001
"""Whoever is silent for a millisecond has been halted."""
MOST_CARDS = 4
_UID_BITS = 32
_PART_BITS = 40  # with the XOR byte


@dataclass(frozen=True, slots=True)
class _Bits:
    """The bits of one UID part that are known, the first one sent lowest."""

    value: int = 0
    count: int = 0

    def and_then(self, value: int, count: int) -> _Bits:
        return _Bits(self.value | value << self.count, self.count + count)

    def frame(self, level: int) -> bytes:
        """The question who has these bits."""
        whole, partial = divmod(self.count, 8)
        data = self.value.to_bytes((self.count + 7) // 8, "little")
        return bytes([level, (2 + whole) << 4 | partial]) + data


def inventory(chip: Chip, known: Iterable[bytes] = ()) -> list[Card]:
    """Every card in the field, each of them halted afterwards.

    `known` are the UIDs that were there last time. They are called by name, because a halted card
    that was woken and not chosen goes back to sleep, where REQA does not reach it.
    """
    cards: list[Card] = []
    for uid in known:
        card = wake(chip, uid, tries=2)
        if card is not None:
            halt(chip)
            cards.append(card)
    atqa = request(chip, REQA if cards else WUPA)
    while atqa is not None and len(cards) < MOST_CARDS:
        card = _select_any(chip, atqa)
        halt(chip)
        if card is None or card.uid in {each.uid for each in cards}:
            break
        cards.append(card)
        atqa = request(chip, REQA)
    return cards


def wake(chip: Chip, uid: bytes, *, tries: int = 3) -> Card | None:
    """Select the card with this UID, wherever it was; None where it does not answer.

    One that was left in the middle of something gives up at the first WUPA and answers the second.
    """
    for _ in range(tries):
        atqa = request(chip, WUPA)
        if atqa is None:
            continue
        sak = None
        for level, part in zip(LEVELS, _parts(uid), strict=False):
            sak = _select(chip, level, part)
            if sak is None:
                break
        if sak is not None and not sak & SAK_INCOMPLETE:
            return Card(uid, atqa, sak)
        halt(chip)
    return None


def request(chip: Chip, command: int) -> bytes | None:
    """Ask who is there, with REQA or WUPA: the ATQA, or None for nobody. Where several cards
    answer at once it is a mixture of theirs."""
    answer = chip.exchange(bytes([command]), SHORT_S, last_bits=7)
    if answer is None or len(answer.data) != 2:
        return None
    return answer.data


def halt(chip: Chip) -> None:
    """Send the selected card to sleep. It says nothing to that."""
    chip.exchange(with_crc_a(HALT), HALT_S)


def _select_any(chip: Chip, atqa: bytes) -> Card | None:
    """Select one of the cards that are awake, through all levels of its UID."""
    uid = b""
    for level in LEVELS:
        part = _one_part(chip, level)
        sak = None if part is None else _select(chip, level, part)
        if part is None or sak is None:
            return None
        if not sak & SAK_INCOMPLETE:
            return None if part[0] == CASCADE_TAG else Card(uid + part, atqa, sak)
        if part[0] != CASCADE_TAG:
            return None
        uid += part[1:]
    return None


def _parts(uid: bytes) -> list[bytes]:
    """The four bytes of each level."""
    parts = []
    while len(uid) > 4:
        parts.append(bytes([CASCADE_TAG]) + uid[:3])
        uid = uid[3:]
    return [*parts, uid]


def _select(chip: Chip, level: int, part: bytes) -> int | None:
    """The SAK of the card that has these four bytes at this level."""
    bcc = part[0] ^ part[1] ^ part[2] ^ part[3]
    frame = with_crc_a(bytes([level, NVB_ALL, *part, bcc]))
    answer = chip.exchange(frame, SHORT_S)
    if answer is None or answer.is_broken or answer.collision is not None or answer.last_bits:
        return None
    sak = without_crc_a(answer.data)
    return sak[0] if sak is not None and len(sak) == 1 else None


def _one_part(chip: Chip, level: int) -> bytes | None:
    """The UID part of one of the cards, at one level: where their bits collide the card with a 0
    is asked again."""
    known = _Bits()
    for _ in range(_UID_BITS):
        partial = known.count % 8
        answer = chip.exchange(known.frame(level), SHORT_S, last_bits=partial, align=partial)
        if answer is None or known.count >= _UID_BITS:
            return None
        if answer.collision is None:
            return _whole(known, answer)
        known = _up_to_collision(known, answer)
    return None


def _whole(known: _Bits, answer: Received) -> bytes | None:
    bits = len(answer.data) * 8 - known.count % 8 - (8 - answer.last_bits) % 8
    if answer.is_broken or known.count + bits != _PART_BITS:
        return None
    stream = int.from_bytes(answer.data, "little") >> known.count % 8
    part = known.and_then(stream, bits).value.to_bytes(5, "little")
    is_right = part[0] ^ part[1] ^ part[2] ^ part[3] == part[4]
    return part[:4] if is_right else None


def _up_to_collision(known: _Bits, answer: Received) -> _Bits:
    """What all cards agree on, and a 0 behind it.

    Whether the chip counts from the first bit of the UID or from the first bit of this answer
    cannot be told where some bits are known already, which takes three cards. The place from the
    UID is the earlier one, and the right one unless ones follow it, because a collision is
    followed by zeros only. If it is wrong all the same then the 0 is right in any case, and the
    next round goes on from there.
    """
    assert answer.collision is not None
    stream = int.from_bytes(answer.data, "little") >> known.count % 8
    # The collided bit itself may read as a one.
    earliest = stream.bit_length() - 1
    from_uid, from_answer = answer.collision - known.count - 1, answer.collision - 1
    places = (place for place in (from_uid, from_answer) if place >= earliest)
    sure = min(max(next(places, earliest + 1), 0), _UID_BITS - known.count - 1)
    return known.and_then(stream & (1 << sure) - 1, sure + 1)
