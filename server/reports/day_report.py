"""The manager's day in one value: figures, booths, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.config import Config
from server.district import booths
from server.models import QuarantineRow
from server.reports.day import Day
from server.reports.figures import Figures, concerns, count
from server.reports.promise_figures import PromiseReport, promise_report
from server.reports.station_lines import StationLine, station_lines
from server.reports.visit_lines import VisitLine, visit_lines


@dataclass(frozen=True, slots=True)
class BoothFigures:
    """One row of the table of booths."""

    booth_id: str
    name: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class DayReport:
    """What a day came to. `is_today`: it is still going on, so some figures are of now.

    `lines` are the visits behind the figures. The report is provisional while `missing`
    names stations whose events of this day may not be here yet.
    """

    day: Day
    made_at: datetime
    is_today: bool
    booth_id: str | None
    figures: Figures
    booths: Sequence[BoothFigures]
    lines: Sequence[VisitLine]
    stations: Sequence[StationLine]
    refused_in_day: int
    refused_ever: int
    promises: PromiseReport

    @property
    def missing(self) -> list[StationLine]:
        """The stations that may still hold events of this day."""
        return [station for station in self.stations if station.may_miss]


def day_report(
    session: Session, config: Config, day: Day, booth_id: str | None, now: datetime
) -> DayReport:
    """The report of one day, of the district or of one booth."""
    lines = visit_lines(session, day, now)
    near = _by_booth(lines)
    return DayReport(
        day=day,
        made_at=now,
        is_today=day.holds(now),
        booth_id=booth_id,
        figures=count(lines, day, now, booth_id),
        booths=[
            BoothFigures(booth.id, booth.name, count(near.get(booth.id, ()), day, now, booth.id))
            for booth in booths(session)
        ],
        lines=[line for line in lines if concerns(line, booth_id)],
        stations=station_lines(session, config, day, now),
        refused_in_day=_refused(session, day),
        refused_ever=_refused(session, None),
        promises=promise_report(session, config, day, booth_id),
    )


def _by_booth(lines: Sequence[VisitLine]) -> Mapping[str, Sequence[VisitLine]]:
    """The visits that may count at a booth, by booth: each one stands at a few of them."""
    near: dict[str, list[VisitLine]] = {}
    for line in lines:
        for booth_id in {line.booth_id, line.request_booth_id, line.place_id}:
            if booth_id is not None:
                near.setdefault(booth_id, []).append(line)
    return near


def _refused(session: Session, day: Day | None) -> int:
    statement = select(func.count()).select_from(QuarantineRow)
    if day is not None:
        statement = statement.where(
            QuarantineRow.received_at >= day.start, QuarantineRow.received_at < day.end
        )
    return session.scalar(statement) or 0
