"""What runners did with their time, and how long each way took them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.district import RUNNER
from server.bulk import table_of
from server.config import Config
from server.models import DriveFigureRow, PersonRow, WorkFigureRow
from server.reports import sheet, tally
from server.reports.asked import Asked
from server.reports.finding import found, percent
from server.reports.sheet import Cell, Chart, Column, Sheet
from server.reports.tally import NOTHING, Group

_W, _D = table_of(WorkFigureRow), table_of(DriveFigureRow)
_SPLIT = ("drive_s", "empty_s", "idle_s")
_COLUMNS = (
    Column("on_s", sheet.SECONDS),
    *(Column(name, sheet.SECONDS) for name in _SPLIT),
    Column("drives"),
    Column("cars_per_hour"),
    Column("on_before_s", sheet.SECONDS),
    Column("cars_per_hour_before"),
)


@dataclass(frozen=True, slots=True)
class _Time:
    """Seconds at work and what they went to, and drives that came to their end."""

    on_s: int = 0
    drive_s: int = 0
    empty_s: int = 0
    idle_s: int = 0
    drives: int = 0

    @property
    def per_hour(self) -> float | None:
        """Cars driven in an hour at work, to a tenth."""
        return None if self.on_s == 0 else round(self.drives * 3600 / self.on_s, 1)


_NONE = _Time()


def runners(session: Session, _config: Config, asked: Asked, _now: datetime) -> list[Sheet]:
    """By person and by day: who drives, or may. Then the ways between places, by how long they
    took. Shifts have no booth and no lot: these filters are for the ways only."""
    days = _read(session, asked)
    before = _read(session, asked.before)
    return [
        _by_person(days, before),
        _by_day(asked, days, before),
        _by_way(session, asked),
    ]


def _read(session: Session, asked: Asked | None) -> Mapping[Group, _Time]:
    """The time of each runner and day."""
    if asked is None:
        return {}
    people = session.connection().execute(
        select(table_of(PersonRow).c.id, table_of(PersonRow).c.roles)
    )
    drivers = {person_id for person_id, roles in people if RUNNER in roles}
    names = ("on_s", *_SPLIT, "drives")
    rows = session.connection().execute(
        select(_W.c.person_id, _W.c.day, *(_W.c[name] for name in names)).where(
            tally.in_days(_W.c.day, asked)
        )
    )
    return {
        (row.person_id, row.day): _Time(*row[2:])
        for row in rows
        if row.drives > 0 or row.person_id in drivers
    }


def _sum(times: Iterable[_Time]) -> _Time:
    each = list(times)
    return _Time(*(sum(getattr(one, name) for one in each) for name in _Time.__slots__))


def _grouped(days: Mapping[Group, _Time], place: int) -> dict[Any, _Time]:
    found_of: dict[Any, list[_Time]] = {}
    for key, time in days.items():
        found_of.setdefault(key[place], []).append(time)
    return {key: _sum(times) for key, times in found_of.items()}


def _by_person(days: Mapping[Group, _Time], before: Mapping[Group, _Time]) -> Sheet:
    now, earlier = _grouped(days, 0), _grouped(before, 0)
    people = sorted({*now, *earlier})
    whole, whole_before = _sum(now.values()), _sum(earlier.values())
    return Sheet(
        key="runners_by_person",
        finding=found(
            "runners_by_person",
            whole.on_s,
            (sheet.COUNT, whole_before.per_hour),
            per_hour=(sheet.COUNT, whole.per_hour),
            driving=(sheet.PERCENT, percent(whole.drive_s, whole.on_s)),
            empty=(sheet.PERCENT, percent(whole.empty_s, whole.on_s)),
            idle=(sheet.PERCENT, percent(whole.idle_s, whole.on_s)),
        ),
        columns=(Column("person", sheet.PERSON), *_COLUMNS),
        rows=[(each, *_cells(now.get(each, _NONE), earlier.get(each, _NONE))) for each in people],
        n=whole.drives,
        counted="manage.counted.drives",
        how="manage.how.runners_by_person",
        chart=Chart(sheet.STACKED, "person", _SPLIT),
        below=[{"rows": "drives", "person": each} for each in people],
    )


def _by_day(asked: Asked, days: Mapping[Group, _Time], before: Mapping[Group, _Time]) -> Sheet:
    now, earlier = _grouped(days, 1), _grouped(before, 1)
    first, back = asked.range.first.toordinal(), asked.range.before.first.toordinal()
    rows: list[tuple[Cell, ...]] = []
    for day in range(first, first + asked.range.days):
        time = now.get(day, _NONE)
        cells = _cells(time, earlier.get(day - first + back, _NONE))
        rows.append((Date.fromordinal(day), *cells))
    busiest = max(now, key=lambda day: (now[day].drives, -day), default=first)
    whole, whole_before = _sum(now.values()), _sum(earlier.values())
    return Sheet(
        key="runners_by_day",
        finding=found(
            "runners_by_day",
            whole.drives,
            (sheet.COUNT, whole_before.drives) if asked.compare else None,
            drives=(sheet.COUNT, whole.drives),
            day=(sheet.DAY, Date.fromordinal(busiest)),
            most=(sheet.COUNT, now.get(busiest, _NONE).drives),
        ),
        columns=(Column("day", sheet.DAY), *_COLUMNS),
        rows=rows,
        n=whole.drives,
        counted="manage.counted.drives",
        how="manage.how.runners_by_day",
        chart=Chart(sheet.STACKED, "day", _SPLIT),
        below=[{"rows": "drives", "day": str(row[0])} for row in rows],
    )


def _cells(now: _Time, before: _Time) -> tuple[Cell, ...]:
    return (
        *(now.on_s, now.drive_s, now.empty_s, now.idle_s, now.drives, now.per_hour),
        *(before.on_s, before.per_hour),
    )


def _by_way(session: Session, asked: Asked) -> Sheet:
    by = [_D.c.from_place_id, _D.c.to_place_id]
    now, before = (
        {} if each is None else tally.ranks(session, _D.c.drive_s, by, _ways(each))
        for each in (asked, asked.before)
    )
    ways = tally.merged(now, before)
    n = sum(each.n for each in now.values())
    most = max(ways, key=lambda way: now.get(way, NOTHING).n, default=("", ""))
    ranks = now.get(most, NOTHING)
    return Sheet(
        key="runners_by_way",
        finding=found(
            "runners_by_way",
            n,
            (sheet.SECONDS, before.get(most, NOTHING).median),
            origin=(sheet.PLACE, most[0]),
            to=(sheet.PLACE, most[1]),
            median=(sheet.SECONDS, ranks.median),
            p90=(sheet.SECONDS, ranks.p90),
        ),
        columns=(
            Column("from_place", sheet.PLACE),
            Column("to_place", sheet.PLACE),
            Column("n"),
            Column("median_s", sheet.SECONDS),
            Column("p90_s", sheet.SECONDS),
            Column("p95_s", sheet.SECONDS),
            Column("n_before"),
            Column("median_before_s", sheet.SECONDS),
        ),
        rows=[_way(way, now.get(way, NOTHING), before.get(way, NOTHING)) for way in ways],
        n=n,
        counted="manage.counted.drives",
        how="manage.how.runners_by_way",
        below=[{"rows": "drives", "from_place": way[0], "to_place": way[1]} for way in ways],
    )


def _ways(asked: Asked) -> Any:
    wanted = tally.in_days(_D.c.day, asked)
    for place_id in (asked.booth_id, asked.lot_id):
        if place_id is not None:
            wanted &= (_D.c.from_place_id == place_id) | (_D.c.to_place_id == place_id)
    return wanted


def _way(way: Group, now: tally.Ranks, before: tally.Ranks) -> tuple[Cell, ...]:
    return (*way, now.n, now.median, now.p90, now.p95, before.n, before.median)
