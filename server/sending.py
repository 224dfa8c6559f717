"""Getting messages out of the outbox: each is claimed once, sent once, and its end recorded.

1. A worker claims one due message by compare-and-set, and in the same transaction drops what
   is no longer true or too old to help.
2. The message goes to the carrier outside any transaction.
3. The end is recorded in a second transaction. A worker that died in between leaves a claim
   whose lease runs out: nobody knows whether the message went, so a person decides.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from schemas import states
from schemas.catalog import Catalog
from schemas.problems import Refusal
from server import compare_and_set, deliveries, guests, links, promises, visits
from server.config import Config
from server.database import Database
from server.local_time import clock_text
from server.master_key import MasterKey
from server.models import DistrictRow, MessageRow, PlaceRow, PromiseRow, VisitRow
from server.outbox import (
    BY_STAFF,
    CALLED,
    CLAIMED,
    DELAYED,
    DROPPED,
    QUEUED,
    READY,
    REFUSED,
    REPARKED,
    SENT,
    UNCLAIMED,
    UNKNOWN,
    WENT_OUT,
)
from server.sms import gateway as carriers
from server.sms.gateway import Outcome, Receipts, SMSGateway
from server.sms.numbers import fault_of
from server.sms.text import Words, link_to, own_text, parts, render

log = structlog.get_logger()

RESEND = "resend"
DROP = "drop"
LEASE_RAN_OUT = "lease_ran_out"

_SAYS_WHERE = (READY, CALLED, REPARKED, UNCLAIMED)
_AT_KERB = (states.READY,)
_IN_LOT = (states.REPARKING, states.PARKED)
# What a template says of the car has to be so when it goes out.
_TRUE_WHILE = {READY: _AT_KERB, CALLED: _AT_KERB, REPARKED: _IN_LOT}
_BACKOFF_S = 15
_BACKOFF_S_MAX = 300


@dataclass(frozen=True, slots=True)
class Sender:
    """What sending needs. `worker` names this process in its claims; `receipts` is where word of
    sent messages comes from, if anywhere."""

    config: Config
    database: Database
    key: MasterKey
    catalog: Catalog
    gateway: SMSGateway
    worker: str
    receipts: Receipts | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message that must not go out any more, and why."""

    message_id: str
    fault: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A claimed message, ready for the carrier. `tries` counts this one."""

    message_id: str
    tries: int
    phone: str
    text: str


def worker_name() -> str:
    """A name for this process that no other has had."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def send_due(sender: Sender, now: Callable[[], datetime], is_stopping: Callable[[], bool]) -> int:
    """Send what is due, one message after the other; how many went to the carrier.

    Ends after `sms_batch` messages, or after the one at hand when `is_stopping`.
    """
    count = 0
    expire_leases(sender, now())
    deliveries.take(sender.database, sender.receipts, now())
    while count < sender.config.sms_batch and not is_stopping():
        letter = claim_next(sender, now())
        if letter is None:
            break
        outcome = sender.gateway.send(letter.message_id, letter.phone, letter.text)
        record(sender, letter, outcome, now())
        count += 1
    return count


def claim_next(sender: Sender, now: datetime) -> Letter | None:
    """Claim the message that has been due longest; None if there is none to send."""
    due = (MessageRow.status == QUEUED, MessageRow.not_before <= now, ~is_in_dispute())
    # An empty outbox is looked at without taking the lock that writers wait for.
    look = select(MessageRow.id).where(*due).limit(1)
    while sender.database.read(lambda session: session.scalar(look)) is not None:
        claimed = sender.database.write(lambda session: _claim_one(session, sender, due, now))
        if isinstance(claimed, Letter):
            return claimed
        if claimed is not None:
            log.info("message_dropped", message=claimed.message_id, fault=claimed.fault)
    return None


