"""How full the lots were, hour by hour: the cars that stood there when each hour ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from schemas.district import LOT as LOT_KIND
from server.bulk import table_of
from server.config import Config
from server.figures.district_time import DistrictTime
from server.figures.visit_history import LOT
from server.models import PlaceRow, StandFigureRow
from server.reports import sheet
from server.reports.asked import Asked
from server.reports.day import zone_of
from server.reports.finding import found, percent
from server.reports.sheet import Cell, Chart, Column, Sheet

_S, _P = table_of(StandFigureRow), table_of(PlaceRow)
_DAYS_SHOWN = 7
# A car that stood longer is marked as such, and found by that.
_LONG_SLOTS = 48


@dataclass(frozen=True, slots=True)
class _Filling:
    """By lot: the cars at the end of each hour of the days, as far as they are over; and how many
    came."""

    slots: int
    cars: Mapping[str, Sequence[int]]
    came: Mapping[str, int]

    def all_lots(self, slot: int) -> int | None:
        """The cars of all lots at the end of an hour, None if that is yet to come."""
        return sum(each[slot] for each in self.cars.values()) if slot < self.slots else None


def lots(session: Session, config: Config, asked: Asked, now: datetime) -> list[Sheet]:
    """The heat grid of all lots (up to a week by day, else by weekday), and each lot's peak."""
    time = DistrictTime(zone_of(session), config.day_starts_hour)
    filling = _read(session, time, asked, now)
    before = None if asked.before is None else _read(session, time, asked.before, now)
    return [
        _grid(config, asked, filling, before),
        _by_lot(session, config, asked, filling, before),
    ]


def _read(session: Session, time: DistrictTime, asked: Asked, now: datetime) -> _Filling:
    first = 24 * asked.range.first.toordinal()
    # The hour that is going on has no end yet.
    slots = max(0, min(24 * asked.range.days, time.slot(now).number - first))
    where = _S.c.kind == LOT
    if asked.lot_id is not None:
        where &= _S.c.place_id == asked.lot_id
    connection = session.connection()
    stood = {row[0]: row[1] for row in connection.execute(_standing(first, where))}
    came, left = (
        connection.execute(
            select(_S.c.place_id, slot, func.count())
            .where(where, slot >= first, slot < first + slots)
            .group_by(_S.c.place_id, slot)
        ).all()
        for slot in (_S.c.from_slot, _S.c.until_slot)
    )
    change: dict[str, list[int]] = {place_id: [0] * slots for place_id in stood}
    for rows, sign in ((came, 1), (left, -1)):
        for place_id, slot, count in rows:
            change.setdefault(place_id, [0] * slots)[slot - first] += sign * count
    arrived: dict[str, int] = {}
    for place_id, _, count in came:
        arrived[place_id] = arrived.get(place_id, 0) + count
    return _Filling(
        slots, {each: _added(stood.get(each, 0), change[each]) for each in change}, arrived
    )


def _standing(first: int, where: Any) -> Any:
    """How many stood in each lot when the first day began. Those that came within two days before
    are found by that, all others because they stood for long."""
    recent = select(_S.c.visit_id, _S.c.ordinal, _S.c.place_id).where(
        where,
        _S.c.from_slot >= first - _LONG_SLOTS,
        _S.c.from_slot < first,
        or_(_S.c.until_slot.is_(None), _S.c.until_slot >= first),
    )
    long = select(_S.c.visit_id, _S.c.ordinal, _S.c.place_id).where(
        where,
        _S.c.is_long,
        _S.c.from_slot < first - _LONG_SLOTS,
        or_(_S.c.until_slot.is_(None), _S.c.until_slot >= first),
    )
    both = recent.union_all(long).subquery()
    return select(both.c.place_id, func.count()).group_by(both.c.place_id)


def _added(begin: int, changes: Sequence[int]) -> list[int]:
    cars, at = [], begin
    for change in changes:
        at += change
        cars.append(at)
    return cars


