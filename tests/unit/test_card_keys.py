"""The keys of a card on their way to a station."""

from __future__ import annotations

import json

import pytest
from marshmallow import ValidationError

from schemas.card_keys import CardKeys

APP = tuple(bytes([slot]) * 16 for slot in range(5))
KEYS = CardKeys(APP, "https://valet.example/t")


def test_keys_go_over_the_wire_and_come_back() -> None:
    body = json.loads(json.dumps(KEYS.to_wire()))
    assert body == {
        "keys": [f"{slot:02X}" * 16 for slot in range(5)],
        "url": "https://valet.example/t",
    }
    assert CardKeys.from_wire(body) == KEYS


def test_each_slot_has_its_key() -> None:
    assert (KEYS.master, KEYS.meta, KEYS.file) == (APP[0], APP[1], APP[2])


def test_printing_keys_shows_none() -> None:
    secret = CardKeys((b"sixteen-secrets!",) * 5, "https://valet.example/t")
    for shown in (repr(secret), str(secret), f"{secret}"):
        assert "secrets" not in shown
        assert b"sixteen-secrets!".hex() not in shown


@pytest.mark.parametrize(
    "change",
    [
        {"keys": [key.hex() for key in APP[:4]]},
        {"keys": [key.hex() for key in APP] + ["00" * 16]},
        {"keys": ["00" * 15] * 5},
        {"keys": ["zz" * 16] * 5},
        {"keys": ["00" * 16 + "\n"] * 5},
        {"keys": "00" * 16},
        {"keys": None},
        {"url": "https://valet.example/t?x=1"},
        {"url": "https://valet.example/t#x"},
        {"url": "https://valet.example/" + "t" * 61},
        {"url": "ftp://valet.example/t"},
        {"url": "https:///t"},
        {"url": "https://valet.example/t t"},
        {"url": "https://valet.example/t\n"},
        {"url": ""},
        {"more": 1},
    ],
)
def test_a_body_that_is_no_five_keys_and_a_link_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CardKeys.from_wire({**KEYS.to_wire(), **change})


@pytest.mark.parametrize("body", [None, [], "keys", 1])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(ValidationError):
        CardKeys.from_wire(body)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/t", "http://[::1]:8000/t", "https://h"])
def test_a_link_to_a_server_at_hand_will_do(url: str) -> None:
    assert CardKeys.from_wire({**KEYS.to_wire(), "url": url}).url == url
