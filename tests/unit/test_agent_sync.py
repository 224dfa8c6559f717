"""The two loops against a cloud that answers from a script."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from reader_agent import cloud as fault
from reader_agent.cloud import Answer, Asked, CloudLost
from reader_agent.journal import NewEvent
from reader_agent.scripted_cloud import ScriptedCloud
from reader_agent.sync import Backoff, Sync
from tests.agent_loops import Loops
from tests.station_kit import ANA, BOLIVAR, StationKit, event_change, received_data

VISIT = "01900000-0000-7000-8000-0000000000aa"
LOST = CloudLost(fault.UNREACHABLE)


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path, long_poll_wait_s=25)


def _record(kit: StationKit, count: int) -> None:
    for _ in range(count):
        kit.station._recorder.record(lambda _work: NewEvent("shift.signed_on"), "ana")


def test_what_was_recorded_is_sent_in_order_with_cursor_and_anchor(kit: StationKit) -> None:
    kit.tap(ANA)
    loops = Loops(kit)
    loops.push()
    (asked,) = loops.cloud.asked
    assert [json.loads(line)["seq"] for line in asked.lines] == [1, 2]
    assert asked.header["journal_id"] == kit.station._journal.journal_id
    assert asked.header["cursor"] == kit.cursor
    assert asked.header["boot_id"] == kit.clock.boot_id()
    assert asked.header["mono_ns"] == kit.clock.mono_ns()
    assert asked.header["depth"] == 2
    assert kit.station.status().unsent == 0


def test_a_long_queue_goes_in_batches(tmp_path: Path) -> None:
    kit = StationKit(tmp_path, batch_events=4)
    _record(kit, 9)
    loops = Loops(kit)
    loops.push(3)
    assert [len(asked.lines) for asked in loops.cloud.asked] == [4, 4, 2]
    assert loops.rests == []


def test_failures_are_retried_with_growing_rests_up_to_the_cap(kit: StationKit) -> None:
    loops = Loops(kit, otherwise=LOST)
    loops.push(9)
    assert loops.rests == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert kit.station.status().unsent == 1


def test_the_jitter_is_full() -> None:
    backoff = Backoff(60, lambda: 0.0)
    assert backoff.failed() == 0.05
    assert backoff.failed(retry_after_s=7) == 7


def test_the_clouds_own_wish_is_obeyed(kit: StationKit) -> None:
    loops = Loops(kit, CloudLost(fault.BUSY, retry_after_s=120))
    loops.push()
    assert loops.rests == [120]


def test_a_lost_answer_sends_the_same_bytes_again(kit: StationKit) -> None:
    loops = Loops(kit, LOST)
    loops.push(2)
    first, second = loops.cloud.asked
    assert list(first.lines) == list(second.lines)
    assert kit.station.status().unsent == 0


def test_a_gap_goes_back_to_what_the_cloud_expects(kit: StationKit) -> None:
    _record(kit, 4)
    kit.tell(acknowledge=True)
    _record(kit, 1)

    def gap(_asked: Asked) -> Answer:
        return kit.answer(ack_seq=2, gap={"expected_seq": 3, "got_seq": 6})

    loops = Loops(kit, gap)
    loops.push(2)
    assert [json.loads(line)["seq"] for line in loops.cloud.asked[1].lines] == [3, 4, 5, 6]
    assert kit.station.status().unsent == 0


def test_a_cloud_that_was_set_back_gets_everything_again_without_a_new_tap(
    kit: StationKit,
) -> None:
    _record(kit, 4)
    kit.tell(acknowledge=True)
    loops = Loops(kit, lambda _asked: kit.answer(ack_seq=1))
    loops.pull()
    loops.push()
    assert [json.loads(line)["seq"] for line in loops.cloud.asked[1].lines] == [2, 3, 4, 5]


def test_an_answer_that_takes_nothing_in_is_no_reason_to_ask_at_once(kit: StationKit) -> None:
    loops = Loops(kit, otherwise=lambda asked: kit.answer(ack_seq=0, cursor=asked.cursor))
    loops.push(3)
    assert loops.rests == [1, 2, 4]


def test_what_the_cloud_says_of_the_station_is_shown_until_it_no_longer_says_so(
    kit: StationKit,
) -> None:
    loops = Loops(kit, lambda _asked: kit.answer(alarm="cloned"), kit.answer())
    loops.push()
    assert kit.station.status().station_problem == "cloned"
    assert kit.station.status().unsent == 0
    loops.pull()
    assert kit.station.status().station_problem is None


def test_a_refused_event_does_not_hold_up_those_behind_it(kit: StationKit) -> None:
    _record(kit, 2)
    verdict = {"seq": 2, "id": None, "verdict": "refused", "code": "bad_fields", "detail": None}
    loops = Loops(kit, lambda _asked: kit.answer(ack_seq=3, verdicts=[verdict]))
    loops.push()
    status = kit.station.status()
    assert (status.unsent, status.refused) == (0, 1)


def test_the_listener_lets_the_sender_go_first_and_then_waits_long(kit: StationKit) -> None:
    loops = Loops(kit)
    loops.pull()
    assert loops.cloud.asked == []
    loops.push()
    loops.pull()
    assert loops.cloud.asked[-1].header["wait_s"] == 25
    assert loops.cloud.asked[-1].lines == []


def test_news_is_listened_for_while_sending_fails(kit: StationKit) -> None:
    news = event_change(VISIT, "visit.received", 1, BOLIVAR, data=received_data())
    loops = Loops(kit, CloudLost(fault.SERVER_ERROR), lambda _asked: kit.answer([news], ack_seq=0))
    loops.push()
    loops.pull()
    assert kit.station.card(VISIT).code == "B-0001"


def test_the_answer_to_an_older_cursor_settles_events_but_brings_no_news(
    kit: StationKit,
) -> None:
    news = event_change(VISIT, "visit.received", 1, BOLIVAR, data=received_data())

    def late(asked: Asked) -> Answer:
        answer = kit.answer([news], from_cursor=asked.cursor, cursor=asked.cursor + 5)
        kit.tell(cursor=asked.cursor + 9)
        return answer

    loops = Loops(kit, late)
    loops.push()
    assert kit.station.status().unsent == 0
    assert kit.station.search("B-0001") == []


def test_one_failure_is_no_loss_and_a_return_has_to_last(kit: StationKit) -> None:
    loops = Loops(kit)
    seen = []

    def push(*replies: Any, times: int = 1) -> None:
        loops.cloud.script(*replies)
        loops.push(times)
        seen.append(kit.station.status().online)

    with capture_logs() as logs:
        push()
        _record(kit, 1)
        push(LOST)
        push(LOST, LOST, times=2)
        push()
        for pause_s in (5, 6):
            kit.clock.advance(pause_s)
            loops.pull()
            seen.append(kit.station.status().online)
    assert seen == [True, True, False, False, False, True]
    lines = [log["event"] for log in logs if log["event"].startswith("line.")]
    assert lines == ["line.up", "line.lost", "line.up"]


@pytest.mark.parametrize(
    ("problem", "shown"),
    [("revoked_station", "revoked"), ("unknown_station", "unknown_station")],
)
def test_a_station_that_is_turned_away_says_so_until_it_is_let_in(
    kit: StationKit, problem: str, shown: str
) -> None:
    loops = Loops(kit, CloudLost(fault.TURNED_AWAY, problem=problem))
    loops.push()
    assert kit.station.status().station_problem == shown
    assert kit.station.status().unsent == 1
    loops.push()
    assert kit.station.status().station_problem is None


def test_a_batch_that_is_too_large_is_halved_until_it_fits(kit: StationKit) -> None:
    _record(kit, 7)
    too_large = CloudLost(fault.TOO_LARGE, problem="too_large")
    loops = Loops(kit, too_large, too_large)
    loops.push(4)
    assert [len(asked.lines) for asked in loops.cloud.asked] == [8, 4, 2, 4]


def test_a_cloud_that_takes_fewer_is_not_offered_more_again(kit: StationKit) -> None:
    _record(kit, 13)
    loops = Loops(kit, CloudLost(fault.TOO_LARGE, problem="too_many_events"))
    loops.sync._most_events = loops.sync._batch_events = 8
    loops.push(4)
    assert [len(asked.lines) for asked in loops.cloud.asked] == [8, 4, 4, 4]


def test_a_broken_chain_is_shown(kit: StationKit) -> None:
    loops = Loops(kit, lambda _asked: kit.answer(chain_broken_at=1))
    loops.push()
    assert kit.station.status().station_problem == "chain_broken"
    loops.pull()
    assert kit.station.status().station_problem == "chain_broken"


def test_news_does_not_hide_that_sending_is_refused(kit: StationKit) -> None:
    loops = Loops(kit, CloudLost(fault.BAD_REQUEST, problem="bad_header"))
    loops.push()
    loops.pull()
    assert kit.station.status().station_problem == "bad_request"
    loops.push()
    assert kit.station.status().station_problem is None


@pytest.fixture
def running(kit: StationKit) -> Iterator[tuple[StationKit, ScriptedCloud, Sync]]:
    """Real loops over a cloud that holds long polls."""
    loops = Loops(kit)
    cloud = ScriptedCloud(otherwise=loops.accept)
    cloud.is_holding = True
    sync = kit.station.sync_with(cloud)
    sync.start()
    yield kit, cloud, sync
    sync.stop()


def test_a_tap_is_on_its_way_at_once(
    running: tuple[StationKit, ScriptedCloud, Sync],
) -> None:
    kit, cloud, _sync = running
    assert cloud.wait_for(lambda: any(asked.wait_s for asked in cloud.asked), 5)
    started = time.monotonic()
    kit.tap(ANA)
    assert cloud.wait_for(lambda: sum(len(asked.lines) for asked in cloud.asked) == 2, 5)
    assert time.monotonic() - started < 1


def test_both_loops_end_promptly_in_the_middle_of_a_long_poll(
    running: tuple[StationKit, ScriptedCloud, Sync],
) -> None:
    _kit, cloud, sync = running
    assert cloud.wait_for(lambda: any(asked.wait_s for asked in cloud.asked), 5)
    started = time.monotonic()
    sync.stop()
    assert time.monotonic() - started < 2
    assert not any(thread.is_alive() for thread in sync._threads)


def test_what_waits_is_sent_by_the_timer_alone_when_the_line_returns(tmp_path: Path) -> None:
    kit = StationKit(tmp_path)
    _record(kit, 3)
    loops = Loops(kit)
    cloud = ScriptedCloud(LOST, LOST, LOST, LOST, otherwise=loops.accept)
    limits = replace(kit.config.limits, backoff_cap_s=1)
    sync = Sync(kit.station.exchange, cloud, kit.station.uplink, limits, jitter=lambda: 0.05)
    sync.start()
    try:
        assert cloud.wait_for(lambda: len(cloud.asked) > 5, 10)
        deadline = time.monotonic() + 5
        while kit.station.status().unsent and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert kit.station.status().unsent == 0
    finally:
        sync.stop()


def test_a_loop_survives_a_bug(kit: StationKit) -> None:
    def bug(_asked: Asked) -> Answer:
        raise ZeroDivisionError

    loops = Loops(kit)
    cloud = ScriptedCloud(bug, otherwise=loops.accept)
    limits = replace(kit.config.limits, backoff_cap_s=1)
    sync = Sync(kit.station.exchange, cloud, kit.station.uplink, limits)
    with capture_logs() as logs:
        sync.start()
        try:
            assert cloud.wait_for(lambda: len(cloud.asked) > 2, 10)
        finally:
            sync.stop()
    assert "sync.broke" in {log["event"] for log in logs}
