"""Shifts: who is at work and where they were last seen."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import false
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class ShiftRow(Table):
    """The present shift of one person, out of their sign-ons and taps."""

    __tablename__ = "shifts"

    person_id: Mapped[str] = mapped_column(primary_key=True)
    is_on: Mapped[bool]
    place_id: Mapped[str]
    seen_at: Mapped[datetime]
    is_resting: Mapped[bool] = mapped_column(default=False, server_default=false())
