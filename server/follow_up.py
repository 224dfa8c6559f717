"""What follows from a change of a visit: its link and its messages, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from schemas import states
from server import guests, links, outbox
from server.config import Config
from server.master_key import MasterKey
from server.visits import Change


def after(
    session: Session, config: Config, key: MasterKey, changes: Iterable[Change], now: datetime
) -> None:
    """Open and expire links, queue and drop messages.

    Decided on the state before and after, not on events: an outage that ends with the car
    handed over sends nothing that is no longer true.
    """
    closed: dict[str, datetime] = {}
    for change in changes:
        visit = change.visit
        if change.is_new:
            links.open_link(session, key, visit.id, now)
            _tell(session, config, change, outbox.RECEIVED, "1", visit.received_at, now)
        if visit.state == states.READY != change.state_before and visit.ready_at is not None:
            cause = str(len(visit.legs))
            _tell(session, config, change, outbox.READY, cause, visit.ready_at, now)
        if change.has_reopened:
            links.keep_link(session, visit.id)
        elif change.has_closed and visit.handed_over_at is not None:
            closed[visit.id] = visit.handed_over_at + timedelta(seconds=config.claim_window_s)
    if closed:
        links.expire_links(session, closed)
        outbox.drop_queued(session, closed, "visit_closed")


def _tell(
    session: Session,
    config: Config,
    change: Change,
    template: str,
    cause: str,
    happened_at: datetime,
    now: datetime,
) -> None:
    visit = change.visit
    if happened_at < now - timedelta(seconds=config.sms_stale_s) or not visit.is_open:
        return
    if guests.has_phone(session, visit.guest_ref):
        outbox.enqueue(session, visit.id, template, visit.language, cause, now)
