"""The first look at a card: links of Type 2 and Type 4 tags, whole, cut and hostile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cards.conversation import BROKEN, GONE, REFUSED, Card, CardError, converse
from reader_agent.cards.look import look
from reader_agent.cards.ndef import encode_uri, type2_tlv, type4_file

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "ndef.json").read_text(encoding="utf-8")
)
TYPE2 = Card(bytes.fromhex("04416D412B0289"), b"\x44\x00", 0x00)
TYPE4 = Card(bytes.fromhex("044B17125B6680"), b"\x44\x03", 0x20, bytes.fromhex("067777710280"))
CLASSIC = Card(bytes.fromhex("3D99C723"), b"\x04\x00", 0x08)
LINK = "https://valet.example/t"
LONG_LINK = "https://valet.example/" + "t" * 400
MESSAGE = encode_uri(LINK)


class Type2Memory:
    """A Type 2 tag: pages from 3 on, wrapping at the end as an NTAG21x does."""

    def __init__(self, data: bytes, cc: str = "E1103E00", pages: int = 135) -> None:
        self.memory = (bytes(12) + bytes.fromhex(cc) + data).ljust(pages * 4, b"\x00")
        self.asked: list[int] = []

    def send(self, command: bytes) -> bytes:
        assert command[0] == 0x30
        self.asked.append(command[1])
        at = command[1] * 4
        if at >= len(self.memory):
            raise CardError(REFUSED)
        return (self.memory + self.memory[:16])[at : at + 16]


class Type4Files:
    """A Type 4 tag with a capability container and an NDEF file."""

    def __init__(self, file: bytes, *, mle: int = 0x3B, size: int = 0x100, cc: str = "") -> None:
        container = f"000F20{mle:04X}00340406E104{size:04X}0000"
        self.files = {0xE103: bytes.fromhex(cc or container), 0xE104: file}
        self.selected = b""
        self.asked: list[tuple[int, int]] = []

    def send(self, apdu: bytes) -> bytes:
        if apdu[:4] == bytes.fromhex("00A40400"):
            return b"\x90\x00"
        if apdu[:2] == b"\x00\xa4":
            file_id = int.from_bytes(apdu[5:7])
            if file_id not in self.files:
                return b"\x6a\x82"
            self.selected = self.files[file_id]
            return b"\x90\x00"
        assert apdu[:2] == b"\x00\xb0"
        at, length = int.from_bytes(apdu[2:4]), apdu[4]
        self.asked.append((at, length))
        return self.selected[at : at + length] + b"\x90\x00"


def look_at(card: Card, send: Callable[[bytes], bytes]) -> str | None:
    return converse(look(card), send)


def test_a_type_4_tag_is_read_with_the_published_exchange() -> None:
    fact = FACTS["type4_read"]
    left = [(bytes.fromhex(out), bytes.fromhex(back)) for out, back in fact["exchange"]]

    def send(command: bytes) -> bytes:
        wanted, answer = left.pop(0)
        assert command.hex() == wanted.hex()
        return answer

    assert look_at(TYPE4, send) == fact["uri"]
    assert not left


def test_a_long_message_is_read_in_pieces_that_a_small_reader_can_hold() -> None:
    card = Type4Files(type4_file(encode_uri(LONG_LINK)), mle=0xFFFF, size=0x400)
    assert look_at(TYPE4, card.send) == LONG_LINK
    assert max(length for _, length in card.asked) == 48


def test_no_more_is_read_at_once_than_the_tag_allows() -> None:
    card = Type4Files(type4_file(MESSAGE), mle=0x07)
    assert look_at(TYPE4, card.send) == LINK
    message_reads = card.asked[3:]
    assert {length for _, length in message_reads} <= set(range(8))
    assert [at for at, _ in message_reads] == [2, 9, 16]


def test_the_file_that_the_container_names_is_read() -> None:
    card = Type4Files(b"", cc="000F20003B00340406E10501000000")
    card.files[0xE105] = type4_file(MESSAGE)
    assert look_at(TYPE4, card.send) == LINK


@pytest.mark.parametrize(
    "card",
    [
        Type4Files(b"\x00\x00"),
        Type4Files(b"\x00"),
        Type4Files(b""),
        Type4Files(type4_file(MESSAGE)[:-1]),
        Type4Files(type4_file(MESSAGE), size=len(MESSAGE) + 1),
        Type4Files(b"\xff\xff" + MESSAGE, size=0xFFFF),
        Type4Files(type4_file(MESSAGE), mle=0),
        Type4Files(type4_file(MESSAGE), cc="000F20003B0034"),
        Type4Files(type4_file(MESSAGE), cc="0001"),
        Type4Files(type4_file(MESSAGE), cc="0000"),
        Type4Files(type4_file(MESSAGE), cc="00"),
        Type4Files(type4_file(MESSAGE), cc="000F20003B00340506E10401000000"),
        Type4Files(type4_file(MESSAGE), cc="000F20003B00340406E10601000000"),
    ],
)
def test_a_type_4_tag_without_a_whole_message_says_nothing(card: Type4Files) -> None:
    assert look_at(TYPE4, card.send) is None


def test_a_message_that_no_tag_of_ours_has_is_not_waited_for() -> None:
    card = Type4Files(b"\x04\x01" + bytes(0x401), size=0x800)
    assert look_at(TYPE4, card.send) is None
    assert len(card.asked) == 3


@pytest.mark.parametrize("answer", ["6A82", "6982", "", "90"])
def test_a_type_4_card_that_refuses_says_nothing(answer: str) -> None:
    assert look_at(TYPE4, lambda _apdu: bytes.fromhex(answer)) is None


def test_a_type_2_tag_is_read_no_further_than_its_message() -> None:
    tag = Type2Memory(type2_tlv(MESSAGE))
    assert look_at(TYPE2, tag.send) == LINK
    assert tag.asked == [3, 7]


@pytest.mark.parametrize(
    "before",
    [
        "000000",
        "0103A00C34",
        "0103A00C340203820404",
        "00000103A00C34000000",
        "FD021234",
        "FDFF0100" + "AA" * 256,
    ],
)
def test_what_stands_before_the_message_is_passed_over(before: str) -> None:
    tag = Type2Memory(bytes.fromhex(before) + type2_tlv(MESSAGE))
    assert look_at(TYPE2, tag.send) == LINK


def test_a_long_message_on_a_type_2_tag_is_read() -> None:
    tag = Type2Memory(type2_tlv(encode_uri(LONG_LINK)))
    assert look_at(TYPE2, tag.send) == LONG_LINK


def test_a_message_may_fill_a_tag_to_its_last_byte() -> None:
    uri = "https://" + "x" * 137
    tlv = type2_tlv(encode_uri(uri))[:-1]
    assert len(tlv) == 144
    tag = Type2Memory(tlv, cc="E1101200", pages=45)
    assert look_at(TYPE2, tag.send) == uri
    over = Type2Memory(b"\x00" + tlv, cc="E1101200", pages=45)
    assert look_at(TYPE2, over.send) is None
    assert max(over.asked) < 40


@pytest.mark.parametrize(
    ("data", "cc"),
    [
        ("FE" + type2_tlv(MESSAGE).hex(), "E1103E00"),
        ("0300FE", "E1103E00"),
        ("00" * 536, "E1103E00"),
        (type2_tlv(MESSAGE).hex(), "00000000"),
        (type2_tlv(MESSAGE).hex(), "FFFFFFFF"),
        (type2_tlv(MESSAGE).hex(), "E1203E00"),
        (type2_tlv(MESSAGE).hex(), "E1103EF0"),
        (type2_tlv(MESSAGE).hex(), "E1100200"),
        (type2_tlv(MESSAGE).hex(), "E1100000"),
        ("03FFFFFF", "E1103E00"),
        ("03FF", "E1100100"),
        ("00000000000003FF", "E1100100"),
        ("00000000000000FD", "E1100100"),
        ("FDFEFE" * 100, "E1103E00"),
    ],
)
def test_a_type_2_tag_without_a_whole_message_says_nothing(data: str, cc: str) -> None:
    assert look_at(TYPE2, Type2Memory(bytes.fromhex(data), cc).send) is None


def test_the_size_that_a_tag_claims_is_not_believed_beyond_its_last_page() -> None:
    tag = Type2Memory(bytes(2000), cc="E110FF00", pages=256)
    assert look_at(TYPE2, tag.send) is None
    assert max(tag.asked) <= 255


@pytest.mark.parametrize("code", [REFUSED, BROKEN])
@pytest.mark.parametrize("card", [TYPE2, TYPE4], ids=["type2", "type4"])
def test_a_card_that_refuses_or_talks_nonsense_says_nothing(card: Card, code: str) -> None:
    def send(_command: bytes) -> bytes:
        raise CardError(code)

    assert look_at(card, send) is None


@pytest.mark.parametrize("after", range(7))
def test_a_card_that_leaves_is_reported_gone(after: int) -> None:
    tag = Type4Files(type4_file(MESSAGE))
    left = [after]

    def send(command: bytes) -> bytes:
        if left[0] == 0:
            raise CardError(GONE)
        left[0] -= 1
        return tag.send(command)

    with pytest.raises(CardError) as error:
        look_at(TYPE4, send)
    assert error.value.code == GONE


def test_a_short_answer_of_a_type_2_tag_says_nothing() -> None:
    assert look_at(TYPE2, lambda _command: bytes(15)) is None


def test_a_mifare_classic_is_not_asked() -> None:
    def send(_command: bytes) -> bytes:
        pytest.fail("nothing can be read there without a key")

    assert look_at(CLASSIC, send) is None
