"""Folding all events again: what the rows of the present say must follow from the past."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from server import shifts, tags, visits
from server.district import next_version
from server.models import (
    EventRow,
    MoveRow,
    PersonRow,
    RequestRow,
    ShiftRow,
    Table,
    TagRow,
    VisitRow,
)
from server.visits import OPEN

# What is decided rather than recorded (plans) or counts the decisions (versions) is not compared.
_DECIDED = {
    *("version", "known_version", "opened_at", "planned_start_at", "planned_done_at"),
    *("why", "why_place_id", "sent_at", "to_stall", "passengers", "departs_at"),
}
_FOLDED: tuple[type[Table], ...] = (VisitRow, RequestRow, MoveRow, ShiftRow, TagRow, PersonRow)
# Of a tag and of a person, the district file says the rest.
_FROM_EVENTS: Mapping[type[Table], Collection[str]] = {
    TagRow: ("status", "is_secure", "is_original", "enrolled_event"),
    PersonRow: ("badge_tag", "badge_event", "badge_at"),
}


def folded_rows(session: Session) -> dict[str, dict[str, Any]]:
    """All rows that are folds of events, by table and key, without what was only decided."""
    found: dict[str, dict[str, Any]] = {}
    for table in _FOLDED:
        names = _FROM_EVENTS.get(table) or [
            c.key for c in table.__table__.columns if c.key not in _DECIDED
        ]
        keys = [c.key for c in table.__table__.primary_key]
        for row in session.scalars(select(table)):
            if isinstance(row, MoveRow) and row.state == OPEN:
                continue
            name = "/".join([table.__tablename__, *(str(getattr(row, key)) for key in keys)])
            found[name] = {key: getattr(row, key) for key in names}
    return found


def rebuild(session: Session) -> list[str]:
    """Delete the folded rows, fold all events again, and name what differs from before.

    Sends nothing and plans nothing. The open moves are left for the next plan; tags and people
    stay, and only what their enrolments and marks say is read anew.
    """
    before = folded_rows(session)
    version = next_version(session)
    session.execute(delete(RequestRow))
    session.execute(delete(MoveRow).where(MoveRow.state != OPEN))
    session.execute(delete(ShiftRow))
    session.execute(delete(VisitRow))
    session.execute(update(PersonRow).values(badge_event=None, badge_at=None))
    session.expire_all()
    tags.refold(session, tags.all_with_events(session), version)
    shifts.note(
        session,
        session.scalars(
            select(EventRow).order_by(EventRow.received_at, EventRow.journal_id, EventRow.seq)
        ).all(),
    )
    for chunk in _chunks(session):
        visits.refold(session, chunk, version)
    # Stations have heard of them before.
    session.execute(update(VisitRow).values(known_version=0))
    return differences(before, folded_rows(session))


def differences(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[str]:
    """One line for each row or column that is not the same."""
    lines = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            lines.append(f"{name}: {'missing before' if old is None else 'missing after'}")
        else:
            lines += [f"{name}.{key}" for key in old if old[key] != new[key]]
    return lines


def _chunks(session: Session) -> Iterator[list[str]]:
    ids = session.scalars(
        select(EventRow.visit_id)
        .where(EventRow.visit_id.is_not(None))
        .distinct()
        .order_by(EventRow.visit_id)
    ).all()
    for start in range(0, len(ids), 500):
        yield [visit_id for visit_id in ids[start : start + 500] if visit_id is not None]
