"""Conversations with cards through the chip: Type 2, Type 4, and what they do when disturbed."""

from __future__ import annotations

from contextlib import suppress

import pytest

from reader_agent.cards import originality
from reader_agent.cards.conversation import Card, CardError, Talk
from reader_agent.cards.look import look
from reader_agent.cards.personalise import personalise
from reader_agent.emulators.mfrc522_rf import Moment
from reader_agent.emulators.tags.ntag424_personal import blank_card
from schemas.card_keys import CardKeys
from tests.rc522_stage import Stage

LINK = "https://valet.example/t"
NTAG = "04E20B66100289"
NTAG424 = "044B17125B6680"
CLASSIC = "3D99C723"
TYPE2 = {"model": "ntag215", "uid": NTAG, "url": LINK}
TYPE4 = {
    "model": "ntag424",
    "uid": NTAG424,
    "url": LINK,
    "meta_key": "00" * 16,
    "file_key": "00" * 16,
}


def ready(*tags: object) -> Stage:
    stage = Stage()
    assert stage.chip.set_up()
    for tag in tags:
        stage.put(tag)
    return stage


def commands(*data: str) -> object:
    """A conversation that sends these and returns the answers."""

    def talk(_card: Card) -> Talk[list[str]]:
        answers = []
        for command in data:
            try:
                answer = yield bytes.fromhex(command)
            except CardError as error:
                answers.append(error.code)
            else:
                answers.append(answer.hex().upper())
        return answers

    return talk


def ask(stage: Stage, uid: str, *data: str) -> list[str]:
    answers: list[str] = stage.talk(uid, commands(*data))  # type: ignore[arg-type]
    return answers


@pytest.mark.parametrize("tag", [TYPE2, {**TYPE2, "model": "ntag213"}])
def test_the_link_of_a_type_2_tag_is_read(tag: object) -> None:
    assert ready(tag).talk(NTAG, look) == LINK


def test_a_card_that_speaks_apdus_says_a_link_of_its_own_each_time() -> None:
    stage = ready(TYPE4)
    first, second = (stage.talk(NTAG424, look) for _ in range(2))
    assert first.startswith(f"{LINK}?picc_data=")
    assert second.startswith(f"{LINK}?picc_data=")
    assert first != second


def test_a_card_that_asks_for_time_is_waited_for() -> None:
    stage = ready(TYPE4)
    stage.emulator.fault("waiting_time", 3)
    assert stage.talk(NTAG424, look).startswith(LINK)


def test_a_conversation_is_told_all_of_the_card() -> None:
    stage = ready(TYPE4)

    def talk(card: Card) -> Talk[Card]:
        yield bytes.fromhex("00A4040007D276000085010100")
        return card

    card: Card = stage.talk(NTAG424, talk)
    assert (card.uid.hex().upper(), card.sak) == (NTAG424, 0x20)
    assert card.atqa == bytes.fromhex("4403")
    assert card.ats == bytes.fromhex("067777710280")


def test_a_card_between_others_is_the_one_that_is_talked_to() -> None:
    stage = ready("nfca:3D99C723", TYPE2, TYPE4, {**TYPE2, "uid": "04E20B66100389", "url": "tel:1"})
    assert stage.talk(NTAG, look) == LINK
    assert stage.talk("04E20B66100389", look) == "tel:1"
    assert stage.talk(NTAG424, look).startswith(LINK)


def test_after_a_conversation_the_card_can_be_found_again() -> None:
    for uid, tag in ((NTAG, TYPE2), (NTAG424, TYPE4)):
        stage = ready(tag)
        for _ in range(3):
            assert stage.talk(uid, look)


def test_a_command_that_a_card_refuses_does_not_end_the_conversation() -> None:
    stage = ready(TYPE2)
    version = "0004040201001103"
    assert ask(stage, NTAG, "60", "30FF", "60", "F1", "60") == [
        version,
        "card_refused",
        version,
        "card_refused",
        version,
    ]


def test_an_acknowledged_write_answers_its_four_bits() -> None:
    stage = ready(TYPE2)
    assert ask(stage, NTAG, "A20AC0FFEE00", "300A")[0] == "0A"
    assert ask(stage, NTAG, "300A")[0].startswith("C0FFEE00")


def test_a_classic_card_that_nobody_opened_refuses() -> None:
    assert ask(ready("nfca:3D99C723"), CLASSIC, "3004", "3004") == ["card_refused"] * 2


def test_the_longest_command_fits_the_fifo_and_a_longer_one_is_refused() -> None:
    stage = ready(TYPE2)
    assert ask(stage, NTAG, "00" * 62) == ["card_refused"]
    assert ask(stage, NTAG, "00" * 63) == ["card_refused"]
    assert ask(stage, NTAG, "") == ["card_refused"]


@pytest.mark.parametrize("fault", ["crc_wrong", "noise"])
@pytest.mark.parametrize(("uid", "tag"), [(NTAG, TYPE2), (NTAG424, TYPE4)])
def test_an_answer_that_came_through_bent_is_asked_for_again(
    fault: str, uid: str, tag: object
) -> None:
    stage = ready(tag)

    def talk(card: Card) -> Talk[str | None]:
        stage.emulator.fault(fault)
        link = yield from look(card)
        return link

    assert stage.talk(uid, talk).startswith(LINK)


