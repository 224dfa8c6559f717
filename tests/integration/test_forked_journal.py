"""A card that is put back to an older image: named, kept apart, and no visit the worse for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import update

from server.day_leaves import leaves_of
from server.models import (
    QuarantineRow,
    VisitRow,
)
from server.reports.forks import forks
from server.verify_record import Check
from tests.cloud_kit import CloudKit
from tests.ledger_kit import (
    ask,
    close,
    found_after,
    record_of,
)
from tests.visit_story import Story

pytest_plugins = ("tests.ledger_stage",)


def set_back(story: Story, place_id: str) -> Callable[[], None]:
    """Take an image of a place's card; calling it puts the card back."""
    journal = replace(story.journals[place_id])

    def put_back() -> None:
        now = story.journals[place_id]
        now.seq, now.head = journal.seq, journal.head

    return put_back


def test_a_journal_from_an_old_card_is_named_and_changes_no_visit(story: Story) -> None:
    visit = story.receive("herrera")
    put_back = set_back(story, "herrera")
    visit.take("lote-norte")
    story.receive("herrera", plate="CD5678").take("lote-norte", by="teo")
    story.wait(minutes=7)
    visit.park()
    before = [told_by(each.row()) for each in story.visits]
    put_back()
    lost = story.receive("herrera", plate="EF9012")
    kit = CloudKit(story.database, story.config)
    assert [told_by(each.row()) for each in story.visits[:2]] == before
    assert kit.count(VisitRow) == 2
    story.tell("herrera", "shift.signed_on", "ana")
    story.tell("herrera", "shift.signed_on", "ana")
    # From here on the copy is past the old head, and what it says is news again.
    late = story.receive("herrera", plate="GH3456")
    assert kit.count(VisitRow) == 3
    assert late.row().state == "at_booth"
    assert kit.rebuilt() == []
    visit.request("bolivar", at_place_id="bolivar").take("bolivar").ready().hand_over()
    assert visit.row().state == "handed_over"
    assert [told_by(each.row()) for each in story.visits[1:2]] == before[1:]
    (fork,) = story.database.read(forks)
    assert (fork.station_id, fork.place_name) == ("station-herrera", "Plaza Herrera")
    assert (fork.since_seq, fork.upto_seq, fork.events, fork.rejoined_seq) == (2, 4, 3, 5)
    assert any(lost.id in row.line.decode() for row in kit.rows(QuarantineRow))
    close(story)
    leaves = story.database.read(lambda session: leaves_of(session, "2026-11-20"))
    assert len(leaves.beside) == 3
    spoilt = update(QuarantineRow).where(QuarantineRow.id == leaves.beside[1])
    changed = found_after(story, spoilt.values(line=b"{}"))
    assert any("its lines have another root now" in each.words for each in changed)
    result = ask(story)
    assert result.exit_code == 1
    assert (
        f"journal {fork.journal_id} (station-herrera): forked: its station went on from an older "
        "copy. 3 lines of events 2 to 4 came with other bytes, first on 2026-11-21 01:07 UTC; "
        "they are kept apart and changed no visit; taken in again from event 5 on"
    ) in result.output
    assert "event 5: does not follow the event before it" in result.output
    record = record_of(story, visit)
    assert Check(record).wrong == []


def told_by(row: VisitRow) -> dict[str, object]:
    """All that a visit's row says, but for the count of the district's changes."""
    return {c.key: getattr(row, c.key) for c in VisitRow.__table__.columns if c.key != "version"}


def test_a_known_fork_need_not_fail_every_check_for_ever(story: Story) -> None:
    put_back = set_back(story, "herrera")
    story.tell("herrera", "shift.signed_on", "ana")
    put_back()
    story.tell("herrera", "shift.signed_on", "sofia")
    assert ask(story).exit_code == 1
    result = ask(story, "--forks-known")
    assert result.exit_code == 0
    assert "1 line of events 1 to 1" in result.output
    assert "taken in again" not in result.output
