"""Who signed in, when, how and from where; also what was refused. Kept for a while only."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from schemas import events
from schemas.ids import uuid7
from server.config import Config
from server.models import PersonRow, ShiftFigureRow, SignInRow

DONE, REFUSED = "done", "refused"
OUTCOMES = (DONE, REFUSED)
BY_PASSWORD, BY_CITY, AT_BOOTH = "password", "city", "booth"
WAYS = (BY_PASSWORD, "app", "recovery_code", "passkey", BY_CITY, AT_BOOTH)
_SHOWN = 20
_WHOLE_NETWORK = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True)
class Seen:
    """One sign-in; `where`: a network, or the id of a place."""

    at: datetime
    how: str
    outcome: str
    where: str


def note(
    session: Session,
    config: Config,
    person_id: str,
    how: str,
    outcome: str,
    network: str,
    now: datetime,
) -> None:
    """Put one on record; what is too old goes. Nobody unknown is noted: what was typed as a name
    may be a password."""
    if session.get(PersonRow, person_id) is None:
        return
    kept_from = now - timedelta(days=config.sign_in_keep_days)
    session.execute(delete(SignInRow).where(SignInRow.at < kept_from))
    session.add(
        SignInRow(
            id=uuid7(now), at=now, person_id=person_id, how=how, outcome=outcome, network=network
        )
    )


def last_of(session: Session, person_id: str) -> Sequence[Seen]:
    """The last ones of somebody, on the web and at stations, the newest first."""
    web = session.scalars(
        select(SignInRow)
        .where(SignInRow.person_id == person_id)
        .order_by(SignInRow.id.desc())
        .limit(_SHOWN)
    )
    booth = session.execute(
        select(ShiftFigureRow.at, ShiftFigureRow.place_id)
        .where(ShiftFigureRow.person_id == person_id)
        .where(ShiftFigureRow.type == events.SHIFT_SIGNED_ON)
        .order_by(ShiftFigureRow.day.desc(), ShiftFigureRow.at.desc())
        .limit(_SHOWN)
    )
    seen = [Seen(row.at, row.how, row.outcome, row.network) for row in web]
    seen += [Seen(at, AT_BOOTH, DONE, place_id) for at, place_id in booth]
    return sorted(seen, key=lambda each: each.at, reverse=True)[:_SHOWN]


def network_of(address: str | None) -> str:
    """An address without its last part: enough to notice a strange one, not enough to find a
    person by. Empty for what is none."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    return str(ipaddress.ip_network((found, _WHOLE_NETWORK[found.version]), strict=False))
