"""Secure messaging of NTAG 424 DNA against the examples of NXP AN12196, from both ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cards.conversation import BROKEN, REFUSED, CardError, converse
from reader_agent.cards.ev2 import (
    CHANGE_FILE_SETTINGS,
    CHANGE_KEY,
    SealError,
    Session,
    SessionKeys,
    answer_challenge,
    check_answer,
    decrypt,
    encrypt,
    key_change,
    key_checksum,
    native_apdu,
    open_welcome,
    pad,
    seal_challenge,
    seal_welcome,
    session_keys,
    unpad,
)
from reader_agent.cards.ntag424 import authenticate, change_file_settings, change_key
from reader_agent.cards.sdm import FREE, OPEN_SETTINGS, access_rights
from reader_agent.cards.status import INTEGRITY_ERROR, StatusError

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "ntag424.json").read_text(encoding="utf-8")
)["ev2"]
EVERY_AUTHENTICATION = pytest.mark.parametrize(
    "fact", FACTS["authentications"], ids=lambda fact: str(fact["name"])
)
EVERY_COMMAND = pytest.mark.parametrize(
    "fact", FACTS["commands"], ids=lambda fact: str(fact["name"])
)
EVERY_KEY_CHANGE = pytest.mark.parametrize(
    "fact", FACTS["key_changes"], ids=lambda fact: str(fact["name"])
)
MORE, DONE = bytes.fromhex("91AF"), bytes.fromhex("9100")


def unhex(fact: dict[str, Any], *names: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(fact[name]) for name in names)


def session_of(fact: dict[str, Any], slot: int = 0) -> Session:
    enc, mac, ti = unhex(fact, "enc", "mac", "ti")
    return Session(SessionKeys(enc, mac), ti, slot, fact["counter"])


class Script:
    """Answers exactly these commands, in this order."""

    def __init__(self, *exchange: tuple[bytes, bytes]) -> None:
        self._left = list(exchange)

    def send(self, command: bytes) -> bytes:
        wanted, answer = self._left.pop(0)
        assert command.hex() == wanted.hex()
        return answer

    def is_over(self) -> bool:
        return not self._left


@EVERY_AUTHENTICATION
def test_a_reader_authenticates_as_published(fact: dict[str, Any]) -> None:
    key, opening, challenge, rnd_a, proof, welcome, ti, enc, mac = unhex(
        fact, "key", "opening", "challenge", "rnd_a", "proof", "welcome", "ti", "enc", "mac"
    )
    card = Script((opening, challenge + MORE), (proof, welcome + DONE))
    session = converse(authenticate(fact["slot"], key, rnd_a), card.send)
    assert session is not None
    assert card.is_over()
    assert session.ti == ti
    assert (session.keys.enc, session.keys.mac) == (enc, mac)
    assert (session.slot, session.counter) == (fact["slot"], 0)


@EVERY_AUTHENTICATION
def test_a_card_authenticates_as_published(fact: dict[str, Any]) -> None:
    key, challenge, rnd_a, proof, welcome, ti = unhex(
        fact, "key", "challenge", "rnd_a", "proof", "welcome", "ti"
    )
    rnd_b, _ = answer_challenge(key, rnd_a, challenge)
    assert fact["rnd_b"] in (None, rnd_b.hex().upper())
    assert seal_challenge(key, rnd_b) == challenge
    assert check_answer(key, rnd_b, proof[5:-1]) == rnd_a
    assert check_answer(key, rnd_b, bytes(32)) is None
    assert seal_welcome(key, ti, rnd_a) == welcome
    assert open_welcome(key, rnd_a, welcome) == ti


@EVERY_COMMAND
def test_a_reader_seals_commands_and_opens_answers_as_published(fact: dict[str, Any]) -> None:
    session = session_of(fact)
    (ins,), header, data, apdu, answer, answer_data = unhex(
        fact, "ins", "header", "data", "apdu", "answer", "answer_data"
    )
    assert session.seal_command(ins, header, data) == apdu
    assert session.open_answer(answer) == answer_data
    assert session.counter == fact["counter"] + 1


@EVERY_COMMAND
def test_a_card_opens_commands_and_seals_answers_as_published(fact: dict[str, Any]) -> None:
    session = session_of(fact)
    (ins,), header, data, apdu, answer, answer_data = unhex(
        fact, "ins", "header", "data", "apdu", "answer", "answer_data"
    )
    assert session.open_command(ins, apdu[5:-1], len(header)) == data
    assert session.seal_answer(0x00, answer_data) == answer + DONE
    assert session.counter == fact["counter"] + 1


@EVERY_KEY_CHANGE
def test_keys_are_changed_as_published(fact: dict[str, Any]) -> None:
    session = session_of(fact)
    new, old, apdu = unhex(fact, "new", "old", "apdu")
    assert fact["checksum"] in (None, key_checksum(new).hex().upper())
    data = key_change(new, old, fact["version"], own=fact["own"])
    assert session.seal_command(CHANGE_KEY, bytes([fact["slot"]]), data) == apdu
    # And the conversation that does it, with the published answer.
    session = session_of(fact)
    answer = bytes.fromhex(fact["answer"] or "") + DONE
    talk = change_key(session, fact["slot"], new, old, fact["version"])
    converse(talk, Script((apdu, answer)).send)
    assert session.counter == fact["counter"] + (0 if fact["own"] else 1)


def test_the_old_key_is_mixed_into_a_change_of_another_slot() -> None:
    new, old = bytes([0x55]) * 16, bytes([0x0F]) * 16
    assert key_change(new, old, 7, own=False)[:17] == bytes([0x5A]) * 16 + b"\x07"
    assert key_change(new, old, 7, own=True) == new + b"\x07"


def test_file_settings_are_changed_as_published() -> None:
    fact = FACTS["commands"][0]
    session = session_of(fact)
    data, apdu, answer = unhex(fact, "data", "apdu", "answer")
    card = Script((apdu, answer + DONE))
    converse(change_file_settings(session, 2, data), card.send)
    assert card.is_over()


def test_the_published_access_rights_are_written_last_byte_first() -> None:
    assert access_rights(FREE, 0, 0, 0) == bytes.fromhex("00E0")
    assert access_rights(2, 1, 0xF, 1) == bytes.fromhex("F121")
    assert bytes.fromhex("00E0EE") == OPEN_SETTINGS


@EVERY_COMMAND
def test_one_changed_bit_anywhere_breaks_a_seal(fact: dict[str, Any]) -> None:
    (ins,), header, apdu, answer = unhex(fact, "ins", "header", "apdu", "answer")
    body = apdu[5:-1]
    for at in range(len(body)):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        with pytest.raises(SealError):
            session_of(fact).open_command(ins, changed, len(header))
    for at in range(len(answer)):
        session = session_of(fact)
        with pytest.raises(SealError) as refused:
            session.open_answer(answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :])
        assert refused.value.code == "bad_seal"
        assert session.counter == fact["counter"]


def test_an_answer_cannot_be_played_again() -> None:
    fact = FACTS["commands"][0]
    session = session_of(fact)
    answer = bytes.fromhex(fact["answer"])
    session.open_answer(answer)
    with pytest.raises(SealError):
        session.open_answer(answer)


def test_a_command_and_its_answer_are_enciphered_differently() -> None:
    keys, ti = SessionKeys(bytes(16), bytes(16)), bytes(4)
    assert encrypt(keys, ti, 0, bytes(16)) != encrypt(keys, ti, 0, bytes(16), answer=True)
    assert decrypt(keys, ti, 3, encrypt(keys, ti, 3, b"x" * 32)) == b"x" * 32


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x80", b"a" * 15, b"a" * 16, b"\x80\x00" * 9])
def test_what_is_padded_is_unpadded(data: bytes) -> None:
    padded = pad(data)
    assert len(padded) % 16 == 0
    assert unpad(padded) == data


@pytest.mark.parametrize("data", [bytes(16), b"a" * 16, b"\x80" + bytes(16), b""])
def test_wrong_padding_is_noticed(data: bytes) -> None:
    with pytest.raises(SealError):
        unpad(data)


def test_half_a_block_is_noticed() -> None:
    with pytest.raises(SealError):
        decrypt(SessionKeys(bytes(16), bytes(16)), bytes(4), 0, bytes(15))


def test_a_native_command_is_wrapped() -> None:
    assert native_apdu(0x60).hex() == "9060000000"
    assert native_apdu(0x71, b"\x00\x00").hex() == "9071000002000000"


def test_a_wrong_key_is_no_session() -> None:
    fact = FACTS["authentications"][0]
    key, opening, challenge, rnd_a, proof = unhex(
        fact, "key", "opening", "challenge", "rnd_a", "proof"
    )
    card = Script((opening, challenge + MORE), (proof, bytes.fromhex("91AE")))
    assert converse(authenticate(0, key, rnd_a), card.send) is None


@pytest.mark.parametrize(
    ("status", "words"),
    [("91AD", "makes one wait"), ("919D", "permission denied"), ("9140", "no such key")],
)
def test_a_card_that_does_not_let_one_try_says_why(status: str, words: str) -> None:
    with pytest.raises(StatusError, match=words) as refused:
        converse(authenticate(0, bytes(16)), lambda _apdu: bytes.fromhex(status))
    assert refused.value.code == REFUSED
    assert refused.value.status == int(status, 16)


def test_a_card_that_breaks_off_the_proof_says_why() -> None:
    left = [bytes.fromhex("A04C124213C186F22399D33AC2A3021591AF"), bytes.fromhex("91EE")]
    with pytest.raises(StatusError, match="its memory failed"):
        converse(authenticate(0, bytes(16)), lambda _apdu: left.pop(0))


@pytest.mark.parametrize(
    "answers",
    [
        ["A04C91AF"],
        ["A04C124213C186F22399D33AC2A3021591AF", "00" * 32 + "9100"],
        ["A04C124213C186F22399D33AC2A3021591AF", "00" * 31 + "9100"],
        [""],
        ["91"],
    ],
)
def test_a_card_that_proves_nothing_in_its_turn_is_broken(answers: list[str]) -> None:
    left = [bytes.fromhex(answer) for answer in answers]
    with pytest.raises(CardError) as broken:
        converse(authenticate(0, bytes(16)), lambda _apdu: left.pop(0))
    assert broken.value.code == BROKEN


def test_a_key_change_that_was_made_out_of_another_old_key_is_told_apart() -> None:
    session = session_of(FACTS["key_changes"][0])
    with pytest.raises(StatusError) as refused:
        converse(change_key(session, 2, bytes(16), bytes(16), 1), lambda _apdu: b"\x91\x1e")
    assert refused.value.status == INTEGRITY_ERROR


def test_an_answer_with_a_wrong_seal_is_broken() -> None:
    session = session_of(FACTS["commands"][0])
    with pytest.raises(CardError) as broken:
        converse(change_file_settings(session, 2, b"\x00"), lambda _apdu: bytes(8) + DONE)
    assert broken.value.code == BROKEN


def test_printing_a_session_shows_no_key() -> None:
    keys = session_keys(bytes(16), bytes(16), bytes(range(16)))
    session = Session(keys, bytes(4))
    for shown in (repr(keys), repr(session), str(session)):
        assert keys.enc.hex() not in shown.lower()
        assert repr(keys.enc)[2:-1] not in shown


def test_the_instruction_is_part_of_the_seal() -> None:
    session = session_of(FACTS["commands"][0])
    body = session.seal_command(CHANGE_FILE_SETTINGS, b"\x02", b"\x00")[5:-1]
    with pytest.raises(SealError):
        session.open_command(CHANGE_KEY, body, 1)
