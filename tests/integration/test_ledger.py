"""What a check of the ledger finds, on both databases: nothing, or what was done to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from schemas.chain import genesis, seal
from server.models import (
    DayRefusalRow,
    DayRootRow,
    DaySpanRow,
    EventRow,
    JournalRow,
    QuarantineRow,
)
from tests.cloud_kit import CloudKit
from tests.ledger_kit import (
    CLOSING,
    DAY,
    ask,
    close,
    event,
    found,
    found_after,
    journal_of,
    line_of,
    published,
    spoil,
)
from tests.station_lines import StationLines
from tests.visit_story import EVENING, Story

pytest_plugins = ("tests.ledger_stage",)


def test_a_whole_night_is_whole_before_and_after_it_is_closed(story: Story) -> None:
    for booth in ("herrera", "bolivar", "francia"):
        story.receive(booth).play_whole()
    assert found(story) == []
    close(story)
    assert found(story) == []
    result = ask(story)
    assert result.exit_code == 0
    assert result.output == "4 journals, 23 lines, 1 closed days: the ledger is whole\n"


def changed_line(story: Story) -> Any:
    """One byte of a line."""
    journal_id = journal_of(story, "herrera")
    line = line_of(story, journal_id, 2).replace(b'"actor":"rosa"', b'"actor":"rosb"')
    return update(EventRow).where(event(journal_id, 2)).values(line=line)


def sealed_anew(story: Story) -> Any:
    """A line whose hash fits again."""
    journal_id = journal_of(story, "herrera")
    body = json.loads(line_of(story, journal_id, 2))
    del body["hash"]
    line = seal({**body, "actor": "teo"})[0]
    return update(EventRow).where(event(journal_id, 2)).values(line=line, actor="teo")


def removed(story: Story) -> Any:
    """An event that is gone."""
    return delete(EventRow).where(event(journal_of(story, "herrera"), 1))


def removed_last(story: Story) -> Any:
    """The last event of a journal."""
    return delete(EventRow).where(event(journal_of(story, "bolivar"), 3))


def other_row(story: Story) -> Any:
    """A row that belies its line."""
    return update(EventRow).where(event(journal_of(story, "herrera"), 1)).values(actor="teo")


def other_owner(story: Story) -> Any:
    """A journal given to a station that does not exist."""
    journal_id = journal_of(story, "herrera")
    return update(JournalRow).where(JournalRow.id == journal_id).values(station_id="nobody")


def no_journal(story: Story) -> Any:
    """A journal that is gone while its lines are there."""
    return delete(JournalRow).where(JournalRow.id == journal_of(story, "herrera"))


def head_back(story: Story) -> Any:
    """A journal that is said to end sooner."""
    journal_id = journal_of(story, "herrera")
    return update(JournalRow).where(JournalRow.id == journal_id).values(head_seq=1)


def other_head(story: Story) -> Any:
    """A head that is not the last event."""
    journal_id = journal_of(story, "herrera")
    return update(JournalRow).where(JournalRow.id == journal_id).values(head_hash="0" * 64)


CHAIN_FAULTS: list[tuple[Callable[[Story], Any], str, int | None, str]] = [
    (changed_line, "herrera", 2, "the line's hash does not hold: it was changed"),
    (sealed_anew, "herrera", 2, "its noted head is not its last event"),
    (removed, "herrera", 1, "is missing"),
    (removed_last, "bolivar", 3, "is missing"),
    (other_row, "herrera", 1, "its row says another actor than its line"),
    (other_owner, "herrera", None, "belongs to a station that is not known"),
    (no_journal, "herrera", None, "there are lines of it, but no such journal"),
    (head_back, "herrera", 2, "has lines beyond its last event 1"),
    (other_head, "herrera", 2, "its noted head is not its last event"),
]


@pytest.mark.parametrize("is_closed", [False, True])
def test_what_was_done_to_a_journal_is_named(story: Story, is_closed: bool) -> None:
    story.receive("herrera").play_whole()
    if is_closed:
        close(story)
    for fault, place_id, seq, words in CHAIN_FAULTS:
        findings = found_after(story, fault(story))
        named = [each for each in findings if each.words == words]
        assert len(named) == 1, (fault, findings)
        assert (named[0].journal or "").startswith(journal_of(story, place_id))
        assert named[0].seq == seq
        assert named[0].day == ("2026-11-20" if is_closed and seq is not None else None)
        is_line = fault in (changed_line, sealed_anew, removed, removed_last)
        changed = [each for each in findings if "its lines have another root now" in each.words]
        assert len(changed) == (is_closed and is_line)
    assert found(story) == []


def test_the_command_tells_what_it_finds_and_fails(story: Story) -> None:
    story.receive("herrera").play_whole()
    close(story)
    spoil(story, changed_line(story))
    result = ask(story)
    assert result.exit_code == 1
    journal = f"{journal_of(story, 'herrera')} (station-herrera)"
    assert result.output.splitlines() == [
        f"day 2026-11-20, journal {journal}, event 2: "
        "the line's hash does not hold: it was changed",
        "day 2026-11-20: its lines have another root now: "
        "one was changed, removed or put in their midst",
        "3 journals, 9 lines, 1 closed days: 2 findings",
    ]


def test_two_lines_that_changed_places_are_named(story: Story) -> None:
    story.receive("herrera").play_whole()
    journal_id = journal_of(story, "herrera")
    first, second = (line_of(story, journal_id, seq) for seq in (1, 2))
    spoil(
        story,
        update(EventRow).where(event(journal_id, 1)).values(line=second),
        update(EventRow).where(event(journal_id, 2)).values(line=first),
    )
    words = [each.words for each in found(story)]
    assert "its line says that it is event 2" in words
    assert "its line says that it is event 1" in words


def test_a_chain_that_was_forged_from_one_event_on_is_seen_by_its_closed_day(
    story: Story,
) -> None:
    story.receive("herrera").play_whole()
    close(story)
    journal_id = journal_of(story, "lote-norte")
    prev = genesis(journal_id)
    count = story.journals["lote-norte"].seq
    for seq in range(1, count + 1):
        body = json.loads(line_of(story, journal_id, seq))
        del body["hash"]
        if seq == 1:
            body["mono_ns"] += 1
        line, prev = seal({**body, "prev": prev if seq > 1 else body["prev"]})
        spoil(story, update(EventRow).where(event(journal_id, seq)).values(line=line))
    spoil(story, update(JournalRow).where(JournalRow.id == journal_id).values(head_hash=prev))
    (finding,) = found(story)
    assert finding.day == "2026-11-20"
    assert "its lines have another root now" in finding.words


def test_a_gap_is_named_as_one(story: Story) -> None:
    story.receive("herrera").play_whole()
    journal_id = journal_of(story, "lote-norte")
    spoil(
        story, delete(EventRow).where(EventRow.journal_id == journal_id, EventRow.seq.in_([2, 3]))
    )
    (finding,) = found(story)
    assert (finding.seq, finding.words) == (2, "missing, and all up to event 3")


def test_a_line_that_was_missing_at_the_close_cannot_be_supplied_later(story: Story) -> None:
    story.receive("herrera").play_whole()
    journal_id = journal_of(story, "herrera")
    row = story.database.read(lambda s: s.get(EventRow, (journal_id, 1)))
    assert row is not None
    values = {c.key: getattr(row, c.key) for c in EventRow.__table__.columns}
    spoil(story, delete(EventRow).where(event(journal_id, 1)))
    close(story)
    assert [each.kind for each in found(story)] == ["missing"]
    story.database.write(lambda session: session.add(EventRow(**values)))
    assert [each.kind for each in found(story)] == ["day"]


ROOT_FAULTS: list[tuple[Any, str, str]] = [
    (update(DayRootRow).values(root="ab" * 32), "2026-11-21", "its signature does not hold"),
    (update(DayRootRow).values(signature="00" * 64), "2026-11-21", "its signature does not hold"),
    (update(DayRootRow).values(signature="no"), "2026-11-21", "its signature does not hold"),
    (update(DayRootRow).values(count=3), "2026-11-21", "closed 3 lines, but 0 are noted"),
    (
        update(DayRootRow).values(public_key="ab" * 32),
        "2026-11-21",
        "is signed with another key than this cloud's",
    ),
    (update(DayRootRow).values(previous="ab" * 32), "2026-11-21", "does not follow what is stored"),
    (update(DayRootRow).values(tiles=b""), "2026-11-20", "what its proofs are made of"),
    (delete(DayRootRow), "2026-11-21", "no root, and next is 2026-11-22"),
    (delete(DayRootRow), "2026-11-20", "has lines, but no root"),
    (delete(DayRootRow), "2026-11-20", "names a day before it, but is the first one here"),
    (delete(DaySpanRow), "2026-11-20", "closed 9 lines, but 0 are noted"),
    (update(DaySpanRow).values(first_seq=2), "2026-11-20", "begins at event 2, but should at 1"),
    (update(DaySpanRow).values(first_index=1), "2026-11-20", "begin at 1, but should at 0"),
]


def test_what_was_done_to_a_closed_day_is_named(story: Story) -> None:
    story.receive("herrera").play_whole()
    close(story, CLOSING + 2 * DAY)
    for fault, chosen, words in ROOT_FAULTS:
        findings = found_after(story, fault.where(fault.table.c.date == chosen))
        shown = "2026-11-21" if words.startswith("names a day before") else chosen
        assert [each for each in findings if each.day == shown and words in each.words], findings
    assert found(story) == []


def test_a_refused_line_that_is_gone_is_named(story: Story) -> None:
    kit, station = CloudKit(story.database, story.config), StationLines("herrera", "other")
    lines = station.lines(2)
    kit.take(station.batch([lines[0].replace(b"true", b"trUe", 1), lines[1]]), EVENING)
    close(story)
    assert found(story) == []
    spoil(story, delete(QuarantineRow))
    words = [each.words for each in found(story)]
    assert "a refused line is no longer there" in words
    assert any("its lines have another root now" in each for each in words)
    spoil(story, delete(DayRefusalRow))
    assert any("its lines have another root now" in each.words for each in found(story))


def test_days_closed_anew_with_the_right_key_are_seen_in_a_published_copy(
    story: Story, tmp_path: Path
) -> None:
    story.receive("herrera").play_whole()
    close(story)
    copy = tmp_path / "roots.json"
    copy.write_text(json.dumps(published(story)))
    assert ask(story, "--roots", copy).exit_code == 0
    journal_id = journal_of(story, "bolivar")
    spoil(
        story,
        delete(DayRootRow),
        delete(DaySpanRow),
        delete(EventRow).where(event(journal_id, 3)),
        update(JournalRow)
        .where(JournalRow.id == journal_id)
        .values(head_seq=2, head_hash=json.loads(line_of(story, journal_id, 2))["hash"]),
    )
    close(story)
    assert found(story) == []
    result = ask(story, "--roots", copy)
    assert result.exit_code == 1
    assert "day 2026-11-20: is not what was published" in result.output
    spoil(story, delete(DayRootRow), delete(DaySpanRow))
    assert "day 2026-11-20: was published, and is not here" in ask(story, "--roots", copy).output


def test_what_is_no_copy_of_the_roots_is_refused(story: Story, tmp_path: Path) -> None:
    for number, text in enumerate(("", "{}", "[]", '{"items": [{}]}', '{"items": 3}')):
        file = tmp_path / f"{number}.json"
        file.write_text(text)
        result = ask(story, "--roots", file)
        assert result.exit_code == 2
        assert "not a copy of /v1/ledger/roots" in result.output


def test_the_chain_goes_through_lines_that_were_refused(story: Story) -> None:
    kit = CloudKit(story.database, story.config)
    for number, damage in enumerate(((), (2,), (3,), (2, 3))):
        station = StationLines("herrera", f"refused-{number}")
        lines = [station.line(), station.line(v=2), station.line(v=2), station.line()]
        for seq in damage:
            lines[seq - 1] = lines[seq - 1].replace(b'"v":2', b'"v":3')
        kit.take(station.batch(lines), EVENING)
    assert kit.count(QuarantineRow) == 8
    assert found(story) == []
    station = StationLines("herrera", "broken")
    lines = [station.line(), station.line(v=2, prev="0" * 64), station.line()]
    kit.take(station.batch(lines), EVENING)
    (finding,) = found(story)
    assert (finding.seq, finding.words) == (2, "does not follow the event before it")


def test_two_journals_of_the_cloud_are_one_too_many(story: Story) -> None:
    def add(session: Session) -> None:
        for name in ("a", "b"):
            session.add(
                JournalRow(id=name, station_id=None, head_seq=0, head_hash=None, broken_at_seq=None)
            )

    story.database.write(add)
    assert [each.words for each in found(story)] == [
        "the cloud has more than one journal of its own"
    ]
