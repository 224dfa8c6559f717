"""The figures of a day, counted from its visit lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.reports.day import Day
from server.reports.quantile import MEDIAN, NINETIETH, nearest_rank
from server.reports.visit_lines import VisitLine


@dataclass(frozen=True, slots=True)
class Share:
    """`kept` of `n` promises."""

    kept: int
    n: int

    @property
    def percent(self) -> int | None:
        """Whole percent, rounded down: 100 only when all were kept. None without promises."""
        return None if self.n == 0 else self.kept * 100 // self.n


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of cars; waits in whole seconds over `waits_n` cars, and the longest that these
    cars were promised first (`promised_…`).

    `late`: drivers who wait although the first promise has passed; `late_again`: although
    the last one has, too.
    """

    inside: int
    received: int
    handed_over: int
    waits_n: int
    wait_median_s: int | None
    wait_p90_s: int | None
    promised_median_s: int | None
    promised_p90_s: int | None
    kept_first: Share
    kept_last: Share
    late: int
    late_again: int


def count(lines: Sequence[VisitLine], day: Day, now: datetime, booth_id: str | None) -> Figures:
    """The figures of the district, or of one booth.

    A car counts as inside and received at the booth that took it in, its wait and promise at
    the booth it was asked for at, and as handed over where that was done.
    """
    upto = day.upto(now)
    inside = [line for line in lines if line.is_inside(upto) and _is(booth_id, line.booth_id)]
    received = [
        line for line in lines if day.holds(line.received_at) and _is(booth_id, line.booth_id)
    ]
    handed_over = [
        line for line in lines if day.holds(line.handed_over_at) and _is(booth_id, line.place_id)
    ]
    asked = [line for line in lines if _is(booth_id, line.request_booth_id)]
    ready = [line for line in asked if day.holds(line.ready_at)]
    waits = [line.wait_s for line in ready if line.wait_s is not None]
    promised = [
        line.promised_wait_s
        for line in ready
        if line.wait_s is not None and line.promised_wait_s is not None
    ]
    late = [line for line in asked if line.is_late(now)]
    return Figures(
        inside=len(inside),
        received=len(received),
        handed_over=len(handed_over),
        waits_n=len(waits),
        wait_median_s=nearest_rank(waits, MEDIAN),
        wait_p90_s=nearest_rank(waits, NINETIETH),
        promised_median_s=nearest_rank(promised, MEDIAN),
        promised_p90_s=nearest_rank(promised, NINETIETH),
        kept_first=_share([line.kept_first for line in ready]),
        kept_last=_share([line.kept_last for line in ready]),
        late=len(late),
        late_again=sum(_is_past(line.last_ready_by, now) for line in late),
    )


def concerns(line: VisitLine, booth_id: str | None) -> bool:
    """Whether a visit counts in any figure of a booth."""
    handed_over_at = line.place_id if line.handed_over_at is not None else None
    return booth_id is None or booth_id in (line.booth_id, line.request_booth_id, handed_over_at)


def _is(wanted: str | None, booth_id: str | None) -> bool:
    return wanted is None or wanted == booth_id


def _is_past(at: datetime | None, now: datetime) -> bool:
    return at is not None and at < now


def _share(kept: Sequence[bool | None]) -> Share:
    judged = [each for each in kept if each is not None]
    return Share(sum(judged), len(judged))
