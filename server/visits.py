"""Visits: the fold of their events, kept in step with them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.orm import Session

from schemas.events import restore_event
from schemas.problems import Refusal
from schemas.visit import Fact, Visit, fold
from server import visit_rows
from server.bulk import table_of
from server.models import EventRow, RequestRow, VisitRow
from server.one_of import one_of
from server.tracing import traced
from server.visit_rows import DONE, OPEN, TAKEN, VISIT_IS_OPEN, Columns

__all__ = ["DONE", "OPEN", "TAKEN", "Change", "Facts", "Refolded", "refold"]

Facts = Mapping[str, Sequence[Fact]]
"""Facts by visit."""

_EVENTS, _VISITS = table_of(EventRow), table_of(VisitRow)


@dataclass(frozen=True, slots=True)
class Change:
    """A visit before (None: it is new; its state as text) and after a fold. `row`: its columns."""

    row: Columns
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


@traced("fold")
def refold(
    session: Session,
    visit_ids: Collection[str],
    version: int,
    fresh: Facts | None = None,
    meanwhile: AbstractContextManager[None] | None = None,
) -> Refolded:
    """Fold these visits anew from all their events and write the rows under `version`.

    `fresh`: facts that are not in the table yet; `meanwhile`: what puts them there, entered while
    the connection is not used. The caller holds the district's version, so nobody else folds at
    the same time. Row objects that the session holds are read anew when they are next looked at.
    """
    result = Refolded()
    session.flush()
    connection = session.connection()
    known = visit_rows.load(connection, visit_ids) if visit_ids else {}
    stored = load_facts(connection, visit_ids) if visit_ids else {}
    with meanwhile or nullcontext():
        for visit_id in visit_ids:
            facts = [*stored.get(visit_id, ()), *(() if fresh is None else fresh.get(visit_id, ()))]
            _fold_one(result, visit_id, facts, known, version)
    if not visit_ids:
        return result
    _write(connection, result, known, version)
    _send_whole(connection, result.changes, stored, version)
    session.expire_all()
    return result


def _fold_one(
    result: Refolded,
    visit_id: str,
    facts: Sequence[Fact],
    known: Mapping[str, Columns],
    version: int,
) -> None:
    visit = fold(facts)
    if visit is None:
        result.held.update({fact.event.id: "unknown_visit" for fact in facts})
        return
    result.held.update({conflict.event_id: conflict.reason for conflict in visit.conflicts})
    result.changes.append(_changed(known.get(visit_id), visit, version))


def _changed(old: Columns | None, visit: Visit, version: int) -> Change:
    row = {**visit_rows.columns_of(visit), "tag_shared": False, "version": version}
    if old is None:
        return Change(row, visit, None, was_open=False)
    return Change(row, visit, old["state"], was_open=old["is_open"])


def _write(
    connection: Connection, result: Refolded, known: Mapping[str, Columns], version: int
) -> None:
    freed = _settle_tags(connection, result, known, version)
    visits = [change.visit for change in result.changes]
    visit_rows.write(connection, [change.row for change in result.changes], known)
    visit_rows.share(connection, freed)
    visit_rows.write_requests(connection, visits, known)
    visit_rows.write_legs(connection, visits, known)


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


_STORED = select(_EVENTS.c.visit_id, _EVENTS.c.journal_id, _EVENTS.c.line, _EVENTS.c.at).where(
    one_of(_EVENTS.c.visit_id, "ids")
)


def load_facts(connection: Connection, visit_ids: Collection[str]) -> dict[str, list[Fact]]:
    """The stored events of these visits, by visit."""
    facts: dict[str, list[Fact]] = {}
    for visit_id, journal_id, line, at in connection.execute(_STORED, {"ids": list(visit_ids)}):
        event = restore_event(json.loads(line))
        facts.setdefault(visit_id, []).append(Fact(journal_id, event, at))
    return facts


def _send_whole(
    connection: Connection, changes: Iterable[Change], stored: Facts, version: int
) -> None:
    """Stations do not have the events of a visit that was unknown or closed until now."""
    opened = [
        change.visit.id
        for change in changes
        if change.visit.is_open and not change.was_open and change.visit.id in stored
    ]
    if opened:
        connection.execute(
            update(_EVENTS).where(_EVENTS.c.visit_id.in_(opened)).values(position=version)
        )


def _settle_tags(
    connection: Connection, result: Refolded, known: Mapping[str, Columns], version: int
) -> list[Columns]:
    """Mark open visits that claim one tag together; those that no longer do are free again.

    Returns the rows, of other visits, that are free now: to be written after those that are not.
    """
    changed = {change.visit.id: change.row for change in result.changes}
    moved = [row for row in changed.values() if _is_claim_moved(known.get(row["id"]), row)]
    if not moved:
        return []
    were = [known[row["id"]] for row in moved if row["id"] in known]
    rivals = _others_with_a_tag_of(connection, [*moved, *were], changed)
    # A rival that is free of the changed visits may still share its other tag with a third one.
    third = _others_with_a_tag_of(connection, rivals.values(), changed) if rivals else {}
    claims = Counter(
        tag
        for row in (*changed.values(), *{**third, **rivals}.values())
        if row["is_open"]
        for tag in _tags(row)
    )
    told = []
    for row in (*changed.values(), *rivals.values()):
        is_shared = row["is_open"] and any(claims[tag] > 1 for tag in _tags(row))
        if row["tag_shared"] != is_shared:
            row["tag_shared"], row["version"] = is_shared, version
            told.append(row)
    for change in result.changes:
        if change.row["tag_shared"]:
            result.held.setdefault(change.visit.received_event_id, "tag_in_use")
    others = [row for row in told if row["id"] in rivals]
    visit_rows.share(connection, [row for row in others if row["tag_shared"]])
    return [row for row in others if not row["tag_shared"]]


def _is_claim_moved(old: Columns | None, row: Columns) -> bool:
    """Whether the visit claims a tag by this change, or may give one back to somebody else."""
    if old is None or not old["is_open"]:
        return bool(row["is_open"])
    return bool(old["tag_shared"]) or _tags(old) != _tags(row)


_CLAIMING = select(
    *(_VISITS.c[name] for name in ("id", "is_open", "tag_shared", "version")),
    *(_VISITS.c[name] for name in ("key_tag", "claim_tag")),
).where(
    VISIT_IS_OPEN,
    or_(
        one_of(_VISITS.c.key_tag, "tags"),
        one_of(_VISITS.c.claim_tag, "tags"),
    ),
)


def _others_with_a_tag_of(
    connection: Connection, rows: Iterable[Columns], changed: Collection[str]
) -> dict[str, Columns]:
    """The open visits, beside those that are changed, that have a tag of these."""
    tags = {tag for row in rows for tag in _tags(row)}
    if not tags:
        return {}
    found = connection.execute(_CLAIMING, {"tags": list(tags)}).mappings()
    return {row["id"]: dict(row) for row in found if row["id"] not in changed}


def _tags(row: Columns) -> set[str]:
    return {row["key_tag"]} if row["claim_tag"] is None else {row["key_tag"], row["claim_tag"]}
