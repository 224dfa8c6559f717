"""What changed in the district after a station's cursor.

Everything a station mirrors carries the district version of its last change, so there is no
log of changes to keep: news is whatever has a higher version than the cursor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Label,
    Row,
    ScalarSelect,
    Select,
    bindparam,
    func,
    select,
)
from sqlalchemy import Table as SQLTable
from sqlalchemy.orm import Session

from schemas import sync
from schemas.guest import Guest
from server import guests, promises
from server.bulk import table_of
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
from server.one_of import one_of
from server.visit_rows import OPEN, REQUEST_IS_OPEN, VISIT_IS_OPEN

_EVENTS, _MOVES, _REQUESTS, _VISITS = map(table_of, (EventRow, MoveRow, RequestRow, VisitRow))
_DOCUMENT_TABLES = tuple(map(table_of, (PlaceRow, PersonRow, TagRow)))

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
    if newest == cursor:
        return News(cursor, [], more=False)
    connection = session.connection()
    extent = connection.execute(_EXTENT, {"cursor": cursor, "before": limit - 1}).one()
    upto = _upto(extent, cursor, newest)
    changes = [
        *_documents(session, extent, cursor, upto),
        *_events(connection, cursor, upto),
        *_visits(session, key, cursor, upto),
    ]
    return News(upto, changes, upto < newest)


def _upto(extent: Row[*tuple[Any, ...]], cursor: int, newest: int) -> int:
    """The highest version such that no table has many more than the limit of rows up to it.

    Who starts from nothing gets all documents at once: a page that ended with them would lie
    before every visit of the past, and those would then be told of as closed.
    """
    cuts = [extent.events_cut, extent.open_visits_cut if cursor == 0 else extent.visits_cut]
    if cursor != 0:
        cuts += [extent.places_cut, extent.people_cut, extent.tags_cut]
    return min((cut for cut in cuts if cut is not None), default=newest)


def _change(kind: str, change_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "id": change_id, "body": body}


def _documents(
    session: Session, extent: Row[*tuple[Any, ...]], cursor: int, upto: int
) -> list[dict[str, Any]]:
    """Places, people and tags: they seldom change, and a table without news is not read."""
    changes: list[dict[str, Any]] = []
    if (extent.places_version or 0) > cursor:
        view = _place_view(session)
        changes += _newer(session, PlaceRow, cursor, upto, sync.CHANGE_PLACE, view)
    if (extent.people_version or 0) > cursor:
        changes += _newer(session, PersonRow, cursor, upto, sync.CHANGE_PERSON, _person_view)
    if (extent.tags_version or 0) > cursor:
        changes += _newer(session, TagRow, cursor, upto, sync.CHANGE_TAG, _tag_view)
    return changes


def _newer(
    session: Session,
    table: type[Mirrored],
    cursor: int,
    upto: int,
    kind: str,
    view: Callable[[Any], dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    rows = session.scalars(
        select(table).where(table.version > cursor, table.version <= upto).order_by(table.version)
    )
    return (_change(kind, row.id, view(row)) for row in rows)


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


# Of open visits only, and the asking station's own too: a visit that is open again comes whole to
# whoever has forgotten it, also to where its events were recorded.
_NEWER_EVENTS = (
    select(
        _EVENTS.c.position, _EVENTS.c.event_id, _EVENTS.c.journal_id, _EVENTS.c.at, _EVENTS.c.line
    )
    .join(_VISITS, _VISITS.c.id == _EVENTS.c.visit_id)
    .where(_VISITS.c.is_open, _EVENTS.c.position > bindparam("cursor"))
    .order_by(_EVENTS.c.position, _EVENTS.c.journal_id, _EVENTS.c.seq)
)
# Closed ones too, so that they are dropped; not for who starts from nothing.
_NEWER_VISITS = (
    select(_VISITS)
    .where(_VISITS.c.version > bindparam("cursor"))
    .order_by(_VISITS.c.version, _VISITS.c.id)
)


def _cut(newer: Select[*tuple[Any, ...]], version: ColumnElement[int]) -> ScalarSelect[Any]:
    """The version of the row at the limit, null where there are not so many."""
    return newer.with_only_columns(version).offset(bindparam("before")).limit(1).scalar_subquery()


def _document_columns(table: SQLTable) -> Iterator[Label[Any]]:
    version = table.c.version
    newer = select(version).where(version > bindparam("cursor")).order_by(version)
    yield _cut(newer, version).label(f"{table.name}_cut")
    yield select(func.max(version)).scalar_subquery().label(f"{table.name}_version")


_EXTENT = select(
    *(column for table in _DOCUMENT_TABLES for column in _document_columns(table)),
    _cut(_NEWER_EVENTS, _EVENTS.c.position).label("events_cut"),
    _cut(_NEWER_VISITS, _VISITS.c.version).label("visits_cut"),
    _cut(_NEWER_VISITS.where(VISIT_IS_OPEN), _VISITS.c.version).label("open_visits_cut"),
)


def _events(connection: Connection, cursor: int, upto: int) -> list[dict[str, Any]]:
    newer = _NEWER_EVENTS.where(_EVENTS.c.position <= bindparam("upto"))
    rows = connection.execute(newer, {"cursor": cursor, "upto": upto})
    return [_change(sync.CHANGE_EVENT, row.event_id, _event_view(row)) for row in rows]


def _event_view(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    body = json.loads(row.line)
    del body["hash"]
    return {"journal_id": row.journal_id, "at": row.at.isoformat(), "event": body}


def _visits(session: Session, key: MasterKey, cursor: int, upto: int) -> list[dict[str, Any]]:
    newer = _NEWER_VISITS.where(_VISITS.c.version <= bindparam("upto"))
    if cursor == 0:
        newer = newer.where(VISIT_IS_OPEN)
    rows = session.connection().execute(newer, {"cursor": cursor, "upto": upto}).all()
    return [
        _change(sync.CHANGE_VISIT, body["visit_id"], body) for body in views(session, key, rows)
    ]


_OPEN_MOVES = select(_MOVES).where(one_of(_MOVES.c.visit_id, "ids"), _MOVES.c.state == OPEN)
_OPEN_REQUESTS = select(_REQUESTS.c.event_id).where(
    one_of(_REQUESTS.c.visit_id, "ids"), REQUEST_IS_OPEN
)


def views(session: Session, key: MasterKey, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """What a station needs of visits beside their events; of a closed one, only that it is."""
    ids = [row.id for row in rows if row.is_open]
    people = guests.load_many(session, key, [row.guest_ref for row in rows if row.is_open])
    moves: dict[str, Any] = {}
    promised: dict[str, Any] = {}
    if ids:
        connection = session.connection()
        moves = {move.visit_id: move for move in connection.execute(_OPEN_MOVES, {"ids": ids})}
        requests = connection.scalars(_OPEN_REQUESTS, {"ids": ids}).all()
        standing = promises.current(session, requests)
        promised = {promise.visit_id: promise for promise in standing.values()}
    return [
        _visit_view(key, row, people.get(row.guest_ref), promised.get(row.id), moves.get(row.id))
        for row in rows
    ]


def _visit_view(
    key: MasterKey,
    row: Any,
    guest: Guest | None,
    promise: PromiseRow | None,
    move: Any,
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


def _move_view(row: Any) -> dict[str, Any] | None:
    if row is None or row.to_place_id is None:
        return None
    return {
        "kind": row.kind,
        "from_place_id": row.from_place_id,
        "to_place_id": row.to_place_id,
        "runner_id": row.runner_id,
        "why": row.why,
    }
