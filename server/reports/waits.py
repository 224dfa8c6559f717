"""How long drivers waited, leg by leg: from the request to the car at the kerb."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.models import RequestFigureRow, VisitFigureRow
from server.reports import sheet, tally
from server.reports.asked import Asked
from server.reports.finding import found
from server.reports.sheet import Chart, Column, Sheet
from server.reports.tally import NOTHING, Ranks

_R, _V = table_of(RequestFigureRow), table_of(VisitFigureRow)
_OF_REQUESTS = ("assigned_s", "fetched_s", "driven_s", "wait_s", "collected_s")
_OF_RECEPTIONS = ("take_s", "park_s")
_RANKS = (
    Column("n"),
    Column("median_s", sheet.SECONDS),
    Column("p90_s", sheet.SECONDS),
    Column("p95_s", sheet.SECONDS),
    Column("n_before"),
    Column("median_before_s", sheet.SECONDS),
    Column("p90_before_s", sheet.SECONDS),
)
_DRAWN = ("median_s", "p90_s")


def waits(session: Session, config: Config, asked: Asked, _now: datetime) -> list[Sheet]:
    """The legs of all requests that were answered, and of all receptions; then the whole wait by
    hour, by booth and by the lot that the car came from."""
    hours = [((config.day_starts_hour + hour) % 24,) for hour in range(24)]
    return [
        _by_leg(session, asked),
        _whole(session, asked, "hour", sheet.HOUR, _R.c.hour, hours),
        _whole(session, asked, "booth", sheet.PLACE, _R.c.booth_id),
        _whole(session, asked, "lot", sheet.PLACE, _R.c.lot_id),
    ]


def _by_leg(session: Session, asked: Asked) -> Sheet:
    now, before = _legs(session, asked), _legs(session, asked.before)
    whole, earlier = now["wait_s"], before["wait_s"]
    return Sheet(
        key="waits_by_leg",
        finding=found(
            "waits_by_leg",
            whole.n,
            (sheet.SECONDS, earlier.p90),
            median=(sheet.SECONDS, whole.median),
            p90=(sheet.SECONDS, whole.p90),
        ),
        columns=(Column("leg", sheet.TEXT), *_RANKS),
        rows=[(f"manage.leg.{leg}", *_cells(now[leg], before[leg])) for leg in now],
        n=whole.n,
        counted="manage.counted.answered",
        how="manage.how.waits_by_leg",
        chart=Chart(sheet.BARS, "leg", _DRAWN),
        below=[
            {"rows": "received" if leg in _OF_RECEPTIONS else "waits", "sort": leg} for leg in now
        ],
    )


def _legs(session: Session, asked: Asked | None) -> dict[str, Ranks]:
    found_of = dict.fromkeys((*_OF_RECEPTIONS, *_OF_REQUESTS), NOTHING)
    if asked is None:
        return found_of
    for table, legs in ((_V, _OF_RECEPTIONS), (_R, _OF_REQUESTS)):
        where = tally.of(asked, table.c.day, table.c.booth_id, table.c.lot_id)
        told = tally.measured(session, [], where, [table.c[leg] for leg in legs])
        for each in told.values():
            found_of |= dict(zip(legs, each.ranks, strict=True))
    return found_of


def _whole(
    session: Session,
    asked: Asked,
    noun: str,
    kind: str,
    column: Any,
    groups: list[tuple[Any, ...]] | None = None,
) -> Sheet:
    now, before = _waits_by(session, asked, column), _waits_by(session, asked.before, column)
    named = groups or tally.merged(now, before)
    n = sum(now.get(group, NOTHING).n for group in named)
    longest = max(named, key=lambda group: now.get(group, NOTHING).p90 or -1, default=("",))
    most = now.get(longest, NOTHING)
    return Sheet(
        key=f"waits_by_{noun}",
        finding=found(
            f"waits_by_{noun}",
            n,
            (sheet.SECONDS, before.get(longest, NOTHING).p90),
            at=(kind, longest[0]),
            p90=(sheet.SECONDS, most.p90),
            median=(sheet.SECONDS, most.median),
        ),
        columns=(Column(noun, kind), *_RANKS),
        rows=[
            (*group, *_cells(now.get(group, NOTHING), before.get(group, NOTHING)))
            for group in named
        ],
        n=n,
        counted="manage.counted.answered",
        how=f"manage.how.waits_by_{noun}",
        chart=Chart(sheet.BARS, noun, _DRAWN),
        below=[{"rows": "waits", noun: str(group[0])} for group in named],
    )


def _waits_by(session: Session, asked: Asked | None, column: Any) -> dict[Any, Ranks]:
    if asked is None:
        return {}
    where = tally.of(asked, _R.c.day, _R.c.booth_id, _R.c.lot_id)
    return tally.ranks(session, _R.c.wait_s, [column], where)


def _cells(now: Ranks, before: Ranks) -> tuple[int | None, ...]:
    return (now.n, now.median, now.p90, now.p95, before.n, before.median, before.p90)
