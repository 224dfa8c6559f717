"""What a station does all day with a PN532, against the emulated firmware, without a line."""

from __future__ import annotations

from itertools import pairwise

import pytest

from reader_agent.drivers.pn532_orders import Looked
from reader_agent.emulators.tags.iso14443a import RadioTag
from reader_agent.emulators.tags.model import Reply
from reader_agent.emulators.tags.type2_tag import Type2Tag
from tests.pn532_stage import MS, Stage

URL = "https://example.com/t/7"
LINK = {"model": "ntag215", "uid": "04AB87F2CA1190", "url": URL}
SIGNED = "nfca:04AB87F2CA1190"
CLASSIC = "nfca:11223344"
BARE = "nfca:04112233445566"
SECURE = {"model": "ntag424", "uid": "04112233445577"}
PHONE = {"model": "ntag424", "uid": "04112233445588", "random_uid": True}
LIST = "4a0200"


@pytest.fixture
def stage() -> Stage:
    """A chip that has been found, with nothing on it."""
    stage = Stage()
    stage.run(1000)
    assert stage.state() == ["PN532 v1.6"]
    return stage


def tags(stage: Stage) -> list[str]:
    return [seen.card.tag for seen in stage.seen()]


# Finding the chip


def test_sam_configuration_is_the_first_command_and_searches_are_made_short() -> None:
    stage = Stage()
    stage.run(300)
    ready = ["3205ff0102", "1214", "320100", "320101"]
    assert stage.commands[:7] == ["1401", "02", *ready, LIST]


def test_a_search_without_cards_is_one_command_and_then_a_pause(stage: Stage) -> None:
    stage.commands.clear()
    stage.run(24 * 150)
    assert stage.commands.count(LIST) == 24 + 3
    assert len(stage.commands) == 24 + 3 * 3


def test_a_card_that_was_halted_without_our_knowing_is_found_within_two_seconds(
    stage: Stage,
) -> None:
    stage.lay(BARE)
    stage.firmware.answer(bytes.fromhex("4A0200"))
    stage.run(2000)
    assert BARE in tags(stage)


def test_a_chip_that_answers_nowhere_is_lost_and_is_called_every_five_seconds() -> None:
    stage = Stage()
    stage.is_deaf = True
    stage.run(60_000)
    assert set(stage.state()) == {"lost"}
    assert 7 <= len(stage.state()) <= 9
    assert stage.baud == 115200
    # Four sendings a search, and seven speeds that are tried once.
    assert len(stage.commands) <= 4 * len(stage.state()) + 7
    stage.is_deaf = False
    stage.run(6000)
    assert stage.state()[-1] == "PN532 v1.6"


@pytest.mark.parametrize("baud", [921600, 460800, 230400, 9600])
def test_a_chip_left_at_another_speed_is_called_back(baud: int) -> None:
    stage = Stage()
    stage.firmware.baud = baud
    stage.run(6000)
    assert stage.state() == ["PN532 v1.6"]
    assert (stage.firmware.baud, stage.baud) == (115200, 115200)


def test_a_chip_that_falls_silent_is_lost_and_found_again(stage: Stage) -> None:
    stage.is_deaf = True
    stage.run(6000)
    assert stage.state() == ["PN532 v1.6", "lost"]
    stage.is_deaf = False
    stage.run(6000)
    assert stage.state() == ["PN532 v1.6", "lost", "PN532 v1.6"]


def test_a_chip_that_started_anew_is_made_ready_again(stage: Stage) -> None:
    stage.firmware.reset()
    stage.run(4000)
    assert stage.state() == ["PN532 v1.6", "PN532 v1.6"]
    stage.lay(BARE)
    stage.run(500)
    assert BARE in tags(stage)


def test_an_idle_chip_is_asked_what_it_is_every_30_seconds(stage: Stage) -> None:
    stage.commands.clear()
    stage.run(95_000)
    assert stage.commands.count("02") == 3


# Cards


@pytest.mark.parametrize("call", ["26", "52"], ids=["REQA", "WUPA"])
@pytest.mark.parametrize("spec", [CLASSIC, BARE, "nfca:0102030405060708090A", SECURE])
def test_a_card_that_lies_there_is_seen_in_every_round(
    stage: Stage, spec: object, call: str
) -> None:
    stage.firmware.radio.call = int(call, 16)
    model = stage.lay(spec)
    stage.run(5000)
    rounds = [news for news in stage.news if isinstance(news, Looked)]
    first = stage.seen()[0].mono_ns
    assert [seen.mono_ns for seen in stage.seen()] == [
        each.mono_ns for each in rounds if each.mono_ns >= first
    ]
    assert {seen.card.uid for seen in stage.seen()} == {model.uid}


