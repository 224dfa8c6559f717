"""A journal that another copy of the card went on with: noticed, sent to its end, begun anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cloud import Answer, Asked
from reader_agent.journal import NewEvent
from tests.agent_loops import Loops
from tests.station_kit import StationKit


@pytest.fixture
def kit(tmp_path: Path) -> StationKit:
    return StationKit(tmp_path)


def _record(kit: StationKit, count: int) -> None:
    for _ in range(count):
        kit.station._recorder.record(lambda _work: NewEvent("shift.signed_on"), "ana")


def forked(seq: int) -> dict[str, Any]:
    """The cloud has another event at this number."""
    return {"seq": seq, "id": None, "verdict": "refused", "code": "forked", "detail": None}


def test_a_forked_journal_is_sent_to_its_end_and_then_begun_anew(tmp_path: Path) -> None:
    kit = StationKit(tmp_path, batch_events=2)
    _record(kit, 3)
    ids = [event["id"] for event in kit.recorded()]
    old_id = kit.station._journal.journal_id
    duplicate = {**forked(1), "verdict": "duplicate", "code": "duplicate"}
    answers = {0: [duplicate, forked(2)], 2: [forked(3), forked(4)]}

    def answer(asked: Asked) -> Answer:
        if asked.journal_id != old_id:
            return loops.accept(asked)
        return kit.answer(ack_seq=9, verdicts=answers[asked.acked_seq])

    loops = Loops(kit, otherwise=answer)
    loops.push()
    status = kit.station.status()
    assert (status.station_problem, status.unsent) == ("journal_forked", 2)
    loops.push()
    status = kit.station.status()
    assert (status.station_problem, status.forked_journals) == (None, (old_id,))
    assert [event["id"] for event in kit.recorded()] == ids[1:]
    _record(kit, 1)
    loops.push(2)
    sent = loops.cloud.asked[-2:]
    assert {asked.header["journal_id"] for asked in sent} == {kit.station._journal.journal_id}
    assert old_id not in {asked.journal_id for asked in sent}
    assert [json.loads(line)["seq"] for asked in sent for line in asked.lines] == [1, 2, 3, 4]
    assert kit.station.status().unsent == 0


def test_what_the_cloud_has_beyond_what_was_sent_counts_for_nothing(tmp_path: Path) -> None:
    kit = StationKit(tmp_path, batch_events=2)
    _record(kit, 5)
    loops = Loops(kit, lambda _asked: kit.answer(ack_seq=6))
    loops.push(2)
    assert [json.loads(line)["seq"] for line in loops.cloud.asked[1].lines] == [3, 4]


def test_a_cloud_that_is_ahead_with_nothing_to_send_begins_a_new_journal_at_once(
    kit: StationKit,
) -> None:
    kit.tell(acknowledge=True)
    old_id = kit.station._journal.journal_id
    late = kit.station.exchange.ask(limit_events=0, limit_bytes=0)
    kit.tell(ack_seq=99)
    assert kit.station.status().forked_journals == (old_id,)
    _record(kit, 1)
    # An answer that was on its way is about the journal before.
    kit.station.exchange.take(kit.answer(ack_seq=99), late)
    assert kit.station.status().unsent == 1
    assert kit.station._journal.journal_id != old_id
    assert not kit.station._journal.is_overtaken


def test_a_broken_chain_is_no_longer_shown_once_the_journal_is_another(kit: StationKit) -> None:
    _record(kit, 2)
    verdicts = [forked(1), forked(2)]
    loops = Loops(kit, lambda _asked: kit.answer(ack_seq=3, verdicts=verdicts, chain_broken_at=3))
    loops.push()
    assert kit.station.status().station_problem is None
    loops.push()
    assert kit.station.status().unsent == 0
    assert len(kit.recorded()) == 2


def test_an_overtaken_journal_is_asked_about_until_all_that_the_cloud_knows_is_here(
    kit: StationKit,
) -> None:
    loops = Loops(
        kit,
        lambda _asked: kit.answer(ack_seq=9, verdicts=[forked(1)], more=True),
        lambda asked: kit.answer(ack_seq=9, cursor=asked.cursor),
    )
    loops.push()
    assert kit.station.status().station_problem == "journal_forked"
    assert kit.station.status().unsent == 0
    # No tap and no news from the cloud, which sits on a long poll: the sender asks by itself.
    loops.push()
    assert kit.station.status().station_problem is None
    assert [len(asked.lines) for asked in loops.cloud.asked] == [1, 0]
    loops.push()
    assert kit.station.status().unsent == 0
