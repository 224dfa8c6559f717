"""Errands to cards on a PN532, against the emulated firmware, without a line."""

from __future__ import annotations

import pytest

from reader_agent.cards.conversation import Card, Talk
from reader_agent.cards.originality import check
from tests.pn532_stage import Stage, outcome, say

URL = "https://example.com/t/7"
LINK = {"model": "ntag215", "uid": "04AB87F2CA1190", "url": URL}
SIGNED = "nfca:04AB87F2CA1190"
BARE = "nfca:04112233445566"
SECURE = {"model": "ntag424", "uid": "04112233445577"}


@pytest.fixture
def stage() -> Stage:
    """A chip that has been found, with nothing on it."""
    stage = Stage()
    stage.run(1000)
    assert stage.state() == ["PN532 v1.6"]
    return stage


def tags(stage: Stage) -> list[str]:
    return [seen.card.tag for seen in stage.seen()]


def test_an_errand_talks_to_its_card(stage: Stage) -> None:
    stage.lay(LINK)
    done = stage.errand(SIGNED, say("3000", "A2200A0B0C0D", "3020", "60"))
    stage.run(500)
    answers = outcome(done)
    assert isinstance(answers, list)
    assert answers[0].startswith("04ab87")
    assert answers[1] == "0a"
    assert answers[2].startswith("0a0b0c0d")
    assert answers[3] == "0004040201001103"


def test_an_errand_to_a_card_that_speaks_apdus(stage: Stage) -> None:
    stage.lay(SECURE)
    done = stage.errand("nfca:04112233445577", say("00A4040007D276000085010100", "00A4000C02E103"))
    stage.run(500)
    assert outcome(done) == ["9000", "9000"]


def test_an_errand_whose_card_is_not_there_is_told_so(stage: Stage) -> None:
    done = stage.errand(SIGNED, say("3000"))
    stage.run(500)
    assert outcome(done) == "card_gone"


def test_commands_longer_than_a_block_reach_the_card_whole(stage: Stage) -> None:
    stage.lay(SECURE)
    text = "A5" * 200
    talk = say("00A4040007D276000085010100", "00A4000C02E104", "00D60000C8" + text, "00B00000C8")
    done = stage.errand("nfca:04112233445577", talk)
    stage.run(500)
    assert outcome(done) == ["9000", "9000", "9000", text.lower() + "9000"]


@pytest.mark.parametrize("spec", [LINK, SECURE])
def test_a_card_that_is_taken_away_during_an_errand_is_gone(stage: Stage, spec: object) -> None:
    def lose(card: Card) -> Talk[list[str]]:
        stage.clear()
        return (yield from say("3000", "3000")(card))

    tag = f"nfca:{stage.lay(spec).uid.hex().upper()}"
    done = stage.errand(tag, lose)
    stage.run(1000)
    assert outcome(done) == ["card_gone", "card_gone"]


def test_a_command_that_was_lost_is_not_sent_twice_to_a_card_that_counts(stage: Stage) -> None:
    def lose(card: Card) -> Talk[list[str]]:
        stage.is_deaf = True
        stage.commands.clear()
        return (yield from say("00A4040007D276000085010100")(card))

    stage.lay(SECURE)
    done = stage.errand("nfca:04112233445577", lose)
    stage.run(900)
    stage.is_deaf = False
    stage.run(1000)
    assert outcome(done) == ["card_gone"]
    assert len([command for command in stage.commands if command.startswith("40")]) == 1
    assert stage.state() == ["PN532 v1.6"]


