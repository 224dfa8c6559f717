"""The stations as whoever looks after them sees them: their keys, their codes, their alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from server.config import Config
from server.models import PersonRow, PlaceRow, StationCodeRow, StationRow
from server.station_codes import open_codes


@dataclass(frozen=True, slots=True)
class StationState:
    """One station. `depth`: events it had not sent when it was last heard of. `code_until`: it
    has a code that was not used yet. `turned_away_at`: it spoke after it was shut out."""

    id: str
    place_id: str
    place_name: str
    version: str
    seen_at: datetime | None
    depth: int
    is_silent: bool
    key_since: datetime
    is_key_changing: bool
    is_revoked: bool
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_reason: str | None
    turned_away_at: datetime | None
    cloned_at: datetime | None
    code_until: datetime | None

    @property
    def is_cloned(self) -> bool:
        """Whether two machines use its key."""
        return self.cloned_at is not None

    @property
    def is_alarming(self) -> bool:
        """Whether somebody should go and look."""
        return self.turned_away_at is not None or (self.is_cloned and not self.is_revoked)


def station_states(session: Session, config: Config, now: datetime) -> Sequence[StationState]:
    """All stations by the name of their place."""
    silent_before = now - timedelta(seconds=config.station_silent_s)
    codes = open_codes(session, now)
    rows = session.execute(
        select(StationRow, PlaceRow.name, PersonRow.name)
        .outerjoin(PlaceRow, PlaceRow.id == StationRow.place_id)
        .outerjoin(PersonRow, PersonRow.id == StationRow.revoked_by)
        .order_by(PlaceRow.name, StationRow.id)
    )
    return [
        StationState(
            id=row.id,
            place_id=row.place_id,
            place_name=place_name or row.place_id,
            version=row.version,
            seen_at=row.seen_at,
            depth=row.depth,
            is_silent=not row.is_revoked and (row.seen_at is None or row.seen_at < silent_before),
            key_since=row.key_since or row.enrolled_at,
            is_key_changing=row.next_public_key is not None,
            is_revoked=row.is_revoked,
            revoked_at=row.revoked_at,
            revoked_by=person_name or row.revoked_by,
            revoked_reason=row.revoked_reason,
            turned_away_at=row.turned_away_at,
            cloned_at=row.cloned_at,
            code_until=codes.get(row.id),
        )
        for row, place_name, person_name in rows
    ]


def waiting_codes(session: Session, now: datetime) -> Sequence[StationCodeRow]:
    """The codes that still wait for a station that was never here, by its id."""
    is_open = StationCodeRow.used_at.is_(None) & (StationCodeRow.expires_at > now)
    is_known = StationCodeRow.station_id.in_(select(StationRow.id))
    codes = select(StationCodeRow).where(is_open, ~is_known)
    return session.scalars(codes.order_by(StationCodeRow.station_id)).all()


def count_alarms(session: Session) -> int:
    """How many stations somebody should go and look at."""
    cloned = StationRow.cloned_at.is_not(None) & ~StationRow.is_revoked
    alarming = or_(cloned, StationRow.turned_away_at.is_not(None))
    return session.scalar(select(func.count()).select_from(StationRow).where(alarming)) or 0