def _grid(config: Config, asked: Asked, now: _Filling, before: _Filling | None) -> Sheet:
    days = asked.range.days
    is_daily = days <= _DAYS_SHOWN
    hours = [(config.day_starts_hour + hour) % 24 for hour in range(24)]
    rows: list[tuple[Cell, ...]] = []
    below: list[dict[str, str]] = []
    for name, chosen, place in _lines(asked, is_daily=is_daily):
        for place_in_day, hour in enumerate(hours):
            slots = [24 * day + place_in_day for day in chosen]
            cells = (_mean(now, slots), None if before is None else _mean(before, slots))
            rows.append((name, hour, *cells))
            below.append({"rows": "lot", **place, "hour": str(hour)})
    peak = max(rows, key=lambda row: row[2] or 0)
    noun = "day" if is_daily else "weekday"
    return Sheet(
        key="lots_grid",
        finding=found(
            "lots_grid" if is_daily else "lots_grid_weekdays",
            sum(now.came.values()) + sum(each[0] for each in now.cars.values() if each),
            (sheet.COUNT, peak[3]),
            cars=(sheet.COUNT, peak[2]),
            day=(sheet.DAY if is_daily else sheet.TEXT, peak[0]),
            hour=(sheet.HOUR, peak[1]),
        ),
        columns=(
            Column(noun, sheet.DAY if is_daily else sheet.TEXT),
            Column("hour", sheet.HOUR),
            Column("cars"),
            Column("cars_before"),
        ),
        rows=rows,
        n=sum(now.came.values()),
        counted="manage.counted.arrivals",
        how="manage.how.lots_grid",
        chart=Chart(sheet.HEAT, "hour", ("cars",), noun),
        below=below,
    )


def _lines(asked: Asked, *, is_daily: bool) -> list[tuple[Cell, list[int], dict[str, str]]]:
    """The lines of the grid: their name, which days of the range they are of, their filter."""
    first, days = asked.range.first, range(asked.range.days)
    dates = [first + timedelta(days=day) for day in days]
    if is_daily:
        return [(dates[day], [day], {"day": dates[day].isoformat()}) for day in days]
    return [
        (
            f"manage.weekday.{weekday}",
            [day for day in days if dates[day].isoweekday() == weekday],
            {"weekday": str(weekday)},
        )
        for weekday in range(1, 8)
    ]


def _mean(filling: _Filling, slots: Sequence[int]) -> float | None:
    known = [cars for cars in map(filling.all_lots, slots) if cars is not None]
    return None if not known else round(sum(known) / len(known), 1)


def _by_lot(
    session: Session, config: Config, asked: Asked, now: _Filling, before: _Filling | None
) -> Sheet:
    places = session.connection().execute(
        select(_P.c.id, _P.c.stalls).where(_P.c.kind == LOT_KIND).order_by(_P.c.id)
    )
    stalls = {
        row.id: row.stalls for row in places if asked.lot_id is None or row.id == asked.lot_id
    }
    fullest = max(stalls, key=lambda lot: _peak(now, lot)[0] or 0, default="")
    peak, slot = _peak(now, fullest)
    earlier = None if before is None else _peak(before, fullest)[0]
    day = Date.fromordinal(asked.range.first.toordinal() + slot // 24)
    n = sum(now.came.values())
    return Sheet(
        key="lots_by_lot",
        finding=found(
            "lots_by_lot",
            n,
            (sheet.COUNT, earlier),
            lot=(sheet.PLACE, fullest),
            cars=(sheet.COUNT, peak),
            stalls=(sheet.COUNT, stalls.get(fullest)),
            day=(sheet.DAY, day),
            hour=(sheet.HOUR, (config.day_starts_hour + slot) % 24),
        ),
        columns=(
            Column("lot", sheet.PLACE),
            Column("stalls"),
            Column("peak"),
            Column("peak_percent", sheet.PERCENT),
            Column("mean"),
            Column("arrivals"),
            Column("peak_before"),
            Column("arrivals_before"),
        ),
        rows=[_lot_row(lot, stalls[lot], now, before) for lot in stalls],
        n=n,
        counted="manage.counted.arrivals",
        how="manage.how.lots_by_lot",
        chart=Chart(sheet.BARS, "lot", ("peak", "mean")),
        below=[{"rows": "lot", "lot": lot} for lot in stalls],
    )


def _peak(filling: _Filling, lot: str) -> tuple[int | None, int]:
    """The most cars at the end of an hour, and the first such hour's place in the days."""
    cars = filling.cars.get(lot) or [0] * filling.slots
    if not cars:
        return None, 0
    most = max(cars)
    return most, cars.index(most)


def _lot_row(lot: str, stalls: int, now: _Filling, before: _Filling | None) -> tuple[Cell, ...]:
    cars = now.cars.get(lot) or [0] * now.slots
    peak = _peak(now, lot)[0]
    return (
        lot,
        stalls,
        peak,
        None if peak is None else percent(peak, stalls),
        round(sum(cars) / len(cars), 1) if cars else None,
        now.came.get(lot, 0),
        None if before is None else _peak(before, lot)[0],
        None if before is None else before.came.get(lot, 0),
    )
