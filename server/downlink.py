"""What changed in the district after a station's cursor.

Everything a station mirrors carries the district version of its last change, so there is no
log of changes to keep: news is whatever has a higher version than the cursor. That a visit is over
is news only for who can have heard of it: it was known up to the cursor, or the asker has recorded
something of it since.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Row,
    ScalarSelect,
    Select,
    String,
    TextClause,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy import Table as SQLTable
from sqlalchemy.orm import Session

from schemas import sync
from schemas.district import STATION_ROLES, VALET
from schemas.guest import Guest
from server import clock, closures_told, guests, links, promises, shifts
from server.bulk import table_of
from server.district import drive_times, lots_nearest_first
from server.master_key import MasterKey
from server.models import (
    DistrictRow,
    EventRow,
    MoveRow,
    PersonRow,
    PlaceRow,
    PromiseRow,
    RequestRow,
    TagRow,
    TariffRow,
    VisitRow,
)
from server.one_of import one_of
from server.shifts import Whereabouts
from server.sign_in import pins
from server.visit_rows import OPEN, REQUEST_IS_OPEN, VISIT_IS_OPEN

_DISTRICTS, _EVENTS, _MOVES = map(table_of, (DistrictRow, EventRow, MoveRow))
_REQUESTS, _VISITS = map(table_of, (RequestRow, VisitRow))
_TARIFFS = table_of(TariffRow)
_TARIFFS_TOLD = 8
_POSTED = (
    select(_TARIFFS.c.valid_from, _TARIFFS.c.minute_cents, _TARIFFS.c.posted)
    .where(_TARIFFS.c.withdrawn_at.is_(None))
    .order_by(_TARIFFS.c.valid_from.desc())
    .limit(_TARIFFS_TOLD)
)
_DOCUMENTS: dict[str, SQLTable] = {
    sync.CHANGE_PLACE: table_of(PlaceRow),
    sync.CHANGE_PERSON: table_of(PersonRow),
    sync.CHANGE_TAG: table_of(TagRow),
}

CODE_KEY = "handover-code"

Rows = Sequence[Any]

_ALL = 2**62
_CURSOR = bindparam("cursor", type_=BigInteger)
_UPTO, _MOST = bindparam("upto", type_=BigInteger), bindparam("most", type_=BigInteger)

_IS_OVER = text("NOT visits.is_open")


def _newest(table: SQLTable, *where: ColumnElement[bool] | TextClause) -> ScalarSelect[int]:
    return select(func.coalesce(func.max(table.c.version), 0)).where(*where).scalar_subquery()


_VERSIONS = select(
    _DISTRICTS.c.version.label("district"),
    _newest(_VISITS, VISIT_IS_OPEN).label("open_visits"),
    _newest(_VISITS, _IS_OVER).label("closed_visits"),
    *(_newest(table).label(kind) for kind, table in _DOCUMENTS.items()),
)


def _newer_documents(table: SQLTable) -> Select[*tuple[Any, ...]]:
    version = table.c.version
    newer = select(table).where(version > _CURSOR, version <= _UPTO)
    return newer.order_by(version).limit(_MOST)


# An event is never newer than its visit, so the open ones lead to it: by its position (here an
# expression, which has no index) all that is over would be passed. The asking station's own too:
# a visit that is open again comes whole to whoever has forgotten it, also to where its events were
# recorded.
_POSITION = _EVENTS.c.position + 0
_NEWER_EVENTS = (
    select(
        _POSITION.label("version"),
        *(_EVENTS.c[name] for name in ("event_id", "journal_id", "at", "line")),
    )
    .join(_VISITS, _VISITS.c.id == _EVENTS.c.visit_id)
    .where(VISIT_IS_OPEN, _VISITS.c.version > _CURSOR)
    .where(_POSITION > _CURSOR, _POSITION <= _UPTO)
    .order_by(_POSITION, _EVENTS.c.journal_id, _EVENTS.c.seq)
    .limit(_MOST)
)

_VIEWED = [_VISITS.c[name] for name in ("version", "id", "is_open", "tag_shared", "guest_ref")]
_NEWER_VISIT = and_(_VISITS.c.version > _CURSOR, _VISITS.c.version <= _UPTO)
_KNOWN_TO_ALL = and_(_CURSOR > 0, _VISITS.c.known_version <= _CURSOR)
_RECORDED_SINCE = exists().where(
    _EVENTS.c.visit_id == _VISITS.c.id,
    _EVENTS.c.journal_id == bindparam("journal_id", type_=String),
    _EVENTS.c.position > _CURSOR,
)
_NEWER_VISITS = (
    union_all(
        select(*_VIEWED).where(VISIT_IS_OPEN, _NEWER_VISIT),
        select(*_VIEWED).where(_IS_OVER, _NEWER_VISIT).where(or_(_KNOWN_TO_ALL, _RECORDED_SINCE)),
    )
    .order_by("version", "id")
    .limit(_MOST)
)
_NEWER: Mapping[str, Executable] = {
    **{kind: _newer_documents(table) for kind, table in _DOCUMENTS.items()},
    sync.CHANGE_EVENT: _NEWER_EVENTS,
    sync.CHANGE_VISIT: _NEWER_VISITS,
}


@dataclass(frozen=True, slots=True)
class News:
    """Changes up to and including version `cursor`; `more` says that there is still newer."""

    cursor: int
    changes: list[dict[str, Any]]
    more: bool


def news(
    session: Session, key: MasterKey, cursor: int, limit: int, journal_id: str | None = None
) -> News:
    """The changes after `cursor`, about `limit` of each kind, whole versions at a time.
    `journal_id`: the asker's own, if it has one."""
    connection = session.connection()
    versions = connection.execute(_VERSIONS).one_or_none()
    if versions is None:
        return News(0, [], more=False)
    if versions.district == cursor:
        return News(cursor, [], more=False)
    asker = {"cursor": cursor, "journal_id": journal_id}
    upto, rows = _newer(connection, versions, asker, limit)
    changes = [
        *_documents(session, key, rows),
        *(_change(sync.CHANGE_EVENT, row.event_id, _event_view(row)) for row in rows["event"]),
        *(
            _change(sync.CHANGE_VISIT, view["visit_id"], view)
            for view in views(session, key, rows["visit"])
        ),
    ]
    return News(upto, changes, upto < versions.district)


