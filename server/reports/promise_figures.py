"""What promises came to, day by day: how many held, how far off they were, how wide they were."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.models import PromiseOutcomeRow, PromiseRow
from server.reports.day import Day, day_of
from server.reports.figures import Share
from server.reports.quantile import MEDIAN, nearest_rank

DAYS = 7
_S = timedelta(seconds=1)
_OUTCOMES, _PROMISES = table_of(PromiseOutcomeRow), table_of(PromiseRow)


@dataclass(frozen=True, slots=True)
class PromiseFigures:
    """The first promises of the cars that became ready in a day.

    `kept`: ready by the end of the window; `early`: how many of them before its beginning.
    `bias_s`: the mean of how much later than expected they were, less than 0 for earlier.
    `width_s`: the median of the windows, from beginning to end. None without promises.
    """

    day: Day
    kept: Share
    early: int
    bias_s: int | None
    width_s: int | None


@dataclass(frozen=True, slots=True)
class PromiseReport:
    """A day and those before it, newest first, and the share of promises that are to hold."""

    days: Sequence[PromiseFigures]
    aim_percent: int


def promise_report(
    session: Session, config: Config, day: Day, booth_id: str | None
) -> PromiseReport:
    """The figures of a day and the week before it; `booth_id`: of the cars that were promised for
    one booth."""
    days = [
        day_of(day.date - timedelta(days=back), day.zone, config.day_starts_hour)
        for back in range(DAYS)
    ]
    rows = session.connection().execute(_chosen(days, booth_id)).all()
    times = [row.ready_at for row in rows]
    figures = [
        _figures(each, rows[bisect_left(times, each.start) : bisect_left(times, each.end)])
        for each in days
    ]
    return PromiseReport(figures, config.promise_kept_percent)


def _chosen(days: Sequence[Day], booth_id: str | None) -> Select[*tuple[Any, ...]]:
    chosen = (
        select(
            _OUTCOMES.c.ready_at,
            _OUTCOMES.c.late_s,
            _PROMISES.c.ready_from,
            _PROMISES.c.ready_by,
        )
        .join(_PROMISES, _PROMISES.c.id == _OUTCOMES.c.promise_id)
        .where(_OUTCOMES.c.ready_at >= days[-1].start, _OUTCOMES.c.ready_at < days[0].end)
        .order_by(_OUTCOMES.c.ready_at)
    )
    return chosen if booth_id is None else chosen.where(_PROMISES.c.booth_id == booth_id)


def _figures(day: Day, rows: Sequence[Row[*tuple[Any, ...]]]) -> PromiseFigures:
    widths = [(row.ready_by - row.ready_from) // _S for row in rows]
    return PromiseFigures(
        day=day,
        kept=Share(sum(row.ready_at <= row.ready_by for row in rows), len(rows)),
        early=sum(row.ready_at < row.ready_from for row in rows),
        bias_s=round(sum(row.late_s for row in rows) / len(rows)) if rows else None,
        width_s=nearest_rank(widths, MEDIAN),
    )
