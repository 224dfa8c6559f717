"""Figures of drives, of people's days, of key checks and of stations; see `visit_figures`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class DriveFigureRow(Table):
    """The n-th drive of a visit, on the day and at the hour when it began."""

    __tablename__ = "drive_figures"
    __table_args__ = (
        Index("ix_drive_figures_day", "day"),
        Index("ix_drive_figures_runner_id", "runner_id", "day"),
    )

    visit_id: Mapped[str] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[int]
    hour: Mapped[int]
    kind: Mapped[str]
    from_place_id: Mapped[str]
    to_place_id: Mapped[str]
    runner_id: Mapped[str | None]
    taken_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    drive_s: Mapped[int | None]


class ShiftFigureRow(Table):
    """One event of somebody's shift: its type, where and when."""

    __tablename__ = "shift_figures"
    __table_args__ = (Index("ix_shift_figures_person_id", "person_id", "day"),)

    event_id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str]
    day: Mapped[int]
    type: Mapped[str]
    place_id: Mapped[str]
    at: Mapped[datetime]


class WorkFigureRow(Table):
    """One person's day. On a shift for `on_s`: driving cars, on the way to the next one (`empty_s`)
    and waiting (`idle_s`). `drives`: those that came to their end."""

    __tablename__ = "work_figures"
    __table_args__ = (Index("ix_work_figures_day", "day"),)

    person_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[int] = mapped_column(primary_key=True)
    on_s: Mapped[int]
    drive_s: Mapped[int]
    empty_s: Mapped[int]
    idle_s: Mapped[int]
    drives: Mapped[int]


class KeyCheckFigureRow(Table):
    """One check of all keys at a place (`kind` check) or the end of its shift (`close`).

    Counts of keys, the visits that stay open over night (`carried`), and tags in the box: how many
    were counted and how many should be there. Null where the event does not say.
    """

    __tablename__ = "key_check_figures"
    __table_args__ = (Index("ix_key_check_figures_day", "day"),)

    event_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[int]
    hour: Mapped[int]
    place_id: Mapped[str]
    kind: Mapped[str]
    told_by: Mapped[str | None]
    found: Mapped[int | None]
    missing: Mapped[int]
    extra: Mapped[int | None]
    misplaced: Mapped[int | None]
    carried: Mapped[int | None]
    tags_counted: Mapped[int | None]
    tags_expected: Mapped[int | None]


class StationFigureRow(Table):
    """One day of a station's journal: its events, and how they came here.

    `starts` of its program; events whose clock was not set (`unset_clocks`), of which nobody can
    say when they were (`unknown_times`). Of the others: `late_events` came more than
    `station_silent_s` after they were; `lag_sum_s`, `lag_max_s` of all. `span_s` from the first to
    the last event, `cut_s` of it while a late one waited. `first_seq`, `last_seq`: where to look.
    """

    __tablename__ = "station_figures"
    __table_args__ = (Index("ix_station_figures_day", "day"),)

    journal_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[int] = mapped_column(primary_key=True)
    station_id: Mapped[str]
    first_seq: Mapped[int]
    last_seq: Mapped[int]
    events: Mapped[int]
    starts: Mapped[int]
    unset_clocks: Mapped[int]
    unknown_times: Mapped[int]
    late_events: Mapped[int]
    lag_sum_s: Mapped[int]
    lag_max_s: Mapped[int]
    span_s: Mapped[int]
    cut_s: Mapped[int]
