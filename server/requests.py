"""What people do to a visit from the cloud: ask for the car, take it back, settle a dispute."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from schemas import events, states
from schemas.district import BOOTH, LOT
from schemas.problems import Refusal
from schemas.visit import fold
from server import cloud_journal, follow_up, visits
from server.cloud_journal import Deed
from server.config import Config
from server.dispatch.replan import replan
from server.district import get_booth, get_place, next_version
from server.master_key import MasterKey
from server.models import VisitRow

_TOO_LATE = (states.TO_BOOTH, states.READY, states.HANDED_OVER)
# Where a car in such a state can stand.
_KIND_OF = {states.AT_BOOTH: BOOTH, states.READY: BOOTH, states.PARKED: LOT}


def request_car(
    session: Session,
    config: Config,
    key: MasterKey,
    visit_id: str,
    booth_id: str,
    wanted_at: datetime | None,
    now: datetime,
) -> VisitRow:
    """The driver asks for the car at a booth, at a time or (None) as soon as may be.

    Asking again for the same thing changes nothing; for another booth or time it replaces
    the open request until the car has left the lot. The booth has to be open then. Raises
    `Refusal`.
    """
    version = next_version(session)
    visit = visits.get_row(session, visit_id)
    request = visits.open_request(session, visit_id)
    if visit.car in _TOO_LATE:
        if request is not None and request.booth_id == booth_id:
            return visit
        raise Refusal("already_on_its_way" if visit.is_open else "wrong_state")
    is_same = request is not None and (request.booth_id, request.wanted_at) == (booth_id, wanted_at)
    if is_same and not is_missed(session, visit):
        return visit
    _check_time(config, wanted_at, now)
    booth = get_booth(session, booth_id, wanted_at or now)
    data: dict[str, object] = {
        "booth_id": booth.id,
        "wanted_at": None if wanted_at is None else wanted_at.isoformat(),
        "source": "driver",
    }
    deed = Deed(events.VISIT_REQUESTED, visit.id, visit.step + 1, None, data)
    return _do(session, config, key, deed, version, now)


def is_missed(session: Session, visit: VisitRow) -> bool:
    """Whether the open request is for a car that is being taken back, because nobody came."""
    if visit.car != states.REPARKING:
        return False
    facts = visits.load_facts(session.connection(), [visit.id])[visit.id]
    folded = fold(facts)
    return folded is not None and folded.request is not None and folded.request.is_missed


def cancel_request(
    session: Session, config: Config, key: MasterKey, visit_id: str, now: datetime
) -> VisitRow:
    """The driver takes the request back; without an open one nothing changes."""
    version = next_version(session)
    visit = visits.get_row(session, visit_id)
    if visits.open_request(session, visit_id) is None:
        return visit
    if visit.car in _TOO_LATE:
        raise Refusal("already_on_its_way")
    data: dict[str, object] = {"source": "driver"}
    deed = Deed(events.VISIT_REQUEST_CANCELLED, visit.id, visit.step + 1, None, data)
    return _do(session, config, key, deed, version, now)


def resolve(
    session: Session,
    config: Config,
    key: MasterKey,
    visit_id: str,
    state: str,
    place_id: str,
    reason: str,
    actor: str,
    now: datetime,
) -> VisitRow:
    """A person says what is true of a held visit; the decision is an event like any other."""
    version = next_version(session)
    visit = visits.get_row(session, visit_id)
    if visit.shown_state != states.HELD:
        raise Refusal("wrong_state")
    if state not in states.CAR:
        raise Refusal("bad_choice")
    if len(reason.strip()) < 3:
        raise Refusal("reason_needed")
    place = get_place(session, place_id)
    if _KIND_OF.get(state, place.kind) != place.kind:
        raise Refusal("bad_choice")
    data: dict[str, object] = {
        "state": state,
        "place_id": place.id,
        "reason": reason.strip()[:300],
    }
    deed = Deed(events.VISIT_RESOLVED, visit.id, visit.step + 1, actor, data)
    return _do(session, config, key, deed, version, now)


def _check_time(config: Config, wanted_at: datetime | None, now: datetime) -> None:
    latest = now + timedelta(seconds=config.request_lead_s_max)
    if wanted_at is not None and not now - timedelta(minutes=1) <= wanted_at <= latest:
        raise Refusal("bad_time")


def _do(
    session: Session,
    config: Config,
    key: MasterKey,
    deed: Deed,
    version: int,
    now: datetime,
) -> VisitRow:
    row = cloud_journal.record(session, deed, version, now)
    assert row.visit_id is not None
    refolded = visits.refold(session, [row.visit_id], version)
    follow_up.after(session, config, key, refolded.changes, now)
    replan(session, config, version, now)
    return visits.get_row(session, row.visit_id)
