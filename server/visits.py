"""Visit rows: the fold of a visit's events, written down."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from schemas.events import restore_event
from schemas.problems import Refusal
from schemas.visit import Fact, Request, Visit, fold
from server.models import EventRow, MoveRow, RequestRow, VisitRow

OPEN = "open"
TAKEN = "taken"
DONE = "done"


@dataclass(frozen=True, slots=True)
class Change:
    """A visit before (None: it is new; its state as text) and after a fold."""

    row: VisitRow
    visit: Visit
    state_before: str | None
    was_open: bool

    @property
    def is_new(self) -> bool:
        """Whether the cloud hears of the visit for the first time."""
        return self.state_before is None

    @property
    def has_closed(self) -> bool:
        """Whether it is over, and was not before."""
        return not self.visit.is_open and (self.was_open or self.is_new)

    @property
    def has_reopened(self) -> bool:
        """Whether it was over, and is not any more: a late event, or two that disagree."""
        return self.visit.is_open and not self.was_open and not self.is_new


@dataclass(slots=True)
class Refolded:
    """What a fold changed, and which events are held for which reason."""

    changes: list[Change] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)


def refold(session: Session, visit_ids: Collection[str], version: int) -> Refolded:
    """Fold these visits anew from all their events and write the rows under `version`.

    The caller holds the district's version, so nobody else folds at the same time.
    """
    result = Refolded()
    rows = {row.id: row for row in load_rows(session, visit_ids)}
    for visit_id, facts in load_facts(session, visit_ids).items():
        visit = fold(facts)
        if visit is None:
            result.held.update({fact.event.id: "unknown_visit" for fact in facts})
            continue
        result.held.update({conflict.event_id: conflict.reason for conflict in visit.conflicts})
        result.changes.append(_write(session, rows.get(visit_id), visit, version))
    _write_requests(session, [change.visit for change in result.changes])
    _write_legs(session, [change.visit for change in result.changes])
    session.flush()
    _send_whole(session, result.changes, version)
    _settle_tags(session, result, version)
    return result


def load_rows(session: Session, visit_ids: Collection[str]) -> Sequence[VisitRow]:
    """The rows of these visits that exist."""
    return session.scalars(select(VisitRow).where(VisitRow.id.in_(visit_ids))).all()


def get_row(session: Session, visit_id: str) -> VisitRow:
    """The visit's row, or `Refusal("unknown_visit")`."""
    row = session.get(VisitRow, visit_id)
    if row is None:
        raise Refusal("unknown_visit")
    return row


def open_request(session: Session, visit_id: str) -> RequestRow | None:
    """The visit's open request, if there is one."""
    return session.scalar(
        select(RequestRow).where(RequestRow.visit_id == visit_id, RequestRow.status == OPEN)
    )


def load_facts(session: Session, visit_ids: Collection[str]) -> dict[str, list[Fact]]:
    """The stored events of these visits, by visit."""
    facts: dict[str, list[Fact]] = {}
    rows = session.scalars(
        select(EventRow)
        .where(EventRow.visit_id.in_(visit_ids))
        .order_by(EventRow.journal_id, EventRow.seq)
    )
    for row in rows:
        assert row.visit_id is not None
        event = restore_event(json.loads(row.line))
        facts.setdefault(row.visit_id, []).append(Fact(row.journal_id, event, row.at))
    return facts


def _write(session: Session, row: VisitRow | None, visit: Visit, version: int) -> Change:
    before = None if row is None else row.state
    was_open = row is not None and row.is_open
    columns = _columns(visit)
    if row is None:
        row = VisitRow(**columns, version=version)
        session.add(row)
    else:
        for name, value in columns.items():
            setattr(row, name, value)
        row.version = version
    # Until `_settle_tags` has looked at all visits together, none may claim a tag alone.
    row.tag_shared = True
    return Change(row, visit, before, was_open)


