"""What promises came to, and how wide the next ones have to be."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class PromiseOutcomeRow(Table):
    """What became of the first promise of a request whose car is ready since `ready_at`.

    `kind`: see `server.promises`. `late_s`: seconds after the middle of what was expected, less
    than 0 for early; a car that was booked is not early before its time. `score_permille`: how
    late it was against the plan's own estimate, in thousandths of the slack for such a wait.
    """

    __tablename__ = "promise_outcomes"
    __table_args__ = (
        Index("ix_promise_outcomes_kind", "kind", "ready_at"),
        Index("ix_promise_outcomes_ready_at", "ready_at"),
    )

    promise_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    ready_at: Mapped[datetime]
    late_s: Mapped[int]
    score_permille: Mapped[int]


class CalibrationRow(Table):
    """What the outcomes of a kind have taught, see `server.conformal.Level`.

    Millionths and thousandths, so that every database gives back what was put in. `cars`: how many
    promises it rests on, all that there ever were.
    """

    __tablename__ = "calibrations"

    kind: Mapped[str] = mapped_column(primary_key=True)
    missed_ppm: Mapped[int]
    middle_permille: Mapped[int]
    width_permille: Mapped[int]
    cars: Mapped[int]
    learned_at: Mapped[datetime]
