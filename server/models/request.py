"""Requests: the driver asked for the car at a booth."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class RequestRow(Table):
    """One request, named by its event. A visit has at most one that is open."""

    __tablename__ = "requests"
    __table_args__ = (
        Index(
            "uq_requests_open",
            "visit_id",
            unique=True,
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
        Index("ix_requests_visit_id", "visit_id"),
    )

    event_id: Mapped[str] = mapped_column(primary_key=True)
    visit_id: Mapped[str]
    booth_id: Mapped[str]
    wanted_at: Mapped[datetime | None]
    made_at: Mapped[datetime]
    source: Mapped[str]
    status: Mapped[str]
    closed_at: Mapped[datetime | None]
