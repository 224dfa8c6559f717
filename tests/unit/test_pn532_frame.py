"""The PN532's frames against bytes that left real chips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.drivers.pn532_frame import (
    ACK,
    ERROR,
    FROM_CHIP,
    FROM_HOST,
    MOST_BYTES,
    NACK,
    Frame,
    Kind,
    PN532Parser,
    encode,
)

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "pn532.json").read_text(encoding="utf-8")
)
SIDES = {"host": FROM_HOST, "chip": FROM_CHIP}
MS = 1_000_000
VERSION = encode(FROM_CHIP, bytes.fromhex("0332010607"))
NOBODY = encode(FROM_CHIP, bytes.fromhex("4B00"))
LONGEST = encode(FROM_CHIP, b"\x01" + bytes(range(256)) + bytes(7))


def words(frames: list[Frame]) -> list[str]:
    """Frames in the words of the facts."""
    return [each.data.hex() if each.kind is Kind.DATA else each.kind.value for each in frames]


def read(data: bytes, tfi: int = FROM_CHIP) -> list[str]:
    """What a parser finds at once, in the words of the facts."""
    return words(PN532Parser(tfi).feed(data, 0))


@pytest.mark.parametrize("fact", FACTS["frames"], ids=lambda fact: str(fact["name"]))
def test_every_captured_frame_is_read(fact: dict[str, Any]) -> None:
    assert read(bytes.fromhex(fact["hex"]), SIDES[fact["from"]]) == fact["frames"]


@pytest.mark.parametrize("fact", FACTS["frames"], ids=lambda fact: str(fact["name"]))
def test_the_encoder_writes_what_was_captured(fact: dict[str, Any]) -> None:
    known = {"ack": ACK, "nack": NACK, "error": ERROR}
    for frame in fact["frames"]:
        if frame == "damaged":
            continue
        ours = known.get(frame) or encode(SIDES[fact["from"]], bytes.fromhex(frame))
        # The postamble is left out here, because some captures have none.
        assert ours[:-1].hex() in fact["hex"]


def test_the_other_side_is_not_listened_to() -> None:
    command = encode(FROM_HOST, b"\x02")
    assert read(command + VERSION) == ["0332010607"]
    assert read(command + VERSION, FROM_HOST) == ["02"]


@pytest.mark.parametrize("count", [1, 253, 254, 255, 263, MOST_BYTES - 1])
def test_frames_of_every_length_come_back(count: int) -> None:
    data = bytes([0x41]) + bytes(at & 0xFF for at in range(count - 1))
    frame = encode(FROM_CHIP, data)
    assert read(frame + NOBODY) == [data.hex(), "4b00"]
    assert (frame[3:5] == b"\xff\xff") == (count > 254)


@pytest.mark.parametrize("data", [b"", bytes(MOST_BYTES)])
def test_what_fits_into_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 264"):
        encode(FROM_CHIP, data)


@pytest.mark.parametrize("length", ["010A", "0000", "FF00"])
def test_an_extended_frame_that_is_too_long_is_none(length: str) -> None:
    body = bytes.fromhex(length)
    header = b"\x00\x00\xff\xff\xff" + body + bytes([-sum(body) & 0xFF])
    assert read(header + b"\xd5\x41" + VERSION) == ["0332010607"]


def test_any_number_of_bytes_may_stand_before_a_frame() -> None:
    for preamble in (b"", b"\x55\x55" + bytes(14), bytes(10), b"\x55\x00\x00\x55", b"\xff" * 7):
        assert read(preamble + VERSION) == ["0332010607"]


@pytest.mark.parametrize("cut", range(1, len(VERSION)))
def test_a_frame_that_lost_its_end_or_its_begin_costs_only_itself(cut: int) -> None:
    for damaged in (VERSION[:cut], VERSION[cut:]):
        parser = PN532Parser(FROM_CHIP)
        found = words(parser.feed(damaged + NOBODY + ACK, 0) + parser.tick(50 * MS))
        assert found[-2:] == ["4b00", "ack"]


@pytest.mark.parametrize("at", range(1, len(VERSION) - 1))
def test_a_flipped_byte_costs_only_its_frame(at: int) -> None:
    damaged = bytearray(VERSION)
    damaged[at] ^= 0x40
    parser = PN532Parser(FROM_CHIP)
    found = words(parser.feed(bytes(damaged) + NOBODY, 0) + parser.tick(50 * MS))
    assert found in (["4b00"], ["damaged", "4b00"])


def test_a_frame_is_reported_at_its_checksum() -> None:
    for frame in (VERSION, LONGEST, ACK, NACK, ERROR):
        parser = PN532Parser(FROM_CHIP)
        assert parser.feed(frame[:-2], 0) == []
        assert len(parser.feed(frame[-2:-1], 0)) == 1
        assert parser.feed(frame[-1:], 0) == []


def test_half_a_frame_is_given_up_after_50_ms_of_silence() -> None:
    parser = PN532Parser(FROM_CHIP)
    parser.feed(VERSION[:9], 0)
    assert parser.tick(49 * MS) == []
    assert words(parser.tick(50 * MS)) == ["damaged"]
    assert parser.feed(VERSION[9:], 51 * MS) == []


def test_a_chunk_that_was_read_late_still_completes_its_frame() -> None:
    parser = PN532Parser(FROM_CHIP)
    parser.feed(VERSION[:9], 0)
    assert len(parser.feed(VERSION[9:], 900 * MS)) == 1


def test_a_false_begin_hides_a_frame_only_until_it_is_silent() -> None:
    parser = PN532Parser(FROM_CHIP)
    false_begin = b"\x00\x00\xff\x20\xe0\xd5"
    assert parser.feed(false_begin + VERSION, 0) == []
    assert words(parser.tick(50 * MS)) == ["damaged", "0332010607"]


def test_a_wrong_checksum_is_told_and_noise_is_not() -> None:
    noise = b"\x00\xff\x00\x00\xff\x07\x55" + bytes(9)
    assert read(noise + VERSION[:-2] + b"\x00" + NOBODY) == ["damaged", "4b00"]


def test_the_notes_show_the_bytes_that_are_tested() -> None:
    notes = Path(__file__).parents[2] / "firmware_notes" / "pn532.md"
    rows = [line for line in notes.read_text(encoding="utf-8").splitlines() if "| `" in line]
    shown = [tuple(cell.strip(" `") for cell in row.split("|")[1:5]) for row in rows]
    facts = [(fact["from"], fact["name"], fact["hex"], fact["source"]) for fact in FACTS["frames"]]
    assert [row for row in shown if row[0] in SIDES] == facts
