"""The leakage resilient primitive against the vectors of NXP AN12304."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.lrp import LRP, nibbles_of, plaintexts, updated_keys

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "ntag424.json").read_text(encoding="utf-8")
)["lrp"]


def test_the_plaintexts_of_a_key_are_generated() -> None:
    fact = FACTS["plaintexts"]
    found = plaintexts(bytes.fromhex(fact["key"]))
    assert len(found) == 16
    assert (found[0].hex().upper(), found[-1].hex().upper()) == (fact["first"], fact["last"])


def test_the_updated_keys_of_a_key_are_generated() -> None:
    fact = FACTS["updated"]
    found = updated_keys(bytes.fromhex(fact["key"]))
    assert (found[0].hex().upper(), found[2].hex().upper()) == (fact["first"], fact["third"])


@pytest.mark.parametrize("fact", FACTS["evaluations"], ids=lambda fact: str(fact["nibbles"]))
def test_every_published_evaluation_is_reproduced(fact: dict[str, Any]) -> None:
    lrp = LRP(bytes.fromhex(fact["key"]), fact["updated"])
    nibbles = [int(digit, 16) for digit in fact["nibbles"]]
    assert lrp.evaluate(nibbles, final=fact["final"]).hex().upper() == fact["value"]


@pytest.mark.parametrize("fact", FACTS["cmacs"], ids=lambda fact: f"{len(fact['message']) // 2}")
def test_every_published_mac_is_reproduced(fact: dict[str, Any]) -> None:
    lrp = LRP(bytes.fromhex(fact["key"]))
    assert lrp.cmac(bytes.fromhex(fact["message"])).hex().upper() == fact["mac"]


def test_the_published_ciphertext_is_deciphered_block_by_block() -> None:
    fact = FACTS["lricb"]
    lrp = LRP(bytes.fromhex(fact["key"]))
    plain = lrp.decrypt(bytes.fromhex(fact["counter"]), bytes.fromhex(fact["cipher"]))
    assert plain.hex().upper() == fact["plain_padded"]


def test_the_counter_goes_round_its_own_length() -> None:
    lrp = LRP(bytes(16))
    blocks = bytes(32)
    second = lrp.decrypt(b"\xff\xff", blocks)[16:]
    assert second == lrp.decrypt(b"\x00\x00", blocks)[:16]


def test_nibbles_come_high_one_first() -> None:
    assert nibbles_of(b"\x13\x59\xab") == [1, 3, 5, 9, 10, 11]
