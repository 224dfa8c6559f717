"""Tags that speak ISO/IEC 14443-4, from RATS to DESELECT; the blocks are in test_block_protocol."""

from __future__ import annotations

import pytest

from reader_agent.cards.crc_a import with_crc_a
from reader_agent.emulators.tags.desfire import Desfire
from reader_agent.emulators.tags.iso14443a import Answer, RadioTag, State
from reader_agent.emulators.tags.ntag424 import Ntag424
from reader_agent.emulators.tags.type2_tag import Type2Tag
from tests.radio_kit import HALT, READ_4, REQA, SEVEN, WUPA, bytes_of, selected


def test_rats_gives_the_ats_and_apdus_are_answered() -> None:
    tag = selected(RadioTag(Ntag424(SEVEN)))
    assert bytes_of(tag.exchange(bytes.fromhex("E050BCA5"))).hex() == "067777710280be6a"
    assert tag.state is State.PROTOCOL
    apdu = bytes.fromhex("00A4040007D276000085010100")
    assert bytes_of(tag.exchange(with_crc_a(b"\x02" + apdu))) == with_crc_a(b"\x02\x90\x00")


def test_in_the_protocol_neither_reqa_nor_halt_nor_noise_is_heard() -> None:
    tag = selected(RadioTag(Desfire(SEVEN)))
    tag.exchange(bytes.fromhex("E050BCA5"))
    for frame, last_bits in (REQA, WUPA, (HALT, 0), (b"\x02\x90\x60", 0), (READ_4, 3)):
        assert tag.exchange(frame, last_bits) is None
        assert tag.state is State.PROTOCOL


def test_deselect_halts_it() -> None:
    tag = selected(RadioTag(Desfire(SEVEN)))
    tag.exchange(bytes.fromhex("E050BCA5"))
    assert bytes_of(tag.exchange(with_crc_a(b"\xc2"))) == with_crc_a(b"\xc2")
    assert tag.state is State.HALT
    assert tag.exchange(*REQA) is None
    selected(tag)


@pytest.mark.parametrize(
    ("pps", "answer"), [("d01100", "d0"), ("d001", "d0"), ("d01105", None), ("d111", None)]
)
def test_only_the_rate_it_has_is_confirmed(pps: str, answer: str | None) -> None:
    tag = selected(RadioTag(Desfire(SEVEN)))
    tag.exchange(bytes.fromhex("E050BCA5"))
    said = tag.exchange(with_crc_a(bytes.fromhex(pps)))
    assert said == (None if answer is None else Answer(with_crc_a(bytes.fromhex(answer))))
    version = bytes_of(tag.exchange(with_crc_a(bytes.fromhex("029060000000"))))
    assert version[:1] == b"\x02"


def test_a_type_2_tag_does_not_know_rats() -> None:
    tag = selected(RadioTag(Type2Tag(SEVEN)))
    assert tag.exchange(bytes.fromhex("E050BCA5")) is None
    assert tag.state is State.IDLE


def test_cid_15_is_no_cid() -> None:
    tag = selected(RadioTag(Desfire(SEVEN)))
    assert tag.exchange(with_crc_a(b"\xe0\x5f")) is None
    assert tag.state is State.IDLE


def test_a_frame_longer_than_the_card_takes_is_not_answered() -> None:
    tag = selected(RadioTag(Desfire(SEVEN)))
    tag.exchange(bytes.fromhex("E0803173"))
    longest = b"\x02" + b"\x00" * 61
    assert tag.exchange(with_crc_a(longest + b"\x00")) is None
    assert tag.exchange(with_crc_a(longest)) is not None


class Tiny(Desfire):
    """A card with the shortest of all ATS."""

    def __init__(self, ats: str) -> None:
        super().__init__(SEVEN)
        self.ats = bytes.fromhex(ats)


@pytest.mark.parametrize(
    ("ats", "longest", "knows_cid"),
    [
        ("01", 32, True),
        ("0200", 16, True),
        ("0578808100", 256, False),
        ("034000", 16, False),
        ("04608100", 16, False),
    ],
)
def test_an_ats_says_what_the_card_takes(ats: str, longest: int, knows_cid: object) -> None:
    tag = selected(RadioTag(Tiny(ats)))
    assert bytes_of(tag.exchange(with_crc_a(b"\xe0\x50"))) == with_crc_a(bytes.fromhex(ats))
    fitting = b"\x02" + bytes(longest - 3)
    assert tag.exchange(with_crc_a(fitting + b"\x00")) is None
    assert tag.exchange(with_crc_a(fitting)) is not None
    numbered = tag.exchange(with_crc_a(b"\x0b\x00\x60"))
    assert (numbered is not None) is knows_cid
