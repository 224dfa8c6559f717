"""The command channel of GM65 scanners, and the question whether one is alive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.drivers.gm65 import (
    ACK,
    ASK_BAUD,
    LONGEST_ANSWER_DATA,
    Kind,
    Order,
    Unclear,
    encode_answer,
    encode_order,
    judge_answer,
    judge_order,
)
from reader_agent.drivers.port_watch import READER_SILENT
from reader_agent.drivers.scanner_reader import (
    ANSWER_NS,
    IDLE_NS,
    SILENT_PAUSE_NS,
    TRIES,
    GM65Watch,
)

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "scanner.json").read_text(encoding="utf-8")
)


def order_of(fact: dict[str, Any]) -> Order:
    order = fact["order"]
    return Order(Kind[order["kind"]], order["address"], bytes.fromhex(order["data"]))


@pytest.mark.parametrize("fact", FACTS["orders"], ids=lambda fact: str(fact["name"]))
def test_orders_are_encoded_as_published_and_read_back(fact: dict[str, Any]) -> None:
    raw = bytes.fromhex(fact["hex"])
    assert encode_order(order_of(fact)) == raw
    assert judge_order(raw + b"more") == (order_of(fact), len(raw))


@pytest.mark.parametrize("fact", FACTS["unchecked"], ids=lambda fact: str(fact["name"]))
def test_orders_whose_crc_is_not_checked_are_understood(fact: dict[str, Any]) -> None:
    raw = bytes.fromhex(fact["hex"])
    assert encode_order(order_of(fact), checked=False) == raw
    assert judge_order(raw) == (order_of(fact), len(raw))


@pytest.mark.parametrize("fact", FACTS["answers"], ids=lambda fact: str(fact["name"]))
def test_answers_are_encoded_as_published_and_known_when_whole(fact: dict[str, Any]) -> None:
    raw = bytes.fromhex(fact["hex"])
    assert encode_answer(bytes.fromhex(fact["data"])) == raw
    assert judge_answer(raw + b"052301") == raw
    for cut in range(len(raw)):
        assert judge_answer(raw[:cut]) is Unclear.UNFINISHED


@pytest.mark.parametrize("bit", range(8 * len(encode_answer(b"\x39\x01"))))
def test_one_wrong_bit_makes_no_answer(bit: int) -> None:
    raw = bytearray(encode_answer(b"\x39\x01"))
    raw[bit // 8] ^= 1 << bit % 8
    assert not isinstance(judge_answer(bytes(raw)), bytes)


def test_firmware_that_ends_every_short_answer_alike_is_understood() -> None:
    raw = ACK[:4] + b"\x0d" + ACK[-2:]
    assert judge_answer(raw) == raw
    assert judge_answer(b"\x02\x00\x00\x02\x39\x01\x33\x31") is Unclear.DAMAGED


def test_answers_longer_than_any_question_has_are_not_waited_for() -> None:
    longest = encode_answer(bytes(LONGEST_ANSWER_DATA))
    assert judge_answer(longest) == longest
    assert judge_answer(b"\x02\x00\x00" + bytes([LONGEST_ANSWER_DATA + 1])) is Unclear.DAMAGED
    assert judge_answer(b"\x02\x00\x00\x00") is Unclear.DAMAGED


@pytest.mark.parametrize("bit", range(8 * len(encode_order(ASK_BAUD))))
def test_an_order_with_a_wrong_bit_is_not_carried_out(bit: int) -> None:
    raw = bytearray(encode_order(ASK_BAUD))
    raw[bit // 8] ^= 1 << bit % 8
    assert isinstance(judge_order(bytes(raw)), Unclear)


class Watched:
    """A watch, and what it sent at which time."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.watch = GM65Watch(self.sent.append)
        self.watch.begin(0)


def test_a_scanner_is_asked_at_once_and_then_when_it_was_quiet_for_30_s() -> None:
    watched = Watched()
    assert watched.sent == [encode_order(ASK_BAUD)]
    watched.watch.heard(1, is_answer=True)
    watched.watch.tick(IDLE_NS)
    assert len(watched.sent) == 1
    watched.watch.tick(IDLE_NS + 1)
    assert len(watched.sent) == 2
    assert watched.watch.is_known


def test_a_scanner_that_does_not_answer_three_times_is_silent_until_it_does() -> None:
    watched = Watched()
    for number in range(1, TRIES + 1):
        assert watched.watch.fault is None
        assert len(watched.sent) == number
        watched.watch.tick(number * ANSWER_NS)
    assert watched.watch.fault == READER_SILENT
    watched.watch.tick(TRIES * ANSWER_NS + SILENT_PAUSE_NS)
    assert len(watched.sent) == TRIES + 1
    assert watched.watch.fault == READER_SILENT
    watched.watch.heard(TRIES * ANSWER_NS + SILENT_PAUSE_NS + 1, is_answer=True)
    assert watched.watch.fault is None


def test_a_code_is_a_sign_of_life_but_no_sign_of_a_gm65() -> None:
    watched = Watched()
    watched.watch.heard(1, is_answer=False)
    assert (watched.watch.fault, watched.watch.is_known) == (None, False)