def _columns(visit: Visit) -> dict[str, object]:
    return {
        "id": visit.id,
        "code": visit.code,
        "state": visit.state,
        "car": visit.car,
        "is_open": visit.is_open,
        "booth_id": visit.booth_id,
        "place_id": visit.place_id,
        "destination_id": visit.destination_id,
        "stall": visit.stall,
        "key_tag": visit.key_tag,
        "claim_tag": visit.claim_tag,
        "key_holder_kind": visit.key_holder.kind,
        "key_holder_id": visit.key_holder.id,
        "guest_ref": visit.guest_ref,
        "guest_digest": visit.guest_digest,
        "language": visit.language,
        "step": visit.step,
        "conflicts": [[conflict.event_id, conflict.reason] for conflict in visit.conflicts],
        "received_by": visit.received_by,
        "received_at": visit.received_at,
        "parked_at": visit.parked_at,
        "ready_at": visit.ready_at,
        "handed_over_at": visit.handed_over_at,
        "handed_over_by": visit.handed_over_by,
        "proof": visit.proof,
    }


def _write_requests(session: Session, visits: Collection[Visit]) -> None:
    ids = [visit.id for visit in visits]
    rows = session.scalars(select(RequestRow).where(RequestRow.visit_id.in_(ids)))
    known = {row.event_id: row for row in rows}
    new = []
    for visit in visits:
        for request in visit.requests:
            row = known.pop(request.event_id, None)
            if row is None:
                new.append(_request_row(visit.id, request))
            else:
                row.made_at = request.made_at
                row.status, row.closed_at = request.status, request.closed_at
    for row in known.values():
        session.delete(row)
    # What is closed goes first: the index allows one open request.
    session.flush()
    session.add_all(new)


def _request_row(visit_id: str, request: Request) -> RequestRow:
    return RequestRow(
        event_id=request.event_id,
        visit_id=visit_id,
        booth_id=request.booth_id,
        wanted_at=request.wanted_at,
        made_at=request.made_at,
        source=request.source,
        status=request.status,
        closed_at=request.closed_at,
    )


def _write_legs(session: Session, visits: Collection[Visit]) -> None:
    ids = [visit.id for visit in visits]
    rows = session.scalars(select(MoveRow).where(MoveRow.visit_id.in_(ids)))
    known = {(row.visit_id, row.ordinal): row for row in rows}
    for visit in visits:
        for ordinal, leg in enumerate(visit.legs, start=1):
            row = known.pop((visit.id, ordinal), None)
            if row is None:
                row = MoveRow(visit_id=visit.id, ordinal=ordinal, opened_at=leg.taken_at)
                session.add(row)
            row.kind, row.state = leg.kind, TAKEN if leg.done_at is None else DONE
            row.from_place_id, row.to_place_id = leg.from_place_id, leg.to_place_id
            row.runner_id, row.taken_at, row.done_at = leg.runner_id, leg.taken_at, leg.done_at
    for row in known.values():
        if row.state != OPEN:
            session.delete(row)


def _send_whole(session: Session, changes: Sequence[Change], version: int) -> None:
    """Stations do not have the events of a visit that was unknown or closed until now."""
    opened = [change.visit.id for change in changes if change.visit.is_open and not change.was_open]
    if opened:
        session.execute(
            update(EventRow).where(EventRow.visit_id.in_(opened)).values(position=version),
            execution_options={"synchronize_session": False},
        )


def _settle_tags(session: Session, result: Refolded, version: int) -> None:
    """Mark open visits that claim one tag together; those that no longer do are free again."""
    changed = [change.row for change in result.changes]
    rivals = _open_with_a_tag_of(session, changed)
    # A rival that is free of the changed visits may still share its other tag with a third one.
    is_settled = {row.id for row in rivals} <= {row.id for row in changed}
    third = rivals if is_settled else _open_with_a_tag_of(session, rivals)
    claims = Counter(tag for row in third for tag in _tags(row))
    for row in {row.id: row for row in (*changed, *rivals)}.values():
        is_shared = row.is_open and any(claims[tag] > 1 for tag in _tags(row))
        if row.tag_shared != is_shared:
            row.tag_shared, row.version = is_shared, version
    for change in result.changes:
        if change.row.tag_shared:
            result.held.setdefault(change.visit.received_event_id, "tag_in_use")


def _open_with_a_tag_of(session: Session, rows: Collection[VisitRow]) -> Sequence[VisitRow]:
    """The open visits that have a tag of these, themselves included if they are open."""
    tags = {tag for row in rows for tag in _tags(row)}
    return session.scalars(
        select(VisitRow)
        .where(VisitRow.is_open)
        .where(or_(VisitRow.key_tag.in_(tags), VisitRow.claim_tag.in_(tags)))
    ).all()


def _tags(row: VisitRow) -> set[str]:
    return {row.key_tag} if row.claim_tag is None else {row.key_tag, row.claim_tag}
