"""The ledger of a story: closing its days, checking it, and doing what must not be done to it."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.day_closing import close_days
from server.day_roots import DayRoot, public_key, read_root
from server.ledger import verify
from server.ledger_chains import Tally
from server.ledger_command import ledger
from server.ledger_finding import Finding
from server.models import DayRootRow, EventRow, VisitRow
from server.visit_record import visit_record
from tests.visit_story import EVENING, Story, StoryVisit

TODAY = date(2026, 11, 20)
# Six in the morning in Panama, and a minute more for what is under way.
CLOSING = datetime(2026, 11, 21, 11, 1, tzinfo=EVENING.tzinfo)
DAY = timedelta(days=1)


class _Undo(Exception):
    """Ends a transaction without keeping what it did."""


def close(story: Story, now: datetime = CLOSING) -> int:
    """Close what is over by then."""
    return story.database.write(lambda session: close_days(session, story.config, story.key, now))


def roots(story: Story) -> list[DayRootRow]:
    """The closed days."""
    return story.database.read(
        lambda session: list(session.scalars(select(DayRootRow).order_by(DayRootRow.date)))
    )


def found(story: Story, published: list[DayRoot] | None = None) -> list[Finding]:
    """What a check of the ledger finds."""
    return story.database.read(
        lambda session: list(verify(session, story.key, Tally(), published or []))
    )


def spoil(story: Story, *statements: Any) -> None:
    """Do behind the cloud's back what it would never do."""

    def work(session: Session) -> None:
        for statement in statements:
            session.execute(statement)

    story.database.write(work)


def record_of(story: Story, visit: StoryVisit) -> dict[str, Any]:
    """The record of a visit, as it comes out of the download."""

    def read(session: Session) -> dict[str, Any]:
        row = session.get(VisitRow, visit.id)
        assert row is not None
        return visit_record(session, story.config, story.key, row, story.now)

    record: dict[str, Any] = json.loads(json.dumps(story.database.read(read)))
    return record


def journal_of(story: Story, place_id: str) -> str:
    """The id of a place's journal."""
    return story.journals[place_id].id


def event(journal_id: str, seq: int) -> Any:
    """The condition for one event."""
    return (EventRow.journal_id == journal_id) & (EventRow.seq == seq)


def line_of(story: Story, journal_id: str, seq: int) -> bytes:
    """A line as it is stored."""
    line = story.database.read(
        lambda session: session.scalar(select(EventRow.line).where(event(journal_id, seq)))
    )
    assert line is not None
    return line


def found_after(story: Story, *statements: Any) -> list[Finding]:
    """What a check finds while that is done behind the cloud's back; nothing of it is kept."""
    findings: list[Finding] = []

    def work(session: Session) -> None:
        for statement in statements:
            session.execute(statement)
        findings[:] = verify(session, story.key, Tally())
        raise _Undo

    try:
        story.database.write(work)
    except _Undo:
        return findings
    raise AssertionError("unreachable")


def published(story: Story, *dates: str) -> dict[str, Any]:
    """The roots of these days, or of today, as they are published."""
    wanted = dates or (TODAY.isoformat(),)
    items = [read_root(row).to_wire() for row in roots(story) if row.date in wanted]
    return {"public_key": public_key(story.key), "items": items, "next": None}


def ask(story: Story, *arguments: str | Path) -> Result:
    """Run `valet-server ledger verify`."""
    return CliRunner().invoke(ledger, ["verify", *map(str, arguments)], obj=story.config)
