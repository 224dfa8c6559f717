"""What stations are told of closures: with each place those that name it, so that a booth that is
cut off knows of them too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from server.bulk import table_of
from server.models import ClosureRow, PlaceRow

Told = Mapping[str, list[dict[str, Any]]]

_CLOSURES = table_of(ClosureRow)
# A clock that is some hours off must not forget what is shut.
_OVER = timedelta(days=1)


def told(session: Session, now: datetime) -> Told:
    """The closures that are not over, as JSON has them, by each place that they name."""
    rows = session.connection().execute(
        select(_CLOSURES)
        .where(
            _CLOSURES.c.is_active,
            or_(_CLOSURES.c.until_at.is_(None), _CLOSURES.c.until_at > now - _OVER),
        )
        .order_by(_CLOSURES.c.id)
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        document = {
            "id": row.id,
            "name": row.name,
            "place_id": row.place_id,
            "from_place_id": row.from_place_id,
            "to_place_id": row.to_place_id,
            "from_at": None if row.from_at is None else row.from_at.isoformat(),
            "until_at": None if row.until_at is None else row.until_at.isoformat(),
            "weekdays": list(row.weekdays),
            "from_time": row.from_time,
            "until_time": row.until_time,
        }
        for place_id in {row.place_id, row.from_place_id, row.to_place_id} - {None}:
            found.setdefault(place_id, []).append(document)
    return found


def tell(session: Session, before: Told, version: int, now: datetime) -> None:
    """Let stations hear, under `version`, of the places of which something else is told now than
    `before`."""
    session.flush()
    after = told(session, now)
    places = after.keys() | before.keys()
    changed = [place_id for place_id in places if after.get(place_id) != before.get(place_id)]
    if changed:
        of_them = update(PlaceRow).where(PlaceRow.id.in_(changed))
        session.execute(of_them.values(version=version))
