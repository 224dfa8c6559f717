"""What went wrong, by what it was and where; claims of drivers, and how they rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.figures.visit_history import CLAIM
from server.models import IncidentFigureRow, VisitFigureRow
from server.reports import sheet, tally
from server.reports.asked import Asked
from server.reports.finding import found
from server.reports.sheet import BARS, Cell, Chart, Column, Sheet
from server.reports.tally import NOTHING, Group

_I, _V = table_of(IncidentFigureRow), table_of(VisitFigureRow)


@dataclass(frozen=True, slots=True)
class _Told:
    """By group: incidents, how many people told of themselves, how many are settled; and how
    many there were for a number of cars."""

    counts: Mapping[Group, Group]
    settled: Mapping[Group, tally.Ranks]

    @property
    def n(self) -> int:
        """All of them."""
        return sum(row[0] for row in self.counts.values())

    def row(self, group: Group) -> tuple[int, int, int]:
        """What there is of a group."""
        n, own, settled = self.counts.get(group, (0, 0, 0))
        return int(n), int(own), int(settled)


def incidents(session: Session, _config: Config, asked: Asked, _now: datetime) -> list[Sheet]:
    """By kind, by place, and the ratings of the cars that were received in these days."""
    return [_by_kind(session, asked), _by_place(session, asked), _ratings(session, asked)]


def _told(session: Session, asked: Asked | None, column: Any) -> _Told:
    if asked is None:
        return _Told({}, {})
    where = tally.in_days(_I.c.day, asked)
    if asked.booth_id or asked.lot_id:
        where &= _I.c.place_id.in_([asked.booth_id or "", asked.lot_id or ""])
    return _Told(
        tally.counts(
            session,
            [column],
            where,
            tally.how_many(_I.c.is_own),
            tally.how_many(_I.c.settled_s.is_not(None)),
        ),
        tally.ranks(session, _I.c.settled_s, [column], where),
    )


def _by_kind(session: Session, asked: Asked) -> Sheet:
    now, before = (_told(session, each, _I.c.kind) for each in (asked, asked.before))
    kinds = tally.merged(now.counts, before.counts)
    most = max(kinds, key=lambda kind: now.row(kind)[0], default=("",))
    claims = now.row((CLAIM,))[0]
    return Sheet(
        key="incidents_by_kind",
        finding=found(
            "incidents_by_kind",
            now.n,
            (sheet.COUNT, before.n) if asked.compare else None,
            n=(sheet.COUNT, now.n),
            kind=(sheet.TEXT, _named(most[0])),
            most=(sheet.COUNT, now.row(most)[0]),
            claims=(sheet.COUNT, claims),
        ),
        columns=(
            Column("incident", sheet.TEXT),
            Column("incidents"),
            Column("told_by_themselves"),
            Column("settled"),
            Column("open"),
            Column("settled_median_s", sheet.SECONDS),
            Column("incidents_before"),
        ),
        rows=[
            (
                _named(kind[0]),
                *now.row(kind),
                now.row(kind)[0] - now.row(kind)[2],
                now.settled.get(kind, NOTHING).median,
                before.row(kind)[0],
            )
            for kind in kinds
        ],
        n=now.n,
        counted="manage.counted.incidents",
        how="manage.how.incidents_by_kind",
        chart=Chart(BARS, "incident", ("incidents", "incidents_before")),
        below=[{"rows": "incidents", "incident": kind[0]} for kind in kinds],
    )


def _named(kind: str) -> str:
    return f"manage.incident_kind.{kind}"


def _by_place(session: Session, asked: Asked) -> Sheet:
    now, before = (_told(session, each, _I.c.place_id) for each in (asked, asked.before))
    cars = sum(
        row[0]
        for row in tally.counts(
            session, [], tally.of(asked, _V.c.day, _V.c.booth_id, _V.c.lot_id)
        ).values()
    )
    places = tally.merged(now.counts, before.counts)
    rate = round(now.n * 1000 / cars, 1) if cars else None
    most = max(places, key=lambda place: now.row(place)[0], default=("",))
    return Sheet(
        key="incidents_by_place",
        finding=found(
            "incidents_by_place",
            now.n,
            (sheet.COUNT, before.row(most)[0]) if asked.compare else None,
            place=(sheet.PLACE, most[0]),
            most=(sheet.COUNT, now.row(most)[0]),
            rate=(sheet.COUNT, rate),
            cars=(sheet.COUNT, cars),
        ),
        columns=(
            Column("place", sheet.PLACE),
            Column("incidents"),
            Column("told_by_themselves"),
            Column("settled"),
            Column("incidents_before"),
        ),
        rows=[(place[0], *now.row(place), before.row(place)[0]) for place in places],
        n=now.n,
        counted="manage.counted.incidents",
        how="manage.how.incidents_by_place",
        chart=Chart(BARS, "place", ("incidents", "incidents_before")),
        below=[{"rows": "incidents", "place": place[0]} for place in places],
    )


def _ratings(session: Session, asked: Asked) -> Sheet:
    now, before = (_rated(session, each) for each in (asked, asked.before))
    booths = tally.merged(now, before)
    n, stars = _sum(now)
    n_before, stars_before = _sum(before)
    return Sheet(
        key="ratings_by_booth",
        finding=found(
            "ratings_by_booth",
            n,
            (sheet.COUNT, _mean(n_before, stars_before)),
            n=(sheet.COUNT, n),
            mean=(sheet.COUNT, _mean(n, stars)),
        ),
        columns=(
            Column("booth", sheet.PLACE),
            Column("ratings"),
            Column("stars_mean"),
            Column("ratings_before"),
            Column("stars_mean_before"),
        ),
        rows=[
            (booth[0], *_rating(now.get(booth, (0, 0))), *_rating(before.get(booth, (0, 0))))
            for booth in booths
        ],
        n=n,
        counted="manage.counted.ratings",
        how="manage.how.ratings_by_booth",
        chart=Chart(BARS, "booth", ("stars_mean", "stars_mean_before")),
        below=[{"rows": "ratings", "booth": booth[0]} for booth in booths],
    )


def _rated(session: Session, asked: Asked | None) -> Mapping[Group, Group]:
    if asked is None:
        return {}
    where = tally.of(asked, _V.c.day, _V.c.booth_id, _V.c.lot_id) & _V.c.stars.is_not(None)
    return tally.counts(session, [_V.c.booth_id], where, tally.total(_V.c.stars))


def _sum(rated: Mapping[Group, Group]) -> tuple[int, int]:
    return sum(int(row[0]) for row in rated.values()), sum(int(row[1]) for row in rated.values())


def _mean(n: int, stars: int) -> float | None:
    return None if n == 0 else round(stars / n, 1)


def _rating(row: Group) -> tuple[Cell, Cell]:
    return int(row[0]), _mean(int(row[0]), int(row[1]))