def test_a_card_that_cannot_be_woken_again_is_gone() -> None:
    stage = ready(TYPE2)

    def talk(_card: Card) -> Talk[str]:
        stage.emulator.fault("crc_wrong", 1000)
        try:
            yield b"\x30\x04"
        except CardError as error:
            return error.code
        return "fine"

    assert stage.talk(NTAG, talk) == "card_gone"


def test_a_command_that_may_not_be_repeated_is_not() -> None:
    stage = ready(TYPE2)
    heard: list[bytes] = []
    exchange = stage.emulator.air.exchange

    def listen(frame: bytes, last_bits: int, *, enciphered: bool) -> object:
        heard.append(frame)
        return exchange(frame, last_bits, enciphered=enciphered)

    stage.emulator.air.exchange = listen  # type: ignore[method-assign, assignment]

    def talk(_card: Card) -> Talk[str]:
        stage.emulator.fault("crc_wrong")
        try:
            yield bytes.fromhex("1BFFFFFFFF")
        except CardError as error:
            return error.code
        return "fine"

    assert stage.talk(NTAG, talk) == "card_answer_broken"
    assert sum(frame[0] == 0x1B for frame in heard) == 1


@pytest.mark.parametrize(
    ("moment", "uid", "tag"),
    [
        (Moment.AFTER_REQUEST, NTAG, TYPE2),
        (Moment.AFTER_SELECT, NTAG, TYPE2),
        (Moment.MID_READ, NTAG, TYPE2),
        (Moment.AFTER_SELECT, NTAG424, TYPE4),
        (Moment.MID_APDU, NTAG424, TYPE4),
    ],
)
def test_a_card_that_leaves_is_gone(moment: Moment, uid: str, tag: object) -> None:
    stage = ready(tag)
    stage.emulator.fault(f"leaves_{moment}")
    with pytest.raises(CardError) as gone:
        stage.talk(uid, look)
    assert gone.value.code == "card_gone"


@pytest.mark.parametrize("count", range(1, 8))
def test_a_card_that_leaves_at_any_apdu_is_gone_and_comes_back(count: int) -> None:
    stage = ready(TYPE4)
    stage.emulator.fault("leaves_mid_apdu", count)
    while stage.emulator.air.tags:
        with suppress(CardError):
            stage.talk(NTAG424, look)
    stage.put(TYPE4)
    assert stage.talk(NTAG424, look).startswith(LINK)


def test_a_card_left_in_mid_session_is_made_to_forget_it() -> None:
    stage = ready(TYPE4)
    frames = 0
    exchange = stage.emulator.air.exchange

    def swallow(frame: bytes, last_bits: int, *, enciphered: bool) -> object:
        nonlocal frames
        frames += frame[0] == 0xC2
        if frame[0] == 0xC2 and frames <= 2:
            return None
        return exchange(frame, last_bits, enciphered=enciphered)

    stage.emulator.air.exchange = swallow  # type: ignore[method-assign, assignment]
    assert stage.talk(NTAG424, look)
    assert frames == 2
    assert stage.talk(NTAG424, look), "it would answer no WUPA if its field had stayed"


def test_a_signature_is_read_or_is_not_there() -> None:
    stage = ready({**TYPE2, "signature": "11" * 32})
    assert stage.talk(NTAG, originality.check) is False
    assert ready({"model": "ultralight", "uid": NTAG}).talk(NTAG, originality.check) is None


def test_a_blank_card_is_a_card() -> None:
    stage = ready()
    stage.emulator.put(blank_card(bytes.fromhex(NTAG424)))
    assert stage.talk(NTAG424, look) is None


def test_a_card_that_speaks_apdus_and_has_no_ats_is_gone() -> None:
    stage = ready(TYPE4)
    exchange = stage.emulator.air.exchange

    def swallow(frame: bytes, last_bits: int, *, enciphered: bool) -> object:
        if frame[0] == 0xE0:
            return None
        return exchange(frame, last_bits, enciphered=enciphered)

    stage.emulator.air.exchange = swallow  # type: ignore[method-assign, assignment]
    with pytest.raises(CardError) as gone:
        stage.talk(NTAG424, look)
    assert gone.value.code == "card_gone"


@pytest.mark.parametrize("torn_at", [None, 3, 7, 11])
def test_a_card_is_personalised_also_when_it_was_torn_away_half_way(torn_at: int | None) -> None:
    keys = CardKeys(tuple(bytes([number]) * 16 for number in range(1, 6)), LINK)
    stage = ready()
    model = stage.put({"model": "ntag424", "uid": NTAG424})
    if torn_at is not None:
        stage.emulator.fault("leaves_mid_apdu", torn_at)
        with pytest.raises(CardError):
            stage.talk(NTAG424, lambda card: personalise(card, keys))
        stage.emulator.put(model)
    url = stage.talk(NTAG424, lambda card: personalise(card, keys))
    assert url.startswith(f"{LINK}?picc_data=")
