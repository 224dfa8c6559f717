"""Tags in the field against frames that were on the air, and against what readers do wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cards.crc_a import with_crc_a, without_crc_a
from reader_agent.emulators.tags.classic import KEY_A, TRANSPORT_KEY, MifareClassic
from reader_agent.emulators.tags.iso14443a import Answer, RadioTag, State, collide
from reader_agent.emulators.tags.ntag424 import Ntag424
from reader_agent.emulators.tags.spec import make_tag
from reader_agent.emulators.tags.type2_tag import Type2Tag
from tests.radio_kit import (
    FOUR,
    HALT,
    READ_4,
    REQA,
    SEVEN,
    WUPA,
    bytes_of,
    parts_of,
    select,
    select_frame,
    selected,
)

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "iso14443a.json").read_text(encoding="utf-8")
)


def is_at(tag: RadioTag, state: State) -> bool:
    return tag.state is state


def replay(tag: RadioTag, rows: list[list[str]]) -> int:
    """Send what the reader sent; how many answers of the tag were compared."""
    compared = 0
    answer: Answer | None = None
    for who, row in rows:
        if who == "rdr":
            is_short = row.endswith("(7 bits)")
            frame = bytes.fromhex(row.removesuffix("(7 bits)"))
            answer = tag.exchange(frame, 7 if is_short else 0)
        else:
            assert bytes_of(answer).hex(" ") == row
            compared += 1
    return compared


def test_a_tag_with_seven_bytes_answers_as_the_captured_one() -> None:
    trace = FACTS["traces"][0]
    assert replay(RadioTag(Type2Tag(bytes.fromhex(trace["uid"]))), trace["rows"]) == 4


def test_an_ntag215_answers_as_the_captured_one_and_halts() -> None:
    trace = FACTS["traces"][1]
    tag = RadioTag(Type2Tag(bytes.fromhex(trace["uid"])))
    assert replay(tag, trace["rows"]) == 4
    assert tag.state is State.HALT
    assert tag.exchange(*REQA) is None
    assert bytes_of(tag.exchange(*WUPA)) == b"\x44\x00"


def test_a_classic_answers_as_the_captured_one_and_halts() -> None:
    trace = FACTS["traces"][2]
    tag = RadioTag(MifareClassic(bytes.fromhex(trace["uid"])))
    start = [["rdr", "52(7 bits)"], ["tag", "04 00"], ["rdr", "93 20"]]
    assert replay(tag, start + trace["rows"]) == 3
    assert tag.state is State.HALT


def test_a_classic_refuses_rats_with_four_bits() -> None:
    tag = selected(RadioTag(MifareClassic(FOUR)))
    assert tag.exchange(with_crc_a(b"\xe0\x50")) == Answer(b"\x04", 4)


@pytest.mark.parametrize(
    ("spec", "atqa", "saks"),
    [
        ("nfca:6A6DEE36", "0400", "08"),
        ({"model": "classic1k", "uid": "04E20B66100289"}, "4400", "0408"),
        ({"model": "classic4k", "uid": "6A6DEE36"}, "0200", "18"),
        ("nfca:04E20B66100289", "4400", "0400"),
        ("nfca:04010203040506070809", "8400", "040400"),
        ({"model": "ntag424", "uid": "04E20B66100289"}, "4403", "2420"),
        ({"model": "desfire", "uid": "04E20B66100289"}, "4403", "2420"),
    ],
)
def test_every_model_says_its_atqa_and_saks(spec: object, atqa: str, saks: str) -> None:
    tag = RadioTag(make_tag(spec))
    assert bytes_of(tag.exchange(*REQA)).hex() == atqa
    said = b""
    for level, part in enumerate(parts_of(tag.model.uid)):
        sak = without_crc_a(bytes_of(tag.exchange(select_frame(level, part))))
        assert sak is not None
        said += sak
    assert said.hex() == saks


# Waking, and falling back


def test_a_reader_that_only_sends_reqa_sees_the_tag_every_second_time() -> None:
    tag = RadioTag(MifareClassic(FOUR))
    seen = []
    for _ in range(6):
        answer = tag.exchange(*REQA)
        seen.append(answer is not None)
        if answer is not None:
            tag.exchange(select_frame(0, FOUR))
            assert tag.state is State.ACTIVE
    assert seen == [True, False, True, False, True, False]


def test_a_halted_tag_is_back_to_idle_when_the_field_was_off() -> None:
    tag = selected(RadioTag(MifareClassic(FOUR)))
    assert tag.exchange(HALT) is None
    assert tag.exchange(*REQA) is None
    tag.field_off()
    assert tag.exchange(*REQA) is not None


@pytest.mark.parametrize("wake", [REQA, WUPA])
@pytest.mark.parametrize("last_bits", [0, 1, 6])
def test_only_seven_bits_wake(wake: tuple[bytes, int], last_bits: int) -> None:
    tag = RadioTag(MifareClassic(FOUR))
    assert tag.exchange(wake[0], last_bits) is None
    assert tag.state is State.IDLE


@pytest.mark.parametrize(
    "frame",
    [
        b"\x93\x20\x00",
        b"\x95\x20",
        b"\x93\x10",
        b"\x93\x68",
        b"\x93",
        READ_4,
        HALT,
        select_frame(0, bytes.fromhex("6A6DEE37")),
        select_frame(0, FOUR)[:-1] + b"\x00",
        select_frame(0, FOUR)[:-3] + with_crc_a(b"\x00")[:3],
    ],
    ids=lambda frame: frame.hex(),
)
def test_what_does_not_belong_into_ready_sends_it_back_where_it_came_from(frame: bytes) -> None:
    tag = RadioTag(MifareClassic(FOUR))
    tag.exchange(*REQA)
    assert tag.exchange(frame) is None
    assert is_at(tag, State.IDLE)
    selected(tag).exchange(HALT)
    tag.exchange(*WUPA)
    assert tag.exchange(frame) is None
    assert is_at(tag, State.HALT)


def test_a_select_with_a_wrong_bcc_and_a_right_crc_is_not_taken() -> None:
    tag = RadioTag(MifareClassic(FOUR))
    tag.exchange(*REQA)
    assert tag.exchange(with_crc_a(b"\x93\x70" + FOUR + b"\x00")) is None
    assert tag.state is State.IDLE


@pytest.mark.parametrize(
    "frame", [b"\x30\x04", READ_4[:-1] + b"\x00", with_crc_a(b"\xff\xff"), with_crc_a(b"\x1a\x00")]
)
def test_what_an_active_tag_does_not_understand_ends_its_selection_in_silence(
    frame: bytes,
) -> None:
    tag = selected(RadioTag(Type2Tag(SEVEN)))
    assert tag.exchange(frame) is None
    assert is_at(tag, State.IDLE)
    selected(tag).exchange(HALT)
    assert tag.exchange(frame) is None
    select(tag)
    assert tag.exchange(frame) is None
    assert is_at(tag, State.HALT)


def test_a_frame_cut_within_a_byte_ends_the_selection() -> None:
    tag = selected(RadioTag(Type2Tag(SEVEN)))
    assert tag.exchange(READ_4, 5) is None
    assert tag.state is State.IDLE


def test_a_nak_has_four_bits_and_ends_the_selection() -> None:
    tag = selected(RadioTag(Type2Tag(SEVEN)))
    assert tag.exchange(with_crc_a(b"\x30\xff")) == Answer(b"\x00", 4)
    assert tag.state is State.IDLE


def test_an_ack_has_four_bits_and_keeps_the_selection() -> None:
    tag = selected(RadioTag(Type2Tag(SEVEN)))
    assert tag.exchange(with_crc_a(bytes.fromhex("A20401020304"))) == Answer(b"\x0a", 4)
    assert bytes_of(tag.exchange(READ_4))[:4] == b"\x01\x02\x03\x04"


def test_an_empty_frame_changes_nothing() -> None:
    tag = selected(RadioTag(Type2Tag(SEVEN)))
    assert tag.exchange(b"") is None
    assert tag.state is State.ACTIVE


def test_a_tag_with_a_random_uid_says_another_one_in_every_field() -> None:
    said = iter([b"\x11\x22\x33", b"\x44\x55\x66"])
    tag = RadioTag(Ntag424(SEVEN, has_random_uid=True, random=lambda _: next(said)))
    for uid in ("08112233", "08445566"):
        assert bytes_of(tag.exchange(*REQA)) == b"\x04\x03"
        assert bytes_of(tag.exchange(b"\x93\x20"))[:4].hex() == uid
        if uid == "08112233":
            tag.field_off()


# Anticollision


def test_the_captured_answer_to_two_known_bits() -> None:
    tag = RadioTag(MifareClassic(FOUR))
    tag.exchange(*REQA)
    answer = tag.exchange(b"\x93\x22\x02", 2)
    assert answer is not None
    assert answer.bit_count == 38
    assert answer.aligned(2) == Answer(bytes.fromhex("686DEE36DF"))


@pytest.mark.parametrize("known_bits", range(40))
def test_any_number_of_known_bits_is_completed(known_bits: int) -> None:
    tag = RadioTag(MifareClassic(FOUR))
    whole = int.from_bytes(FOUR + b"\xdf", "little")
    known = (whole & ((1 << known_bits) - 1)).to_bytes(5, "little")[: (known_bits + 7) // 8]
    tag.exchange(*REQA)
    nvb = (2 + known_bits // 8) << 4 | known_bits % 8
    answer = tag.exchange(bytes([0x93, nvb]) + known, known_bits % 8)
    assert answer is not None
    assert answer.bit_count == 40 - known_bits
    rest = int.from_bytes(answer.data, "little")
    assert rest << known_bits | int.from_bytes(known, "little") == whole


@pytest.mark.parametrize("bit", range(32))
def test_one_wrong_known_bit_silences_it(bit: int) -> None:
    tag = RadioTag(MifareClassic(FOUR))
    whole = int.from_bytes(FOUR, "little") ^ (1 << bit)
    tag.exchange(*REQA)
    assert tag.exchange(b"\x93\x60" + whole.to_bytes(4, "little")) is None
    assert tag.state is State.IDLE


def test_two_tags_collide_in_the_first_bit_they_differ_in() -> None:
    tags = [RadioTag(MifareClassic(bytes.fromhex(uid))) for uid in ("01020304", "01020B04")]
    for tag in tags:
        tag.exchange(*REQA)
    heard = collide(tag.exchange(b"\x93\x20") for tag in tags)
    assert heard.collision_bit == 20
    assert heard.last_bits == 0
    assert heard.data[:2] == b"\x01\x02"
    one = (b"\x93\x41\x01\x02\x01", 1)
    answers = [tag.exchange(*one) for tag in tags]
    assert collide(answers).collision_bit == 20 - 17
    assert [tag.exchange(b"\x93\x44\x01\x02\x0b", 4) is None for tag in tags] == [True, False]
    assert [tag.state for tag in tags] == [State.IDLE, State.READY]


def test_the_last_bit_of_a_uid_is_bit_32() -> None:
    answers = [Answer(bytes.fromhex("0102030404")), Answer(bytes.fromhex("0102038484"))]
    assert collide(answers).collision_bit == 32


def test_one_tag_and_equal_answers_do_not_collide() -> None:
    atqa = Answer(b"\x44\x00")
    assert collide([None, atqa, atqa, None]) == (b"\x44\x00", 0, None)
    assert collide([Answer(b"\x0a", 4)]) == (b"\x0a", 4, None)


def test_nobody_answering_is_no_bytes() -> None:
    assert collide([None, None]) == (b"", 0, None)


def test_a_longer_answer_is_heard_to_its_end() -> None:
    assert collide([Answer(b"\x0a", 4), Answer(b"\x0a\x01")]) == (b"\x0a\x01", 0, None)


def test_both_tags_are_reached_one_after_the_other() -> None:
    uids = [bytes.fromhex("01020304"), bytes.fromhex("01020B04")]
    tags = [RadioTag(MifareClassic(uid)) for uid in uids]
    for uid in uids:
        for tag in tags:
            tag.exchange(*REQA)
        answers = [tag.exchange(select_frame(0, uid)) for tag in tags]
        assert sum(answer is not None for answer in answers) == 1
        for tag in tags:
            tag.exchange(HALT)
    assert [tag.state for tag in tags] == [State.HALT, State.HALT]


# What an emulated MFRC522 does with the keys of a Classic


def test_a_right_key_opens_the_sector_and_a_wrong_one_ends_the_selection() -> None:
    tag = selected(RadioTag(MifareClassic(FOUR)))
    assert tag.authenticate(KEY_A, 8, TRANSPORT_KEY, FOUR)
    assert len(bytes_of(tag.exchange(with_crc_a(b"\x30\x08")))) == 18
    assert not tag.authenticate(KEY_A, 8, bytes(6), FOUR)
    assert tag.state is State.IDLE
    assert not tag.authenticate(KEY_A, 8, TRANSPORT_KEY, FOUR)


def test_of_a_longer_uid_the_last_four_bytes_count() -> None:
    tag = selected(RadioTag(MifareClassic(SEVEN)))
    assert tag.authenticate(KEY_A, 8, TRANSPORT_KEY, SEVEN[3:])
    assert not tag.authenticate(KEY_A, 8, TRANSPORT_KEY, SEVEN[:4])


def test_selecting_anew_closes_the_sector() -> None:
    tag = selected(RadioTag(MifareClassic(FOUR)))
    assert tag.authenticate(KEY_A, 8, TRANSPORT_KEY, FOUR)
    tag.exchange(HALT)
    selected(tag)
    assert tag.exchange(with_crc_a(b"\x30\x08")) == Answer(b"\x04", 4)
