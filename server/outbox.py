"""The message outbox: a row if and only if the change that causes the message commits."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from schemas.ids import uuid7
from server.models import MessageRow

RECEIVED = "received"
READY = "ready"
DELAYED = "delayed"
TEMPLATES = (RECEIVED, READY, DELAYED)

QUEUED = "queued"
CLAIMED = "claimed"
SENT = "sent"
REFUSED = "refused"
UNKNOWN = "unknown"
DROPPED = "dropped"
STATUSES = (QUEUED, CLAIMED, SENT, REFUSED, UNKNOWN, DROPPED)


def enqueue(
    session: Session, visit_id: str, template: str, language: str, cause: str, now: datetime
) -> None:
    """Queue one message for a cause; the same cause never queues a second one."""
    dedupe = f"{visit_id}:{template}:{cause}"
    if session.scalar(select(MessageRow.id).where(MessageRow.dedupe == dedupe)):
        return
    session.add(
        MessageRow(
            id=uuid7(now),
            visit_id=visit_id,
            template=template,
            language=language,
            dedupe=dedupe,
            status=QUEUED,
            tries=0,
            created_at=now,
            not_before=now,
        )
    )


def drop_queued(session: Session, visit_ids: Collection[str], fault: str) -> None:
    """Take back what was not sent yet, because it is no longer true."""
    session.execute(
        update(MessageRow)
        .where(MessageRow.visit_id.in_(visit_ids), MessageRow.status == QUEUED)
        .values(status=DROPPED, fault=fault)
    )
