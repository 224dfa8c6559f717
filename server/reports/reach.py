"""How far the figures reach, and whether something of what was asked for may be missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.models import EventRow, FigureStateRow
from server.reports.asked import Asked
from server.reports.day import zone_of
from server.reports.station_lines import StationLine, station_lines

_EVENTS = table_of(EventRow)


@dataclass(frozen=True, slots=True)
class Reach:
    """`upto_at`: when the newest event in the figures was received, None before there was any.

    `is_behind`: events of these days wait to be counted. `missing`: stations that may still hold
    some.
    """

    upto_at: datetime | None
    is_behind: bool
    missing: Sequence[StationLine]

    @property
    def is_provisional(self) -> bool:
        """Whether the figures may still change without anything new happening."""
        return self.is_behind or bool(self.missing)


def reach(session: Session, config: Config, asked: Asked, now: datetime) -> Reach:
    """How far the figures of these days can be trusted."""
    span = asked.range.span(zone_of(session), config.day_starts_hour)
    state = session.execute(
        select(FigureStateRow.upto_version, FigureStateRow.upto_at, FigureStateRow.day_starts_hour)
    ).one_or_none()
    waiting = select(_EVENTS.c.seq).where(
        _EVENTS.c.position > (0 if state is None else state.upto_version), _EVENTS.c.at < span.end
    )
    is_behind = session.connection().execute(waiting.limit(1)).first() is not None
    return Reach(
        None if state is None else state.upto_at,
        is_behind or (state is not None and state.day_starts_hour != config.day_starts_hour),
        [each for each in station_lines(session, config, span, now) if each.may_miss],
    )
