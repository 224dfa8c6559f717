"""How long ways take here and now: out of the district file, and out of the district's own drives.

What the file and the settings say is where it begins; `server.leg_fit` says how drives change it.
The worker learns anew every few minutes and when the hour turns, so that what is kept is always
of the present hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby, pairwise
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, String, bindparam, cast, func, or_, select, update
from sqlalchemy.orm import Session

from schemas import events
from server.bulk import table_of
from server.config import Config
from server.database import Database, insert_missing
from server.dispatch.snapshot import Travel
from server.event_times import RECEIVED
from server.leg_fit import DRIVE, EMPTY, Leg, Times, Way, fit
from server.models import EventRow, LegTimeRow, MoveRow, TravelRow, VisitRow
from server.visit_rows import DONE

_EVENTS, _MOVES, _VISITS = table_of(EventRow), table_of(MoveRow), table_of(VisitRow)
_TRAVEL, _LEARNED = table_of(TravelRow), table_of(LegTimeRow)
_S, _H = timedelta(seconds=1), timedelta(hours=1)

_JOINED = _TRAVEL.outerjoin(
    _LEARNED,
    (_LEARNED.c.from_place_id == _TRAVEL.c.from_place_id)
    & (_LEARNED.c.to_place_id == _TRAVEL.c.to_place_id),
)
# One text of all legs: the database writes it in a fraction of the time that Python takes over as
# many rows, and it is the same as long as no leg has changed.
_TIMES = select(
    func.aggregate_strings(
        _TRAVEL.c.from_place_id
        + " "
        + _TRAVEL.c.to_place_id
        + " "
        + cast(func.coalesce(_LEARNED.c.drive_s, _TRAVEL.c.drive_s), String)
        + " "
        + cast(func.coalesce(_LEARNED.c.empty_s, _TRAVEL.c.empty_s), String),
        "\n",
    )
).select_from(_JOINED)


def travel_times(connection: Connection) -> Mapping[Leg, Travel]:
    """Seconds from place to place as they were learned, else as the district file has them.

    A drive takes `drive_s` and the settings' `handling_s` from *taken* to *parked* or *ready*.
    """
    text: str | None = connection.scalar(_TIMES)
    return _times_of(text or "")


@lru_cache(maxsize=4)
def _times_of(text: str) -> Mapping[Leg, Travel]:
    legs = (line.split(" ") for line in text.splitlines())
    return MappingProxyType(
        {(origin, to): Travel(int(drive), int(empty)) for origin, to, drive, empty in legs}
    )


def refresh(database: Database, config: Config, now: datetime) -> bool:
    """Learn anew if it is time to; whether it was."""
    if not database.read(lambda session: _is_due(session, config, now)):
        return False
    told, ways = database.read(lambda session: (_told(session), ways_made(session, config, now)))
    rows = _learned(config, told, ways, now)
    # Not under the district's version: no station hears of it, and two workers write the same.
    database.write(lambda session: _write(session, rows))
    return True


def learned_at(session: Session, config: Config, at: datetime) -> dict[Leg, Travel]:
    """Seconds from place to place as the drives up to a time have shown them, for its hour."""
    told, ways = _told(session), ways_made(session, config, at)
    return {
        (row["from_place_id"], row["to_place_id"]): Travel(row["drive_s"], row["empty_s"])
        for row in _learned(config, told, ways, at)
    }


def _is_due(session: Session, config: Config, now: datetime) -> bool:
    legs, known, oldest = session.connection().execute(_AGE).one()
    if legs == 0:
        return False
    if known < legs or oldest is None:
        return True
    at: datetime = oldest
    return now - at >= timedelta(seconds=config.learn_every_s) or at.hour != now.hour


_AGE = select(
    select(func.count()).select_from(_TRAVEL).scalar_subquery(),
    select(func.count()).select_from(_LEARNED).scalar_subquery(),
    select(func.min(_LEARNED.c.learned_at)).scalar_subquery(),
)


def _told(session: Session) -> dict[Leg, Times]:
    rows = session.connection().execute(select(_TRAVEL))
    return {
        (row.from_place_id, row.to_place_id): Times(row.drive_s, row.empty_s)
        for row in rows
        if row.from_place_id != row.to_place_id
    }


# Of a visit that a person had to settle, or with a tap of an unknown time, nothing is learned.
_DOUBTED = (
    select(_EVENTS.c.visit_id)
    .where(
        _EVENTS.c.visit_id == _VISITS.c.id,
        or_(_EVENTS.c.time_source == RECEIVED, _EVENTS.c.type == events.VISIT_RESOLVED),
    )
    .exists()
)
_DRIVES = (
    select(
        _MOVES.c.from_place_id,
        _MOVES.c.to_place_id,
        _MOVES.c.runner_id,
        _MOVES.c.opened_at,
        _MOVES.c.taken_at,
        _MOVES.c.done_at,
    )
    .join(_VISITS, _VISITS.c.id == _MOVES.c.visit_id)
    .where(_VISITS.c.received_at.between(bindparam("since"), bindparam("upto")))
    .where(_MOVES.c.state == DONE, _MOVES.c.taken_at <= bindparam("upto"), ~_DOUBTED)
    .order_by(_MOVES.c.taken_at.desc(), _MOVES.c.visit_id)
    .limit(bindparam("most"))
)


def ways_made(session: Session, config: Config, now: datetime) -> list[Way]:
    """The ways of the last days, newest drives first: every drive, and the ways between them of
    runners who had the next drive waiting when the last one ended."""
    since = now - timedelta(days=config.learn_days)
    rows = (
        session.connection()
        .execute(_DRIVES, {"since": since, "upto": now, "most": config.learn_drives_max})
        .all()
    )
    drives = [_way(DRIVE, row.from_place_id, row.to_place_id, row, row, now) for row in rows]
    return [*drives, *_between(rows, now)]


def _between(rows: Sequence[Row[*tuple[Any, ...]]], now: datetime) -> Iterator[Way]:
    known = [row for row in rows if row.runner_id is not None]
    known.sort(key=lambda row: (row.runner_id, row.taken_at))
    for _, drives in groupby(known, key=lambda row: row.runner_id):
        for last, after in pairwise(drives):
            has_waited = after.opened_at > last.done_at or after.taken_at < last.done_at
            if not has_waited and last.to_place_id != after.from_place_id:
                yield _way(EMPTY, last.to_place_id, after.from_place_id, last, after, now)


def _way(
    mode: str,
    origin: str,
    to: str,
    begin: Row[*tuple[Any, ...]],
    end: Row[*tuple[Any, ...]],
    now: datetime,
) -> Way:
    begun, ended = (begin.taken_at, end.done_at) if mode == DRIVE else (begin.done_at, end.taken_at)
    return Way(mode, (origin, to), begun.hour, (ended - begun) / _S, max(0.0, (now - ended) / _H))


def _learned(
    config: Config, told: Mapping[Leg, Times], ways: Sequence[Way], now: datetime
) -> list[dict[str, Any]]:
    found = fit(ways, told, config.handling_s, config.learn_half_life_h)
    return [
        {
            "from_place_id": leg[0],
            "to_place_id": leg[1],
            # The planner adds the settings' handling to every drive.
            "drive_s": max(0, round(found.drive_s(leg, times, now.hour) - config.handling_s)),
            "empty_s": round(found.empty_s(leg, times, now.hour)),
            "drives": found.ways.get((DRIVE, leg), 0),
            "empties": found.ways.get((EMPTY, leg), 0),
            "learned_at": now,
        }
        for leg, times in sorted(told.items())
    ]


_NUMBERS = ("drive_s", "empty_s", "drives", "empties", "learned_at")
_SET = (
    update(_LEARNED)
    .where(
        _LEARNED.c.from_place_id == bindparam("of_from"),
        _LEARNED.c.to_place_id == bindparam("of_to"),
    )
    .values({name: bindparam(f"new_{name}") for name in _NUMBERS})
)


def _write(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    known = {
        (row.from_place_id, row.to_place_id)
        for row in session.connection().execute(
            select(_LEARNED.c.from_place_id, _LEARNED.c.to_place_id)
        )
    }
    changed = []
    for row in rows:
        leg = row["from_place_id"], row["to_place_id"]
        if leg not in known and insert_missing(session, LegTimeRow, **row):
            continue
        values = {f"new_{name}": row[name] for name in _NUMBERS}
        changed.append({"of_from": leg[0], "of_to": leg[1], **values})
    if changed:
        session.connection().execute(_SET, changed)
