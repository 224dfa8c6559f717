"""The message outbox: a row if and only if the change that causes the message commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from schemas.ids import uuid7
from server import bulk
from server.bulk import table_of
from server.models import MessageRow
from server.one_of import one_of

_MESSAGES = table_of(MessageRow)

RECEIVED = "received"
READY = "ready"
DELAYED = "delayed"
CALLED = "called"
REPARKED = "reparked"
UNCLAIMED = "unclaimed"
BY_STAFF = "staff."
"""Begins the cause of a delay that a person told of, and no plan."""
TEMPLATES = (RECEIVED, READY, DELAYED, CALLED, REPARKED, UNCLAIMED)

QUEUED = "queued"
CLAIMED = "claimed"
SENT = "sent"
REFUSED = "refused"
UNKNOWN = "unknown"
DROPPED = "dropped"
DELIVERED = "delivered"
FAILED = "failed"
STATUSES = (QUEUED, CLAIMED, SENT, REFUSED, UNKNOWN, DROPPED, DELIVERED, FAILED)
WENT_OUT = (SENT, DELIVERED, FAILED)
"""The carrier had it: it was paid for, whatever became of it."""


_KNOWN = select(_MESSAGES.c.dedupe).where(one_of(_MESSAGES.c.dedupe, "dedupes"))
_DROP = (
    update(_MESSAGES)
    .where(one_of(_MESSAGES.c.visit_id, "ids"), _MESSAGES.c.status == QUEUED)
    .values(status=DROPPED, fault=bindparam("why"))
)


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that a change causes. `cause` tells two of one visit and template apart."""

    visit_id: str
    template: str
    language: str
    cause: str

    @property
    def dedupe(self) -> str:
        """The same for the same cause, whoever notices it."""
        return f"{self.visit_id}:{self.template}:{self.cause}"


def enqueue(session: Session, notices: Sequence[Notice], now: datetime) -> None:
    """Queue a message for each cause; the same cause never queues a second one."""
    if not notices:
        return
    session.flush()
    connection = session.connection()
    asked = {notice.dedupe: notice for notice in notices}
    for dedupe in connection.scalars(_KNOWN, {"dedupes": list(asked)}).all():
        del asked[dedupe]
    bulk.append(
        connection,
        _MESSAGES,
        [
            {
                "id": uuid7(now),
                "visit_id": notice.visit_id,
                "template": notice.template,
                "language": notice.language,
                "dedupe": dedupe,
                "status": QUEUED,
                "tries": 0,
                "created_at": now,
                "not_before": now,
            }
            for dedupe, notice in asked.items()
        ],
    )


def drop_queued(session: Session, visit_ids: Collection[str], fault: str) -> None:
    """Take back what was not sent yet, because it is no longer true."""
    if visit_ids:
        session.flush()
        told = {"ids": list(visit_ids), "why": fault}
        session.connection().execute(_DROP, told)
