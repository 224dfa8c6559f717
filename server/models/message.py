"""The message outbox: written with the change that causes a message, sent by the worker."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class MessageRow(Table):
    """One text message. The number is looked up when it is sent, and not kept here.

    `status`: queued, claimed (a worker is at it until `lease_until`), sent, refused,
    unknown (nobody can say whether it went out; a person decides), dropped (stale or the
    visit is over), delivered or failed (the carrier said so, at `settled_at`). `dedupe` names the
    change, so that a change causes one message. `cost_micros`: millionths of a balboa.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index("uq_messages_dedupe", "dedupe", unique=True),
        Index("ix_messages_status", "status"),
        Index("ix_messages_visit_id", "visit_id"),
        # Reports count them by time, out of the index alone.
        Index("ix_messages_created_at", "created_at", "template", "status", "parts", "cost_micros"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    visit_id: Mapped[str]
    template: Mapped[str]
    language: Mapped[str]
    dedupe: Mapped[str]
    status: Mapped[str]
    tries: Mapped[int]
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    claimed_by: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    provider_id: Mapped[str | None]
    parts: Mapped[int | None]
    fault: Mapped[str | None]
    cost_micros: Mapped[int | None]
    settled_at: Mapped[datetime | None]
