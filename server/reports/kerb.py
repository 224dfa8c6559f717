"""What the kerb was used for: minutes that cars stood there, and cars for each of its spaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.figures.visit_history import KERB
from server.models import PlaceRow, StandFigureRow
from server.reports import sheet, tally
from server.reports.asked import Asked
from server.reports.finding import found
from server.reports.sheet import Cell, Chart, Column, Sheet
from server.reports.tally import NOTHING, Group, Ranks

_S, _P = table_of(StandFigureRow), table_of(PlaceRow)
_COLUMNS = (
    Column("stands"),
    Column("stood_s", sheet.SECONDS),
    Column("median_s", sheet.SECONDS),
    Column("p90_s", sheet.SECONDS),
    Column("stands_before"),
    Column("stood_before_s", sheet.SECONDS),
    Column("median_before_s", sheet.SECONDS),
)


@dataclass(frozen=True, slots=True)
class _Use:
    """Cars that stood at the kerb, and for how many seconds in all; still there counts as none."""

    cars: Mapping[Group, tuple[int, int]]
    ranks: Mapping[Group, Ranks]

    def cells(self, group: Group) -> tuple[int, int, Ranks]:
        """What there is of a group."""
        return (*self.cars.get(group, (0, 0)), self.ranks.get(group, NOTHING))

    @property
    def all_cars(self) -> int:
        """How many there were."""
        return sum(each[0] for each in self.cars.values())


def kerb(session: Session, config: Config, asked: Asked, _now: datetime) -> list[Sheet]:
    """By booth with its spaces, and by hour."""
    return [_by_booth(session, asked), _by_hour(session, config, asked)]


def _use(session: Session, asked: Asked | None, column: Any) -> _Use:
    if asked is None:
        return _Use({}, {})
    where = (_S.c.kind == KERB) & tally.of(asked, _S.c.day, _S.c.place_id)
    found_of = tally.measured(session, [column], where, [_S.c.stood_s], tally.total(_S.c.stood_s))
    return _Use(
        {group: (each.n, each.sums[0]) for group, each in found_of.items()},
        {group: each.ranks[0] for group, each in found_of.items()},
    )


def _by_booth(session: Session, asked: Asked) -> Sheet:
    now, before = (_use(session, each, _S.c.place_id) for each in (asked, asked.before))
    spaces = {
        row.id: row.kerb_spaces
        for row in session.connection().execute(select(_P.c.id, _P.c.kerb_spaces))
    }
    groups = tally.merged(now.cars, before.cars)

    def per_space(use: _Use, group: Group) -> float | None:
        room = spaces.get(group[0], 0) * asked.range.days
        return None if room == 0 else round(use.cells(group)[0] / room, 1)

    most = max(groups, key=lambda group: per_space(now, group) or 0, default=("",))
    return Sheet(
        key="kerb_by_booth",
        finding=found(
            "kerb_by_booth",
            now.all_cars,
            (sheet.COUNT, per_space(before, most)) if asked.compare else None,
            booth=(sheet.PLACE, most[0]),
            per_space=(sheet.COUNT, per_space(now, most)),
            median=(sheet.SECONDS, now.cells(most)[2].median),
        ),
        columns=(
            Column("booth", sheet.PLACE),
            Column("spaces"),
            Column("cars_per_space"),
            Column("cars_per_space_before"),
            *_COLUMNS,
        ),
        rows=[
            (
                group[0],
                spaces.get(group[0]),
                per_space(now, group),
                per_space(before, group) if asked.compare else None,
                *_row(now, before, group),
            )
            for group in groups
        ],
        n=now.all_cars,
        counted="manage.counted.stands",
        how="manage.how.kerb_by_booth",
        chart=Chart(sheet.BARS, "booth", ("cars_per_space", "cars_per_space_before")),
        below=[{"rows": "kerb", "booth": group[0]} for group in groups],
    )


def _by_hour(session: Session, config: Config, asked: Asked) -> Sheet:
    now, before = (_use(session, each, _S.c.hour) for each in (asked, asked.before))
    hours = [((config.day_starts_hour + hour) % 24,) for hour in range(24)]
    most = max(hours, key=lambda group: now.cells(group)[1])
    return Sheet(
        key="kerb_by_hour",
        finding=found(
            "kerb_by_hour",
            now.all_cars,
            (sheet.SECONDS, before.cells(most)[1]) if asked.compare else None,
            hour=(sheet.HOUR, most[0]),
            stood=(sheet.SECONDS, now.cells(most)[1]),
            cars=(sheet.COUNT, now.cells(most)[0]),
        ),
        columns=(Column("hour", sheet.HOUR), *_COLUMNS),
        rows=[(group[0], *_row(now, before, group)) for group in hours],
        n=now.all_cars,
        counted="manage.counted.stands",
        how="manage.how.kerb_by_hour",
        chart=Chart(sheet.BARS, "hour", ("stood_s", "stood_before_s")),
        below=[{"rows": "kerb", "hour": str(group[0])} for group in hours],
    )


def _row(now: _Use, before: _Use, group: Group) -> tuple[Cell, ...]:
    cars, stood_s, ranks = now.cells(group)
    cars_before, stood_before_s, ranks_before = before.cells(group)
    return (
        *(cars, stood_s, ranks.median, ranks.p90),
        *(cars_before, stood_before_s, ranks_before.median),
    )
