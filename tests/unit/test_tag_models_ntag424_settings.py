"""The NTAG 424 DNA model: file settings, and the random UID."""

from __future__ import annotations

import pytest

from reader_agent.emulators.tags.ntag424 import META, NDEF_FILE, Ntag424
from reader_agent.emulators.tags.ntag424_personal import blank_card, personal_card
from schemas.sun import decrypt_picc, read_sun_url
from tests.ntag424_kit import (
    KEYS,
    SELECT_NDEF,
    UID,
    URL,
    at_application,
    counter,
    full,
    link,
    logged_in,
    say,
)

# AN12196 table 18: SDM on, UID and counter enciphered with key 2, a MAC with key 1.
PUBLISHED_SETTINGS = "4000E0C1F121200000430000430000"


def test_the_counter_begins_anew_only_when_mirroring_was_off() -> None:
    card = at_application(personal_card(UID, URL, KEYS, counter=5))
    same = "4000E0 C1 FF12 1E0000 440000 440000"
    session = logged_in(card, 0, KEYS[0])
    assert full(card, session, 0x5F, "02", same) == b""
    assert counter(card) == 5
    assert full(card, session, 0x5F, "02", "0000E0") == b""
    assert counter(card) == 5
    assert full(card, session, 0x5F, "02", same) == b""
    assert counter(card) == 0


def test_the_counter_is_told_to_whom_the_settings_say() -> None:
    card = at_application(Ntag424(UID))
    session = logged_in(card)
    assert full(card, session, 0x5F, "02", PUBLISHED_SETTINGS) == b""
    card.iso.files[NDEF_FILE].counter = 0x010203
    assert full(card, session, 0xF6, "02") == "91AE"
    session = logged_in(card, 1)
    assert full(card, session, 0xF6, "02") == bytes.fromhex("0302010000")
    session = logged_in(card)
    free = PUBLISHED_SETTINGS.replace("F121", "FE21")
    assert full(card, session, 0x5F, "02", free) == b""
    at_application(card)
    assert say(card, "90F60000010200") == "0302010000" + "9100"


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ("40", "917E"),
        ("4000E0C1F1", "917E"),
        (PUBLISHED_SETTINGS[:-2], "917E"),
        (PUBLISHED_SETTINGS + "00", "917E"),
        ("0000E000", "917E"),
        ("8000E0", "919E"),
        ("0005E0", "919E"),
        ("4000E0C0F121200000430000430000", "919E"),
        ("4000E0C1F181430000430000", "919E"),
        ("4000E001F121200000430000430000", "919E"),
        ("4000E081F121200000430000430000", "919E"),
        ("4000E0C1FFF1" + "430000430000", "919E"),
        ("4000E0C1F121F00000430000430000", "919E"),
        ("4000E0C1F121200000430000F50000", "919E"),
        ("4000E0C1F121200000440000430000", "919E"),
        ("4000E0C1F121340000430000430000", "919E"),
        ("4000E0E1F121200000430000430000" + "000000", "919E"),
        ("4000E0D1FF2F200000", "919E"),
        ("4000E091FF21200000430000430000200000630000", "919E"),
        ("4000E051FF21200000430000430000200000630000", "919E"),
        ("4000E091F121200000430000430000200000630000", "919E"),
        ("4000E0D1F121" + "200000" + "430000" + "430000" + "100000" + "630000", "919E"),
        ("4000E0D1F121" + "200000" + "440000" + "430000" + "200000" + "630000", "919E"),
        ("4000E0D1F121" + "200000" + "430000" + "430000" + "200000" + "630000", ""),
        ("4000E0C1FFE1" + "200000" + "280000" + "430000" + "430000", "919E"),
        ("4000E0C1FFE1" + "200000" + "FFFFFF" + "430000" + "430000", ""),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: str, status: str) -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    assert full(card, session, 0x5F, "02", settings) == (status or b"")
    assert (card.iso.files[NDEF_FILE].settings.mirror is None) is bool(status)


def test_only_the_ndef_file_mirrors_and_a_locked_file_never_changes() -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    assert full(card, session, 0x5F, "01", PUBLISHED_SETTINGS) == "919D"
    session = logged_in(card)
    assert full(card, session, 0x5F, "02", "000FEE") == b""
    assert full(card, session, 0x5F, "02", "0000EE") == "919D"


def test_a_file_that_anybody_may_change_is_changed_in_clear() -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    assert full(card, session, 0x5F, "02", "00EEEE") == b""
    at_application(card)
    assert say(card, "905F000004020000EE00") == "9100"


# The random UID


def test_a_random_uid_is_chosen_for_good_and_hides_the_real_one() -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    assert full(card, session, 0x5C, "00", "02") == b""
    assert card.uid == UID
    card.field_off()
    assert (len(card.uid), card.uid[0], card.atqa) == (4, 0x08, b"\x04\x03")
    before = card.uid
    card.field_off()
    assert card.uid != before
    say(card, "9060000000")
    say(card, "90AF000000")
    assert say(card, "90AF000000").startswith("00" * 7)
    assert say(card, "903C0000010000") == "91AE"
    session = logged_in(card)
    assert full(card, session, 0x51) == UID
    assert full(card, session, 0x5C, "00", "00") == b""
    assert card.has_random_uid


@pytest.mark.parametrize(
    ("option", "data", "status"),
    [("00", "04", "919E"), ("00", "0200", "917E"), ("05", "02", "919E")],
)
def test_no_other_configuration_is_taken(option: str, data: str, status: str) -> None:
    card = Ntag424(UID)
    assert full(card, logged_in(card), 0x5C, option, data) == status


def test_the_link_names_the_real_uid_also_behind_a_random_one() -> None:
    card = at_application(personal_card(UID, URL, KEYS, has_random_uid=True))
    say(card, SELECT_NDEF)
    assert decrypt_picc(read_sun_url(link(card)), KEYS[META]) == (UID.hex().upper(), 1)


def test_a_link_that_does_not_fit_is_not_stored() -> None:
    url = "https://a.b/" + "c" * 260
    with pytest.raises(ValueError, match="too long"):
        blank_card(UID, url)
    with pytest.raises(ValueError, match="too long"):
        personal_card(UID, url[:220], KEYS)


def test_before_its_activation_it_knows_no_commands() -> None:
    card = Ntag424(UID)
    assert card.command(b"\x30\x04") is None
    assert not card.authenticate(0x60, 4, bytes(6))
