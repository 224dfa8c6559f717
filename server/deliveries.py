"""What carriers tell of messages after they took them: delivered, failed, and what they cost."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import Session

from server.compare_and_set import changed
from server.database import Database
from server.models import MessageRow
from server.outbox import CLAIMED, DELIVERED, FAILED, QUEUED, SENT, UNKNOWN
from server.sms.gateway import Receipt, Receipts

log = structlog.get_logger()


def take(database: Database, receipts: Receipts | None, now: datetime) -> int:
    """Write down what has come, and let it be forgotten after the commit; how many there were.

    Whoever dies in between hears of it again, and it changes nothing then.
    """
    found = () if receipts is None else receipts.look()
    if receipts is None or not found:
        return 0
    count = database.write(lambda session: sum(note(session, one, now) for one in found))
    receipts.forget(found)
    log.info("sms_receipts_taken", count=len(found), changed=count)
    return len(found)


def note(session: Session, receipt: Receipt, now: datetime) -> int:
    """Apply one receipt; how many messages it changed (none or one).

    - Delivered is for good, whatever else was thought of the message: a resend that is still
      queued is then not needed.
    - Failed is so for the send that it names, or for one whose answer was lost.
    - A carrier that has a message whose end nobody knew has told that it was sent.
    """
    values: dict[str, object] = {}
    if receipt.provider_id is not None:
        values["provider_id"] = receipt.provider_id
    if receipt.cost_micros is not None:
        values["cost_micros"] = receipt.cost_micros
    ours = _is_of(receipt)
    if ours is None:
        return 0
    lost = and_(MessageRow.id == receipt.reference, MessageRow.status == UNKNOWN)
    sent = and_(MessageRow.provider_id == receipt.provider_id, MessageRow.status == SENT)
    if receipt.is_delivered:
        where = and_(ours, MessageRow.status.in_((QUEUED, CLAIMED, SENT, UNKNOWN)))
        values |= {"status": DELIVERED, "fault": None, "settled_at": now, "lease_until": None}
    elif receipt.is_delivered is False:
        where = or_(sent, lost)
        values |= {"status": FAILED, "fault": receipt.fault, "settled_at": now}
    else:
        where = lost
        values |= {"status": SENT, "fault": None}
    count = changed(session, MessageRow, (where,), values)
    if count and receipt.is_delivered is not False:
        changed(session, MessageRow, (ours, MessageRow.sent_at.is_(None)), {"sent_at": now})
    return count


def _is_of(receipt: Receipt) -> ColumnElement[bool] | None:
    named = []
    if receipt.reference is not None:
        named.append(MessageRow.id == receipt.reference)
    if receipt.provider_id is not None:
        named.append(MessageRow.provider_id == receipt.provider_id)
    return or_(*named) if named else None
