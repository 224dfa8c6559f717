"""Workers: which of them live, and how long their searches for a plan took."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class WorkerRow(Table):
    """One worker process; `seen_at`: when it last began a round of its work."""

    __tablename__ = "workers"
    __table_args__ = (Index("ix_workers_seen_at", "seen_at"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class PlannerSearchRow(Table):
    """How many searches ended so, in at most `upto_ms` and in more than the bound below it.

    `fault`: why the baseline planned instead, empty where the search was used. `took_ms`: all of
    them together. `cost_centi` and `baseline_centi`: what their plans cost, and what first come,
    first served would have, in hundredths of a driver's late minute.
    """

    __tablename__ = "planner_searches"

    fault: Mapped[str] = mapped_column(primary_key=True)
    upto_ms: Mapped[int] = mapped_column(primary_key=True)
    searches: Mapped[int]
    took_ms: Mapped[int]
    cost_centi: Mapped[int] = mapped_column(server_default="0")
    baseline_centi: Mapped[int] = mapped_column(server_default="0")
