"""The NTAG 424 DNA model: keys, authentications, and messages that are sealed."""

from __future__ import annotations

import pytest

from reader_agent.cards import ev2
from reader_agent.cards.ev2 import Session
from reader_agent.emulators.tags.ntag424 import NDEF_FILE, Ntag424
from reader_agent.emulators.tags.ntag424_channel import FAILURES_TO_DELAY, FAILURES_TO_LOCK
from reader_agent.emulators.tags.ntag424_personal import personal_card
from tests.ntag424_kit import (
    KEYS,
    READ_DATA_ALL,
    SELECT_NDEF,
    UID,
    URL,
    ZERO,
    at_application,
    full,
    log_in,
    logged_in,
    macked,
    say,
)

# AN12196 table 18: SDM on, UID and counter enciphered with key 2, a MAC with key 1.
PUBLISHED_SETTINGS = "4000E0C1F121200000430000430000"


def test_a_wrong_key_is_refused_and_counted() -> None:
    card = at_application(personal_card(UID, URL, KEYS))
    assert log_in(card, 0, ZERO) == "91AE"
    assert log_in(card, 1, ZERO) == "91AE"
    assert [slot.failures for slot in card.channel.slots] == [1, 1, 0, 0, 0]
    assert isinstance(log_in(card, 0, KEYS[0]), Session)
    assert card.channel.slots[0].failures == 0


def test_after_fifty_wrong_keys_in_a_row_the_card_makes_wait() -> None:
    card = at_application(Ntag424(UID))
    for _ in range(FAILURES_TO_DELAY):
        assert log_in(card, 0, KEYS[0]) == "91AE"
    assert log_in(card, 0, ZERO) == "91AD"
    assert isinstance(log_in(card, 0, ZERO), Session)
    assert isinstance(log_in(card, 0, ZERO), Session)


def test_the_wait_grows_with_each_further_wrong_key() -> None:
    card = at_application(Ntag424(UID))
    answers = [log_in(card, 0, KEYS[0]) for _ in range(FAILURES_TO_DELAY + 6)]
    waits = ["91AD", "91AE", "91AD", "91AD", "91AE", "91AD"]
    assert answers[FAILURES_TO_DELAY:] == waits


def test_after_a_thousand_wrong_keys_the_slot_is_dead_until_its_key_is_changed() -> None:
    card = at_application(Ntag424(UID))
    card.channel.slots[2].failures = FAILURES_TO_LOCK - 1
    assert log_in(card, 2, KEYS[0]) == "91AE"
    card.channel.slots[2].delays = 0
    assert log_in(card, 2, ZERO) == "919D"
    session = logged_in(card)
    data = ev2.key_change(KEYS[2], ZERO, 1, own=False)
    assert full(card, session, 0xC4, "02", data.hex()) == b""
    assert isinstance(log_in(card, 2, KEYS[2]), Session)


def test_a_wrong_old_key_changes_nothing_and_ends_the_session() -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    data = ev2.key_change(KEYS[2], KEYS[1], 1, own=False)
    assert full(card, session, 0xC4, "02", data.hex()) == "911E"
    assert card.channel.slots[2].key == ZERO
    assert card.channel.session is None


@pytest.mark.parametrize("slot", [1, 2, 3, 4])
def test_only_key_0_changes_keys(slot: int) -> None:
    card = Ntag424(UID)
    session = logged_in(card, slot)
    data = ev2.key_change(KEYS[2], ZERO, 1, own=False)
    assert full(card, session, 0xC4, "02", data.hex()) == "91AE"


def test_the_own_key_is_changed_without_a_mac_and_the_session_is_over() -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    data = ev2.key_change(KEYS[0], ZERO, 1, own=True)
    assert card.apdu(session.seal_command(0xC4, b"\x00", data)) == b"\x91\x00"
    assert log_in(card, 0, ZERO) == "91AE"
    assert isinstance(log_in(card, 0, KEYS[0]), Session)


def test_another_command_in_the_middle_aborts_an_authentication() -> None:
    card = at_application(Ntag424(UID))
    for other, answer in (("90F50000010200", "91CA"), (SELECT_NDEF, "6985")):
        assert say(card, "9071000002000000")[-4:] == "91AF"
        assert say(card, other) == answer
        assert say(card, "90AF000020" + "00" * 33) == "911C"


def test_a_command_that_was_changed_on_its_way_ends_the_session() -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    apdu = bytearray(session.seal_command(0x5F, b"\x02", bytes.fromhex(PUBLISHED_SETTINGS)))
    apdu[10] ^= 1
    assert card.apdu(bytes(apdu)) == b"\x91\x1e"
    assert card.channel.session is None
    assert card.iso.files[NDEF_FILE].settings.mirror is None


def test_a_command_said_twice_is_not_taken_twice() -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    apdu = session.seal_command(0x51)
    assert len(card.apdu(apdu)) == 16 + 8 + 2
    assert card.apdu(apdu) == b"\x91\x1e"


