"""Ten thousand events wait to be sent, and nothing that happens now waits for them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reader_agent.cloud import Answer, Asked
from reader_agent.journal import NewEvent
from reader_agent.scripted_cloud import ScriptedCloud
from reader_agent.sync import Sync
from tests.station_kit import (
    ANA,
    BOLIVAR,
    KEY_1,
    StationKit,
    event_change,
    received_data,
    visit_change,
)

QUEUED = 10_000
BATCH = 500
VISIT = "01900000-0000-7000-8000-0000000000aa"
DEADLINE_S = 60


class SlowCloud:
    """Holds the answer to each batch until it is let go; the first one brings news."""

    def __init__(self, kit: StationKit) -> None:
        self.kit = kit
        self.sent: list[int] = []
        self.has_asked = threading.Event()
        self.may_answer = threading.Semaphore(0)
        self.scripted = ScriptedCloud(otherwise=self.answer)

    def answer(self, asked: Asked) -> Answer:
        """Take the lines in, later."""
        self.has_asked.set()
        assert self.may_answer.acquire(timeout=DEADLINE_S)
        self.sent += [json.loads(line)["seq"] for line in asked.lines]
        is_first = len(self.sent) == len(asked.lines)
        news = [
            event_change(VISIT, "visit.received", 1, BOLIVAR, data=received_data()),
            visit_change(VISIT),
        ]
        return self.kit.answer(
            news if is_first else (),
            ack_seq=asked.last_seq,
            from_cursor=asked.cursor,
            cursor=asked.cursor + is_first,
        )


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    """A station that was cut off for a whole evening."""
    kit = StationKit(tmp_path, batch_events=BATCH, long_poll_wait_s=0)
    journal = kit.station._journal
    with kit.station._db.transaction() as work:
        for _ in range(QUEUED - journal.depth()):
            journal.append(work, NewEvent("shift.signed_on"), actor="rosa", place_id="herrera")
    return kit


@contextmanager
def sending(kit: StationKit) -> Iterator[SlowCloud]:
    """The line is back, and the first batch is on its way."""
    cloud = SlowCloud(kit)
    sync: Sync = kit.station.sync_with(cloud.scripted)
    sync.start()
    try:
        assert cloud.has_asked.wait(DEADLINE_S)
        yield cloud
    finally:
        cloud.may_answer.release(10 * QUEUED)
        sync.stop()


def test_a_tap_is_durable_and_shown_while_the_cloud_still_has_the_first_batch(
    kit: StationKit,
) -> None:
    with sending(kit) as cloud:
        kit.tap(ANA)
        subscription = kit.station.feed.subscribe()
        assert kit.tap(KEY_1).key == "tap.new_visit"
        kit.station.edit_draft(plate="AB1234", no_phone=True)
        card = kit.station.receive()
        assert kit.tap(KEY_1).event_type == "car.taken"
        shown = [subscription.next(DEADLINE_S) for _ in range(3)]
        assert "tap.taken" in {message.key for message in shown if message is not None}
        assert kit.recorded()[-1]["visit_id"] == card.visit_id
        assert cloud.sent == []
        assert kit.station.status().unsent == QUEUED + 3


def test_news_comes_with_the_first_batch_and_not_after_the_last(kit: StationKit) -> None:
    with sending(kit) as cloud:
        subscription = kit.station.feed.subscribe()
        cloud.may_answer.release()
        message = subscription.next(DEADLINE_S)
        assert message is not None
        assert message.kind == "refresh"
        assert kit.station.card(VISIT).code == "B-0001"
        assert kit.station.status().unsent == QUEUED - BATCH


def test_the_whole_queue_and_what_came_meanwhile_goes_in_order_in_bounded_batches(
    kit: StationKit,
) -> None:
    with sending(kit) as cloud:
        kit.tap(ANA)
        cloud.may_answer.release(10 * QUEUED)
        assert cloud.scripted.wait_for(lambda: len(cloud.sent) > QUEUED, DEADLINE_S)
    assert cloud.sent == list(range(1, QUEUED + 2))
    assert max(len(asked.lines) for asked in cloud.scripted.asked) == BATCH
