"""CRC_A against frames that were on the air."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cards.crc_a import crc_a, with_crc_a, without_crc_a

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "iso14443a.json").read_text(encoding="utf-8")
)
UNCHECKED = {"52(7 bits)", "44 00", "93 20", "95 20"}
FRAMES = [
    bytes.fromhex(row)
    for trace in FACTS["traces"]
    for _, row in trace["rows"]
    if row not in UNCHECKED and len(bytes.fromhex(row)) != 5
] + [bytes.fromhex(fact["frame"]) for fact in FACTS["crc_a"]]


def test_the_trace_has_frames_to_check() -> None:
    assert len(FRAMES) == 18


@pytest.mark.parametrize("frame", FRAMES, ids=bytes.hex)
def test_the_crc_of_every_captured_frame_is_right(frame: bytes) -> None:
    assert with_crc_a(frame[:-2]) == frame
    assert without_crc_a(frame) == frame[:-2]


@pytest.mark.parametrize("frame", FRAMES, ids=bytes.hex)
def test_every_flipped_bit_is_noticed(frame: bytes) -> None:
    for bit in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        assert without_crc_a(bytes(damaged)) is None


def test_halt_ends_in_57_cd_low_byte_first() -> None:
    assert crc_a(b"\x50\x00") == b"\x57\xcd"


def test_another_preset_gives_another_crc() -> None:
    assert crc_a(b"", preset=0xFFFF) == b"\xff\xff"
    assert crc_a(b"\x50\x00", preset=0xFFFF) != crc_a(b"\x50\x00")


@pytest.mark.parametrize("frame", [b"", b"\x63", b"\x63\x63"])
def test_a_frame_with_nothing_before_its_crc_is_none(frame: bytes) -> None:
    assert without_crc_a(frame) is None
