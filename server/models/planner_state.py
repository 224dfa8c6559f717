"""Which planner is in charge: the searching one, or what is left when it fails."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class PlannerStateRow(Table):
    """One row a `part`: planning at once with every event, or searching in the background.

    `fault` is a code: null while the planner does its work, else the baseline plans. `since_at`:
    since when that is so.
    """

    __tablename__ = "planner_states"

    part: Mapped[str] = mapped_column(primary_key=True)
    fault: Mapped[str | None]
    since_at: Mapped[datetime]
