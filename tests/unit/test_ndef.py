"""Links in NDEF messages, and in the memory of tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cards.ndef import URI_PREFIXES, encode_uri, type2_tlv, type4_file, uri_of
from reader_agent.cards.sdm import link_file

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "ndef.json").read_text(encoding="utf-8")
)
EVERY_URI = pytest.mark.parametrize("fact", FACTS["uris"], ids=lambda fact: str(fact["uri"]))
TEXT_RECORD = bytes.fromhex("91010454026573") + b"H"


@EVERY_URI
def test_published_messages_are_written_and_read(fact: dict[str, Any]) -> None:
    message = bytes.fromhex(fact["message"])
    assert encode_uri(fact["uri"]) == message
    assert uri_of(message) == fact["uri"]
    assert type2_tlv(message).hex() == fact["type2"]
    assert type4_file(message).hex() == fact["type4"]


def test_the_template_of_a_card_is_written_with_its_offsets() -> None:
    fact = FACTS["template"]
    file = link_file(fact["url"])
    assert file.content.hex() == fact["file"]
    assert (file.picc_at, file.mac_at) == (fact["picc_at"], fact["mac_at"])
    assert file.content[file.picc_at :][:32] == b"0" * 32
    assert file.content[file.picc_at - 11 :][:11] == b"?picc_data="
    assert file.content[file.mac_at :] == b"0" * 16


def test_the_settings_of_a_card_are_those_of_the_data_sheet() -> None:
    # SDM on, plain; read free, the rest key 0; UID, counter, ASCII; meta key 1, file key 2,
    # counter for nobody; then the three offsets, last byte first.
    settings = link_file(FACTS["template"]["url"]).settings
    assert settings.hex() == "4000e0c1ff121d0000430000430000"


@pytest.mark.parametrize("url", ["https://v.example/t?x", "https://v.example/t#x"])
def test_a_template_with_a_query_of_its_own_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="without one"):
        link_file(url)


def test_a_template_that_does_not_fit_the_card_is_refused() -> None:
    fits = "https://v.example/" + "t" * 174
    assert len(link_file(fits).content) == 256
    with pytest.raises(ValueError, match="257 bytes; the card has 256"):
        link_file(fits + "t")


@pytest.mark.parametrize("code", range(36))
def test_every_prefix_is_read(code: int) -> None:
    message = bytes([0xD1, 1, 2]) + b"U" + bytes([code]) + b"x"
    assert uri_of(message) == URI_PREFIXES[code] + "x"


def test_the_longest_prefix_is_written() -> None:
    assert encode_uri("https://www.example")[4] == 2
    assert encode_uri("urn:epc:id:x")[4] == 0x1E
    assert encode_uri("geo:1,2")[4] == 0


def test_a_long_link_has_a_long_length() -> None:
    uri = "https://h/" + "é" * 200
    message = encode_uri(uri)
    assert message[:6] == bytes.fromhex("C10100000193")
    assert uri_of(message) == uri
    assert type2_tlv(message)[:4] == b"\x03\xff" + len(message).to_bytes(2)


def test_the_first_uri_record_counts() -> None:
    first, second = encode_uri("https://one"), encode_uri("https://two")
    assert uri_of(TEXT_RECORD + first + second) == "https://one"


def test_a_record_with_an_id_is_read() -> None:
    assert uri_of(bytes.fromhex("D901050255") + b"id" + b"\x04host") == "https://host"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xd1",
        TEXT_RECORD,
        bytes.fromhex("D0000000"),
        bytes.fromhex("D1010155"),
        bytes.fromhex("D101005500"),
        bytes.fromhex("D10102550478")[:-1],
        bytes.fromhex("F1010255") + b"\x04h",
        bytes.fromhex("D2010255") + b"\x04h",
        bytes.fromhex("D1010255") + b"\x24h",
        bytes.fromhex("D1010255") + b"\x04\xff",
        bytes.fromhex("D1010255") + b"\x04\n",
        bytes.fromhex("D1010155") + b"\x00",
        bytes.fromhex("C101FFFFFFFF55") + b"\x04h",
    ],
    ids=lambda message: message.hex() or "nothing",
)
def test_a_message_without_a_whole_uri_has_none(message: bytes) -> None:
    assert uri_of(message) is None
