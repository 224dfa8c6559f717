"""How often the windows that drivers were promised held, how far off they were, and how wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.models import RequestFigureRow
from server.reports import sheet, tally
from server.reports.asked import Asked
from server.reports.finding import found, percent
from server.reports.sheet import Cell, Chart, Column, Sheet
from server.reports.tally import NOTHING, Group, Ranks

_R = table_of(RequestFigureRow)
_COLUMNS = (
    Column("promised"),
    Column("kept"),
    Column("kept_percent", sheet.PERCENT),
    Column("early"),
    Column("bias_s", sheet.SECONDS),
    Column("width_median_s", sheet.SECONDS),
    Column("promised_before"),
    Column("kept_before_percent", sheet.PERCENT),
    Column("bias_before_s", sheet.SECONDS),
)


@dataclass(frozen=True, slots=True)
class _Judged:
    """Promises that came to their end: how many, how many held, were early; seconds late in all."""

    n: int = 0
    kept: int = 0
    early: int = 0
    late_s: int = 0

    @property
    def percent(self) -> int | None:
        """How many in a hundred held."""
        return percent(self.kept, self.n)

    @property
    def bias_s(self) -> int | None:
        """The mean of how late they were."""
        return None if self.n == 0 else round(self.late_s / self.n)


_NONE = _Judged()


def promise_report(session: Session, config: Config, asked: Asked, _now: datetime) -> list[Sheet]:
    """The first promises of the requests of these days: by day, booth, hour and kind."""
    hours = [((config.day_starts_hour + hour) % 24,) for hour in range(24)]
    return [
        _by_day(session, config, asked),
        _by(session, asked, "booth", sheet.PLACE, _R.c.booth_id),
        _by(session, asked, "hour", sheet.HOUR, _R.c.hour, hours),
        _by(session, asked, "promise_kind", sheet.TEXT, _R.c.promise_kind),
    ]


def _by_day(session: Session, config: Config, asked: Asked) -> Sheet:
    now, width = _judged(session, asked, _R.c.day)
    before, _ = _judged(session, asked.before, _R.c.day)
    first, earlier = asked.range.first.toordinal(), asked.range.before.first.toordinal()
    days = [first + day for day in range(asked.range.days)]
    whole, whole_before = _sum(now.values()), _sum(before.values())
    return Sheet(
        key="promises_by_day",
        finding=found(
            "promises_by_day",
            whole.n,
            (sheet.PERCENT, whole_before.percent),
            n=(sheet.COUNT, whole.n),
            percent=(sheet.PERCENT, whole.percent),
            aim=(sheet.PERCENT, config.promise_kept_percent),
            bias=(sheet.SECONDS, whole.bias_s),
        ),
        columns=(Column("day", sheet.DAY), *_COLUMNS),
        rows=[
            (
                Date.fromordinal(day),
                *_cells(
                    now.get((day,), _NONE),
                    width.get((day,), NOTHING),
                    before.get((day - first + earlier,), _NONE),
                ),
            )
            for day in days
        ],
        n=whole.n,
        counted="manage.counted.promises",
        how="manage.how.promises_by_day",
        chart=Chart(sheet.LINES, "day", ("kept_percent", "kept_before_percent")),
        below=[{"rows": "promises", "day": Date.fromordinal(day).isoformat()} for day in days],
    )


def _by(
    session: Session,
    asked: Asked,
    noun: str,
    kind: str,
    column: Any,
    groups: Sequence[Group] | None = None,
) -> Sheet:
    now, width = _judged(session, asked, column)
    before, _ = _judged(session, asked.before, column)
    named = groups or tally.merged(now, before)
    worst = min(named, key=lambda group: _or(now.get(group, _NONE).percent), default=("",))
    least, n = now.get(worst, _NONE), _sum(now.values()).n
    word = "manage.promise_kind.{}" if kind == sheet.TEXT else "{}"
    return Sheet(
        key=f"promises_by_{noun}",
        finding=found(
            f"promises_by_{noun}",
            n,
            (sheet.PERCENT, before.get(worst, _NONE).percent),
            at=(kind, _named(kind, word, worst[0])),
            percent=(sheet.PERCENT, least.percent),
            bias=(sheet.SECONDS, least.bias_s),
        ),
        columns=(Column(noun, kind), *_COLUMNS),
        rows=[
            (
                _named(kind, word, group[0]),
                *_cells(now.get(group, _NONE), width.get(group, NOTHING), before.get(group, _NONE)),
            )
            for group in named
        ],
        n=n,
        counted="manage.counted.promises",
        how=f"manage.how.promises_by_{noun}",
        chart=Chart(sheet.BARS, noun, ("kept_percent", "kept_before_percent")),
        below=[{"rows": "promises", noun: str(group[0])} for group in named],
    )


def _named(kind: str, word: str, value: Cell) -> Cell:
    return word.format(value) if kind == sheet.TEXT else value


def _or(share: int | None) -> int:
    return 101 if share is None else share


def _judged(
    session: Session, asked: Asked | None, column: Any
) -> tuple[Mapping[Group, _Judged], Mapping[Group, Ranks]]:
    if asked is None:
        return {}, {}
    where = tally.of(asked, _R.c.day, _R.c.booth_id, _R.c.lot_id) & _R.c.is_kept.is_not(None)
    found_of = tally.measured(
        session,
        [column],
        where,
        [_R.c.width_s],
        tally.how_many(_R.c.is_kept),
        tally.how_many(_R.c.is_early),
        tally.total(_R.c.late_s),
    )
    return (
        {group: _Judged(each.n, *each.sums) for group, each in found_of.items()},
        {group: each.ranks[0] for group, each in found_of.items()},
    )


def _sum(judged: Any) -> _Judged:
    each = list(judged)
    return _Judged(
        sum(one.n for one in each),
        sum(one.kept for one in each),
        sum(one.early for one in each),
        sum(one.late_s for one in each),
    )


def _cells(now: _Judged, width: Ranks, before: _Judged) -> tuple[Cell, ...]:
    return (
        *(now.n, now.kept, now.percent, now.early, now.bias_s, width.median),
        *(before.n, before.percent, before.bias_s),
    )
