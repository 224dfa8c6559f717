"""Making claim tags out of blank cards, on the NTAG 424 DNA made of software."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cards.conversation import BROKEN, GONE, REFUSED, Card, CardError, converse
from reader_agent.cards.look import look
from reader_agent.cards.ntag424 import check_kind
from reader_agent.cards.personalise import KEY_VERSION, personalise
from reader_agent.emulators.tags.ntag424 import NDEF_FILE, Ntag424
from reader_agent.emulators.tags.ntag424_personal import blank_card
from schemas.card_keys import CardKeys
from schemas.sun import SunRead, read_sun_url, verify_sun

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "ntag424.json").read_text(encoding="utf-8")
)
UID = bytes.fromhex("04C767F2066180")
KEYS = CardKeys(tuple(bytes([0xA0 + slot]) * 16 for slot in range(5)), "https://valet.example/t")
OTHERS = CardKeys(tuple(bytes([0xB0 + slot]) * 16 for slot in range(5)), "https://other.example/t")
CARD = Card(UID, b"\x44\x03", 0x20, bytes.fromhex("067777710280"))
LONGEST_FRAME = 64 - 3

Send = Callable[[bytes], bytes]


def make(model: Ntag424, send: Send | None = None, keys: CardKeys = KEYS) -> str:
    """Lay the card on a reader and personalise it."""
    model.field_off()
    return converse(personalise(CARD, keys), send or model.apdu)


def made_or_gone(model: Ntag424, send: Send) -> str | None:
    """The link, or None if the card left before it was done."""
    try:
        return make(model, send)
    except CardError as error:
        if error.code != GONE:
            raise
        return None


def proven(url: str, keys: CardKeys = KEYS) -> SunRead | None:
    return verify_sun(read_sun_url(url), keys.meta, lambda _uid: keys.file)


def keys_of(model: Ntag424) -> tuple[bytes, ...]:
    return tuple(slot.key for slot in model.channel.slots)


def failures_of(model: Ntag424) -> list[int]:
    return [slot.failures for slot in model.channel.slots]


def exchanges_of(model: Ntag424) -> int:
    count = 0

    def send(apdu: bytes) -> bytes:
        nonlocal count
        count += 1
        return model.apdu(apdu)

    make(model, send)
    return count


class TornAway:
    """The card leaves after so many answers. The last command it may still carry out, though its
    answer is not heard."""

    def __init__(self, model: Ntag424, after: int, *, carries_out: bool) -> None:
        self._model = model
        self._left = after
        self._carries_out = carries_out

    def send(self, apdu: bytes) -> bytes:
        if self._left == 0:
            if self._carries_out:
                self._model.apdu(apdu)
            raise CardError(GONE)
        self._left -= 1
        return self._model.apdu(apdu)


def test_a_blank_card_becomes_one_that_proves_itself() -> None:
    model = blank_card(UID)
    url = make(model)
    assert url.startswith("https://valet.example/t?picc_data=")
    assert proven(url) == SunRead(UID.hex().upper(), 1)
    assert keys_of(model) == KEYS.app
    assert [slot.version for slot in model.channel.slots] == [KEY_VERSION] * 5
    assert failures_of(model) == [0] * 5


def test_the_next_reader_sees_the_next_count() -> None:
    model = blank_card(UID)
    make(model)
    for counter in (2, 3, 4):
        model.field_off()
        url = converse(look(CARD), model.apdu)
        assert url is not None
        assert proven(url) == SunRead(UID.hex().upper(), counter)


def test_nobody_without_the_keys_can_write_the_card_afterwards() -> None:
    model = blank_card(UID)
    make(model)
    before = bytes(model.iso.files[NDEF_FILE].content)
    model.field_off()
    for apdu in ("00A4040007D276000085010100", "00A4000C02E104"):
        assert model.apdu(bytes.fromhex(apdu)) == b"\x90\x00"
    assert model.apdu(bytes.fromhex("00D600000400000000")) == b"\x69\x82"
    assert model.apdu(bytes.fromhex("908D00000902000000020000FFFF00")) == b"\x91\xae"
    assert bytes(model.iso.files[NDEF_FILE].content) == before


def test_every_command_fits_the_smallest_reader() -> None:
    model = blank_card(UID)
    longest = [0, 0]

    def send(apdu: bytes) -> bytes:
        answer = model.apdu(apdu)
        longest[:] = [max(longest[0], len(apdu)), max(longest[1], len(answer))]
        return answer

    make(model, send)
    assert max(longest) <= LONGEST_FRAME


def test_a_card_with_a_plain_link_from_its_seller_is_blank_too() -> None:
    model = blank_card(UID, url="https://seller.example/" + "x" * 150)
    assert proven(make(model)) is not None


@pytest.mark.parametrize("carries_out", [False, True], ids=["unheard", "carried-out"])
def test_a_card_that_is_torn_away_at_any_moment_is_finished_the_next_time(
    carries_out: bool,
) -> None:
    for after in range(exchanges_of(blank_card(UID))):
        model = blank_card(UID)
        with pytest.raises(CardError) as gone:
            make(model, TornAway(model, after, carries_out=carries_out).send)
        assert gone.value.code == GONE
        url = make(model)
        assert proven(url) is not None, after
        assert keys_of(model) == KEYS.app
        # Only a card that had its master key already is asked with a wrong one, and once.
        assert failures_of(model)[1:] == [0] * 4
        assert failures_of(model)[0] <= 1


def test_a_card_that_is_torn_away_again_and_again_is_finished_in_the_end() -> None:
    model = blank_card(UID)
    for after in range(exchanges_of(blank_card(UID)) + 40):
        torn = TornAway(model, after, carries_out=after % 2 == 0)
        url = made_or_gone(model, torn.send)
        if url is not None:
            assert proven(url) is not None
            break
    else:
        pytest.fail("it was never finished")
    assert sum(failures_of(model)) <= 1


def test_a_card_that_is_done_is_only_read_so_that_its_counter_goes_on() -> None:
    model = blank_card(UID)
    make(model)
    settings = bytes(model.iso.files[NDEF_FILE].content)
    again = proven(make(model))
    assert again == SunRead(UID.hex().upper(), 2)
    assert bytes(model.iso.files[NDEF_FILE].content)[:29] == settings[:29]
    assert proven(make(model)) == SunRead(UID.hex().upper(), 3)


def test_a_card_of_ours_gets_a_new_address() -> None:
    model = blank_card(UID)
    make(model)
    moved = CardKeys(KEYS.app, "https://moved.example/card")
    url = make(model, keys=moved)
    assert url.startswith("https://moved.example/card?picc_data=")
    assert proven(url, moved) is not None


def test_a_card_whose_link_was_spoilt_is_set_up_again() -> None:
    model = blank_card(UID)
    make(model)
    model.iso.files[NDEF_FILE].content[:2] = b"\x00\x00"
    assert proven(make(model)) is not None


def test_somebody_elses_card_is_left_as_it_is() -> None:
    model = blank_card(UID)
    make(model, keys=OTHERS)
    with pytest.raises(CardError, match="somebody else's card") as refused:
        make(model)
    assert refused.value.code == REFUSED
    assert keys_of(model) == OTHERS.app
    # The factory's master key and ours, each tried once.
    assert failures_of(model) == [2, 0, 0, 0, 0]


def test_a_card_with_one_foreign_key_is_refused_and_that_key_tried_once() -> None:
    model = blank_card(UID)
    model.channel.slots[3].key = bytes([0xEE]) * 16
    with pytest.raises(CardError, match="key 3 is neither") as refused:
        make(model)
    assert refused.value.code == REFUSED
    assert failures_of(model) == [0, 0, 0, 1, 0]
    assert keys_of(model)[0] == bytes(16)


def test_a_card_of_ours_with_another_file_key_is_refused_and_left_provable_to_nobody() -> None:
    model = blank_card(UID)
    make(model)
    other = CardKeys((*KEYS.app[:2], bytes(15) + b"\x01", *KEYS.app[3:]), KEYS.url)
    with pytest.raises(CardError, match="key 2 is neither") as refused:
        make(model, keys=other)
    assert refused.value.code == REFUSED


def test_a_card_with_a_random_uid_is_refused() -> None:
    model = blank_card(UID, has_random_uid=True)
    with pytest.raises(CardError, match="does not show its own UID"):
        make(model)


def test_a_reader_that_knows_another_uid_than_the_card_is_not_believed() -> None:
    model = blank_card(bytes.fromhex("04111111111111"))
    with pytest.raises(CardError, match="does not show its own UID"):
        make(model)


def test_a_card_that_knows_no_apdu_is_not_asked() -> None:
    def send(_command: bytes) -> bytes:
        pytest.fail("it is no Type 4 card")

    with pytest.raises(CardError, match="no NTAG 424 DNA") as refused:
        converse(personalise(Card(UID, b"\x44\x00", 0x00), KEYS), send)
    assert refused.value.code == REFUSED


@pytest.mark.parametrize("fact", FACTS["versions"], ids=lambda fact: str(fact["name"]))
def test_real_cards_are_told_apart_by_what_they_say_they_are(fact: dict[str, Any]) -> None:
    frames = [bytes.fromhex(frame) for frame in fact["frames"]]
    card = Card(frames[2][:7], b"\x44\x03", 0x20)
    asked: list[str] = []

    def send(apdu: bytes) -> bytes:
        asked.append(apdu.hex())
        return frames[len(asked) - 1]

    if fact["is_ours"]:
        converse(check_kind(card), send)
    else:
        with pytest.raises(CardError, match="no NTAG 424 DNA"):
            converse(check_kind(card), send)
    assert asked == ["9060000000", "90af000000", "90af000000"]


def test_a_card_without_the_application_is_refused_in_words() -> None:
    with pytest.raises(CardError, match="selecting the NDEF application.*6A82") as refused:
        converse(personalise(CARD, KEYS), lambda _apdu: b"\x6a\x82")
    assert refused.value.code == REFUSED


def spoiling(model: Ntag424, ins: int, change: Callable[[bytes], bytes]) -> Send:
    """The card, with what it answers to one instruction changed on its way."""

    def send(apdu: bytes) -> bytes:
        answer = model.apdu(apdu)
        return change(answer) if apdu[1] == ins else answer

    return send


@pytest.mark.parametrize("ins", [0x5F, 0xC4])
def test_a_changed_answer_is_noticed(ins: int) -> None:
    model = blank_card(UID)
    with pytest.raises(CardError) as broken:
        make(model, spoiling(model, ins, lambda answer: b"\x00" + answer[1:]))
    assert broken.value.code == BROKEN


def test_a_card_that_does_not_prove_itself_in_the_end_is_not_passed() -> None:
    model = blank_card(UID)

    def another_digit(answer: bytes) -> bytes:
        at = answer.find(b"&cmac=")
        if at < 0 or len(answer) < at + 8:
            return answer
        digit = b"0" if answer[at + 6 : at + 7] != b"0" else b"1"
        return answer[: at + 6] + digit + answer[at + 7 :]

    with pytest.raises(CardError, match="does not prove itself") as refused:
        make(model, spoiling(model, 0xB0, another_digit))
    assert refused.value.code == REFUSED


@pytest.mark.parametrize("ins", [0xA4, 0x60, 0x71, 0xAF, 0x5F, 0xD6, 0xC4])
def test_a_card_that_refuses_any_step_is_refused_with_its_status(ins: int) -> None:
    model = blank_card(UID)
    status = "6982" if ins in (0xA4, 0xD6) else "919D"
    with pytest.raises(CardError, match=status) as refused:
        make(model, spoiling(model, ins, lambda _answer: bytes.fromhex(status)))
    assert refused.value.code == REFUSED


def test_a_card_that_forgets_its_master_key_is_refused() -> None:
    model = blank_card(UID)
    calls = 0

    def send(apdu: bytes) -> bytes:
        nonlocal calls
        if apdu[1] == 0x71:
            calls += 1
            if calls == 2:
                model.channel.slots[0].key = bytes([0xEE]) * 16
        return model.apdu(apdu)

    with pytest.raises(CardError, match="no longer takes the master key") as refused:
        make(model, send)
    assert refused.value.code == REFUSED


def test_a_link_that_is_not_of_ours_does_not_pass_for_it() -> None:
    # The master key is ours, so the card is read first; what it says then is no SUN link at all.
    model = blank_card(UID)
    make(model)
    for link in ("https://valet.example/t?x=1", "https://valet.example/t", "tel:1"):
        plain = blank_card(UID, url=link)
        model.iso.files[NDEF_FILE].content[:] = plain.iso.files[NDEF_FILE].content
        model.iso.files[NDEF_FILE].settings = plain.iso.files[NDEF_FILE].settings
        assert proven(make(model)) is not None


def test_a_card_of_ours_that_cannot_be_read_is_set_up_again() -> None:
    model = blank_card(UID)
    make(model)
    refusals = [b"\x6a\x82"]

    def send(apdu: bytes) -> bytes:
        answer = model.apdu(apdu)
        return refusals.pop() if refusals and apdu[-2:] == b"\xe1\x03" else answer

    assert proven(make(model, send)) is not None
    assert not refusals


def test_an_address_that_no_card_can_hold_is_refused_before_the_card_is_touched() -> None:
    def send(_command: bytes) -> bytes:
        pytest.fail("nothing can come of it")

    too_long = CardKeys(KEYS.app, "https://valet.example/" + "t" * 200)
    with pytest.raises(CardError, match="the card has 256") as refused:
        converse(personalise(CARD, too_long), send)
    assert refused.value.code == REFUSED


def test_no_error_says_a_key() -> None:
    model = blank_card(UID)
    model.channel.slots[3].key = bytes([0xEE]) * 16
    with pytest.raises(CardError) as refused:
        make(model)
    for key in (*KEYS.app, bytes(16)):
        assert key.hex() not in str(refused.value).lower()
