"""What administrators changed: kept for ever, whatever becomes of what they changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import JSONText, Table


class ChangeRow(Table):
    """One change: who, when, of what, why, and the values that differ, before and after.

    `id` rises with time. `subject` is the name that it went by then. `before` is null for what
    was not there yet. No password, no whole tag id is ever in here.
    """

    __tablename__ = "changes"
    __table_args__ = (
        Index("ix_changes_subject", "kind", "subject_id", "id"),
        Index("ix_changes_person_id", "person_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    person_id: Mapped[str]
    kind: Mapped[str]
    subject_id: Mapped[str]
    subject: Mapped[str]
    action: Mapped[str]
    reason: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONText)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONText)