def record(sender: Sender, letter: Letter, outcome: Outcome, now: datetime) -> None:
    """Write down how a send ended.

    Holds also for a claim that was given up as unknown meanwhile, unless a person has
    decided: the truth that comes late is still the truth.
    """
    values = _ending(sender.config, letter, outcome, now)
    done = sender.database.write(
        lambda session: _changed(
            session,
            (
                MessageRow.id == letter.message_id,
                MessageRow.claimed_by == sender.worker,
                MessageRow.tries == letter.tries,
                MessageRow.status.in_((CLAIMED, UNKNOWN)),
            ),
            {**values, "lease_until": None},
        )
    )
    log.info(
        "message_sent" if outcome.kind == carriers.SENT else "message_not_sent",
        message=letter.message_id,
        outcome=outcome.kind,
        fault=outcome.fault,
        tries=letter.tries,
        recorded=done == 1,
    )


def expire_leases(sender: Sender, now: datetime) -> int:
    """Give up the claims of workers that died; a person decides what becomes of them."""
    lapsed = (MessageRow.status == CLAIMED, MessageRow.lease_until <= now)
    look = select(MessageRow.id).where(*lapsed).limit(1)
    if sender.database.read(lambda session: session.scalar(look)) is None:
        return 0
    values: dict[str, object] = {"status": UNKNOWN, "fault": LEASE_RAN_OUT, "lease_until": None}
    count = sender.database.write(lambda session: _changed(session, lapsed, values))
    if count:
        log.warning("message_leases_ran_out", count=count)
    return count


def decide(session: Session, message_id: str, action: str, now: datetime) -> None:
    """A person says what becomes of a message whose end is unknown: `resend` or `drop`.

    Raises `Refusal`: `unknown_message`, `bad_choice`, or `wrong_state` if it is not unknown
    (any more).
    """
    if action not in (RESEND, DROP):
        raise Refusal("bad_choice")
    if session.get(MessageRow, message_id) is None:
        raise Refusal("unknown_message")
    values: dict[str, object] = {"status": DROPPED, "fault": "decided"}
    if action == RESEND:
        # A new start: age and tries count from the decision.
        values = {"status": QUEUED, "not_before": now, "tries": 0, "fault": None}
    unknown = (MessageRow.id == message_id, MessageRow.status == UNKNOWN)
    if _changed(session, unknown, {**values, "claimed_by": None}) == 0:
        raise Refusal("wrong_state")
    log.info("message_decided", message=message_id, action=action)


def is_in_dispute() -> ColumnElement[bool]:
    """What says where the car is waits while its visit is held: a person may find that it is
    not there."""
    held = select(VisitRow.id).where(or_(VisitRow.tag_shared, VisitRow.state == states.HELD))
    return and_(MessageRow.template.in_(_SAYS_WHERE), MessageRow.visit_id.in_(held))


def _claim_one(
    session: Session, sender: Sender, due: tuple[ColumnElement[bool], ...], now: datetime
) -> Letter | Dropped | None:
    """Claim the first due message, or drop it; None if another worker was quicker."""
    row = session.scalar(
        select(MessageRow).where(*due).order_by(MessageRow.not_before, MessageRow.id).limit(1)
    )
    if row is None:
        return None
    examined = _examine(session, sender, row, now)
    values: dict[str, object]
    if isinstance(examined, Dropped):
        values = {"status": DROPPED, "fault": examined.fault}
    else:
        values = {
            "status": CLAIMED,
            "tries": examined.tries,
            "claimed_by": sender.worker,
            "lease_until": now + timedelta(seconds=sender.config.sms_lease_s),
            **_price(sender.config, parts(examined.text)),
        }
    return examined if _changed(session, (MessageRow.id == row.id, *due), values) == 1 else None


