"""Moves: drives of a car between places, those done and the one that is wanted next."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import JSONText, Table


class MoveRow(Table):
    """The n-th drive of a visit. `state`: open (wanted), taken (under way) or done.

    `from_place_id` … `done_at` of a taken or done move are facts out of the events.
    `runner_id` is who drives it, or, while it is open, who is to drive it by the plan; with
    it come `planned_start_at`, `planned_done_at` and `why` (a catalog code), a reason that is about
    `why_place_id`. `sent_at`: since when the runner should be on the way to the car. `to_stall`:
    where it is best put. `passengers`: which runners go along, as they were told, with when the car
    leaves (`departs_at`).
    """

    __tablename__ = "moves"
    __table_args__ = (Index("ix_moves_state", "state"),)

    visit_id: Mapped[str] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    from_place_id: Mapped[str]
    to_place_id: Mapped[str | None]
    opened_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    runner_id: Mapped[str | None]
    planned_start_at: Mapped[datetime | None]
    planned_done_at: Mapped[datetime | None]
    why: Mapped[str | None]
    why_place_id: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    to_stall: Mapped[str | None]
    passengers: Mapped[list[str] | None] = mapped_column(JSONText)
    departs_at: Mapped[datetime | None]
