"""Signatures of real chips, and what happens without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from reader_agent.cards.conversation import BROKEN, GONE, REFUSED, Card, CardError, converse
from reader_agent.cards.curve import SECP128R1, SECP224R1, Curve
from reader_agent.cards.originality import MAKER_KEYS, MakerKey, check

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "ntag424.json").read_text(encoding="utf-8")
)
EVERY_SIGNATURE = pytest.mark.parametrize(
    "fact", FACTS["signatures"], ids=lambda fact: f"{fact['chips']} {fact['uid']}"
)
EVERY_CURVE = pytest.mark.parametrize("curve", [SECP128R1, SECP224R1], ids=["128", "224"])


def card_with(uid: str, signature: str) -> Card:
    is_type4 = len(signature) == 112
    return Card(bytes.fromhex(uid), b"\x44\x00", 0x20 if is_type4 else 0x00)


def verdict(card: Card, answer: bytes, keys: tuple[MakerKey, ...] = MAKER_KEYS) -> bool | None:
    command = "903c0000010000" if card.speaks_apdu else "3c00"

    def send(asked: bytes) -> bytes:
        assert asked.hex() == command
        return answer

    return converse(check(card, keys), send)


def answer_of(card: Card, signature: str) -> bytes:
    return bytes.fromhex(signature + ("9190" if card.speaks_apdu else ""))


@EVERY_SIGNATURE
def test_every_real_signature_holds_for_the_key_of_its_chips_alone(fact: dict[str, Any]) -> None:
    card = card_with(fact["uid"], fact["signature"])
    answer = answer_of(card, fact["signature"])
    assert verdict(card, answer) is True
    holds = {key.chips for key in MAKER_KEYS if verdict(card, answer, (key,))}
    assert holds == {fact["chips"]}


@EVERY_SIGNATURE
def test_a_signature_of_another_chip_does_not_hold(fact: dict[str, Any]) -> None:
    uid = int(fact["uid"], 16) ^ 1
    card = card_with(f"{uid:014X}", fact["signature"])
    assert verdict(card, answer_of(card, fact["signature"])) is False


def test_both_ways_of_ending_the_answer_are_understood() -> None:
    fact = next(fact for fact in FACTS["signatures"] if fact["chips"] == "NTAG 424 DNA")
    card = card_with(fact["uid"], fact["signature"])
    assert verdict(card, bytes.fromhex(fact["signature"] + "9100")) is True


@pytest.mark.parametrize("length", [0, 31, 33, 48])
def test_a_signature_of_another_length_does_not_hold(length: int) -> None:
    card = card_with("04AB87F2CA1190", "")
    assert verdict(card, bytes(length)) is False


@pytest.mark.parametrize("status", ["911C", "6D00", "6E00", "917E"])
def test_a_chip_that_knows_no_signature_gets_no_verdict(status: str) -> None:
    card = Card(bytes(7), b"\x44\x03", 0x20)
    assert verdict(card, bytes.fromhex(status)) is None


def failing(code: str) -> object:
    def send(_command: bytes) -> bytes:
        raise CardError(code)

    return converse(check(Card(bytes(7), b"\x44\x00", 0x00)), send)


def test_a_type_2_chip_that_says_no_gets_no_verdict() -> None:
    assert failing(REFUSED) is None


@pytest.mark.parametrize("code", [GONE, BROKEN])
def test_a_card_that_leaves_is_no_verdict_either_way(code: str) -> None:
    with pytest.raises(CardError) as error:
        failing(code)
    assert error.value.code == code


def test_a_mifare_classic_is_not_even_asked() -> None:
    def send(_command: bytes) -> bytes:
        pytest.fail("it has no signature")

    assert converse(check(Card(bytes(4), b"\x04\x00", 0x08)), send) is None


def test_the_keys_are_points_of_their_curves() -> None:
    assert all(key.curve.point_of(key.point) for key in MAKER_KEYS)


def test_a_key_that_is_no_point_of_its_curve_is_a_programmers_error() -> None:
    key = MakerKey("nothing", SECP128R1, bytes(33))
    with pytest.raises(ValueError, match="no point"):
        verdict(card_with("04AB87F2CA1190", ""), bytes(32), (key,))


def test_a_key_of_our_own_may_be_given() -> None:
    private, uid = 0x1234567, 0x04AB87F2CA1190
    public = SECP128R1.times(private, SECP128R1.base)
    assert public is not None
    point = b"\x04" + public[0].to_bytes(16) + public[1].to_bytes(16)
    nonce = SECP128R1.times(0x7654321, SECP128R1.base)
    assert nonce is not None
    r = nonce[0] % SECP128R1.order
    s = pow(0x7654321, -1, SECP128R1.order) * (uid + r * private) % SECP128R1.order
    card = card_with(f"{uid:014X}", "")
    signature = r.to_bytes(16) + s.to_bytes(16)
    assert verdict(card, signature, (MakerKey("ours", SECP128R1, point),)) is True
    assert verdict(card, signature) is False


@EVERY_CURVE
def test_a_curve_is_what_its_name_says(curve: Curve) -> None:
    assert curve.has(curve.base)
    assert curve.times(curve.order, curve.base) is None
    last = curve.times(curve.order - 1, curve.base)
    assert last == (curve.base[0], curve.p - curve.base[1])
    assert curve.add(last, curve.base) is None
    assert curve.add(None, curve.base) == curve.base
    assert not curve.has((curve.base[0], curve.base[1] + 1))
    assert not curve.has((curve.base[0] + curve.p, curve.base[1]))


@EVERY_CURVE
def test_halves_of_a_signature_out_of_range_are_refused(curve: Curve) -> None:
    size = curve.size
    for r, s in ((0, 1), (1, 0), (curve.order, 1), (1, curve.order)):
        assert not curve.is_signed(curve.base, 1, r.to_bytes(size) + s.to_bytes(size))


def test_the_arithmetic_is_that_of_the_cryptography_package() -> None:
    for private in (1, 2, 3, 0x1234567890ABCDEF, SECP224R1.order - 2):
        numbers = ec.derive_private_key(private, ec.SECP224R1()).public_key().public_numbers()
        assert SECP224R1.times(private, SECP224R1.base) == (numbers.x, numbers.y)
