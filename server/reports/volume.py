"""How many cars came and went, and how long they stayed: by hour, booth, lot and day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date as Date
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.models import VisitFigureRow
from server.reports import sheet, tally
from server.reports.asked import Asked
from server.reports.finding import found
from server.reports.sheet import Chart, Column, Sheet
from server.reports.tally import NOTHING, Group, Ranks

_Counts: TypeAlias = Mapping[Group, Group]

_V = table_of(VisitFigureRow)
_STAY = (
    Column("received"),
    Column("received_before"),
    Column("handed_over"),
    Column("handed_over_before"),
    Column("stay_median_s", sheet.SECONDS),
    Column("stay_p90_s", sheet.SECONDS),
)


def volume(session: Session, config: Config, asked: Asked, _now: datetime) -> list[Sheet]:
    """Cars received and handed over. A car counts as received, and with its stay, at the booth and
    hour of its reception, and as handed over where and when that was."""
    sheets = [
        _by_hour(session, config, asked),
        _sheet(session, asked, "booth", sheet.PLACE, _V.c.booth_id, _V.c.out_place_id),
        _sheet(session, asked, "lot", sheet.PLACE, _V.c.lot_id, _V.c.lot_id),
    ]
    if asked.range.days > 1:
        sheets.append(_by_day(session, asked))
    return sheets


def _by_hour(session: Session, config: Config, asked: Asked) -> Sheet:
    hours = [(config.day_starts_hour + hour) % 24 for hour in range(24)]
    counted = _Counted(session, asked, _V.c.hour, _V.c.out_hour)
    n, before = counted.all_received
    most = max(hours, key=lambda hour: counted.received.get((hour,), (0,))[0])
    return Sheet(
        key="volume_by_hour",
        finding=found(
            "volume_by_hour",
            n,
            before,
            n=(sheet.COUNT, n),
            hour=(sheet.HOUR, most),
            most=(sheet.COUNT, counted.received.get((most,), (0,))[0]),
        ),
        columns=(Column("hour", sheet.HOUR), *_STAY),
        rows=[(hour, *counted.row((hour,))) for hour in hours],
        n=n,
        counted="manage.counted.received",
        how="manage.how.volume_by_hour",
        chart=Chart(sheet.BARS, "hour", ("received", "handed_over")),
        below=[{"rows": "received", "hour": str(hour)} for hour in hours],
    )


def _sheet(session: Session, asked: Asked, noun: str, kind: str, came: Any, left: Any) -> Sheet:
    counted = _Counted(session, asked, came, left)
    groups = counted.groups
    n = sum(counted.received.get(group, (0,))[0] for group in groups)
    most = max(groups, key=lambda group: counted.received.get(group, (0,))[0], default=("",))
    stay = counted.stay.get(most, NOTHING)
    before = counted.stay_before.get(most, NOTHING).median
    return Sheet(
        key=f"volume_by_{noun}",
        finding=found(
            f"volume_by_{noun}",
            n,
            (sheet.SECONDS, before),
            place=(kind, most[0]),
            most=(sheet.COUNT, counted.received.get(most, (0,))[0]),
            n=(sheet.COUNT, n),
            stay=(sheet.SECONDS, stay.median),
        ),
        columns=(Column(noun, kind), *_STAY),
        rows=[(*group, *counted.row(group)) for group in groups],
        n=n,
        counted="manage.counted.received",
        how=f"manage.how.volume_by_{noun}",
        chart=Chart(sheet.BARS, noun, ("received", "handed_over")),
        below=[{"rows": "received", noun: str(group[0])} for group in groups],
    )


def _by_day(session: Session, asked: Asked) -> Sheet:
    counted = _Counted(session, asked, _V.c.day, _V.c.out_day)
    first, before = asked.range.first.toordinal(), asked.range.before.first.toordinal()
    days = range(first, first + asked.range.days)
    rows: list[tuple[Any, ...]] = []
    for day in days:
        stay = counted.stay.get((day,), NOTHING)
        earlier = (day - first + before,)
        rows.append(
            (
                Date.fromordinal(day),
                _first(counted.received, (day,)),
                _first(counted.received_before, earlier) if asked.compare else None,
                _first(counted.left, (day,)),
                _first(counted.left_before, earlier) if asked.compare else None,
                stay.median,
                stay.p90,
            )
        )
    busiest = max(rows, key=lambda row: row[1])
    n, all_before = counted.all_received
    return Sheet(
        key="volume_by_day",
        finding=found(
            "volume_by_day",
            n,
            all_before,
            n=(sheet.COUNT, n),
            day=(sheet.DAY, busiest[0]),
            most=(sheet.COUNT, busiest[1]),
        ),
        columns=(Column("day", sheet.DAY), *_STAY),
        rows=rows,
        n=n,
        counted="manage.counted.received",
        how="manage.how.volume_by_day",
        chart=Chart(sheet.LINES, "day", ("received", "received_before")),
        below=[{"rows": "received", "day": row[0].isoformat()} for row in rows],
    )


def _first(counts: Mapping[Group, Group], group: Group) -> int:
    count: int = counts.get(group, (0,))[0]
    return count


class _Counted:
    """The counts and stays of the days that were asked for and of those before, by one column for
    what came and one for what left."""

    def __init__(self, session: Session, asked: Asked, came: Any, left: Any) -> None:
        self.asked = asked
        self.received, self.stay = _came(session, asked, came)
        self.left = _left(session, asked, left)
        before = asked.before
        self.received_before: _Counts = {}
        self.left_before: _Counts = {}
        self.stay_before: Mapping[Group, Ranks] = {}
        if before is not None:
            self.received_before, self.stay_before = _came(session, before, came)
            self.left_before = _left(session, before, left)

    @property
    def groups(self) -> Sequence[Group]:
        """Every place or hour at which there was anything, in order."""
        return tally.merged(self.received, self.left, self.received_before, self.left_before)

    @property
    def all_received(self) -> tuple[int, tuple[str, int] | None]:
        """How many were received, and how many before."""
        before = sum(each[0] for each in self.received_before.values())
        n = sum(each[0] for each in self.received.values())
        return n, (sheet.COUNT, before) if self.asked.compare else None

    def row(self, group: Group) -> tuple[int | None, ...]:
        """The cells of `_STAY`."""
        stay, compare = self.stay.get(group, NOTHING), self.asked.compare
        return (
            _first(self.received, group),
            _first(self.received_before, group) if compare else None,
            _first(self.left, group),
            _first(self.left_before, group) if compare else None,
            stay.median,
            stay.p90,
        )


def _came(session: Session, asked: Asked, by: Any) -> tuple[_Counts, Mapping[Group, Ranks]]:
    """How many were received, and how long they stayed."""
    where = tally.of(asked, _V.c.day, _V.c.booth_id, _V.c.lot_id)
    found_of = tally.measured(session, [by], where, [_V.c.stay_s])
    return (
        {group: (each.n,) for group, each in found_of.items()},
        {group: each.ranks[0] for group, each in found_of.items()},
    )


def _left(session: Session, asked: Asked, by: Any) -> _Counts:
    return tally.counts(
        session, [by], tally.of(asked, _V.c.out_day, _V.c.out_place_id, _V.c.lot_id)
    )
