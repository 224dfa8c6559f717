"""How well stations reached the cloud: cut off or not, how late events came, clocks, refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.models import JournalRow, QuarantineRow, StationFigureRow, StationRow
from server.reports import sheet, tally
from server.reports.asked import Asked
from server.reports.day import zone_of
from server.reports.finding import found
from server.reports.sheet import BARS, LINES, Cell, Chart, Column, Sheet

_F, _S = table_of(StationFigureRow), table_of(StationRow)
_J, _Q = table_of(JournalRow), table_of(QuarantineRow)
_SUMS = (
    *("events", "starts", "unset_clocks", "unknown_times", "late_events"),
    *("lag_sum_s", "span_s", "cut_s"),
)


@dataclass(frozen=True, slots=True)
class _Line:
    """What came from a station, or on a day; see `StationFigureRow`."""

    events: int = 0
    starts: int = 0
    unset_clocks: int = 0
    unknown_times: int = 0
    late_events: int = 0
    lag_sum_s: int = 0
    span_s: int = 0
    cut_s: int = 0
    lag_max_s: int = 0

    @property
    def up_percent(self) -> float | None:
        """Of the time between the first and the last event of each day, how much was not cut off;
        to a tenth, and rounded down."""
        return None if self.span_s == 0 else (self.span_s - self.cut_s) * 1000 // self.span_s / 10

    @property
    def lag_mean_s(self) -> int | None:
        """How long after it was an event came here, in the mean of those whose time is known."""
        dated = self.events - self.unknown_times
        return None if dated == 0 else round(self.lag_sum_s / dated)


_NONE = _Line()


def stations(session: Session, config: Config, asked: Asked, _now: datetime) -> list[Sheet]:
    """By station, and by day."""
    return [_by_station(session, config, asked), _by_day(session, asked)]


def _read(session: Session, asked: Asked | None, column: Any) -> Mapping[Any, _Line]:
    if asked is None:
        return {}
    where = tally.in_days(_F.c.day, asked)
    if asked.booth_id or asked.lot_id:
        places = [asked.booth_id or "", asked.lot_id or ""]
        where &= _F.c.station_id.in_(select(_S.c.id).where(_S.c.place_id.in_(places)))
    sums = [tally.total(_F.c[name]) for name in _SUMS]
    rows = tally.counts(session, [column], where, *sums, func.max(_F.c.lag_max_s))
    return {group[0]: _Line(*map(int, row[1:])) for group, row in rows.items()}


def _sum(lines: Iterable[_Line]) -> _Line:
    each = list(lines)
    sums = {name: sum(getattr(line, name) for line in each) for name in _SUMS}
    return _Line(**sums, lag_max_s=max((line.lag_max_s for line in each), default=0))


def _refused(session: Session, config: Config, asked: Asked) -> dict[str, int]:
    """Lines that were refused in these days, by station."""
    span = asked.range.span(zone_of(session), config.day_starts_hour)
    rows = session.connection().execute(
        select(_J.c.station_id, func.count())
        .select_from(_Q.join(_J, _J.c.id == _Q.c.journal_id))
        .where(_Q.c.received_at >= span.start, _Q.c.received_at < span.end)
        .group_by(_J.c.station_id)
    )
    return {station_id: n for station_id, n in rows if station_id is not None}


def _by_station(session: Session, config: Config, asked: Asked) -> Sheet:
    now, before = (_read(session, each, _F.c.station_id) for each in (asked, asked.before))
    refused = _refused(session, config, asked)
    rows = session.connection().execute(select(_S.c.id, _S.c.place_id))
    places = {row.id: row.place_id for row in rows}
    wanted = [each for each in (asked.booth_id, asked.lot_id) if each is not None]
    names = sorted(name for name, place_id in places.items() if not wanted or place_id in wanted)
    whole = _sum(now.values())
    worst = min(names, key=lambda name: _or(now.get(name, _NONE).up_percent), default="")
    return Sheet(
        key="stations_by_station",
        finding=found(
            "stations_by_station",
            whole.events,
            (sheet.PERCENT, before.get(worst, _NONE).up_percent),
            station=(sheet.PLACE, places.get(worst, worst)),
            up=(sheet.PERCENT, now.get(worst, _NONE).up_percent),
            faults=(sheet.COUNT, whole.unset_clocks),
            n=(sheet.COUNT, whole.events),
        ),
        columns=(
            Column("station", sheet.TEXT),
            Column("place", sheet.PLACE),
            *_COLUMNS,
            Column("refused"),
            Column("up_before_percent", sheet.PERCENT),
            Column("lag_mean_before_s", sheet.SECONDS),
        ),
        rows=[
            (
                name,
                places.get(name),
                *_cells(now.get(name, _NONE)),
                refused.get(name, 0),
                before.get(name, _NONE).up_percent,
                before.get(name, _NONE).lag_mean_s,
            )
            for name in names
        ],
        n=whole.events,
        counted="manage.counted.events",
        how="manage.how.stations_by_station",
        chart=Chart(BARS, "station", ("up_percent",)),
        below=[{"rows": "events", "station": name} for name in names],
    )


_COLUMNS = (
    Column("up_percent", sheet.PERCENT),
    Column("cut_s", sheet.SECONDS),
    Column("events"),
    Column("late_events"),
    Column("lag_mean_s", sheet.SECONDS),
    Column("lag_max_s", sheet.SECONDS),
    Column("unset_clocks"),
    Column("unknown_times"),
    Column("starts"),
)


def _or(share: float | None) -> float:
    return 101.0 if share is None else share


def _cells(line: _Line) -> tuple[Cell, ...]:
    return (
        *(line.up_percent, line.cut_s, line.events, line.late_events),
        *(line.lag_mean_s, line.lag_max_s),
        *(line.unset_clocks, line.unknown_times, line.starts),
    )


def _by_day(session: Session, asked: Asked) -> Sheet:
    now, before = (_read(session, each, _F.c.day) for each in (asked, asked.before))
    first, back = asked.range.first.toordinal(), asked.range.before.first.toordinal()
    rows: list[tuple[Cell, ...]] = []
    for day in range(first, first + asked.range.days):
        earlier = before.get(day - first + back, _NONE)
        line = now.get(day, _NONE)
        cells = (*_cells(line), earlier.up_percent, earlier.lag_mean_s)
        rows.append((Date.fromordinal(day), *cells))
    whole, whole_before = _sum(now.values()), _sum(before.values())
    return Sheet(
        key="stations_by_day",
        finding=found(
            "stations_by_day",
            whole.events,
            (sheet.SECONDS, whole_before.lag_mean_s),
            mean=(sheet.SECONDS, whole.lag_mean_s),
            longest=(sheet.SECONDS, whole.lag_max_s),
            late=(sheet.COUNT, whole.late_events),
        ),
        columns=(
            Column("day", sheet.DAY),
            *_COLUMNS,
            Column("up_before_percent", sheet.PERCENT),
            Column("lag_mean_before_s", sheet.SECONDS),
        ),
        rows=rows,
        n=whole.events,
        counted="manage.counted.events",
        how="manage.how.stations_by_day",
        chart=Chart(LINES, "day", ("up_percent", "up_before_percent")),
        below=[{"rows": "events", "day": str(row[0])} for row in rows],
    )