def test_selecting_the_application_ends_the_session_and_selecting_a_file_does_not() -> None:
    card = Ntag424(UID)
    logged_in(card)
    say(card, SELECT_NDEF)
    assert card.channel.session is not None
    at_application(card)
    assert card.channel.session is None


def test_the_transaction_goes_on_with_another_key() -> None:
    card = Ntag424(UID)
    first = logged_in(card)
    assert full(card, first, 0x51) == UID
    second = log_in(card, 3, ZERO, again=first)
    assert isinstance(second, Session)
    assert (second.ti, second.counter) == (first.ti, 1)
    assert full(card, second, 0x51) == UID


def test_commands_in_clear_are_counted_too() -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    assert say(card, READ_DATA_ALL)[-4:] == "9100"
    session.counter += 1
    assert full(card, session, 0x51) == UID


def test_a_worn_out_session_takes_no_more_commands() -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    assert card.channel.session is not None
    session.counter = card.channel.session.counter = 0xFFFF
    assert full(card, session, 0x51) == "911E"


def test_answers_have_a_mac_where_the_data_sheet_says_so() -> None:
    card = Ntag424(UID, key_version=9)
    session = logged_in(card)
    assert macked(card, session, 0x64, "01") == b"\x09"
    assert macked(card, session, 0xF5, "02") == bytes.fromhex("0000E0EE000100")
    assert full(card, session, 0x3C, "00") == bytes(56)
    assert say(card, "90640000010000") == "917E"


def test_the_version_has_one_mac_over_all_its_frames() -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    mac = session.command_mac(0x60, b"")
    told = card.apdu(ev2.native_apdu(0x60, mac))[:-2]
    told += card.apdu(ev2.native_apdu(0xAF))[:-2]
    last = card.apdu(ev2.native_apdu(0xAF))
    session.counter += 1
    assert session.answer_mac(0, told + last[:-10]) == last[-10:-2]
    assert len(told + last[:-10]) == 28


def test_the_proprietary_file_is_read_and_written_sealed() -> None:
    card = Ntag424(UID)
    session = logged_in(card, 3)
    assert full(card, session, 0x8D, "03000000030000", "AABBCC") == b""
    assert full(card, session, 0xAD, "03000000040000") == b"\xaa\xbb\xcc\x00"
    session = logged_in(card, 2)
    assert full(card, session, 0xAD, "03000000030000") == b"\xaa\xbb\xcc"
    assert full(card, session, 0x8D, "03000000030000", "AABBCC") == "91AE"


def test_a_file_may_ask_for_macs_only() -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    assert full(card, session, 0x5F, "03", "010000") == b""
    assert macked(card, session, 0x8D, "03000000020000" + "1234") == b""
    assert macked(card, session, 0xAD, "03000000020000") == b"\x12\x34"


def test_a_session_takes_no_command_in_clear_that_has_to_be_sealed() -> None:
    for apdu in ("9060000000", "90510000" + "00", "905F000004020000E000", "90F50000010200"):
        card = Ntag424(UID)
        logged_in(card)
        assert say(card, apdu) == "917E"
        assert card.channel.session is None


@pytest.mark.parametrize("ins", [0x64, 0xF5, 0x60])
def test_a_wrong_mac_ends_the_session(ins: int) -> None:
    card = Ntag424(UID)
    logged_in(card)
    body = (b"" if ins == 0x60 else b"\x02") + bytes(8)
    assert card.apdu(ev2.native_apdu(ins, body)) == b"\x91\x1e"
    assert card.channel.session is None


def test_a_proof_of_the_wrong_length_ends_the_authentication() -> None:
    card = at_application(Ntag424(UID))
    say(card, "9071000002000000")
    assert say(card, "90AF00001F" + "00" * 32) == "917E"
    assert card.channel.slots[0].failures == 0


def test_the_next_frame_of_the_version_is_asked_for_without_data() -> None:
    card = Ntag424(UID)
    say(card, "9060000000")
    assert say(card, "90AF0000010000") == "917E"
    assert say(card, "90AF000000") == "911C"


@pytest.mark.parametrize(("slot", "status"), [("05", "9140"), ("3F", "9140")])
def test_there_are_five_keys(slot: str, status: str) -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    data = ev2.key_change(KEYS[2], ZERO, 1, own=False)
    assert full(card, session, 0xC4, slot, data.hex()) == status


@pytest.mark.parametrize(("slot", "own"), [("00", False), ("01", True)])
def test_key_data_of_the_wrong_form_is_refused(slot: str, *, own: bool) -> None:
    card = Ntag424(UID)
    session = logged_in(card)
    data = ev2.key_change(KEYS[2], ZERO, 1, own=own)
    assert full(card, session, 0xC4, slot, data.hex()) == "917E"
    assert {key.key for key in card.channel.slots} == {ZERO}
