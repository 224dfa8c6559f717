"""The NTAG 424 DNA model: its files, and what it writes into them as they are read."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from reader_agent.emulators.tags.ntag424 import FILE, META, NDEF_FILE, Ntag424
from reader_agent.emulators.tags.ntag424_files import Settings
from reader_agent.emulators.tags.ntag424_personal import blank_card, personal_card
from schemas.sun import aes_cmac, read_sun_url, verify_sun
from tests.ntag424_kit import (
    KEYS,
    READ_ALL,
    READ_DATA_ALL,
    SELECT_APPLICATION,
    SELECT_NDEF,
    UID,
    URL,
    ZERO,
    at_application,
    counter,
    full,
    link,
    logged_in,
    say,
)


def test_a_blank_card_has_an_empty_message_and_says_where() -> None:
    card = at_application(Ntag424(UID))
    assert say(card, "00A4000C02E103") == "9000"
    container = "001720010000FF0406E104010000000506E10500808283"
    assert say(card, "00B0000017") == container + "9000"
    assert say(card, SELECT_NDEF) == "9000"
    assert say(card, "00B0000002") == "00009000"
    assert [say(card, f"90F5000001{number:02X}00") for number in (1, 2, 3, 4)] == [
        "000000E02000009100",
        "0000E0EE0001009100",
        "0003302380000091" + "00",
        "91F0",
    ]


def test_a_blank_card_may_hold_a_plain_link_that_anybody_overwrites() -> None:
    card = at_application(blank_card(UID, URL))
    say(card, SELECT_NDEF)
    assert link(card) == URL
    assert say(card, "00D60000020000") == "9000"
    assert say(card, "00B0000002") == "00009000"
    assert counter(card) == 0


def test_a_personal_card_proves_itself_at_every_reading() -> None:
    card = at_application(personal_card(UID, URL, KEYS, counter=41))
    seen = set()
    for expected in (42, 43, 44):
        say(card, SELECT_NDEF)
        url = link(card)
        read = verify_sun(read_sun_url(url), KEYS[META], lambda _: KEYS[FILE])
        assert read is not None
        assert (read.uid, read.counter) == (UID.hex().upper(), expected)
        assert url.startswith(URL + "?picc_data=")
        seen.add(url)
    assert len(seen) == 3


def test_one_reading_in_pieces_is_counted_once_and_says_one_thing() -> None:
    card = at_application(personal_card(UID, URL, KEYS))
    say(card, SELECT_NDEF)
    size = int(say(card, "00B0000002")[:4], 16)
    pieces = "".join(
        say(card, f"00B000{at:02X}{min(13, size + 2 - at):02X}")[:-4]
        for at in range(2, size + 2, 13)
    )
    again = say(card, f"00B00002{size:02X}")[:-4]
    assert pieces == again
    assert counter(card) == 1


@pytest.mark.parametrize(
    "between",
    [
        [SELECT_NDEF],
        [SELECT_APPLICATION, SELECT_NDEF],
        ["9060000000", "90AF000000", "90AF000000"],
        ["90F50000010200"],
        ["00A4000C02E103", SELECT_NDEF],
        ["00A4000C02E103", "00B000000F", SELECT_NDEF],
    ],
)
def test_after_any_other_command_the_next_reading_is_a_new_one(between: list[str]) -> None:
    card = at_application(personal_card(UID, URL, KEYS))
    say(card, SELECT_NDEF)
    first = link(card)
    for apdu in between:
        say(card, apdu)
    assert link(card) != first
    assert counter(card) == 2


def test_readdata_and_readbinary_are_two_readings() -> None:
    card = at_application(personal_card(UID, URL, KEYS))
    say(card, SELECT_NDEF)
    for expected in (1, 2, 3):
        read = READ_ALL if expected % 2 else READ_DATA_ALL
        assert read_sun_url(link(card, read)).cmac == read_sun_url(link(card, read)).cmac
        assert counter(card) == expected


def test_reading_the_container_counts_nothing() -> None:
    card = at_application(personal_card(UID, URL, KEYS))
    say(card, "00A4000C02E103")
    say(card, "00B000000F")
    assert counter(card) == 0


def test_the_counter_stays_when_the_card_leaves_the_field() -> None:
    card = at_application(personal_card(UID, URL, KEYS, counter=7))
    say(card, SELECT_NDEF)
    link(card)
    card.field_off()
    assert say(card, "00B0000002") == "6985"
    at_application(card)
    say(card, SELECT_NDEF)
    link(card)
    assert counter(card) == 9


def test_at_its_top_the_counter_ends_reading() -> None:
    card = at_application(personal_card(UID, URL, KEYS, counter=0xFFFFFF))
    say(card, SELECT_NDEF)
    assert say(card, READ_ALL) == "6982"
    assert say(card, READ_DATA_ALL) == "911E"


def test_a_limit_ends_reading_before_that() -> None:
    card = at_application(personal_card(UID, URL, KEYS))
    limited = bytes.fromhex("4000E0 E1 FF12 1E0000 440000 440000 020000")
    session = logged_in(card, 0, KEYS[0])
    assert full(card, session, 0x5F, "02", limited.hex()) == b""
    for answer in ("9000", "9000", "6982"):
        at_application(card)
        say(card, SELECT_NDEF)
        assert say(card, READ_ALL)[-4:] == answer
    assert say(card, READ_DATA_ALL) == "919D"
    assert counter(card) == 2


def test_authenticated_reading_shows_the_file_as_it_is_and_counts_nothing() -> None:
    card = at_application(personal_card(UID, URL, KEYS))
    logged_in(card, 0, KEYS[0])
    assert "picc_data=" + "0" * 32 in link(card, READ_DATA_ALL)
    say(card, SELECT_NDEF)
    assert say(card, READ_ALL) == "6982"
    assert counter(card) == 0


def test_short_file_ids_select_too() -> None:
    card = at_application(blank_card(UID, URL))
    assert say(card, "00B0840002") == "00149000"
    assert say(card, "00B0000002") == "00149000"
    assert say(card, "00B0990002") == "6A82"
    assert say(card, "00B09F0002") == "6A86"


@pytest.mark.parametrize(
    ("apdu", "status"),
    [
        ("00A4000C02E106", "6A82"),
        ("00A4000C03E10400", "6A87"),
        ("00A4040007D276000085010200", "6A82"),
        ("00A4050007D276000085010100", "6A86"),
        ("00A4040107D276000085010100", "6A86"),
        ("00A4000C05E104", "6700"),
        ("00B0000000000F", "6700"),
        ("00B00000", "6700"),
        ("00B0010002", "6A86"),
        ("00B0002001", "6A86"),
        ("00B0001F01", "9000"),
        ("00D600000100", "6982"),
        ("00CA000000", "6D00"),
        ("8060000000", "6E00"),
        ("00", "6700"),
        ("", "6700"),
        ("9060", "917E"),
        ("906000", "917E"),
        ("9060000001FF", "917E"),
        ("9012000000", "911C"),
        ("9060010000", "919E"),
        ("90640000010500", "9140"),
        ("9064000000", "917E"),
        ("90F50000010500", "91F0"),
        ("90F5000002020000", "917E"),
        ("90510000" + "00", "91AE"),
        ("90F60000010200", "919D"),
        ("90F60000010100", "919D"),
        ("905F000004020000E000", "91AE"),
        ("90C4000001" + "0000", "91AE"),
        ("905C000002000200", "91AE"),
        ("903C0000010100", "919E"),
        ("90AD0000070300000000000000", "91AE"),
        ("90AD0000070100000000000000", "9100"),
        ("90AD0000070120000000000000", "919E"),
        ("90AD0000070100000021000000", "919E"),
        ("908D000008010000000100000000", "91AE"),
        ("908D0000080200010001000000" + "00", "91BE"),
        ("908D000009020000000100000000" + "00", "917E"),
        ("907100000205" + "0000", "9140"),
        ("9071000001000" + "0", "917E"),
        ("90710000020001" + "00", "917E"),
        ("90710000090007000000000000" + "00" + "00", "919E"),
        ("9077000001000" + "0", "919D"),
        ("90AF000000", "911C"),
    ],
)
def test_what_a_personal_card_answers_nobody_in_particular(apdu: str, status: str) -> None:
    card = at_application(personal_card(UID, URL, KEYS))
    card.iso.files[NDEF_FILE].settings = Settings.parse(bytes.fromhex("0000EE"))
    assert say(card, "00A4000C02E103") == "9000"
    assert say(card, apdu)[-4:] == status


def test_before_the_application_is_selected_there_are_no_files_and_no_keys() -> None:
    card = Ntag424(UID)
    assert say(card, SELECT_NDEF) == "6A82"
    assert say(card, "00B0000002") == "6985"
    assert say(card, "9071000002000000") == "9140"
    assert say(card, "90F50000010200") == "919D"
    assert say(card, "00A4000C02E110") == "9000"
    assert say(card, SELECT_NDEF) == "9000"
    assert say(card, "00A4000C023F00") == "9000"
    assert say(card, SELECT_NDEF) == "6A82"


@pytest.mark.parametrize(
    ("apdu", "status"),
    [
        ("00D600FE020102", "9000"),
        ("00D600FE03010203", "6985"),
        ("00D6000000", "6700"),
        ("00D683000101", "6982"),
        ("00D687000101", "6A82"),
        ("00D684FF0101", "9000"),
    ],
)
def test_a_blank_card_is_written_within_its_file_only(apdu: str, status: str) -> None:
    card = at_application(Ntag424(UID))
    say(card, SELECT_NDEF)
    assert say(card, apdu) == status


def test_nothing_is_written_before_a_file_was_selected() -> None:
    card = at_application(Ntag424(UID))
    assert say(card, "00D600000101") == "6985"
    card.field_off()
    assert say(card, "00D684000101") == "6A82"


@pytest.mark.parametrize(
    ("options", "begin", "said"),
    [("81", b"\x87" + UID, UID), ("41", b"\x40\x01\x00\x00", b"\x01\x00\x00")],
)
def test_a_card_may_mirror_only_its_uid_or_only_its_counter(
    options: str, begin: bytes, said: bytes
) -> None:
    card = at_application(personal_card(UID, URL, KEYS))
    session = logged_in(card, 0, KEYS[0])
    settings = f"4000E0 {options} FF12 210000 470000 470000"
    assert full(card, session, 0x5F, "02", settings) == b""
    at_application(card)
    say(card, SELECT_NDEF)
    message = read_sun_url(link(card))
    cipher = Cipher(algorithms.AES(KEYS[META]), modes.CBC(ZERO)).decryptor()
    assert cipher.update(message.picc_data).startswith(begin)
    vector = (bytes.fromhex("3CC300010080") + said).ljust(16, b"\x00")
    mac = aes_cmac(aes_cmac(KEYS[FILE], vector), b"")
    assert message.cmac == mac[1::2]
    assert counter(card) == (1 if options == "41" else 0)
