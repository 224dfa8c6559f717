"""Blocks to a Type 4 card: numbered, chained, repeated where they were lost."""

from __future__ import annotations

import json
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cards.conversation import CardError
from reader_agent.cards.crc_a import with_crc_a
from reader_agent.drivers.rc522_chip import Received
from reader_agent.drivers.rc522_iso_dep import AnswerToSelect, IsoDep, activate
from tests.iso_dep_card import EchoCard, LossyLine

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "mfrc522.json").read_text(encoding="utf-8")
)
NTAG_ATS = bytes.fromhex("067777710280")
FWT_7_S = 0.0387


class Script:
    """Answers as it is written, and checks what it is asked."""

    def __init__(self, *rows: tuple[str, str | None]) -> None:
        self._rows = list(rows)
        self.waits_s: list[float] = []

    def exchange(self, frame: bytes, wait_s: float) -> Received | None:
        self.waits_s.append(wait_s)
        sent, answer = self._rows.pop(0)
        assert frame == with_crc_a(bytes.fromhex(sent))
        return None if answer is None else Received(with_crc_a(bytes.fromhex(answer)))

    @property
    def is_over(self) -> bool:
        return not self._rows


def test_rats_asks_for_frames_that_fit_the_fifo() -> None:
    rats, ats = (bytes.fromhex(fact["frame"]) for fact in FACTS["iso_dep"])

    def exchange(frame: bytes, _wait_s: float) -> Received:
        assert frame == rats
        return Received(ats)

    assert activate(exchange) == NTAG_ATS


@pytest.mark.parametrize(
    "answer",
    [
        None,
        Received(b"\x04", 4),
        Received(bytes.fromhex("067777710280BE6B")),
        Received(with_crc_a(bytes.fromhex("077777710280"))),
        Received(bytes.fromhex("067777710280BE6A"), is_broken=True),
    ],
)
def test_a_card_without_an_ats_has_none(answer: Received | None) -> None:
    assert activate(lambda _frame, _wait_s: answer) is None


@pytest.mark.parametrize(
    ("ats", "size", "wait_ms", "start_ms"),
    [
        ("067777710280", 128, 38.66, 0.604),
        ("01", 32, 4.83, 0),
        ("0205", 64, 4.83, 0),
        ("0375E0", 64, 4.83, 0),
        ("0335E0", 64, 4.83, 0),
        ("0325E1", 64, 4948.6, 0.604),
        ("0325F0", 64, 4.83, 0),
        ("0320", 16, 4.83, 0),
    ],
)
def test_an_ats_says_how_long_a_card_may_think(
    ats: str, size: int, wait_ms: float, start_ms: float
) -> None:
    said = AnswerToSelect.read(bytes.fromhex(ats))
    assert said.frame_bytes == size
    assert said.frame_wait_s * 1000 == pytest.approx(wait_ms, rel=0.01)
    assert said.start_wait_s * 1000 == pytest.approx(start_ms, rel=0.01)


def test_the_blocks_of_a_published_read_are_the_same() -> None:
    script = Script(*FACTS["type4_read"]["exchange"])
    dep = IsoDep(script.exchange, NTAG_ATS)
    for sent, answer in FACTS["type4_read"]["exchange"]:
        assert dep.transceive(bytes.fromhex(sent[2:])) == bytes.fromhex(answer[2:])
    assert script.is_over


def test_a_lost_answer_is_asked_for_again() -> None:
    script = Script(("0200", None), ("B2", None), ("B2", "029000"), ("0301", "039000"))
    dep = IsoDep(script.exchange, NTAG_ATS)
    assert dep.transceive(b"\x00") == b"\x90\x00"
    assert dep.transceive(b"\x01") == b"\x90\x00"


def test_a_block_that_never_came_is_sent_again() -> None:
    script = Script(("0200", None), ("B2", "A3"), ("0200", "029000"))
    assert IsoDep(script.exchange, NTAG_ATS).transceive(b"\x00") == b"\x90\x00"


def test_a_card_that_is_gone_is_given_up_after_four_tries() -> None:
    script = Script(("0200", None), ("B2", None), ("B2", None), ("B2", None))
    with pytest.raises(CardError) as gone:
        IsoDep(script.exchange, NTAG_ATS).transceive(b"\x00")
    assert gone.value.code == "card_gone"
    assert script.is_over


def test_a_card_that_wants_more_time_gets_it() -> None:
    script = Script(("0200", "F20A"), ("F20A", "F201"), ("F201", "029000"))
    assert IsoDep(script.exchange, NTAG_ATS).transceive(b"\x00") == b"\x90\x00"
    assert script.waits_s == pytest.approx([0.0427, 0.3906, 0.0427], rel=0.01)


def test_a_card_that_wants_more_time_for_ever_is_given_up() -> None:
    def exchange(_frame: bytes, _wait_s: float) -> Received:
        return Received(with_crc_a(b"\xf2\x01"))

    with pytest.raises(CardError) as broken:
        IsoDep(exchange, NTAG_ATS).transceive(b"\x00")
    assert broken.value.code == "card_answer_broken"


@pytest.mark.parametrize("nonsense", ["", "FF", "A2", "C2", "F2", "039000", "0E9000", "E200"])
def test_nonsense_is_no_answer(nonsense: str) -> None:
    def exchange(_frame: bytes, _wait_s: float) -> Received:
        return Received(with_crc_a(bytes.fromhex(nonsense)))

    with pytest.raises(CardError):
        IsoDep(exchange, NTAG_ATS).transceive(b"\x00")


@pytest.mark.parametrize("ats", ["067777710280", "0205", "0200", "01", "0575775102"])
@pytest.mark.parametrize("sent", [0, 1, 13, 14, 29, 61, 62, 130, 262])
@pytest.mark.parametrize("length", [0, 58, 59, 60, 200])
def test_apdus_of_any_length_come_through_in_frames_of_64_bytes(
    ats: str, sent: int, length: int
) -> None:
    card = EchoCard(bytes.fromhex(ats), length)
    line = LossyLine(card, repeat("fine"))
    assert activate(line.exchange) == card.ats
    dep = IsoDep(line.exchange, card.ats or b"")
    for turn in range(2):
        apdu = bytes((turn + place) % 256 for place in range(max(sent, 1)))
        assert dep.transceive(apdu) == card.answer_to(apdu)
    assert dep.deselect()


def test_a_card_that_does_not_hear_of_the_end_is_told_twice() -> None:
    script = Script(("C2", None), ("C2", "C2"))
    assert IsoDep(script.exchange, NTAG_ATS).deselect()
    assert not IsoDep(lambda _frame, _wait_s: None, NTAG_ATS).deselect()
