"""Rides: a runner without a car in one that a colleague drives."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class RideRow(Table):
    """The last ride of a runner: along on the drive `ordinal` of `visit_id`, to `to_place_id`.

    Nobody taps for it: it begins when the car is driven off from where the runner stood who was
    told to go along, and ends when the car arrives. `ended_at` null: still under way.
    """

    __tablename__ = "rides"

    passenger_id: Mapped[str] = mapped_column(primary_key=True)
    visit_id: Mapped[str]
    ordinal: Mapped[int]
    to_place_id: Mapped[str]
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
