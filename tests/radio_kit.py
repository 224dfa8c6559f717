"""What a reader sends to tags in its field, frame by frame."""

from __future__ import annotations

from reader_agent.cards.crc_a import with_crc_a
from reader_agent.emulators.tags.iso14443a import Answer, RadioTag, State

REQA, WUPA = (b"\x26", 7), (b"\x52", 7)
HALT = with_crc_a(b"\x50\x00")
READ_4 = with_crc_a(b"\x30\x04")
FOUR = bytes.fromhex("6A6DEE36")
SEVEN = bytes.fromhex("04E20B66100289")


def select_frame(level: int, part: bytes) -> bytes:
    bcc = part[0] ^ part[1] ^ part[2] ^ part[3]
    return with_crc_a(bytes([0x93 + 2 * level, 0x70]) + part + bytes([bcc]))


def parts_of(uid: bytes) -> list[bytes]:
    match len(uid):
        case 4:
            return [uid]
        case 7:
            return [b"\x88" + uid[:3], uid[3:]]
    return [b"\x88" + uid[:3], b"\x88" + uid[3:6], uid[6:]]


def select(tag: RadioTag, wake: tuple[bytes, int] = WUPA) -> Answer | None:
    assert tag.exchange(*wake) is not None
    answer = None
    for level, part in enumerate(parts_of(tag.model.uid)):
        answer = tag.exchange(select_frame(level, part))
    return answer


def selected(tag: RadioTag) -> RadioTag:
    assert select(tag) is not None
    assert tag.state is State.ACTIVE
    return tag


def bytes_of(answer: Answer | None) -> bytes:
    assert answer is not None
    assert answer.last_bits == 0
    return answer.data
