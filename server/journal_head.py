"""How far a journal was taken in, held by whoever takes in more of it until the commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from schemas.chain import genesis
from schemas.problems import Refusal
from server import bulk
from server.bulk import table_of
from server.models import EventRow, JournalRow
from server.one_of import one_of


@dataclass(slots=True)
class JournalHead:
    """See `JournalRow`. `last_source`: where the time of the journal's last event came from, None
    while it has none."""

    id: str
    head_seq: int
    head_hash: str | None
    broken_at_seq: int | None
    last_source: str | None


_EVENTS, _JOURNALS = table_of(EventRow), table_of(JournalRow)
_LAST_SOURCE = (
    select(_EVENTS.c.time_source)
    .where(_EVENTS.c.journal_id == _JOURNALS.c.id)
    .order_by(_EVENTS.c.seq.desc())
    .limit(1)
    .scalar_subquery()
)
_HEAD = (
    select(_JOURNALS, _LAST_SOURCE.label("last_source"))
    .where(one_of(_JOURNALS.c.id, "ids"))
    .order_by(_JOURNALS.c.id)
    .with_for_update(of=_JOURNALS)
)
_PUT = (
    update(_JOURNALS)
    .where(_JOURNALS.c.id == bindparam("of_id"))
    .values({name: bindparam(f"new_{name}") for name in ("head_seq", "head_hash", "broken_at_seq")})
)


def take(connection: Connection, stations: Mapping[str, str]) -> dict[str, JournalHead]:
    """The heads of journals, also of new ones; `stations`: whose each of them is. Raises
    `Refusal("bad_header")` for a journal that is another station's."""
    rows = {row.id: row for row in connection.execute(_HEAD, {"ids": list(stations)})}
    heads, new = {}, []
    for journal_id, station_id in stations.items():
        row = rows.get(journal_id)
        if row is None:
            head = JournalHead(journal_id, 0, genesis(journal_id), None, None)
            new.append(
                {"id": head.id, "station_id": station_id, "head_seq": 0}
                | {"head_hash": head.head_hash, "broken_at_seq": None}
            )
        elif row.station_id != station_id:
            raise Refusal("bad_header", detail="journal_id: belongs to another station")
        else:
            head = JournalHead(
                row.id, row.head_seq, row.head_hash, row.broken_at_seq, row.last_source
            )
        heads[journal_id] = head
    bulk.append(connection, _JOURNALS, new)
    return heads


def put(connection: Connection, heads: Sequence[JournalHead]) -> None:
    """Write heads down that have moved."""
    if heads:
        connection.execute(
            _PUT,
            [
                {
                    "of_id": head.id,
                    "new_head_seq": head.head_seq,
                    "new_head_hash": head.head_hash,
                    "new_broken_at_seq": head.broken_at_seq,
                }
                for head in heads
            ],
        )