def _newer(
    connection: Connection,
    versions: Row[*tuple[Any, ...]],
    asker: Mapping[str, Any],
    limit: int,
) -> tuple[int, dict[str, Rows]]:
    """Up to which version: the highest such that no kind has many more than the limit of rows up
    to it; and the rows up to there, by kind.

    People are few, and never cut. Who starts from nothing gets all documents at once: a page that
    ended with them would lie before visits of the past of which nobody knows when they became
    known.
    """
    newest, cursor = versions.district, asker["cursor"]
    newest_of = {
        **{kind: getattr(versions, kind) for kind in _DOCUMENTS},
        sync.CHANGE_EVENT: versions.open_visits,
        sync.CHANGE_VISIT: max(versions.open_visits, versions.closed_visits),
    }
    # What has no news is not read.
    kinds = [kind for kind in _NEWER if newest_of[kind] > cursor]
    rows: dict[str, Rows] = dict.fromkeys(_NEWER, ())
    cuts = []
    for kind in kinds:
        is_whole = kind == sync.CHANGE_PERSON or (cursor == 0 and kind in _DOCUMENTS)
        most = _ALL if is_whole else limit
        asked = {**asker, "upto": newest, "most": most}
        rows[kind] = found = connection.execute(_NEWER[kind], asked).all()
        if len(found) == most:
            cuts.append(found[-1].version)
    upto = min(cuts, default=newest)
    if cuts:
        asked = {**asker, "upto": upto, "most": _ALL}
        rows |= {kind: connection.execute(_NEWER[kind], asked).all() for kind in kinds}
    return upto, rows


