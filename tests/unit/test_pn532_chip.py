"""What a PN532 says about cards and about itself, taken apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cards.conversation import Card
from reader_agent.drivers.pn532_chip import Outcome, exchange, firmware, parse_targets
from reader_agent.drivers.pn532_orders import Answer, ChipError, Command, Dialog

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "pn532.json").read_text(encoding="utf-8")
)
TWO = bytes.fromhex(
    "02"
    "01 0344 20 07 04123456789ABC 06 7777710280"
    "02 0004 08 04 11223344"
)  # fmt: skip


def answers(dialog: Dialog[Any], *said: str) -> tuple[Any, list[str]]:
    """What a conversation returns, and its commands, when it hears these answers."""
    sent = []
    order = next(dialog)
    try:
        for each in said:
            assert isinstance(order, Command)
            sent.append(order.data.hex())
            order = dialog.send(Answer(0, bytes.fromhex(each)))
    except StopIteration as end:
        return end.value, sent
    raise AssertionError("it wants to know more")


@pytest.mark.parametrize("fact", FACTS["cards"], ids=lambda fact: str(fact["name"]))
def test_every_captured_card_is_described(fact: dict[str, Any]) -> None:
    (target,) = parse_targets(bytes.fromhex(fact["hex"]))
    ats = bytes.fromhex(fact["ats"]) if "ats" in fact else None
    uid, atqa = bytes.fromhex(fact["uid"]), bytes.fromhex(fact["atqa"])
    assert target.number == 1
    assert target.card == Card(uid, atqa, fact["sak"], ats)


def test_two_cards_are_told_apart_by_the_length_of_the_first_ones_ats() -> None:
    first, second = parse_targets(TWO)
    assert (first.number, first.card.tag) == (1, "nfca:04123456789ABC")
    assert first.card.ats == bytes.fromhex("067777710280")
    assert (second.number, second.card.tag) == (2, "nfca:11223344")


def test_a_uid_of_ten_bytes_is_whole() -> None:
    (target,) = parse_targets(bytes.fromhex("01 01 0084 00 0A 0102030405060708090A"))
    assert target.card.tag == "nfca:0102030405060708090A"
    assert target.card.atqa == bytes.fromhex("8400")


@pytest.mark.parametrize("cut", range(len(TWO)))
def test_an_answer_that_is_cut_off_gives_no_card_that_is_not_whole(cut: int) -> None:
    for target in parse_targets(TWO[:cut]):
        assert target.card.tag in ("nfca:04123456789ABC", "nfca:11223344")


@pytest.mark.parametrize("length", [0, 3, 5, 8, 11])
def test_a_uid_of_a_length_that_no_card_has_is_none(length: int) -> None:
    assert parse_targets(bytes([1, 1, 0, 4, 8, length]) + bytes(length)) == ()


def test_the_chip_says_what_it_is() -> None:
    assert answers(firmware(), "32010607") == ("PN532 v1.6", ["02"])
    assert answers(firmware(), "33020700") == ("PN533 v2.7", ["02"])


def test_a_chip_that_says_too_little_of_itself_is_not_there() -> None:
    dialog = firmware()
    next(dialog)
    with pytest.raises(ChipError, match="chip_silent"):
        dialog.send(Answer(0, b"\x32"))


def test_an_answer_in_pieces_is_put_together() -> None:
    dialog = exchange(1, bytes.fromhex("00B0000030"), 100)
    outcome, sent = answers(dialog, "40AABB", "40CC", "009000")
    assert outcome == Outcome(0, bytes.fromhex("AABBCC9000"))
    assert sent == ["400100b0000030", "4001", "4001"]


def test_a_long_command_is_sent_in_pieces() -> None:
    outcome, sent = answers(exchange(2, bytes(300), 100), "00", "009000")
    assert outcome == Outcome(0, bytes.fromhex("9000"))
    assert [each[:4] for each in sent] == ["4042", "4002"]
    assert [len(each) // 2 - 2 for each in sent] == [262, 38]


def test_an_error_ends_an_exchange_also_in_the_middle() -> None:
    assert answers(exchange(1, bytes(5), 100), "40AA", "01")[0] == Outcome(1, b"\xaa")
    assert answers(exchange(1, bytes(300), 100), "0B")[0] == Outcome(0x0B, b"")


def test_an_answer_without_a_status_is_none() -> None:
    dialog = exchange(1, b"\x30\x04", 100)
    next(dialog)
    with pytest.raises(ChipError, match="chip_silent"):
        dialog.send(Answer(0))
