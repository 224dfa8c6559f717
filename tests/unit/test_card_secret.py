"""The keys of the cards: as the published vectors have them, and shown to nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.card_keys import CardKeysSchema
from schemas.sun import read_sun_url, sun_url, verify_sun
from server.card_keys import CardSecret, card_keys, card_secret
from server.master_key import MasterKey

DATA = Path(__file__).resolve().parents[1] / "data" / "sdm_key_diversification.json"
VECTORS: list[dict[str, Any]] = json.loads(DATA.read_text())["vectors"]
UID, URL = "04A1B2C3D4E5F6", "https://valet.test/t"
KEY = MasterKey(b"\x07" * 32)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_keys_are_derived_as_published(vector: dict[str, Any]) -> None:
    secret = CardSecret(bytes.fromhex(vector["master"]))

    assert secret.meta.hex().upper() == vector["undiversified"]
    for tag in vector["tags"]:
        assert secret.slot(tag["uid"], tag["slot"]).hex().upper() == tag["key"]


def test_a_card_has_five_different_keys_of_which_only_the_meta_key_is_shared() -> None:
    ours, other = card_keys(KEY, UID, URL), card_keys(KEY, "04112233445566", URL)

    assert len({*ours.app, *other.app}) == 9
    assert ours.meta == other.meta
    assert bytes(16) not in ours.app


def test_another_master_key_gives_other_keys() -> None:
    ours, theirs = card_keys(KEY, UID, URL), card_keys(MasterKey(b"\x08" * 32), UID, URL)

    assert set(ours.app).isdisjoint(theirs.app)


def test_a_card_made_with_the_keys_is_verified_with_the_secret() -> None:
    keys, secret = card_keys(KEY, UID, URL), card_secret(KEY)
    message = read_sun_url(sun_url(keys.url, UID, 7, keys.meta, keys.file, b"12345"))

    read = verify_sun(message, secret.meta, secret.file)

    assert read is not None
    assert (read.uid, read.counter) == (UID, 7)


def test_no_key_is_printed() -> None:
    secret = card_secret(KEY)
    shown = repr(secret) + repr(card_keys(KEY, UID, URL)) + str(secret)

    assert secret.secret.hex() not in shown.lower()
    assert repr(secret.secret) not in shown
    assert secret.meta.hex() not in shown.lower()


def test_the_keys_travel_as_both_sides_have_agreed() -> None:
    keys = card_keys(KEY, UID, URL)

    assert CardKeysSchema().load(keys.to_wire()) == keys