@pytest.mark.parametrize(
    ("status", "code"), [(0x01, "card_gone"), (0x29, "card_gone"), (0x0B, "card_answer_broken")]
)
def test_what_the_chip_says_of_an_apdu_is_put_into_words(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    stage.lay(SECURE)
    stage.run(500)
    answer = stage.firmware.answer
    monkeypatch.setattr(
        stage.firmware,
        "answer",
        lambda command: bytes([status]) if command[0] == 0x40 else answer(command),
    )
    done = stage.errand("nfca:04112233445577", say("00A4040007D276000085010100"))
    stage.run(500)
    assert outcome(done) == [code]


@pytest.mark.parametrize(("status", "code"), [(0x14, "card_refused"), (0x06, "card_answer_broken")])
def test_what_the_chip_says_of_a_read_is_put_into_words(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    stage.lay(BARE)
    stage.run(500)
    answer = stage.firmware.answer
    monkeypatch.setattr(
        stage.firmware,
        "answer",
        lambda command: bytes([status]) if command[0] == 0x40 else answer(command),
    )
    done = stage.errand(BARE, say("3004"))
    stage.run(500)
    assert outcome(done) == [code]


def test_a_card_that_refuses_a_command_is_selected_again_for_the_next(stage: Stage) -> None:
    stage.lay(LINK)
    done = stage.errand(SIGNED, say("30FF", "3004", "1B00000000", "3004"))
    stage.run(1000)
    answers = outcome(done)
    assert isinstance(answers, list)
    assert [answers[0], answers[2]] == ["card_refused", "card_refused"]
    assert answers[1] == answers[3]
    assert len(answers[1]) == 32


def test_a_nak_that_is_told_as_data_is_a_refusal_too(stage: Stage) -> None:
    stage.firmware.tells_nak = True
    stage.lay(LINK)
    done = stage.errand(SIGNED, say("30FF", "3004"))
    stage.run(1000)
    answers = outcome(done)
    assert isinstance(answers, list)
    assert answers[0] == "card_refused"
    assert len(answers[1]) == 32


def test_a_silent_card_that_is_still_there_has_refused(stage: Stage) -> None:
    stage.lay({"model": "ultralight", "uid": "04112233445566"})
    done = stage.errand(BARE, say("60", "3004"))
    stage.run(1000)
    answers = outcome(done)
    assert isinstance(answers, list)
    assert answers[0] == "card_refused"
    assert len(answers[1]) == 32


def test_the_signature_of_one_of_two_cards_is_read_from_that_one(stage: Stage) -> None:
    stage.lay(LINK)
    stage.lay({"model": "ntag213", "uid": "04AAAAAAAAAAAA"})
    stage.run(500)
    signed = stage.errand(SIGNED, check)
    other = stage.errand("nfca:04AAAAAAAAAAAA", check)
    stage.run(1000)
    assert (outcome(signed), outcome(other)) == (True, False)


def test_an_answer_that_the_chip_tells_in_pieces_is_whole(stage: Stage) -> None:
    stage.firmware.piece = 16
    stage.lay({"model": "ntag424", "uid": "04112233445577", "url": URL})
    stage.run(500)
    assert stage.seen()[0].text == URL


def test_an_errand_that_fails_by_itself_is_told_what_failed(stage: Stage) -> None:
    def broken(_card: Card) -> Talk[None]:
        yield b"\x30\x00"
        raise KeyError("a fault of ours")

    stage.lay(LINK)
    done = stage.errand(SIGNED, broken)
    stage.run(500)
    assert isinstance(outcome(done), KeyError)
    stage.news.clear()
    stage.run(500)
    assert SIGNED in tags(stage)


def test_errands_are_refused_while_the_chip_is_lost(stage: Stage) -> None:
    stage.is_deaf = True
    stage.run(6000)
    done = stage.errand(SIGNED, say("3000"))
    stage.run(300)
    assert outcome(done) == "card_gone"


def test_an_errand_under_way_is_told_that_the_line_was_lost(stage: Stage) -> None:
    def cut_off(_card: Card) -> Talk[None]:
        stage.is_deaf = True
        yield b"\x30\x00"

    stage.lay(LINK)
    done = stage.errand(SIGNED, cut_off)
    stage.run(300)
    assert not done.done()
    stage.session.end()
    assert outcome(done) == "card_gone"


def test_an_errand_under_way_is_told_that_the_chip_fell_silent(stage: Stage) -> None:
    def cut_off(_card: Card) -> Talk[None]:
        stage.is_deaf = True
        yield b"\x30\x00"

    stage.lay(LINK)
    done = stage.errand(SIGNED, cut_off)
    stage.run(20_000)
    assert outcome(done) == "card_gone"
    assert stage.state()[-1] == "lost"


def test_an_errand_that_nobody_waits_for_any_more_is_left_out(stage: Stage) -> None:
    stage.lay(LINK)
    done = stage.errand(SIGNED, say("A20400000000"))
    assert done.cancel()
    stage.commands.clear()
    stage.run(500)
    assert not [command for command in stage.commands if command.startswith("4001a2")]
