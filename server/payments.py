"""What was paid for a stay, as events of the visit tell it, and recording one in the cloud."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import events, payment
from schemas.problems import Refusal
from server import cloud_journal, follow_up, visits
from server.cloud_journal import Deed
from server.config import Config
from server.district import next_version
from server.master_key import MasterKey
from server.models import EventRow

# `2.67`, `2,67`, `2`, `B/. 2.67`, and with a minus what was given back.
_AMOUNT = re.compile(r"(-?)\s*(?:B/\.?\s*)?([0-9]{1,5})(?:[.,]([0-9]{2}))?", re.ASCII)
# A button that was pressed twice is one payment.
_SAME = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment; `cents` is negative where money was given back. See `schemas.payment`."""

    at: datetime
    method: str
    cents: int
    fiscal: str | None
    reference: str | None


def payments_of(session: Session, visit_id: str) -> Sequence[Payment]:
    """The payments of a visit, in the order in which they were made."""
    rows = session.execute(
        select(EventRow.at, EventRow.line)
        .where(EventRow.visit_id == visit_id, EventRow.type == events.VISIT_PAID)
        .order_by(EventRow.at, EventRow.event_id)
    )
    return [_payment(at, json.loads(line)["data"]) for at, line in rows]


def _payment(at: datetime, data: dict[str, object]) -> Payment:
    return Payment(
        at,
        method=str(data["method"]),
        cents=int(str(data["cents"])),
        fiscal=_text(data.get("fiscal")),
        reference=_text(data.get("reference")),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def paid_cents(payments: Sequence[Payment]) -> int:
    """What was paid in all, less what was given back."""
    return sum(payment.cents for payment in payments)


def read_cents(text: str) -> int:
    """The cents of an amount as people write it. Raises `Refusal("bad_amount")`."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise Refusal("bad_amount")
    cents = int(found[2]) * 100 + int(found[3] or 0)
    if not 0 < cents <= payment.CENTS_MAX:
        raise Refusal("bad_amount")
    return -cents if found[1] else cents


def record_payment(
    session: Session,
    config: Config,
    key: MasterKey,
    visit_id: str,
    paid: Payment,
    actor: str,
) -> None:
    """Somebody in the cloud writes down that something was paid. The same within a minute is the
    same payment. Raises `Refusal`: `unknown_visit`, `bad_choice`."""
    version = next_version(session)
    visit = visits.get_row(session, visit_id)
    if paid.method not in payment.METHODS:
        raise Refusal("bad_choice")
    for known in payments_of(session, visit_id):
        if replace(known, at=paid.at) == paid and paid.at - known.at < _SAME:
            return
    data: dict[str, object] = {
        "method": paid.method,
        "cents": paid.cents,
        "fiscal": paid.fiscal,
        "reference": paid.reference,
    }
    deed = Deed(events.VISIT_PAID, visit.id, visit.step + 1, actor, data)
    cloud_journal.record(session, deed, version, paid.at)
    refolded = visits.refold(session, [visit.id], version)
    follow_up.after(session, config, key, refolded.changes, paid.at)
