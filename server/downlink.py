"""What changed in the district after a station's cursor.

Everything a station mirrors carries the district version of its last change, so there is no
log of changes to keep: news is whatever has a higher version than the cursor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from schemas import sync
from schemas.guest import Guest
from server import guests, promises
from server.district import current_version, lots_nearest_first
from server.master_key import MasterKey
from server.models import (
    EventRow,
    Mirrored,
    MoveRow,
    PersonRow,
    PlaceRow,
    PromiseRow,
    RequestRow,
    TagRow,
    VisitRow,
)
from server.visits import OPEN

CODE_KEY = "handover-code"


@dataclass(frozen=True, slots=True)
class News:
    """Changes up to and including version `cursor`; `more` says that there is still newer."""

    cursor: int
    changes: list[dict[str, Any]]
    more: bool


def news(session: Session, key: MasterKey, cursor: int, limit: int) -> News:
    """The changes after `cursor`, about `limit` of each kind, whole versions at a time."""
    newest = current_version(session)
    upto = _upto(session, cursor, newest, limit)
    changes = [
        *_documents(session, PlaceRow, cursor, upto, sync.CHANGE_PLACE, _place_view(session)),
        *_documents(session, PersonRow, cursor, upto, sync.CHANGE_PERSON, _person_view),
        *_documents(session, TagRow, cursor, upto, sync.CHANGE_TAG, _tag_view),
        *_events(session, cursor, upto),
        *_visits(session, key, cursor, upto),
    ]
    return News(upto, changes, upto < newest)


def _upto(session: Session, cursor: int, newest: int, limit: int) -> int:
    """The highest version such that no table has many more than `limit` rows up to it.

    Who starts from nothing gets all documents at once: a page that ended with them would lie
    before every visit of the past, and those would then be told of as closed.
    """
    upto = newest
    documents = () if cursor == 0 else (PlaceRow.version, PersonRow.version, TagRow.version)
    for versions in (
        *(select(column).where(column > cursor).order_by(column) for column in documents),
        _newer_events(cursor).with_only_columns(EventRow.position),
        _newer_visits(cursor).with_only_columns(VisitRow.version),
    ):
        at_limit = session.scalar(versions.offset(limit - 1).limit(1))
        if at_limit is not None:
            upto = min(upto, at_limit)
    return upto


def _change(kind: str, change_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "id": change_id, "body": body}


def _documents(
    session: Session,
    table: type[Mirrored],
    cursor: int,
    upto: int,
    kind: str,
    view: Callable[[Any], dict[str, Any]],
) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(table).where(table.version > cursor, table.version <= upto).order_by(table.version)
    )
    return [_change(kind, row.id, view(row)) for row in rows]


def _place_view(session: Session) -> Callable[[PlaceRow], dict[str, Any]]:
    near = lots_nearest_first(session)

    def view(row: PlaceRow) -> dict[str, Any]:
        return {
            "id": row.id,
            "kind": row.kind,
            "name": row.name,
            "letter": row.letter,
            "x_m": row.x_m,
            "y_m": row.y_m,
            "hooks": row.hooks,
            "kerb_spaces": row.kerb_spaces,
            "stalls": row.stalls,
            "is_open": row.is_open,
            "near": near.get(row.id, []),
        }

    return view


def _person_view(row: PersonRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "roles": row.roles,
        "badge_tag": row.badge_tag,
        "is_active": row.is_active,
    }


def _tag_view(row: TagRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "label": row.label,
        "status": row.status,
        "is_secure": row.is_secure,
    }


def _newer_events(cursor: int) -> Select[EventRow]:
    """Of open visits only, and the asking station's own too: a visit that is open again comes
    whole to whoever has forgotten it, also to where its events were recorded."""
    return (
        select(EventRow)
        .join(VisitRow, VisitRow.id == EventRow.visit_id)
        .where(VisitRow.is_open, EventRow.position > cursor)
        .order_by(EventRow.position, EventRow.journal_id, EventRow.seq)
    )


def _newer_visits(cursor: int) -> Select[VisitRow]:
    """Closed ones too, so that they are dropped; not for who starts from nothing."""
    newer = VisitRow.version > cursor
    wanted = newer & VisitRow.is_open if cursor == 0 else newer
    return select(VisitRow).where(wanted).order_by(VisitRow.version, VisitRow.id)


def _events(session: Session, cursor: int, upto: int) -> list[dict[str, Any]]:
    rows = session.scalars(_newer_events(cursor).where(EventRow.position <= upto))
    return [_change(sync.CHANGE_EVENT, row.event_id, _event_view(row)) for row in rows]


def _event_view(row: EventRow) -> dict[str, Any]:
    body = json.loads(row.line)
    del body["hash"]
    return {"journal_id": row.journal_id, "at": row.at.isoformat(), "event": body}


def _visits(session: Session, key: MasterKey, cursor: int, upto: int) -> list[dict[str, Any]]:
    rows = session.scalars(_newer_visits(cursor).where(VisitRow.version <= upto)).all()
    return [
        _change(sync.CHANGE_VISIT, body["visit_id"], body) for body in views(session, key, rows)
    ]


def views(session: Session, key: MasterKey, rows: Sequence[VisitRow]) -> list[dict[str, Any]]:
    """What a station needs of visits beside their events; of a closed one, only that it is."""
    ids = [row.id for row in rows if row.is_open]
    people = guests.load_many(session, key, [row.guest_ref for row in rows if row.is_open])
    moves = {
        move.visit_id: move
        for move in session.scalars(
            select(MoveRow).where(MoveRow.visit_id.in_(ids), MoveRow.state == OPEN)
        )
    }
    requests = session.scalars(
        select(RequestRow).where(RequestRow.visit_id.in_(ids), RequestRow.status == OPEN)
    )
    standing = promises.current(session, [request.event_id for request in requests])
    promised = {promise.visit_id: promise for promise in standing.values()}
    return [
        _visit_view(key, row, people.get(row.guest_ref), promised.get(row.id), moves.get(row.id))
        for row in rows
    ]


def _visit_view(
    key: MasterKey,
    row: VisitRow,
    guest: Guest | None,
    promise: PromiseRow | None,
    move: MoveRow | None,
) -> dict[str, Any]:
    return {
        "visit_id": row.id,
        "is_open": row.is_open,
        "plate": None if guest is None else guest.plate,
        "has_phone": guest is not None and guest.phone is not None,
        "code_key": key.derive(CODE_KEY, row.id).hex() if row.is_open else None,
        "promise": _promise_view(promise),
        "move": _move_view(move),
        "tag_shared": row.tag_shared,
    }


def _promise_view(row: PromiseRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "booth_id": row.booth_id,
        "ready_from": row.ready_from.isoformat(),
        "ready_by": row.ready_by.isoformat(),
    }


def _move_view(row: MoveRow | None) -> dict[str, Any] | None:
    if row is None or row.to_place_id is None:
        return None
    return {
        "kind": row.kind,
        "from_place_id": row.from_place_id,
        "to_place_id": row.to_place_id,
        "runner_id": row.runner_id,
        "why": row.why,
    }
