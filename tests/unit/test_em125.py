"""The 125 kHz parser against bytes that left real readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.drivers.em125 import EM125Parser, Frame, Framing, encode_em125

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "em125.json").read_text(encoding="utf-8")
)
GOOD = bytes.fromhex(FACTS["frames"][0]["hex"])
RAW = bytes.fromhex(FACTS["frames"][4]["hex"])
CRLF = bytes.fromhex(FACTS["frames"][5]["hex"])
MS = 1_000_000


def tags(data: bytes, framing: str = "auto") -> list[str]:
    return [frame.tag for frame in EM125Parser(framing).feed(data, 0)]


@pytest.mark.parametrize("fact", FACTS["frames"], ids=lambda fact: str(fact["name"]))
def test_every_captured_frame_is_read(fact: dict[str, Any]) -> None:
    raw = bytes.fromhex(fact["hex"])
    assert EM125Parser().feed(raw, 0) == [Frame(fact["tag"], Framing(fact["framing"]), raw)]
    assert EM125Parser(fact["framing"]).feed(raw, 0)[0].tag == fact["tag"]
    assert int(fact["tag"][-8:], 16) == fact["number"]


@pytest.mark.parametrize("fact", FACTS["frames"], ids=lambda fact: str(fact["name"]))
def test_the_encoder_sends_what_the_reader_sent(fact: dict[str, Any]) -> None:
    assert encode_em125(fact["tag"], Framing(fact["framing"])).hex() == fact["hex"]


@pytest.mark.parametrize("fact", FACTS["streams"], ids=lambda fact: str(fact["name"]))
def test_every_captured_stream_gives_its_tags(fact: dict[str, Any]) -> None:
    assert tags(bytes.fromhex(fact["hex"])) == fact["tags"]


@pytest.mark.parametrize("text", FACTS["phantoms"]["text_forms"])
def test_phantoms_have_a_right_checksum_and_so_pass_the_parser(text: str) -> None:
    assert tags(b"\x02" + text.encode() + b"\x03") == [f"em4100:{text[:10]}"]


@pytest.mark.parametrize("cut", range(1, len(GOOD)))
def test_a_cut_frame_costs_only_itself(cut: int) -> None:
    for damaged in (GOOD[:cut], GOOD[cut:], RAW[: cut % 13], RAW[cut % 13 or 1 :], CRLF[:cut]):
        assert tags(damaged + GOOD + RAW) == ["em4100:010063E9AE", "em4100:0114AE3BBC"]


@pytest.mark.parametrize("at", range(1, 14))
def test_a_flipped_byte_costs_only_its_frame(at: int) -> None:
    damaged = bytearray(GOOD)
    damaged[at] ^= 0x40
    assert tags(bytes(damaged) + CRLF) == ["em4100:0500207B32"]


def test_frames_of_all_kinds_may_follow_each_other_without_a_gap() -> None:
    assert tags(GOOD + RAW + CRLF + GOOD) == [
        "em4100:010063E9AE",
        "em4100:0114AE3BBC",
        "em4100:0500207B32",
        "em4100:010063E9AE",
    ]


@pytest.mark.parametrize("checksum", range(256))
@pytest.mark.parametrize("framing", list(Framing))
def test_every_checksum_is_read_also_those_that_look_like_something_else(
    checksum: int, framing: Framing
) -> None:
    tag = f"em4100:{checksum:02X}00000000"
    frame = encode_em125(tag, framing)
    for data in (frame, frame + frame, frame[1:] + frame, frame[:-1] + frame):
        found = EM125Parser().feed(data, 0)
        assert found
        assert {(each.tag, each.framing) for each in found} == {(tag, framing)}


def test_a_frame_is_reported_at_its_last_byte() -> None:
    for frame in (GOOD, RAW, CRLF):
        parser = EM125Parser()
        assert parser.feed(frame[:-1], 0) == []
        assert len(parser.feed(frame[-1:], 0)) == 1


def test_lower_case_digits_name_the_same_tag() -> None:
    assert tags(GOOD.lower()) == ["em4100:010063E9AE"]
    assert tags(CRLF.lower()) == ["em4100:0500207B32"]


def test_a_reader_with_a_known_framing_hears_no_other() -> None:
    everything = GOOD + RAW + CRLF
    assert tags(everything, "ascii") == ["em4100:010063E9AE"]
    assert tags(everything, "raw") == ["em4100:0114AE3BBC"]
    assert tags(everything, "crlf") == ["em4100:0500207B32"]


def test_a_known_framing_refuses_a_damaged_frame_that_looks_like_a_shorter_one() -> None:
    # Thirteen bytes of a 14-byte frame that lost its third; the "4" where the raw checksum
    # would be is, by bad luck, the XOR of the shifted digits.
    damaged = b"\x02" + b"0000000034" + b"4" + b"\x03"
    assert tags(damaged) == ["em4100:0000000034"]
    assert tags(damaged, "ascii") == []


def test_half_a_frame_is_forgotten_after_30_ms_of_silence() -> None:
    parser = EM125Parser()
    parser.feed(GOOD[:7], 0)
    parser.tick(30 * MS)
    assert parser.feed(GOOD[7:], 31 * MS) == []


def test_half_a_frame_survives_a_shorter_silence() -> None:
    parser = EM125Parser()
    parser.feed(GOOD[:7], 0)
    parser.tick(16 * MS)
    assert len(parser.feed(GOOD[7:], 17 * MS)) == 1


def test_a_chunk_that_was_read_late_still_completes_its_frame() -> None:
    parser = EM125Parser()
    parser.feed(GOOD[:7], 0)
    assert len(parser.feed(GOOD[7:], 900 * MS)) == 1


def test_an_unknown_framing_is_refused() -> None:
    with pytest.raises(ValueError, match="morse"):
        EM125Parser("morse")


def test_the_encoder_knows_only_em4100() -> None:
    with pytest.raises(ValueError, match="em4100"):
        encode_em125("w26:123456", Framing.ASCII)


def test_the_notes_show_the_bytes_that_are_tested() -> None:
    notes = Path(__file__).parents[2] / "firmware_notes" / "em125.md"
    rows = [line for line in notes.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    shown = [tuple(cell.strip(" `") for cell in row.split("|")[1:5]) for row in rows]
    assert shown == [
        (fact["framing"], str(len(fact["hex"]) // 2), fact["hex"], fact["tag"][7:])
        for fact in FACTS["frames"]
    ]