def test_a_link_is_read_once_and_told_with_the_first_sight(stage: Stage) -> None:
    stage.lay(LINK)
    stage.run(2000)
    assert [seen.text for seen in stage.seen()][:3] == [URL, None, None]
    assert stage.seen()[0].card.tag == SIGNED


def test_a_card_that_comes_back_is_looked_at_again(stage: Stage) -> None:
    stage.lay(LINK)
    stage.run(1000)
    stage.clear()
    stage.run(2000)
    stage.lay(LINK)
    stage.run(1000)
    assert [seen.text for seen in stage.seen() if seen.text] == [URL, URL]


class Leaving(Type2Tag):
    """A tag that is taken away while it is being read."""

    stage: Stage

    def command(self, data: bytes) -> Reply:
        self.stage.clear()
        return None


def test_a_card_that_leaves_during_the_look_is_told_of_without_its_text(stage: Stage) -> None:
    tag = Leaving(bytes.fromhex("04112233445566"))
    tag.stage = stage
    stage.firmware.radio.tags.append(RadioTag(tag))
    stage.run(1000)
    assert [(seen.card.tag, seen.text) for seen in stage.seen()] == [(BARE, None)]


def test_two_cards_are_both_seen_and_each_is_looked_at_once(stage: Stage) -> None:
    stage.lay(LINK)
    stage.lay({"model": "ntag213", "uid": "04AAAAAAAAAAAA", "url": URL + "8"})
    stage.run(4000)
    assert set(tags(stage)) == {SIGNED, "nfca:04AAAAAAAAAAAA"}
    assert sorted(seen.text for seen in stage.seen() if seen.text) == [URL, URL + "8"]
    for tag in set(tags(stage)):
        times = [seen.mono_ns for seen in stage.seen() if seen.card.tag == tag]
        assert all(after - before < 600 * MS for before, after in pairwise(times))


def test_a_second_card_is_noticed_while_the_first_one_lies_there(stage: Stage) -> None:
    stage.lay(SECURE)
    stage.run(1000)
    stage.lay(CLASSIC)
    stage.run(1000)
    assert set(tags(stage)[-2:]) == {CLASSIC, "nfca:04112233445577"}


def test_a_phone_keeps_its_random_uid_while_it_lies_there(stage: Stage) -> None:
    stage.lay(PHONE)
    stage.run(5000)
    assert len(set(tags(stage))) == 1
    assert tags(stage)[0].startswith("nfca:08")
    assert len(stage.seen()) > 15


def test_a_phone_and_what_lies_beside_it_keep_their_names(stage: Stage) -> None:
    stage.lay(PHONE)
    stage.lay(CLASSIC)
    stage.run(5000)
    both = set(tags(stage))
    assert len(both) == 2
    assert CLASSIC in both
    stage.firmware.radio.tags.pop()
    stage.run(1000)
    stage.news.clear()
    stage.run(1000)
    assert set(tags(stage)) == both - {CLASSIC}


def test_a_card_beside_a_phone_is_found_again_when_the_phone_has_gone(stage: Stage) -> None:
    stage.lay(PHONE)
    stage.lay(CLASSIC)
    stage.run(1000)
    stage.firmware.radio.tags.pop(0)
    stage.run(2000)
    stage.news.clear()
    stage.run(1000)
    assert set(tags(stage)) == {CLASSIC}


def test_a_phone_that_goes_is_not_seen_any_more(stage: Stage) -> None:
    stage.lay(PHONE)
    stage.run(1000)
    stage.clear()
    stage.run(100)
    before = len(stage.seen())
    stage.run(2000)
    assert len(stage.seen()) <= before + 1


def test_zeros_are_told_as_they_are_and_never_looked_at(stage: Stage) -> None:
    stage.lay("nfca:00000000")
    stage.commands.clear()
    stage.run(500)
    assert set(tags(stage)) == {"nfca:00000000"}
    assert not [command for command in stage.commands if command.startswith("40")]


def test_zeros_do_not_hide_a_card_that_comes_after_them(stage: Stage) -> None:
    stage.lay("nfca:00000000")
    stage.run(1000)
    stage.lay(CLASSIC)
    stage.run(1000)
    assert CLASSIC in tags(stage)
