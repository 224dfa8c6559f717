"""Promises: the windows that drivers were told, every one of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class PromiseRow(Table):
    """The car will be ready between `ready_from` and `ready_by`; the newest one counts.

    `reason` says why it was made (a catalog code), see `server.promises`. A first promise keeps
    what it was made from, to be judged by it: its `kind`, the plan's own estimate (`planned_at`),
    and when the car was expected by what was learned (`expected_at`).
    """

    __tablename__ = "promises"
    __table_args__ = (Index("ix_promises_visit_id", "visit_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    visit_id: Mapped[str]
    request_id: Mapped[str]
    booth_id: Mapped[str]
    ready_from: Mapped[datetime]
    ready_by: Mapped[datetime]
    made_at: Mapped[datetime]
    reason: Mapped[str]
    kind: Mapped[str | None]
    planned_at: Mapped[datetime | None]
    expected_at: Mapped[datetime | None]
