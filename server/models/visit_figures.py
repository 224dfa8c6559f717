"""Figures of visits, narrow and by district day: what reports are counted from.

Every row follows from the events and is made anew when a later one changes it (`server.figures`).
`day` is the ordinal of a district day's date (`datetime.date.toordinal`), `hour` the local hour
from 0 to 23, `…_s` whole seconds.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class VisitFigureRow(Table):
    """One visit, on the day and at the hour of its reception. `lot_id`: the first that it stood in.

    `stay_s` to its hand-over, `take_s` until it was first driven off, `park_s` of that first drive
    into a lot. `stars`: the driver's last rating. What is not known, or not yet, is null.
    """

    __tablename__ = "visit_figures"
    __table_args__ = (
        Index("ix_visit_figures_day", "day", "booth_id", "lot_id", "hour", "stay_s"),
        Index("ix_visit_figures_out_day", "out_day", "out_place_id", "lot_id", "out_hour"),
    )

    visit_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[int]
    hour: Mapped[int]
    booth_id: Mapped[str]
    lot_id: Mapped[str | None]
    out_day: Mapped[int | None]
    out_hour: Mapped[int | None]
    out_place_id: Mapped[str | None]
    stay_s: Mapped[int | None]
    take_s: Mapped[int | None]
    park_s: Mapped[int | None]
    stars: Mapped[int | None]


class StandFigureRow(Table):
    """One time that a car stood: `kind` kerb or lot. `day`, `hour`: when it began.

    `from_slot`, `until_slot` count the hours of all district days (24 times the day, and the hours
    since it began). `is_long`: it stands still, or stood for longer than two days.
    """

    __tablename__ = "stand_figures"
    __table_args__ = (
        Index("ix_stand_figures_day", "kind", "day", "place_id", "hour", "stood_s"),
        Index("ix_stand_figures_from_slot", "kind", "from_slot", "place_id", "until_slot"),
        Index("ix_stand_figures_until_slot", "kind", "until_slot", "place_id"),
        Index(
            "ix_stand_figures_long",
            "kind",
            "from_slot",
            sqlite_where=text("is_long"),
            postgresql_where=text("is_long"),
        ),
    )

    visit_id: Mapped[str] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    place_id: Mapped[str]
    day: Mapped[int]
    hour: Mapped[int]
    from_slot: Mapped[int]
    until_slot: Mapped[int | None]
    stood_s: Mapped[int | None]
    is_long: Mapped[bool]


class HeldFigureRow(Table):
    """One time that a visit was held: for which reason, for how long, and as what it ended."""

    __tablename__ = "held_figures"
    __table_args__ = (Index("ix_held_figures_day", "day"),)

    visit_id: Mapped[str] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[int]
    hour: Mapped[int]
    place_id: Mapped[str]
    reason: Mapped[str]
    held_s: Mapped[int | None]
    ended_as: Mapped[str | None]
    ended_by: Mapped[str | None]


class IncidentFigureRow(Table):
    """One thing that went wrong: `kind` of `schemas.states.INCIDENTS`, or `claim` for what the
    driver told of. `settled_s`: until somebody put it right."""

    __tablename__ = "incident_figures"
    __table_args__ = (Index("ix_incident_figures_day", "day"),)

    event_id: Mapped[str] = mapped_column(primary_key=True)
    visit_id: Mapped[str] = mapped_column(index=True)
    day: Mapped[int]
    hour: Mapped[int]
    place_id: Mapped[str]
    kind: Mapped[str]
    is_own: Mapped[bool]
    told_by: Mapped[str | None]
    settled_s: Mapped[int | None]


class RequestFigureRow(Table):
    """One request, on the day and at the hour when it was made. `lot_id`: where the car stood.

    The legs of a request that was answered: `assigned_s` until a runner was sent, `fetched_s` from
    then until the car was driven off, `driven_s` until it was ready, `collected_s` until it was
    handed over; `wait_s` from the request (or the later time that was asked for) until it was
    ready. Of its first promise: whether it held (`is_kept`), the car was there before the window
    (`is_early`), how late against what was expected (`late_s`), and the window's width.
    """

    __tablename__ = "request_figures"
    __table_args__ = (
        Index("ix_request_figures_day", "day", "booth_id"),
        Index("ix_request_figures_visit_id", "visit_id"),
    )

    request_id: Mapped[str] = mapped_column(primary_key=True)
    visit_id: Mapped[str]
    day: Mapped[int]
    hour: Mapped[int]
    booth_id: Mapped[str]
    lot_id: Mapped[str | None]
    source: Mapped[str]
    status: Mapped[str]
    is_booked: Mapped[bool]
    wait_s: Mapped[int | None]
    assigned_s: Mapped[int | None]
    fetched_s: Mapped[int | None]
    driven_s: Mapped[int | None]
    collected_s: Mapped[int | None]
    promise_kind: Mapped[str | None]
    is_kept: Mapped[bool | None]
    is_early: Mapped[bool | None]
    late_s: Mapped[int | None]
    width_s: Mapped[int | None]


class FigureStateRow(Table):
    """One row: up to which version of the district the figures reach, the receipt of the newest
    event in them, and by which zone and hour their days begin."""

    __tablename__ = "figure_states"

    id: Mapped[str] = mapped_column(primary_key=True)
    upto_version: Mapped[int]
    upto_at: Mapped[datetime | None]
    timezone: Mapped[str]
    day_starts_hour: Mapped[int]
