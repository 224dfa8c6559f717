"""The rows that say of a visit what its fold says: visits, requests and moves.

All of a batch are read by one query a table and written by one statement a kind. What a visit
was born with hardly ever changes, and most of its indexes are over that, so a row that is known
is written without it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    Update,
    bindparam,
    delete,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy import Table as SQLTable

from schemas.visit import Leg, Request, Visit
from server import bulk
from server.bulk import table_of
from server.models import MoveRow, RequestRow, VisitRow
from server.one_of import one_of

OPEN = "open"
TAKEN = "taken"
DONE = "done"

# As the partial indexes say it: a condition with a bound value finds none of them.
VISIT_IS_OPEN = text("visits.is_open")
REQUEST_IS_OPEN = text("requests.status = 'open'")

Columns = dict[str, Any]

_VISITS, _REQUESTS, _MOVES = table_of(VisitRow), table_of(RequestRow), table_of(MoveRow)
_BIRTH = (
    "code",
    "booth_id",
    "key_tag",
    "claim_tag",
    "guest_ref",
    "guest_digest",
    "language",
    "received_by",
    "received_at",
    "handling",
    "leaves_at",
)
_FOR_GOOD = ("id", "known_version")
_LIVE = tuple(c.key for c in _VISITS.columns if c.key not in (*_BIRTH, *_FOR_GOOD))
_KNOWN = select(
    *(_VISITS.c[name] for name in ("id", "state", "is_open", "tag_shared", "version", *_BIRTH))
).where(one_of(_VISITS.c.id, "ids"))


def load(connection: Connection, visit_ids: Collection[str]) -> dict[str, Columns]:
    """What is known of these visits as far as a new fold needs it, by visit."""
    rows = connection.execute(_KNOWN, {"ids": list(visit_ids)}).mappings()
    return {row["id"]: dict(row) for row in rows}


def columns_of(visit: Visit) -> Columns:
    """What the fold says of the visit's row: all but `tag_shared` and the versions."""
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
        "is_grounded": visit.is_grounded,
        "handling": list(visit.handling),
        "leaves_at": _leaves_at(visit),
    }


def _leaves_at(visit: Visit) -> datetime | None:
    """When its driver thought to want the car back."""
    if visit.wish_min is None:
        return None
    return visit.received_at + timedelta(minutes=visit.wish_min)


def _known(
    connection: Connection, statement: Select[*tuple[Any, ...]], visit_ids: Collection[str]
) -> Sequence[RowMapping]:
    if not visit_ids:
        return []
    return connection.execute(statement, {"ids": list(visit_ids)}).mappings().all()


