"""How far a journal was taken in, held by whoever takes in more of it until the commit."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from schemas.chain import genesis
from schemas.problems import Refusal
from server.bulk import table_of
from server.models import EventRow, JournalRow


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
    .where(_JOURNALS.c.id == bindparam("journal_id"))
    .with_for_update()
)
_BEGIN = insert(_JOURNALS)
_PUT = (
    update(_JOURNALS)
    .where(_JOURNALS.c.id == bindparam("of_id"))
    .values({name: bindparam(f"new_{name}") for name in ("head_seq", "head_hash", "broken_at_seq")})
)


def take(connection: Connection, journal_id: str, station_id: str) -> JournalHead:
    """The head of a station's journal, a new one's too. Raises `Refusal("bad_header")` for a
    journal that is another station's."""
    found = connection.execute(_HEAD, {"journal_id": journal_id}).one_or_none()
    if found is None:
        head = JournalHead(journal_id, 0, genesis(journal_id), None, None)
        row = {"id": head.id, "station_id": station_id, "head_seq": 0}
        connection.execute(_BEGIN, {**row, "head_hash": head.head_hash, "broken_at_seq": None})
        return head
    if found.station_id != station_id:
        raise Refusal("bad_header", detail="journal_id: belongs to another station")
    return JournalHead(
        found.id, found.head_seq, found.head_hash, found.broken_at_seq, found.last_source
    )


def put(connection: Connection, head: JournalHead) -> None:
    """Write a head down that has moved."""
    values = {"new_head_seq": head.head_seq, "new_head_hash": head.head_hash}
    connection.execute(_PUT, {"of_id": head.id, **values, "new_broken_at_seq": head.broken_at_seq})
