"""Turns of the reader on a fake clock: arrivals with their words, errands, and what it costs."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from structlog.testing import capture_logs

from reader_agent.cards.conversation import Card, CardError, Errand, Talk
from reader_agent.cards.look import look
from reader_agent.drivers.reader import Listener
from reader_agent.presence import Arrival, Departure
from tests.rc522_stage import POLL_S, Stage

LINK = "https://valet.example/t"
TAG = "nfca:04E20B66100289"
NTAG = {"model": "ntag215", "uid": TAG[5:], "url": LINK}
NTAG424 = {
    "model": "ntag424",
    "uid": "044B17125B6680",
    "url": LINK,
    "meta_key": "00" * 16,
    "file_key": "00" * 16,
}


def ready(*tags: object) -> Stage:
    stage = Stage()
    stage.turns(1)
    for tag in tags:
        stage.put(tag)
    return stage


def errand(tag: str, talk: Any = look) -> Errand:
    task = Errand(tag, talk, Future())
    assert task.done.set_running_or_notify_cancel()
    return task


def test_an_idle_poll_costs_at_most_40_transfers() -> None:
    stage = ready()
    costs = []
    for _ in range(40):
        before = stage.emulator.transfers
        stage.turns(1)
        costs.append(stage.emulator.transfers - before)
    assert max(costs) <= 40, "also the one in a second that checks the chip"
    assert sum(costs) / len(costs) <= 15


def test_a_card_that_lies_there_arrives_once_and_departs_once() -> None:
    stage = ready(NTAG)
    stage.turns(20)
    stage.emulator.remove()
    stage.turns(10)
    assert [(each.tag, each.reader, each.confirmed, each.text) for each in stage.arrivals] == [
        (TAG, "counter", True, LINK)
    ]
    assert [(each.tag, each.confirmed) for each in stage.departures] == [(TAG, True)]


def test_a_card_that_comes_again_arrives_again_with_new_words() -> None:
    stage = ready()
    tag = stage.put(NTAG424)
    for _ in range(2):
        stage.turns(3)
        stage.emulator.remove()
        stage.turns(10)
        stage.emulator.put(tag)
    texts = [each.text or "" for each in stage.arrivals]
    assert len(texts) == 2
    assert all(text.startswith(f"{LINK}?picc_data=") for text in texts)
    assert texts[0] != texts[1]


def test_a_card_says_its_words_only_when_it_arrives() -> None:
    stage = ready(NTAG424)
    stage.turns(1)
    heard: list[bytes] = []
    exchange = stage.emulator.air.exchange

    def listen(frame: bytes, last_bits: int, *, enciphered: bool) -> object:
        heard.append(frame)
        return exchange(frame, last_bits, enciphered=enciphered)

    stage.emulator.air.exchange = listen  # type: ignore[method-assign, assignment]
    stage.turns(20)
    assert not [frame for frame in heard if frame[0] in (0xE0, 0x02, 0x03)]
    assert len(stage.arrivals) == 1


def test_a_uid_of_zeros_is_no_tag() -> None:
    stage = ready("nfca:00000000")
    stage.turns(3)
    assert stage.arrivals == []


def test_a_random_uid_arrives_as_it_is() -> None:
    stage = ready("nfca:08A1B2C3")
    stage.turns(3)
    assert stage.tags == ["nfca:08A1B2C3"]


def test_several_cards_arrive_each_and_stay() -> None:
    stage = ready(NTAG, NTAG424, "nfca:3D99C723")
    stage.turns(20)
    assert sorted(stage.tags) == ["nfca:044B17125B6680", TAG, "nfca:3D99C723"]
    assert stage.departures == []


def test_a_card_laid_beside_another_arrives_and_the_first_one_stays() -> None:
    stage = ready(NTAG)
    stage.turns(5)
    stage.put("nfca:3D99C723")
    stage.turns(10)
    assert stage.tags == [TAG, "nfca:3D99C723"]
    assert stage.departures == []


def test_an_errand_is_carried_out_on_its_card() -> None:
    stage = ready(NTAG, "nfca:3D99C723")
    stage.turns(1)
    task = errand(TAG)
    stage.session.run(task)
    assert task.done.result() == LINK


def test_a_card_does_not_depart_over_a_long_errand() -> None:
    stage = ready(NTAG)
    stage.turns(2)

    def slow(_card: Card) -> Talk[str]:
        for _ in range(4):
            yield bytes.fromhex("3004")
            stage.clock.advance(1.0)
        return "done"

    task = errand(TAG, slow)
    stage.session.run(task)
    stage.turns(5)
    assert task.done.result() == "done"
    assert (stage.tags, stage.departures) == ([TAG], [])


@pytest.mark.parametrize("tag", ["nfca:3D99C7FF", "em4100:010063E9AE"])
def test_an_errand_without_its_card_is_told_so(tag: str) -> None:
    stage = ready(NTAG)
    task = errand(tag)
    stage.session.run(task)
    with pytest.raises(CardError) as gone:
        task.done.result()
    assert gone.value.code == "card_gone"


def test_an_errand_that_fails_by_its_own_fault_is_told_and_harms_nobody() -> None:
    stage = ready(NTAG)

    def clumsy(_card: Card) -> Talk[None]:
        yield b"\x30\x04"
        raise ZeroDivisionError

    task = errand(TAG, clumsy)
    stage.session.run(task)
    assert isinstance(task.done.exception(), ZeroDivisionError)
    stage.turns(3)
    assert stage.tags == [TAG]


def test_an_errand_on_a_chip_that_hangs_is_told_and_the_chip_is_well_again() -> None:
    stage = ready(NTAG)

    def hanging(_card: Card) -> Talk[None]:
        stage.emulator.fault("hung")
        yield b"\x30\x04"

    task = errand(TAG, hanging)
    stage.session.run(task)
    assert isinstance(task.done.exception(), CardError)
    stage.turns(2)
    assert stage.session.is_well
    assert stage.tags == [TAG]


def test_an_errand_on_a_bus_that_fails_is_told_and_the_loss_is_passed_on() -> None:
    stage = ready(NTAG)
    stage.turns(1)
    stage.emulator.fault("spi_error")
    task = errand(TAG)
    with pytest.raises(OSError, match="Input/output"):
        stage.session.run(task)
    assert isinstance(task.done.exception(), CardError)


def test_an_errand_on_a_chip_that_is_not_well_is_refused() -> None:
    stage = ready(NTAG)
    stage.emulator.fault("reads_00", 10_000)
    stage.turns(10)
    assert not stage.session.is_well
    task = errand(TAG)
    stage.session.run(task)
    assert isinstance(task.done.exception(), CardError)


def test_a_listener_that_fails_does_not_make_the_reader_deaf() -> None:
    stage = ready()
    heard: list[Arrival | Departure] = []

    def arrived(arrival: Arrival) -> None:
        heard.append(arrival)
        raise OSError("the disk is full, which is no fault of the bus")

    stage.field._listener = Listener(arrived, heard.append)
    stage.put(NTAG)
    with capture_logs() as logs:
        stage.turns(3)
        stage.emulator.remove()
        stage.turns(10)
    assert len(heard) == 2
    assert [entry["event"] for entry in logs] == ["reader.consumer_failed"]
    assert LINK not in str(logs)


def test_24_hours_of_idling_leave_nothing_behind() -> None:
    stage = ready()
    stage.turns(5)
    before = len(stage.emulator.chip._due), len(stage.field.uids())
    for _ in range(2000):
        stage.session.turn()
        stage.clock.advance(43.2 - POLL_S)
    assert (len(stage.emulator.chip._due), len(stage.field.uids())) == before
    assert stage.session.is_well
