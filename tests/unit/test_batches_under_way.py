"""While much waits, two batches are under way, and their answers are taken in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from reader_agent import cloud as fault
from reader_agent.cloud import Answer, Asked, CloudLost
from reader_agent.journal import NewEvent
from schemas.problems import Refusal
from tests.agent_loops import Loops
from tests.station_kit import StationKit

LOST = CloudLost(fault.UNREACHABLE)


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path, long_poll_wait_s=25)


def _record(kit: StationKit, count: int) -> None:
    for _ in range(count):
        kit.station._recorder.record(lambda _work: NewEvent("shift.signed_on"), "ana")


def _in_order(loops: Loops) -> list[Asked]:
    """What was asked: two requests are under way at a time, in threads of their own."""
    return sorted(loops.cloud.asked, key=lambda asked: asked.acked_seq)


def test_two_batches_are_under_way_while_an_answer_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = StationKit(tmp_path, batch_events=4)
    _record(kit, 13)
    first = kit.cursor
    answer = kit.answer(cursor=first + 5)
    loops = Loops(kit, otherwise=lambda asked: {**answer, "ack_seq": asked.last_seq})
    kit.clock.advance(1.0)
    take = kit.station.exchange.take

    def late(answer: Answer, asked: Asked) -> bool:
        assert loops.cloud.wait_for(lambda: len(loops.cloud.asked) == 3, 60)
        return take(answer, asked)

    with monkeypatch.context() as patched:
        patched.setattr(kit.station.exchange, "take", late)
        loops.push()
    assert kit.station.status().unsent == 10
    loops.push(3)
    assert [asked.acked_seq for asked in _in_order(loops)] == [0, 4, 8, 12]
    assert [asked.header["depth"] for asked in _in_order(loops)] == [14, 10, 6, 2]
    # Nobody knew yet what the first would bring when the second left.
    assert [asked.header["cursor"] for asked in _in_order(loops)] == [first, None, None, first + 5]
    assert (kit.station.status().unsent, kit.cursor) == (0, first + 5)


def test_one_that_came_before_the_one_in_front_of_it_is_sent_again_at_once(tmp_path: Path) -> None:
    kit = StationKit(tmp_path, batch_events=4)
    _record(kit, 7)
    early = [{"expected_seq": 1, "got_seq": 5}]

    def answer(asked: Asked) -> Answer:
        if asked.acked_seq == 4 and early:
            return kit.answer(ack_seq=0, gap=early.pop(), cursor=kit.cursor)
        return loops.accept(asked)

    loops = Loops(kit, otherwise=answer)
    loops.push(2)
    assert kit.station.status().unsent == 8
    loops.push(2)
    assert kit.station.status().unsent == 0
    assert loops.rests == []


def test_after_a_failure_one_goes_first_and_alone(tmp_path: Path) -> None:
    kit = StationKit(tmp_path, batch_events=4)
    _record(kit, 11)
    loops = Loops(kit, LOST, LOST)
    loops.push()
    assert loops.cloud.wait_for(lambda: len(loops.cloud.asked) == 2, 60)
    loops.cloud.script(LOST)
    loops.push()
    assert [asked.acked_seq for asked in loops.cloud.asked[2:]] == [0]
    loops.push(4)
    assert kit.station.status().unsent == 0


def test_an_answer_that_cannot_be_written_down_takes_the_one_behind_it_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = StationKit(tmp_path, batch_events=4)
    _record(kit, 9)
    loops = Loops(kit)

    def full(_answer: Answer, _asked: Asked) -> bool:
        assert loops.cloud.wait_for(lambda: len(loops.cloud.asked) == 2, 60)
        raise Refusal("storage_full")

    with monkeypatch.context() as patched:
        patched.setattr(kit.station.exchange, "take", full)
        loops.push()
    # What the cloud said of the first four is not known here: they are sent again, in order.
    loops.push(3)
    assert [asked.acked_seq for asked in loops.cloud.asked] == [0, 4, 0, 4, 8]
    assert kit.station.status().unsent == 0


def test_what_is_behind_a_gap_is_sent_again(tmp_path: Path) -> None:
    kit = StationKit(tmp_path, batch_events=4)
    _record(kit, 9)
    gaps = [{"expected_seq": 3, "got_seq": 1}]

    def answer(asked: Asked) -> Answer:
        if asked.acked_seq == 0:
            return kit.answer(ack_seq=2, gap=gaps.pop())
        return loops.accept(asked)

    loops = Loops(kit, otherwise=answer)
    loops.push()
    # What became of the one behind is not known here.
    assert kit.station.status().unsent == 8
    loops.push(2)
    assert kit.station.status().unsent == 0
    assert [asked.acked_seq for asked in _in_order(loops)] == [0, 2, 4, 6]


def test_while_much_waits_news_is_asked_for_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = StationKit(tmp_path, batch_events=2)
    _record(kit, 13)
    answer = kit.answer(cursor=kit.cursor)
    loops = Loops(kit, otherwise=lambda asked: {**answer, "ack_seq": asked.last_seq})
    kit.clock.advance(1.0)
    take = kit.station.exchange.take

    def slow(answer: Answer, asked: Asked) -> bool:
        kit.clock.advance(0.4)
        return take(answer, asked)

    monkeypatch.setattr(kit.station.exchange, "take", slow)
    loops.push(7)
    told = [asked.header["cursor"] is not None for asked in _in_order(loops)]
    assert told == [True, False, False, False, False, True, False]
    assert kit.station.status().unsent == 0
    # The listener hears of the rest.
    loops.pull()
    assert loops.cloud.asked[-1].header["cursor"] is not None