def _examine(session: Session, sender: Sender, row: MessageRow, now: datetime) -> Letter | Dropped:
    """The message as it goes out now, or why it must not any more."""
    visit = session.get(VisitRow, row.visit_id)
    if visit is None or not visit.is_open:
        return Dropped(row.id, "visit_closed")
    if now - row.not_before > timedelta(seconds=sender.config.sms_stale_s):
        return Dropped(row.id, "stale")
    guest = guests.load(session, sender.key, visit.guest_ref)
    if guest is None or guest.phone is None:
        return Dropped(row.id, "no_phone")
    fault = fault_of(guest.phone)
    if fault is None and _went_out(session, visit.id) >= sender.config.sms_per_visit_max:
        fault = "enough"
    if fault is not None:
        return Dropped(row.id, fault)
    words = _words(session, sender, row, visit)
    if words is None:
        return Dropped(row.id, "no_longer_true")
    # In the language that the driver has chosen by now.
    own = own_text(session, row.template, visit.language)
    text = render(sender.catalog, visit.language, row.template, words, own)
    return Letter(row.id, row.tries + 1, guest.phone, text)


def _went_out(session: Session, visit_id: str) -> int:
    """How many messages of the visit the carrier had."""
    statement = select(func.count()).where(
        MessageRow.visit_id == visit_id, MessageRow.status.in_((*WENT_OUT, UNKNOWN))
    )
    return session.scalar(statement) or 0


def _price(config: Config, count: int) -> dict[str, object]:
    """What a message of so many parts will have cost, as far as anybody knows yet."""
    cost = count * config.sms_part_micros
    return {"parts": count, "cost_micros": cost or None}


def _words(session: Session, sender: Sender, row: MessageRow, visit: VisitRow) -> Words | None:
    """What the message says of the visit as it is now; None if that is no longer so."""
    place_id, time = visit.place_id, ""
    if visit.car not in _TRUE_WHILE.get(row.template, states.CAR):
        return None
    if row.template == DELAYED:
        promise = _news_of_delay(session, row, visit)
        if promise is None:
            return None
        zone = ZoneInfo(session.scalars(select(DistrictRow.timezone)).one())
        time = clock_text(sender.catalog, visit.language, promise.ready_by, zone)
        place_id = promise.booth_id
    place = session.get(PlaceRow, place_id)
    link = link_to(sender.config.public_url, links.token_of(sender.key, visit.id))
    return Words(visit.code, place_id if place is None else place.name, time, link)


def _news_of_delay(session: Session, row: MessageRow, visit: VisitRow) -> PromiseRow | None:
    """The promise to tell of; None if its request is over, the car is there, or the driver was
    told of it already."""
    request = visits.open_request(session, visit.id)
    if request is None or visit.car == states.READY:
        return None
    cause = row.dedupe.rpartition(":")[2]
    promise = promises.current(session, [request.event_id]).get(request.event_id)
    if promise is None or (cause != request.event_id and not cause.startswith(BY_STAFF)):
        return None
    told = select(MessageRow.id).where(
        MessageRow.visit_id == visit.id,
        MessageRow.template == DELAYED,
        MessageRow.status.in_(WENT_OUT),
        MessageRow.sent_at >= promise.made_at,
    )
    return None if session.scalar(told.limit(1)) is not None else promise


def _ending(config: Config, letter: Letter, outcome: Outcome, now: datetime) -> dict[str, object]:
    """The columns that an outcome sets."""
    if outcome.kind == carriers.SENT:
        return {
            "status": SENT,
            "sent_at": now,
            "provider_id": outcome.provider_id,
            "fault": None,
        }
    if outcome.kind == carriers.LATER and letter.tries < config.sms_tries_max:
        wait_s = min(_BACKOFF_S * 2 ** (letter.tries - 1), _BACKOFF_S_MAX)
        return {
            "status": QUEUED,
            "not_before": now + timedelta(seconds=wait_s),
            "claimed_by": None,
            "fault": outcome.fault,
        }
    if outcome.kind == carriers.UNKNOWN:
        return {"status": UNKNOWN, "fault": outcome.fault}
    return {"status": REFUSED, "fault": outcome.fault, "cost_micros": None}


def _changed(
    session: Session, where: tuple[ColumnElement[bool], ...], values: dict[str, object]
) -> int:
    return compare_and_set.changed(session, MessageRow, where, values)
