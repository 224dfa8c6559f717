"""What follows from events, in one transaction: times, visits, links, texts and shared tags."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import events, states
from server import follow_up
from server.models import (
    EventRow,
    GuestRow,
    JournalRow,
    LinkRow,
    MessageRow,
    MoveRow,
    PromiseRow,
    RequestRow,
    VisitRow,
)
from tests.cloud_kit import CloudKit, open_cloud, verdicts
from tests.station_lines import StationLines, minutes_later, visit_id_of
from tests.visit_story import EVENING, RUNNER

NOW = minutes_later(5)


@pytest.fixture
def cloud(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud on each database."""
    with open_cloud(tmp_path, database_url) as kit:
        yield kit


@pytest.fixture
def herrera() -> StationLines:
    """A booth's journal."""
    return StationLines("herrera")


def test_an_unset_clock_is_anchored_within_its_boot_and_nowhere_else(
    cloud: CloudKit, herrera: StationLines
) -> None:
    odd: dict[str, Any] = {"wall_synced": False, "wall": "1970-01-01T00:00:09+00:00"}
    lines = [
        herrera.line(mono_ns=40 * 10**9, **odd),
        herrera.line(mono_ns=40 * 10**9, boot_id="boot-0", **odd),
        herrera.line(mono_ns=200 * 10**9, **odd),
        herrera.line(mono_ns=40 * 10**9),
    ]
    cloud.take(herrera.batch(lines, mono_ns=100 * 10**9), NOW)
    known = EVENING + timedelta(seconds=40, microseconds=sum(b"herrera"))
    assert [(row.at, row.time_source) for row in cloud.rows(EventRow)] == [
        (NOW - timedelta(seconds=60), "anchored"),
        # Nobody knows when, but it was before what their journal has behind them.
        (known, "received"),
        (known, "received"),
        (known, "wall"),
    ]


def whole_visit(herrera: StationLines, lot: StationLines) -> list[tuple[StationLines, bytes]]:
    """One car out to a lot, back to the booth and away, an event each."""
    return [
        (herrera, herrera.received(1)),
        (herrera, herrera.taken(1, 2, states.PARK, "lote-norte")),
        (lot, lot.parked(1, 3)),
        (herrera, herrera.requested(1, 4, "herrera")),
        (lot, lot.taken(1, 5, states.RETRIEVE, "herrera")),
        (herrera, herrera.of(events.CAR_READY, 1, 6, actor=RUNNER)),
        (herrera, herrera.handed_over(1, 7)),
    ]


