"""When an event was: by its own clock if that was set, by another event of its boot if not.

A machine without a clock counts from its boot on, and one true time within the boot dates all of
it (`anchored`). Where a boot never had one, an event is only known to lie between those before
and behind it in its journal: it keeps the source `received`, and the time of receipt or of the
next event whose time is known, whichever is earlier.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, select, update

from schemas.events import Event, restore_event
from server.bulk import table_of
from server.models import EventRow
from server.recorded import Recorded

WALL = "wall"
ANCHORED = "anchored"
RECEIVED = "received"
"""Nobody knows when the event was: only what it came after, and before."""

_EVENTS = table_of(EventRow)


def time_of(event: Event, boot_id: str, mono_ns: int, now: datetime) -> tuple[datetime, str]:
    """The best time that the event alone has, and its source. `boot_id`, `mono_ns`: the sender's
    when it sent, at about `now`."""
    if event.wall_synced:
        return event.wall, WALL
    if event.boot_id == boot_id and event.mono_ns <= mono_ns:
        return now - timedelta(microseconds=(mono_ns - event.mono_ns) // 1000), ANCHORED
    return now, RECEIVED


def settle(rows: Sequence[Recorded]) -> None:
    """Date the events of one stretch of a journal by each other."""
    if all(row.time_source != RECEIVED for row in rows):
        return
    known: Recorded | None = None
    for row in rows:
        if row.time_source == RECEIVED and known is not None:
            _anchor(row, known, row.event.mono_ns - known.event.mono_ns)
        if row.time_source != RECEIVED:
            known = row
    known = None
    for row in reversed(rows):
        if row.time_source == RECEIVED and known is not None:
            _anchor(row, known, known.event.mono_ns - row.event.mono_ns)
            if row.time_source == RECEIVED:
                row.at = min(row.at, known.at)
        if row.time_source != RECEIVED:
            known = row


def _anchor(row: Recorded, known: Recorded, apart_ns: int) -> None:
    """Count from the other event to this one within their boot; not where the boot's clock would
    have run backwards, or the event been after its own receipt."""
    if apart_ns < 0 or row.event.boot_id != known.event.boot_id:
        return
    apart = timedelta(microseconds=apart_ns // 1000)
    at = known.at + apart if row.seq > known.seq else known.at - apart
    if at <= row.received_at:
        row.at, row.time_source = at, ANCHORED


def settle_with_earlier(
    connection: Connection, rows: Sequence[Recorded], last_source: str | None, version: int
) -> list[Recorded]:
    """Date new events, and those before them whose time nobody knew until now.

    `last_source`: where the time of the journal's last event before them came from, None for a
    new journal. Returns the earlier events that have another time now; they are written, and
    stations hear of them under `version`.
    """
    is_open_end = last_source == RECEIVED
    if last_source is None or all((row.time_source == RECEIVED) == is_open_end for row in rows):
        # Nothing before them helps these, and they help nothing before them.
        settle(rows)
        return []
    earlier = _since_last_known(connection, rows[0].journal_id)
    before = [(row.at, row.time_source) for row in earlier]
    settle([*earlier, *rows])
    moved = [
        row for row, told in zip(earlier, before, strict=True) if (row.at, row.time_source) != told
    ]
    _move(connection, moved, version)
    return moved


def _since_last_known(connection: Connection, journal_id: str) -> list[Recorded]:
    """The journal's last event whose time is known, and all behind it."""
    own = _EVENTS.c.journal_id == journal_id
    last = select(func.max(_EVENTS.c.seq)).where(own, _EVENTS.c.time_source != RECEIVED)
    since = func.coalesce(last.scalar_subquery(), 0)
    found = connection.execute(
        select(_EVENTS).where(own, _EVENTS.c.seq >= since).order_by(_EVENTS.c.seq)
    )
    return [
        Recorded(event=restore_event(json.loads(row["line"])), **row) for row in found.mappings()
    ]


_MOVE = (
    update(_EVENTS)
    .where(_EVENTS.c.journal_id == bindparam("of_journal_id"), _EVENTS.c.seq == bindparam("of_seq"))
    .values({name: bindparam(f"new_{name}") for name in ("at", "time_source", "position")})
)


def _move(connection: Connection, rows: Sequence[Recorded], version: int) -> None:
    for row in rows:
        row.position = version
    if rows:
        connection.execute(
            _MOVE,
            [
                {
                    "of_journal_id": row.journal_id,
                    "of_seq": row.seq,
                    "new_at": row.at,
                    "new_time_source": row.time_source,
                    "new_position": version,
                }
                for row in rows
            ],
        )


def bounds() -> tuple[ColumnElement[datetime | None], ColumnElement[datetime | None]]:
    """Columns of a query of events: between which times one was that is `received`, those of the
    nearest events before and behind it in its journal whose times are known; null for others."""
    near = _EVENTS.alias("near")
    known = (
        select(near.c.at)
        .where(near.c.journal_id == _EVENTS.c.journal_id, near.c.time_source != RECEIVED)
        .correlate(_EVENTS)
        .limit(1)
    )
    before = known.where(near.c.seq < _EVENTS.c.seq).order_by(near.c.seq.desc())
    behind = known.where(near.c.seq > _EVENTS.c.seq).order_by(near.c.seq)
    is_unknown = _EVENTS.c.time_source == RECEIVED
    return (
        case((is_unknown, before.scalar_subquery())),
        case((is_unknown, behind.scalar_subquery())),
    )