def _change(kind: str, change_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "id": change_id, "body": body}


def _documents(
    session: Session, key: MasterKey, rows: Mapping[str, Rows]
) -> Iterator[dict[str, Any]]:
    """Places, people and tags."""
    near = lots_nearest_first(session) if rows[sync.CHANGE_PLACE] else {}
    drives = drive_times(session) if rows[sync.CHANGE_PLACE] else {}
    tariffs = _tariffs(session) if rows[sync.CHANGE_PLACE] else []
    closures = closures_told.told(session, clock.now()) if rows[sync.CHANGE_PLACE] else {}
    for row in rows[sync.CHANGE_PLACE]:
        shut = closures.get(row.id, [])
        body = {**_place_view(row, near, drives), "tariffs": tariffs, "closures": shut}
        yield _change(sync.CHANGE_PLACE, row.id, body)
    people = [row.id for row in rows[sync.CHANGE_PERSON]]
    at_work, known = shifts.whereabouts(session, people), pins.documents(session, key, people)
    for row in rows[sync.CHANGE_PERSON]:
        view = _person_view(row, at_work.get(row.id))
        pin = {"pin": known[row.id]} if row.id in known else {}
        yield _change(sync.CHANGE_PERSON, row.id, view | pin)
    for row in rows[sync.CHANGE_TAG]:
        yield _change(sync.CHANGE_TAG, row.id, _tag_view(row))


def _place_view(
    row: Any, near: Mapping[str, list[str]], drives: Mapping[str, dict[str, int]]
) -> dict[str, Any]:
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
        "hours": [asdict(each) for each in row.hours],
        "near": near.get(row.id, []),
        "drive_s": drives.get(row.id, {}),
    }


def _tariffs(session: Session) -> list[dict[str, Any]]:
    """The newest versions of the tariff, which go with every place: what a booth has to show, from
    when on, also while it is cut off."""
    rows = session.execute(_POSTED).all()
    return [
        {
            "valid_from": row.valid_from.isoformat(),
            "minute_cents": row.minute_cents,
            "posted": row.posted,
        }
        for row in reversed(rows)
    ]


def _person_view(row: Any, at_work: Whereabouts | None) -> dict[str, Any]:
    # Who has no work at a station is nobody there; an agent of before knows no other roles.
    roles = [role for role in row.roles if role in STATION_ROLES]
    return {
        "id": row.id,
        "name": row.name,
        "roles": roles or [VALET],
        "badge_tag": row.badge_tag,
        "is_active": row.is_active and bool(roles),
        "wait_place_id": row.wait_place_id,
        "shift_place_id": at_work.place_id if at_work else None,
        "is_resting": at_work is not None and at_work.is_resting,
    }


def _tag_view(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "label": row.label,
        "status": row.status,
        "is_secure": row.is_secure,
    }


def _event_view(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    body = json.loads(row.line)
    del body["hash"]
    return {"journal_id": row.journal_id, "at": row.at.isoformat(), "event": body}


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
        "link": links.token_of(key, row.id) if _needs_link(row, guest) else None,
    }


def _needs_link(row: Any, guest: Guest | None) -> bool:
    """Whether a booth has to show the driver's link, because it can be sent nowhere."""
    return bool(row.is_open) and guest is not None and guest.phone is None


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
        "why_place_id": row.why_place_id,
        "to_stall": row.to_stall,
        **_ride_view(row),
    }


def _ride_view(row: Any) -> dict[str, Any]:
    """Who goes along, where anybody does."""
    if not row.passengers:
        return {}
    departs_at = None if row.departs_at is None else row.departs_at.isoformat()
    return {"passengers": row.passengers, "departs_at": departs_at}