def test_an_evening_that_comes_in_late_sends_no_stale_text(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lot = StationLines("lote-norte")
    story = whole_visit(herrera, lot)
    late = minutes_later(240)
    cloud.take(herrera.batch([line for who, line in story[:6] if who is herrera]), late)
    cloud.take(lot.batch([line for who, line in story if who is lot]), late)
    assert cloud.one(VisitRow).state == states.READY
    assert cloud.count(MessageRow) == 0


def test_a_visit_that_is_over_when_it_is_first_heard_of_sends_nothing_and_its_link_ends(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lot = StationLines("lote-norte")
    story = whole_visit(herrera, lot)
    cloud.take(lot.batch([line for who, line in story if who is lot]), NOW)
    cloud.take(herrera.batch([line for who, line in story if who is herrera]), NOW)
    visit, link = cloud.one(VisitRow), cloud.one(LinkRow)
    assert (visit.state, visit.is_open) == (states.HANDED_OVER, False)
    assert visit.handed_over_at is not None
    assert link.expires_at == visit.handed_over_at + timedelta(hours=24)
    assert cloud.count(MessageRow) == 0


def test_events_before_the_reception_are_held_until_it_comes(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lot = StationLines("lote-norte")
    received = herrera.received(1)
    receipt = cloud.take(lot.batch([lot.parked(1, 3)]), NOW)
    assert verdicts(receipt) == [(1, "held", "unknown_visit")]
    assert cloud.count(VisitRow) == 0
    cloud.take(herrera.batch([received]), NOW)
    assert cloud.one(VisitRow).state == states.PARKED


def test_a_visit_that_opens_again_has_its_link_back(cloud: CloudKit, herrera: StationLines) -> None:
    lot = StationLines("lote-norte")
    story = whole_visit(herrera, lot)
    for station, line in story:
        cloud.take(station.batch([line]), NOW)
    assert cloud.one(LinkRow).expires_at is not None
    cloud.take(lot.batch([lot.parked(1, 9)]), NOW)
    assert cloud.one(VisitRow).state == states.HELD
    assert cloud.one(LinkRow).expires_at is None


def test_state_move_promise_and_message_are_written_together_or_not_at_all(
    cloud: CloudKit, herrera: StationLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = (EventRow, VisitRow, GuestRow, LinkRow, MessageRow, MoveRow, RequestRow, PromiseRow)
    lines = [herrera.line(actor=RUNNER), herrera.received(1), herrera.requested(1, 2)]
    batch = herrera.batch(lines)
    whole = follow_up.after

    def fail(*arguments: Any) -> None:
        whole(*arguments)
        raise RuntimeError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr("server.ingest.replan", lambda *_arguments: fail_after())
        with pytest.raises(RuntimeError):
            cloud.take(batch, NOW)
    with monkeypatch.context() as patch:
        patch.setattr(follow_up, "after", fail)
        with pytest.raises(RuntimeError):
            cloud.take(batch, NOW)
    assert [cloud.count(table) for table in (*tables, JournalRow)] == [0] * 9
    cloud.take(batch, NOW)
    assert [cloud.count(table) for table in tables] == [3, 1, 1, 1, 1, 1, 1, 1]


def fail_after() -> None:
    """What a crash in the last step looks like."""
    raise RuntimeError("the power went")


def test_a_second_car_with_the_tags_of_an_open_one_holds_both_until_one_is_gone(
    cloud: CloudKit, herrera: StationLines
) -> None:
    bolivar = StationLines("bolivar")
    cloud.take(herrera.batch([herrera.received(1)]), NOW)
    key = {"key_tag": "em4100:0B00000001", "claim_tag": "em4100:0C00000002"}
    receipt = cloud.take(bolivar.batch([bolivar.received(2, data=key)]), NOW)
    assert verdicts(receipt) == [(1, "held", "tag_in_use")]
    assert [row.shown_state for row in cloud.rows(VisitRow)] == [states.HELD] * 2
    cloud.take(bolivar.batch([_given_back(bolivar, 2)]), NOW)
    by_id = {row.id: row for row in cloud.rows(VisitRow)}
    assert by_id[visit_id_of(1)].shown_state == states.AT_BOOTH
    assert by_id[visit_id_of(2)].shown_state == states.HANDED_OVER


def _given_back(station: StationLines, number: int) -> bytes:
    data = {"state": "handed_over", "place_id": station.place_id, "reason": "por error"}
    return station.of(events.VISIT_RESOLVED, number, 2, data=data)


def test_in_a_chain_of_shared_tags_only_those_that_still_share_stay_held(
    cloud: CloudKit, herrera: StationLines
) -> None:
    # One and two share the key tag, two and three the claim tag.
    two = {"key_tag": "em4100:0B00000001"}
    three = {"claim_tag": "em4100:0C00000002"}
    lines = [herrera.received(1), herrera.received(2, data=two), herrera.received(3, data=three)]
    cloud.take(herrera.batch(lines), NOW)
    assert all(row.tag_shared for row in cloud.rows(VisitRow))
    cloud.take(herrera.batch([_given_back(herrera, 1)]), NOW)
    shared = {row.id for row in cloud.rows(VisitRow) if row.tag_shared}
    assert shared == {visit_id_of(2), visit_id_of(3)}
    cloud.take(herrera.batch([_given_back(herrera, 3)]), NOW)
    assert not any(row.tag_shared for row in cloud.rows(VisitRow))
    assert cloud.rebuilt() == []


def test_one_visits_key_tag_is_no_other_visits_claim_tag(
    cloud: CloudKit, herrera: StationLines
) -> None:
    two = {"claim_tag": "em4100:0B00000001"}
    cloud.take(herrera.batch([herrera.received(1), herrera.received(2, data=two)]), NOW)
    assert [row.shown_state for row in cloud.rows(VisitRow)] == [states.HELD] * 2


def test_a_tag_passes_to_the_next_car_within_one_batch(
    cloud: CloudKit, herrera: StationLines
) -> None:
    tags = {"key_tag": "em4100:0B00000001", "claim_tag": "em4100:0C00000001"}
    lines = [herrera.received(1), _given_back(herrera, 1), herrera.received(2, data=tags)]
    assert cloud.take(herrera.batch(lines), NOW).verdicts == []
    assert not any(row.tag_shared for row in cloud.rows(VisitRow))


def test_a_batch_without_lines_only_brings_guest_records(
    cloud: CloudKit, herrera: StationLines
) -> None:
    herrera.received(1)
    receipt = cloud.take(herrera.batch([]), NOW)
    assert (receipt.ack_seq, cloud.count(GuestRow), cloud.count(EventRow)) == (0, 1, 0)


def test_a_guest_record_is_sealed_and_its_first_version_stays(
    cloud: CloudKit, herrera: StationLines
) -> None:
    line = herrera.received(1)
    cloud.take(herrera.batch([line]), NOW)
    row = cloud.one(GuestRow)
    assert row.sealed is not None
    assert b"AB0001" not in row.sealed
    assert b"61234567" not in row.sealed
    changed = [herrera.guests[0]]
    cloud.take(herrera.batch([line], guests=(changed[0], changed[0])), NOW)
    assert cloud.one(GuestRow).sealed == row.sealed
