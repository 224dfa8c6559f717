"""What was touched between two moments: what those need who have to tell of a breach.

Names of people of the scheme and ids of visits; no plate and no phone. Who was shown what of whom
is `looks`; with a visit's id its driver is found and told (`server.data_rights.office`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import (
    AccountRow,
    ChangeRow,
    GuestLookRow,
    GuestRow,
    PurgeRow,
    SignInRow,
    StationKeyRow,
    StationRow,
)


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` to `until`, both aware."""

    since: datetime
    until: datetime


def touched(session: Session, span: Span, person_id: str | None = None) -> dict[str, Any]:
    """All that is on record of that time, of one person or of everybody."""
    return {
        "since": span.since.isoformat(),
        "until": span.until.isoformat(),
        "records_kept": session.scalar(
            select(func.count()).select_from(GuestRow).where(GuestRow.sealed.is_not(None))
        ),
        "looks": _looks(session, span, person_id),
        "sign_ins": _sign_ins(session, span, person_id),
        "locked_accounts": list(
            session.scalars(
                select(AccountRow.person_id).where(AccountRow.locked_until.is_not(None))
            )
        ),
        "changes": _changes(session, span, person_id),
        "stations": _stations(session, span),
        "purges": [
            {"at": row.at.isoformat(), "visits": row.visits}
            for row in session.scalars(_within(select(PurgeRow), PurgeRow.at, span))
        ],
    }


def _looks(session: Session, span: Span, person_id: str | None) -> list[dict[str, Any]]:
    asked = _within(select(GuestLookRow), GuestLookRow.at, span)
    if person_id is not None:
        asked = asked.where(GuestLookRow.person_id == person_id)
    found: dict[tuple[str, str], set[str]] = {}
    for row in session.scalars(asked):
        found.setdefault((row.person_id, row.screen), set()).add(row.visit_id)
    return [
        {"person": person, "screen": screen, "visits": sorted(visits)}
        for (person, screen), visits in sorted(found.items())
    ]


def _sign_ins(session: Session, span: Span, person_id: str | None) -> list[dict[str, Any]]:
    asked = _within(select(SignInRow), SignInRow.at, span)
    if person_id is not None:
        asked = asked.where(SignInRow.person_id == person_id)
    return [
        {
            "at": row.at.isoformat(),
            "person": row.person_id,
            "how": row.how,
            "outcome": row.outcome,
            "network": row.network,
        }
        for row in session.scalars(asked)
    ]


def _changes(session: Session, span: Span, person_id: str | None) -> list[dict[str, Any]]:
    asked = _within(select(ChangeRow), ChangeRow.at, span)
    if person_id is not None:
        asked = asked.where(ChangeRow.person_id == person_id)
    return [
        {"at": row.at.isoformat(), "person": row.person_id, "kind": row.kind, "action": row.action}
        for row in session.scalars(asked)
    ]


def _stations(session: Session, span: Span) -> list[dict[str, Any]]:
    keys = session.execute(
        _within(select(StationKeyRow.station_id, StationKeyRow.since), StationKeyRow.since, span)
    )
    found = [{"station": one, "new_key_at": at.isoformat()} for one, at in keys]
    cloned = session.scalars(_within(select(StationRow), StationRow.cloned_at, span))
    for row in cloned:
        assert row.cloned_at is not None
        found.append({"station": row.id, "cloned_at": row.cloned_at.isoformat()})
    return found


def _within(question: Any, column: Any, span: Span) -> Any:
    return question.where(column >= span.since, column <= span.until).order_by(column)
