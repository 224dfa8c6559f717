"""The rows of people's days: on a shift, driving cars, on the way to the next one, and waiting.

A day is read by itself. Somebody is at work from a sign-on, the end of a break or the beginning of
a drive until a sign-off, the beginning of a break, or the last that was heard of them that day. The
way to the next car takes as long as the district file says, or as there was time for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, delete, select, tuple_

from schemas import events
from server import bulk
from server.bulk import table_of
from server.figures.district_time import DistrictTime
from server.figures.new_events import NewEvent
from server.models import DriveFigureRow, ShiftFigureRow, TravelRow, WorkFigureRow
from server.one_of import one_of

Columns = dict[str, Any]
PersonDay = tuple[str, int]

_SHIFTS, _WORK = table_of(ShiftFigureRow), table_of(WorkFigureRow)
_DRIVES, _TRAVEL = table_of(DriveFigureRow), table_of(TravelRow)
_S = timedelta(seconds=1)
_CHUNK = 200
_BEGINS = (events.SHIFT_SIGNED_ON, events.SHIFT_RESUMED)
_ENDS = (events.SHIFT_SIGNED_OFF, events.SHIFT_PAUSED)
SHIFT_TYPES = (*_BEGINS, *_ENDS)


def read_shifts(time: DistrictTime, found: Collection[NewEvent]) -> list[Columns]:
    """The rows of the shift events among these."""
    return [
        {
            "event_id": each.event_id,
            "person_id": each.actor,
            "day": time.slot(each.at).day,
            "type": each.type,
            "place_id": each.place_id,
            "at": each.at,
        }
        for each in found
        if each.type in SHIFT_TYPES and each.is_dated and each.actor and each.place_id
    ]


def write_shifts(connection: Connection, rows: Sequence[Columns]) -> set[PersonDay]:
    """Write them; the days of people that they, or what was written of them before, are about."""
    ids = {"ids": [row["event_id"] for row in rows]}
    known = connection.execute(
        select(_SHIFTS.c.person_id, _SHIFTS.c.day).where(one_of(_SHIFTS.c.event_id, "ids")), ids
    )
    days = {(row.person_id, row.day) for row in known}
    connection.execute(delete(_SHIFTS).where(one_of(_SHIFTS.c.event_id, "ids")), ids)
    bulk.append(connection, _SHIFTS, rows)
    return days | {(row["person_id"], row["day"]) for row in rows}


def write_days(connection: Connection, days: Collection[PersonDay]) -> None:
    """Make these days of people anew, out of their drives and shifts."""
    ordered = sorted(days)
    empty_s: dict[tuple[str, str], int] | None = None
    for start in range(0, len(ordered), _CHUNK):
        if empty_s is None:
            empty_s = {
                (row.from_place_id, row.to_place_id): row.empty_s
                for row in connection.execute(select(_TRAVEL))
            }
        _write_chunk(connection, ordered[start : start + _CHUNK], empty_s)


def _write_chunk(
    connection: Connection, days: Sequence[PersonDay], empty_s: Mapping[tuple[str, str], int]
) -> None:
    drives: dict[PersonDay, list[Any]] = {day: [] for day in days}
    shifts: dict[PersonDay, list[Any]] = {day: [] for day in days}
    where = tuple_(_DRIVES.c.runner_id, _DRIVES.c.day).in_(days)
    for row in connection.execute(select(_DRIVES).where(where).order_by(_DRIVES.c.taken_at)):
        drives[row.runner_id, row.day].append(row)
    where = tuple_(_SHIFTS.c.person_id, _SHIFTS.c.day).in_(days)
    for row in connection.execute(select(_SHIFTS).where(where).order_by(_SHIFTS.c.at)):
        shifts[row.person_id, row.day].append(row)
    connection.execute(delete(_WORK).where(tuple_(_WORK.c.person_id, _WORK.c.day).in_(days)))
    rows = [_row(day, drives[day], shifts[day], empty_s) for day in days]
    bulk.append(connection, _WORK, [row for row in rows if row is not None])


def _row(
    day: PersonDay,
    drives: Sequence[Any],
    shifts: Sequence[Any],
    empty_s: Mapping[tuple[str, str], int],
) -> Columns | None:
    if not drives and not shifts:
        return None
    done = [drive for drive in drives if drive.done_at is not None]
    on_s = _on_s(drives, shifts)
    drive_s = min(on_s, sum(drive.drive_s for drive in done))
    walked_s = min(on_s - drive_s, _empty_s(drives, empty_s))
    return {
        "person_id": day[0],
        "day": day[1],
        "on_s": on_s,
        "drive_s": drive_s,
        "empty_s": walked_s,
        "idle_s": on_s - drive_s - walked_s,
        "drives": len(done),
    }


def _on_s(drives: Sequence[Any], shifts: Sequence[Any]) -> int:
    """From the first that was heard of them to the last, without what was off."""
    heard: list[tuple[datetime, bool]] = [(row.at, row.type in _BEGINS) for row in shifts]
    heard += [(row.taken_at, True) for row in drives]
    heard += [(row.done_at, True) for row in drives if row.done_at is not None]
    # Of two at the same time, the one that ends the shift is the later one.
    heard.sort(key=lambda each: (each[0], not each[1]))
    return sum((after[0] - each[0]) // _S for each, after in pairwise(heard) if each[1])


def _empty_s(drives: Sequence[Any], empty_s: Mapping[tuple[str, str], int]) -> int:
    walked = 0
    for last, after in pairwise(drives):
        way = (last.to_place_id, after.from_place_id)
        if last.done_at is None or way[0] == way[1] or after.taken_at < last.done_at:
            continue
        there_was_s = (after.taken_at - last.done_at) // _S
        walked += min(there_was_s, empty_s.get(way, there_was_s))
    return walked
