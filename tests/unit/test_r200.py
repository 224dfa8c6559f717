"""The UHF parser against bytes that left real modules, and against their manuals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.drivers.r200 import (
    LONGEST_DATA,
    LONGEST_NOTICE,
    Command,
    Error,
    Frame,
    Kind,
    Pair,
    R200Parser,
    TagRead,
    encode,
    encode_tag,
    gen2_crc,
    tag_read,
)

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "r200.json").read_text(encoding="utf-8")
)
TAGS = [bytes.fromhex(fact["hex"]) for fact in FACTS["tags"]]
GOOD, AA, TRICKY = TAGS[0], TAGS[2], TAGS[4]
MS = 1_000_000


def frames(data: bytes) -> list[bytes]:
    return [frame.raw for frame in R200Parser().feed(data, 0)]


def only(data: bytes) -> Frame:
    (frame,) = R200Parser().feed(data, 0)
    return frame


@pytest.mark.parametrize("fact", FACTS["tags"], ids=lambda fact: str(fact["name"]))
def test_every_captured_tag_is_read(fact: dict[str, Any]) -> None:
    frame = only(bytes.fromhex(fact["hex"]))
    assert frame.pair == fact["pair"]
    assert tag_read(frame) == TagRead(fact["tag"], fact["rssi_dbm"])


@pytest.mark.parametrize("fact", FACTS["answers"], ids=lambda fact: str(fact["name"]))
def test_every_published_answer_is_read(fact: dict[str, Any]) -> None:
    frame = only(bytes.fromhex(fact["hex"]))
    assert (frame.pair, frame.kind, Command(frame.command).name, frame.data.hex()) == (
        fact["pair"],
        Kind.ANSWER,
        fact["command"],
        fact["data"],
    )
    assert tag_read(frame) is None


@pytest.mark.parametrize("fact", FACTS["commands"], ids=lambda fact: str(fact["name"]))
def test_commands_are_encoded_as_the_manuals_print_them(fact: dict[str, Any]) -> None:
    data = bytes.fromhex(fact["data"])
    command = Command[fact["command"]]
    assert encode(Pair.BB, Kind.COMMAND, command, data).hex() == fact["hex"]
    body = fact["hex"][2:-2]
    assert encode(Pair.AA, Kind.COMMAND, command, data).hex() == f"aa{body}dd"


@pytest.mark.parametrize("fact", FACTS["wrong"], ids=lambda fact: str(fact["name"]))
def test_misprinted_frames_are_refused(fact: dict[str, Any]) -> None:
    assert frames(bytes.fromhex(fact["hex"])) == []


def test_an_error_names_its_code_and_other_answers_have_none() -> None:
    assert only(bytes.fromhex("bb01ff000115167e")).error == Error.INVENTORY
    assert only(bytes.fromhex("bb01280001002a7e")).error is None
    assert only(encode(Pair.BB, Kind.ANSWER, Command.ERROR)).error is None


@pytest.mark.parametrize("cut", range(1, len(TRICKY)))
def test_a_cut_frame_costs_only_itself(cut: int) -> None:
    for damaged in (TRICKY[:cut], TRICKY[cut:], AA[:cut], AA[cut:]):
        assert frames(damaged + GOOD + AA) == [GOOD, AA]


@pytest.mark.parametrize("fact", FACTS["answers"], ids=lambda fact: str(fact["name"]))
def test_a_cut_answer_costs_only_itself(fact: dict[str, Any]) -> None:
    raw = bytes.fromhex(fact["hex"])
    for cut in range(1, len(raw)):
        assert frames(raw[:cut] + GOOD + AA + GOOD) == [GOOD, AA, GOOD]


@pytest.mark.parametrize("at", [0, 1, *range(5, len(GOOD))])
def test_a_flipped_byte_costs_only_its_frame(at: int) -> None:
    damaged = bytearray(GOOD)
    damaged[at] ^= 0x40
    found = frames(bytes(damaged) + AA + GOOD)
    assert found[-2:] == [AA, GOOD]
    assert bytes(damaged) not in found


def test_a_flipped_length_hides_the_frames_behind_it_only_until_it_is_given_up() -> None:
    damaged = bytearray(GOOD)
    damaged[4] = LONGEST_NOTICE
    parser = R200Parser()
    assert parser.feed(bytes(damaged) + AA, 0) == []
    assert parser.tick(49 * MS) == []
    assert [frame.raw for frame in parser.tick(50 * MS)] == [AA]
    parser.feed(bytes(damaged) + AA, 60 * MS)
    later = parser.feed(GOOD * 2, 61 * MS)
    assert [frame.raw for frame in later] == [AA, GOOD, GOOD]


@pytest.mark.parametrize(
    ("kind", "command", "most"),
    [
        (Kind.NOTICE, Command.POLL, LONGEST_NOTICE),
        (Kind.ANSWER, Command.ERROR, LONGEST_NOTICE),
        (Kind.ANSWER, Command.INFO, 64),
        (Kind.ANSWER, Command.STOP, 8),
        (Kind.ANSWER, 0x39, LONGEST_DATA),
    ],
)
def test_a_length_that_no_frame_has_is_not_waited_for(kind: Kind, command: int, most: int) -> None:
    longest = encode(Pair.BB, kind, command, bytes(most))
    assert frames(longest) == [longest]
    for length in (most + 1, 0xFFFF):
        claim = bytes([0xBB, kind, command]) + length.to_bytes(2, "big")
        assert frames(claim + GOOD) == [GOOD]


def test_the_longest_frame_is_read_and_a_longer_one_cannot_be_made() -> None:
    longest = encode(Pair.AA, Kind.ANSWER, 0x39, bytes(LONGEST_DATA))
    assert frames(longest) == [longest]
    with pytest.raises(ValueError, match="512"):
        encode(Pair.AA, Kind.ANSWER, 0x39, bytes(LONGEST_DATA + 1))


def test_a_frame_is_reported_at_its_last_byte() -> None:
    for frame in TAGS:
        parser = R200Parser()
        assert parser.feed(frame[:-1], 0) == []
        assert len(parser.feed(frame[-1:], 900 * MS)) == 1


def test_half_a_frame_is_forgotten_after_50_ms_of_silence() -> None:
    parser = R200Parser()
    parser.feed(GOOD[:9], 0)
    assert parser.tick(50 * MS) == []
    assert parser.feed(GOOD[9:], 51 * MS) == []
    parser.feed(GOOD[:9], 100 * MS)
    parser.forget()
    assert parser.feed(GOOD[9:], 101 * MS) == []


def test_a_header_of_one_pair_needs_the_end_of_the_same_pair() -> None:
    assert frames(GOOD[:-1] + b"\xdd") == []
    assert frames(AA[:-1] + b"\x7e") == []


def notice(data: bytes, command: int = Command.POLL, kind: Kind = Kind.NOTICE) -> Frame:
    return only(encode(Pair.BB, kind, command, data))


def test_a_tag_is_read_from_notices_22_and_27_and_from_nothing_else() -> None:
    data = encode_tag("epc:E200001D7315016521408FC6", -60)
    read = TagRead("epc:E200001D7315016521408FC6", -60)
    assert tag_read(notice(data)) == read
    assert tag_read(notice(data, Command.POLL_MANY)) == read
    assert tag_read(notice(data, Command.INFO)) is None
    assert tag_read(notice(data, kind=Kind.ANSWER)) is None


@pytest.mark.parametrize("bit", range(8, 8 * 17))
def test_one_wrong_bit_behind_the_rssi_makes_the_tag_unbelievable(bit: int) -> None:
    data = bytearray(encode_tag("epc:E200001D7315016521408FC6", -60))
    data[bit // 8] ^= 1 << bit % 8
    assert tag_read(notice(bytes(data))) is None


def test_the_words_that_the_pc_counts_have_to_be_there() -> None:
    for words in (0, 5, 7, 31):
        pc_epc = (words << 11).to_bytes(2, "big") + bytes(12)
        data = b"\xc4" + pc_epc + gen2_crc(pc_epc).to_bytes(2, "big")
        assert tag_read(notice(data)) is None
    for short in range(6):
        assert tag_read(notice(bytes(short))) is None


@pytest.mark.parametrize("words", [1, 6, 8, 31])
@pytest.mark.parametrize("rssi_dbm", [-128, -60, 0, 127])
def test_every_length_and_strength_is_read_back(words: int, rssi_dbm: int) -> None:
    tag = "epc:" + "7EBB" * words
    assert tag_read(notice(encode_tag(tag, rssi_dbm))) == TagRead(tag, rssi_dbm)


def test_the_encoder_knows_only_epc() -> None:
    with pytest.raises(ValueError, match="epc"):
        encode_tag("em4100:010063E9AE", -60)


def test_the_notes_show_the_bytes_that_are_tested() -> None:
    notes = Path(__file__).parents[2] / "firmware_notes" / "r200.md"
    rows = [line for line in notes.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    shown = [tuple(cell.strip(" `") for cell in row.split("|")[1:5]) for row in rows]
    assert shown == [
        (fact["pair"], fact["hex"], fact["tag"][4:], str(fact["rssi_dbm"]))
        for fact in FACTS["tags"]
    ]
