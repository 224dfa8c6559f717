"""What follows from a change of a visit: its link and its messages, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from schemas import states
from server import delays, guests, links, outbox, promise_outcomes
from server.config import Config
from server.master_key import MasterKey
from server.outbox import Notice
from server.visits import Change


def after(
    session: Session, config: Config, key: MasterKey, changes: Iterable[Change], now: datetime
) -> None:
    """Open and expire links, queue and drop messages, learn from promises.

    Decided on the state before and after, not on events: an outage that ends with the car
    handed over sends nothing that is no longer true.
    """
    oldest = now - timedelta(seconds=config.sms_stale_s)
    opened: dict[str, datetime | None] = {}
    closed: dict[str, datetime] = {}
    told: list[Change] = []
    for change in changes:
        visit = change.visit
        ends_at = None
        if change.has_closed and visit.handed_over_at is not None:
            ends_at = visit.handed_over_at + timedelta(seconds=config.claim_window_s)
        if change.is_new:
            opened[visit.id] = ends_at
        elif ends_at is not None:
            closed[visit.id] = ends_at
        elif change.has_reopened:
            links.keep_link(session, visit.id)
        if visit.is_open:
            told.append(change)
    links.open_links(session, key, opened, now)
    links.expire_links(session, closed)
    outbox.drop_queued(session, closed, "visit_closed")
    _tell(session, told, oldest, now)
    delays.note(session, told, oldest, now)
    promise_outcomes.note(session, config, changes, now)


def _tell(session: Session, changes: Iterable[Change], oldest: datetime, now: datetime) -> None:
    noticed = [
        (change.visit, template, cause)
        for change in changes
        for template, cause, happened_at in _causes(change)
        if happened_at >= oldest
    ]
    reached = guests.with_phone(session, {visit.guest_ref for visit, _, _ in noticed})
    notices = [
        Notice(visit.id, template, visit.language, cause)
        for visit, template, cause in noticed
        if visit.guest_ref in reached
    ]
    outbox.enqueue(session, notices, now)


def _causes(change: Change) -> Iterator[tuple[str, str, datetime]]:
    """What the driver hears of a change: template, cause, and when it happened."""
    visit = change.visit
    # What was taken back may happen again, and is told again then.
    legs = f"{len(visit.legs)}" + (f"u{visit.undone}" if visit.undone else "")
    if change.is_new:
        yield outbox.RECEIVED, "1", visit.received_at
    if visit.state == states.READY and visit.called_at is not None:
        yield outbox.CALLED, f"{legs}.{visit.calls}", visit.called_at
    elif visit.state == states.READY != change.state_before and visit.ready_at is not None:
        yield outbox.READY, legs, visit.ready_at
    if change.state_before == states.READY and visit.state == states.REPARKING:
        yield outbox.REPARKED, legs, visit.legs[-1].taken_at
    if visit.bag is not None and visit.unclaimed_at is not None:
        yield outbox.UNCLAIMED, visit.bag, visit.unclaimed_at
