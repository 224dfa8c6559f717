"""Closing the days of the district, on both databases: once each, and over every line."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server import day_closing
from server.database import Database
from server.day_closing import close_days, is_due
from server.day_leaves import leaves_of
from server.day_roots import NO_DAY, public_key, root_on
from server.ledger import verify
from server.ledger_chains import Tally
from server.master_key import MasterKey
from server.merkle import Tree, root_of
from server.models import (
    EventRow,
    QuarantineRow,
    VisitRow,
)
from server.verify_record import Check
from server.visit_record import visit_record
from tests.cloud_kit import CloudKit
from tests.ledger_kit import (
    CLOSING,
    DAY,
    TODAY,
    close,
    event,
    found,
    journal_of,
    record_of,
    roots,
    spoil,
)
from tests.station_lines import StationLines
from tests.visit_story import EVENING, Story, settings

pytest_plugins = ("tests.ledger_stage",)


def test_a_day_is_closed_once_when_it_is_over_and_not_before(story: Story) -> None:
    story.receive("herrera").play_whole()
    too_soon = CLOSING - timedelta(seconds=1)
    assert not story.database.read(lambda s: is_due(s, story.config, too_soon))
    assert close(story, too_soon) == 0
    assert story.database.read(lambda s: is_due(s, story.config, CLOSING))
    assert close(story) == 1
    assert not story.database.read(lambda s: is_due(s, story.config, CLOSING))
    assert close(story) == 0
    (row,) = roots(story)
    assert (row.date, row.previous, row.count) == ("2026-11-20", NO_DAY, 9)
    assert row.closed_at == CLOSING
    root = story.database.read(lambda session: root_on(session, TODAY))
    assert root is not None
    assert root.is_signed(public_key(story.key))
    assert not root.is_signed(public_key(MasterKey(b"\x09" * 32)))


def test_where_nothing_ever_came_there_is_nothing_to_close(
    tmp_path: Path, database_url: str
) -> None:
    database = Database(database_url)
    config = settings(tmp_path, database_url)
    key = MasterKey(b"\x01" * 32)
    assert database.write(lambda session: close_days(session, config, key, CLOSING)) == 0
    assert not database.read(lambda session: is_due(session, config, CLOSING))
    assert database.read(lambda s: list(verify(s, key, Tally()))) == []
    database.close()


def test_days_without_events_are_closed_too_and_every_day_follows_the_one_before(
    story: Story,
) -> None:
    assert close(story, CLOSING + 3 * DAY) == 4
    rows = roots(story)
    assert [row.date for row in rows] == [f"2026-11-{day}" for day in range(20, 24)]
    assert [row.count for row in rows] == [2, 0, 0, 0]
    assert rows[1].root == root_of([]).hex()
    assert len({row.previous for row in rows}) == 4
    assert found(story) == []


def test_a_long_absence_is_made_up_for_in_rounds(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_closing, "_DAYS_AT_ONCE", 3)
    later = CLOSING + 6 * DAY
    assert [close(story, later) for _ in range(4)] == [3, 3, 1, 0]
    monkeypatch.setattr(day_closing, "_LEAVES_AT_ONCE", 1)
    story.now = later
    story.sign_on("lote-norte", "rosa")
    assert [close(story, later + 3 * DAY) for _ in range(3)] == [1, 2, 0]
    assert found(story) == []


def test_two_that_close_at_once_close_each_day_once(story: Story) -> None:
    story.receive("herrera").play_whole()
    barrier = threading.Barrier(4)
    closed: list[int] = []

    def run() -> None:
        barrier.wait()
        closed.append(close(story, CLOSING + DAY))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(closed) == len(roots(story)) == 2
    assert len(closed) == 4
    assert found(story) == []


def test_an_event_that_comes_after_its_day_was_closed_belongs_to_the_day_it_comes_in(
    story: Story,
) -> None:
    visit = story.receive("herrera")
    story.cut("lote-norte")
    visit.take("lote-norte").park()
    close(story)
    story.now = CLOSING + timedelta(hours=2)
    story.join("lote-norte")
    close(story, CLOSING + DAY)
    assert [row.count for row in roots(story)] == [4, 1]
    assert found(story) == []
    story.now += DAY
    visit.request("bolivar").take("bolivar").ready().hand_over()
    record = record_of(story, visit)
    dates = [e["proof"] and e["proof"]["date"] for e in record["events"]]
    assert dates == ["2026-11-20", "2026-11-20", "2026-11-21", None, None, None, None]


def test_what_committed_late_with_an_earlier_time_falls_to_the_next_day(story: Story) -> None:
    close(story)
    story.now = CLOSING - timedelta(minutes=2)
    story.sign_on("lote-norte", "rosa")
    close(story, CLOSING + DAY)
    assert [row.count for row in roots(story)] == [2, 1]
    assert found(story) == []


def test_a_line_that_was_planted_far_beyond_the_end_is_not_closed(story: Story) -> None:
    journal_id = journal_of(story, "lote-norte")
    planted = update(EventRow).where(event(journal_id, 2)).values(seq=10**12)
    spoil(story, planted)
    close(story)
    (row,) = roots(story)
    assert row.count == 2
    words = {(each.seq, each.words) for each in found(story)}
    assert (10**12, "has lines beyond its last event 2") in words
    assert (2, f"missing, and all up to event {10**12 - 1}") in words


def test_refused_lines_are_leaves_in_their_place_and_beside_the_chains(story: Story) -> None:
    kit, station = CloudKit(story.database, story.config), StationLines("herrera", "other")
    lines = station.lines(4)
    damaged = lines[1].replace(b"true", b"trUe", 1)
    kit.take(station.batch([lines[0], damaged, *lines[2:]]), EVENING)
    kit.take(station.batch([lines[1]]), EVENING + timedelta(minutes=1))
    again = lines[1].replace(b"true", b"tRue", 1)
    kit.take(station.batch([again], first_seq=2), EVENING + timedelta(minutes=2))
    close(story)
    (row,) = roots(story)
    # Two shifts in the story's own lot, four lines in the chain, two beside it.
    assert row.count == 8
    leaves = story.database.read(lambda session: leaves_of(session, row.date))
    assert set(leaves.in_chain) == {(station.journal_id, 2)}
    assert len(leaves.beside) == 2
    assert {finding.kind for finding in found(story)} == {"fork"}
    kept = {q.line: q.id for q in kit.rows(QuarantineRow)}
    assert leaves.in_chain[station.journal_id, 2] == kept[damaged]
    for line, quarantine_id in kept.items():
        spoiled = update(QuarantineRow).where(QuarantineRow.id == quarantine_id)
        spoil(story, spoiled.values(line=line + b" "))
        assert "day" in {finding.kind for finding in found(story)}
        spoil(story, spoiled.values(line=line))


def test_a_day_of_more_than_one_tile_gives_proofs_from_everywhere(story: Story) -> None:
    kit, station = CloudKit(story.database, story.config), StationLines("francia", "long")
    lines = [station.received(1000), station.taken(1000, 2, "park", "lote-norte")]
    lines += [*station.lines(595), station.requested(1000, 3, "francia")]
    lines += [station.of("car.ready", 1000, 4), station.handed_over(1000, 5)]
    for start in range(0, 600, 300):
        kit.take(station.batch(lines[start : start + 300]), EVENING)
    close(story)
    (row,) = roots(story)
    assert (row.count, len(row.tiles)) == (602, 3 * 32)

    def read(session: Session) -> tuple[bytes, list[bytes]]:
        leaves, tree = leaves_of(session, row.date), Tree()
        hashes = list(leaves.hashes(session))
        for each in hashes:
            tree.add(each)
        parts = [
            hashed
            for start in range(0, 700, 100)
            for hashed in leaves.hashes(session, start, start + 100)
        ]
        assert parts == hashes
        return tree.root(), hashes

    root, hashes = story.database.read(read)
    assert root.hex() == root_of(hashes).hex() == row.root

    def made(session: Session) -> dict[str, Any]:
        (visit,) = session.scalars(select(VisitRow))
        return visit_record(session, story.config, story.key, visit, EVENING)

    record = story.database.read(made)
    assert [e["seq"] for e in record["events"]] == [1, 2, 598, 599, 600]
    assert Check(record).wrong == []
    assert Check(record).waiting == []
