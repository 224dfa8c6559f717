"""SUN messages against the examples of NXP's application notes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from schemas.sun import (
    LONGEST_URL,
    SunError,
    aes_cmac,
    decrypt_file_data,
    decrypt_picc,
    encrypt_file_data,
    encrypt_picc,
    read_sun_url,
    sdm_mac,
    session_keys,
    sun_url,
    verify_sun,
)

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "ntag424.json").read_text(encoding="utf-8")
)
MESSAGES = FACTS["sun"]
PLAIN_URL = MESSAGES[0]["url"]
FILE_URL = MESSAGES[1]["url"]
ZEROS = bytes(16)
META = bytes(range(16))
FILE = bytes(range(16, 32))
UID = "04C767F2066180"


EVERY_MESSAGE = pytest.mark.parametrize("fact", MESSAGES, ids=lambda fact: str(fact["name"]))


def verified(url: str) -> object:
    return verify_sun(read_sun_url(url), ZEROS, lambda _uid: ZEROS)


@EVERY_MESSAGE
def test_every_published_message_is_genuine(fact: dict[str, Any]) -> None:
    message = read_sun_url(fact["url"])
    asked: list[str] = []

    def file_key_of(uid: str) -> bytes:
        asked.append(uid)
        return bytes.fromhex(fact["file_key"])

    read = verify_sun(message, bytes.fromhex(fact["meta_key"]), file_key_of)
    assert read is not None
    assert asked == [fact["uid"]]
    assert (read.uid, read.counter) == (fact["uid"], fact["counter"])
    assert read.tag == f"nfca:{fact['uid']}"
    data = fact["file_data"]
    assert read.file_data == (bytes.fromhex(data) if data is not None else None)
    assert message.mode == fact["mode"]
    assert message.mac_input.decode() == fact["mac_input"]


@EVERY_MESSAGE
def test_no_published_message_is_genuine_with_one_bit_of_its_mac_changed(
    fact: dict[str, Any],
) -> None:
    mac = read_sun_url(fact["url"]).cmac
    for bit in range(64):
        changed = (int.from_bytes(mac) ^ (1 << bit)).to_bytes(8)
        assert verified(fact["url"].replace(mac.hex().upper(), changed.hex().upper())) is None


@EVERY_MESSAGE
def test_the_same_message_in_lower_case_is_genuine_only_if_the_mac_does_not_cover_it(
    fact: dict[str, Any],
) -> None:
    # The MAC is over the characters themselves: the card writes upper case.
    genuine = verified(fact["url"].lower()) is not None
    assert genuine == (fact["mac_input"] == "")


@EVERY_MESSAGE
def test_another_file_key_or_none_or_another_meta_key_proves_nothing(fact: dict[str, Any]) -> None:
    message = read_sun_url(fact["url"])
    assert verify_sun(message, ZEROS, lambda _uid: FILE) is None
    assert verify_sun(message, ZEROS, lambda _uid: None) is None
    if message.picc_data:
        assert verify_sun(message, META, lambda _uid: ZEROS) is None


def test_the_session_keys_of_table_1_are_derived() -> None:
    fact = FACTS["sun_session"]
    enc, mac = session_keys(bytes.fromhex(fact["file_key"]), fact["uid"], fact["counter"])
    assert enc.hex().upper() == fact["enc"]
    assert mac.hex().upper() == fact["mac"]


@pytest.mark.parametrize("fact", MESSAGES[:2], ids=lambda fact: str(fact["name"]))
def test_the_mac_keeps_the_second_byte_of_every_pair(fact: dict[str, Any]) -> None:
    _, key = session_keys(ZEROS, fact["uid"], fact["counter"])
    assert key.hex().upper() == fact["session_mac_key"]
    full = aes_cmac(key, fact["mac_input"].encode())
    assert full.hex().upper() == fact["full_cmac"]
    mac = sdm_mac(ZEROS, fact["uid"], fact["counter"], fact["mac_input"].encode())
    assert mac == bytes(full[at] for at in (1, 3, 5, 7, 9, 11, 13, 15))


@pytest.mark.parametrize("fact", MESSAGES[:2], ids=lambda fact: str(fact["name"]))
def test_what_the_card_enciphered_is_enciphered_again_the_same(fact: dict[str, Any]) -> None:
    message = read_sun_url(fact["url"])
    padding = bytes.fromhex(fact["padding"])
    assert encrypt_picc(ZEROS, fact["uid"], fact["counter"], padding) == message.picc_data
    if message.enc is not None:
        data = decrypt_file_data(ZEROS, fact["uid"], fact["counter"], message.enc)
        assert data == b"x" * 16
        assert encrypt_file_data(ZEROS, fact["uid"], fact["counter"], data) == message.enc


def test_a_card_made_of_software_says_the_published_link() -> None:
    fact = MESSAGES[0]
    url = sun_url(
        "https://ntag.nxp.com/424",
        fact["uid"],
        fact["counter"],
        ZEROS,
        ZEROS,
        bytes.fromhex(fact["padding"]),
    )
    assert url == fact["url"].replace("?e=", "?picc_data=").replace("&c=", "&cmac=")


def test_the_counter_is_last_byte_first_in_the_cipher_and_first_byte_first_in_clear() -> None:
    url = sun_url("https://v.example/t", UID, 0x010203, META, FILE, bytes(5))
    read = verify_sun(read_sun_url(url), META, lambda _uid: FILE)
    assert read is not None
    assert read.counter == 0x010203
    mac = sdm_mac(FILE, UID, 0x010203, b"").hex()
    clear = read_sun_url(f"https://v.example/t?uid={UID}&ctr=010203&cmac={mac}")
    assert verify_sun(clear, META, lambda _uid: FILE) == read


def test_a_message_in_clear_with_another_counter_proves_nothing() -> None:
    clear = MESSAGES[2]["url"]
    assert verified(clear) is not None
    assert verified(clear.replace("ctr=000006", "ctr=000007")) is None


@pytest.mark.parametrize("tag_byte", [0x00, 0x87, 0x47, 0xC4, 0xCA, 0xE7])
def test_picc_data_without_a_whole_uid_and_counter_prove_nothing_though_the_mac_holds(
    tag_byte: int,
) -> None:
    plain = bytes([tag_byte]) + bytes(15)
    cbc = Cipher(algorithms.AES(META), modes.CBC(ZEROS)).encryptor()
    mac = sdm_mac(ZEROS, "00" * 7, 0, b"")
    asked: list[str] = []

    def file_key_of(uid: str) -> bytes:
        asked.append(uid)
        return ZEROS

    message = read_sun_url(f"https://h/t?p={cbc.update(plain).hex()}&m={mac.hex()}")
    assert decrypt_picc(message, META) is None
    assert verify_sun(message, META, file_key_of) is None
    assert asked == ["00" * 7]


def test_an_unknown_card_costs_the_same_computing_as_a_known_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    computed: list[str] = []

    def counted(key: bytes, uid: str, counter: int, mac_input: bytes, mode: str) -> bytes:
        computed.append(uid)
        return sdm_mac(key, uid, counter, mac_input, mode)

    monkeypatch.setattr("schemas.sun.sdm_mac", counted)
    message = read_sun_url(PLAIN_URL)
    for meta_key in (ZEROS, META):
        verify_sun(message, meta_key, lambda _uid: ZEROS)
        verify_sun(message, meta_key, lambda _uid: None)
    assert len(computed) == 4


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://h/t", "no query"),
        ("", "no query"),
        ("https://h/t#e=00&c=00", "no query"),
        ("https://h/t?", "no cmac"),
        ("https://h/t?x=1", "no cmac"),
        ("https://h/t?picc_data=" + "0" * 32, "no cmac"),
        ("https://h/t?picc_data=" + "0" * 32 + "#&cmac=" + "0" * 16, "no cmac"),
        ("https://h/t?picc_data=" + "0" * 32 + "&CMAC=" + "0" * 16, "no cmac"),
        ("https://h/t?cmac=" + "0" * 16, "no picc_data"),
        ("https://h/t?uid=" + UID + "&cmac=" + "0" * 16, "no picc_data"),
        ("https://h/t?ctr=000001&cmac=" + "0" * 16, "no picc_data"),
        ("https://h/t?e=&c=" + "0" * 16, "picc_data has 0 hex digits and should have 32 or 48"),
        ("https://h/t?e=" + "0" * 30 + "&c=" + "0" * 16, "picc_data has 30 hex digits"),
        ("https://h/t?e=" + "0" * 32 + "&c=" + "0" * 15, "cmac has 15 hex digits"),
        ("https://h/t?e=" + "0" * 31 + "g&c=" + "0" * 16, "picc_data is not hex"),
        ("https://h/t?e=" + "0" * 31 + "٠&c=" + "0" * 16, "picc_data is not hex"),
        ("https://h/t?e=%30" + "0" * 31 + "&c=" + "0" * 16, "picc_data is not hex"),
        ("https://h/t?uid=04&ctr=000001&c=" + "0" * 16, "uid has 2 hex digits"),
        ("https://h/t?uid=" + UID + "&ctr=1&c=" + "0" * 16, "ctr has 1 hex digits"),
        ("https://h/t?e=" + "0" * 32 + "&enc=00&c=" + "0" * 16, "enc has 2 hex digits"),
        ("https://h/t?c=" + "0" * 16 + "&e=" + "0" * 32 + "&enc=" + "0" * 32, "behind cmac"),
        ("https://h/t?e=" + "0" * 32 + "&p=" + "0" * 32 + "&c=" + "0" * 16, "two values"),
        ("https://h/t?e=" + "0" * 32 + "&c=" + "0" * 16 + "&c=" + "0" * 16, "two values"),
    ],
)
def test_a_link_that_is_no_sun_message_is_refused_with_what_is_missing(
    url: str, words: str
) -> None:
    with pytest.raises(SunError, match=words) as refused:
        read_sun_url(url)
    assert refused.value.code == "sun_url"


def test_a_link_is_taken_up_to_its_longest_and_not_beyond() -> None:
    filler = "&x=" + "y" * (LONGEST_URL - len(PLAIN_URL) - 3)
    assert verified(PLAIN_URL + filler) is not None
    with pytest.raises(SunError, match="longer than 512"):
        read_sun_url(PLAIN_URL + filler + "y")


def test_other_parts_and_a_fragment_are_no_matter() -> None:
    assert verified(PLAIN_URL.replace("?", "?lang=es&") + "&utm=x&flag#c=1") is not None


def test_what_stands_between_file_data_and_mac_is_covered_by_the_mac() -> None:
    assert verified(FILE_URL) is not None
    assert verified(FILE_URL.replace("&cmac=", "&x=1&cmac=")) is None
    assert verified(FILE_URL.replace("&cmac=", "&c=")) is None
    assert verified(FILE_URL.replace("?", "?x=1&")) is not None


def test_uid_and_counter_in_clear_do_not_matter_beside_enciphered_ones() -> None:
    read = verified(PLAIN_URL + "&uid=04000000000000&ctr=FFFFFF")
    assert read == verified(PLAIN_URL)


def test_neither_a_message_nor_what_was_read_can_be_changed() -> None:
    message = read_sun_url(PLAIN_URL)
    with pytest.raises(AttributeError):
        message.cmac = b""  # type: ignore[misc]