def _of_visits(table: SQLTable, names: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """SELECT of these columns for the rows of some visits."""
    of_visits = one_of(table.c.visit_id, "ids")
    return select(*(table.c[name] for name in names)).where(of_visits)


def _setting(table: SQLTable, names: Sequence[str]) -> Update:
    """UPDATE of these columns, for many rows by their keys."""
    keys = [column.key for column in table.primary_key]
    return (
        update(table)
        .where(*(table.c[key] == bindparam(f"of_{key}") for key in keys))
        .values({name: bindparam(f"new_{name}") for name in names})
    )


_SET_LIVE = _setting(_VISITS, _LIVE)
_SET_ALL = _setting(_VISITS, (*_LIVE, *_BIRTH))
_SET_SHARED = _setting(_VISITS, ("tag_shared", "version"))


def _named(table: SQLTable, names: Sequence[str], row: Mapping[str, Any]) -> Columns:
    keys = [column.key for column in table.primary_key]
    return {
        **{f"of_{key}": row[key] for key in keys},
        **{f"new_{name}": row[name] for name in names},
    }


def _set(connection: Connection, statement: Update, rows: Sequence[Columns]) -> None:
    if rows:
        connection.execute(statement, rows)


def write(connection: Connection, rows: Sequence[Columns], known: Mapping[str, Columns]) -> None:
    """Write whole rows, of visits that are known or new.

    An index allows a tag on one open visit that does not share it, so whoever gives a tag back
    is written before whoever takes it.
    """
    new, live, born = [], [], []
    for row in sorted(rows, key=lambda row: bool(row["is_open"] and not row["tag_shared"])):
        old = known.get(row["id"])
        if old is None:
            new.append({**row, "known_version": row["version"]})
        elif all(row[name] == old[name] for name in _BIRTH):
            live.append(_named(_VISITS, _LIVE, row))
        else:
            born.append(_named(_VISITS, (*_LIVE, *_BIRTH), row))
    if born:
        # Two may have changed tags with each other: for a moment, none of them has one.
        ids = [row["of_id"] for row in born]
        connection.execute(update(_VISITS).where(_VISITS.c.id.in_(ids)).values(tag_shared=True))
    _set(connection, _SET_LIVE, live)
    _set(connection, _SET_ALL, born)
    bulk.append(connection, _VISITS, new)


def share(connection: Connection, rows: Sequence[Columns]) -> None:
    """Write only whether these visits share a tag, and the version."""
    names = ("tag_shared", "version")
    _set(connection, _SET_SHARED, [_named(_VISITS, names, row) for row in rows])


_REQUEST_CHANGES = ("made_at", "status", "closed_at")
_KNOWN_REQUESTS = _of_visits(_REQUESTS, ("event_id", *_REQUEST_CHANGES))
_SET_REQUEST = _setting(_REQUESTS, _REQUEST_CHANGES)


def write_requests(
    connection: Connection, visits: Collection[Visit], known_ids: Collection[str]
) -> None:
    """Let the requests of these visits be those of their folds; `known_ids`: the visits that
    have had a row before."""
    known = _known(connection, _KNOWN_REQUESTS, known_ids)
    told = {row["event_id"]: row for row in known}
    new, changed = [], []
    for visit in visits:
        for request in visit.requests:
            row = _request_row(visit.id, request)
            old = told.pop(request.event_id, None)
            if old is None:
                new.append(row)
            elif any(row[name] != old[name] for name in _REQUEST_CHANGES):
                changed.append(_named(_REQUESTS, _REQUEST_CHANGES, row))
    if told:
        connection.execute(delete(_REQUESTS).where(_REQUESTS.c.event_id.in_(list(told))))
    # What is closed goes first: the index allows one open request.
    _set(connection, _SET_REQUEST, sorted(changed, key=lambda row: bool(row["new_status"] == OPEN)))
    bulk.append(connection, _REQUESTS, new)


def _request_row(visit_id: str, request: Request) -> Columns:
    return {
        "event_id": request.event_id,
        "visit_id": visit_id,
        "booth_id": request.booth_id,
        "wanted_at": request.wanted_at,
        "made_at": request.made_at,
        "source": request.source,
        "status": request.status,
        "closed_at": request.closed_at,
    }


_LEG_CHANGES = (
    "kind",
    "state",
    "from_place_id",
    "to_place_id",
    "runner_id",
    "taken_at",
    "done_at",
    "why",
)
_KNOWN_LEGS = _of_visits(_MOVES, ("visit_id", "ordinal", *_LEG_CHANGES))
_SET_LEG = _setting(_MOVES, _LEG_CHANGES)


def write_legs(
    connection: Connection, visits: Collection[Visit], known_ids: Collection[str]
) -> None:
    """Let the moves that were taken or done be the legs of these folds. A move that was open and
    was taken keeps what was planned for it."""
    known = _known(connection, _KNOWN_LEGS, known_ids)
    told = {(row["visit_id"], row["ordinal"]): row for row in known}
    new, changed = [], []
    for visit in visits:
        for ordinal, leg in enumerate(visit.legs, start=1):
            row = _leg_row(visit.id, ordinal, leg)
            old = told.pop((visit.id, ordinal), None)
            # The plan had a reason for its own runner only.
            row["why"] = old["why"] if old and old["runner_id"] == row["runner_id"] else None
            if old is None:
                new.append(row)
            elif any(row[name] != old[name] for name in _LEG_CHANGES):
                changed.append(_named(_MOVES, _LEG_CHANGES, row))
    gone = [key for key, row in told.items() if row["state"] != OPEN]
    if gone:
        connection.execute(
            delete(_MOVES).where(tuple_(_MOVES.c.visit_id, _MOVES.c.ordinal).in_(gone))
        )
    _set(connection, _SET_LEG, changed)
    bulk.append(connection, _MOVES, new)


def _leg_row(visit_id: str, ordinal: int, leg: Leg) -> Columns:
    return {
        "visit_id": visit_id,
        "ordinal": ordinal,
        "kind": leg.kind,
        "state": TAKEN if leg.done_at is None else DONE,
        "from_place_id": leg.from_place_id,
        "to_place_id": leg.to_place_id,
        "opened_at": leg.taken_at,
        "taken_at": leg.taken_at,
        "done_at": leg.done_at,
        "runner_id": leg.runner_id,
    }
