"""Questions "what if": a night played with and without one change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import JSONText, Table


class WhatIfRow(Table):
    """One question, and as much of the answer as there is.

    `night`: what is played, as a scenario file has it; `source`: the date or the made night that
    it came from; `change`: what is changed in it, see `server.dispatch.what_if_change`. `played`:
    for each seed that is done, the figures without and with the change.

    `state`: waiting, running (a worker is at it until `lease_until`, under the name `claimed_by`),
    done or failed (`fault` is a code). `spent_s`: what the playing has taken so far.
    """

    __tablename__ = "what_ifs"
    __table_args__ = (
        Index("ix_what_ifs_made_at", "made_at"),
        Index(
            "ix_what_ifs_open",
            "made_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    source: Mapped[str]
    night: Mapped[dict[str, Any]] = mapped_column(JSONText)
    change: Mapped[dict[str, Any]] = mapped_column(JSONText)
    seeds: Mapped[int]
    state: Mapped[str]
    played: Mapped[list[dict[str, Any]]] = mapped_column(JSONText)
    spent_s: Mapped[int]
    fault: Mapped[str | None]
    claimed_by: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
