"""The mirror on disk: facts and documents that were checked when they came in.

Rows hold the checked form, so that a station with thousands of visits starts without checking
them all again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

import structlog

from reader_agent.record_box import open_doc, seal_doc
from reader_agent.station_db import StationDB, Transaction
from reader_agent.tag_facts import TagFact
from schemas.events import Event, restore_event
from schemas.visit import Fact

_EVENT_NAMES = tuple(field.name for field in fields(Event))
_NOT_READABLE = (ValueError, KeyError, TypeError)
_log = structlog.get_logger(__name__)
T = TypeVar("T")

_OF_PEOPLE = "visit"
"""Kind of the documents in which there are plates, links and codes: they are sealed."""
_OWN_TAG = "own_tag"
"""Kind of the documents that the cloud did not tell but will: see `tag_facts`."""


class MirrorStore:
    """The `mirror_event` and `mirror_doc` tables.

    `damaged` counts the rows that could not be read: a card may change a letter that leaves the
    file whole. They are passed over, because whoever counts them asks the cloud for all anew.
    """

    def __init__(self, db: StationDB) -> None:
        self._db = db
        self.damaged = 0

    def cursor(self) -> int:
        """Where the cloud's changes were last read up to; 0 before the first answer."""
        rows = self._db.rows("SELECT value FROM meta WHERE key = 'cursor'")
        return int(rows[0]["value"]) if rows else 0

    def put_cursor(self, work: Transaction, cursor: int) -> None:
        """Move the cursor, in the transaction that stores what it covers."""
        work.execute("INSERT OR REPLACE INTO meta VALUES ('cursor', ?)", (cursor,))

    def put_fact(self, work: Transaction, fact: Fact) -> None:
        """Store a fact; the same event again takes the better time."""
        work.execute(
            "INSERT OR REPLACE INTO mirror_event VALUES (?, ?, ?, ?, ?)",
            (
                fact.event.id,
                fact.event.visit_id,
                fact.journal_id,
                fact.at.isoformat(),
                _event_text(fact.event),
            ),
        )

    def put_time(self, work: Transaction, event_id: str, at: datetime) -> None:
        """A better time for a fact that is stored."""
        work.execute("UPDATE mirror_event SET at = ? WHERE id = ?", (at.isoformat(), event_id))

    def put_doc(self, work: Transaction, kind: str, doc_id: str, doc: Mapping[str, Any]) -> None:
        """Store a document's whole new content (JSON-ready)."""
        box = self._db.box if kind == _OF_PEOPLE else None
        body = seal_doc(box, f"{kind}\n{doc_id}", doc)
        work.execute("INSERT OR REPLACE INTO mirror_doc VALUES (?, ?, ?)", (kind, doc_id, body))

    def drop_visits(self, work: Transaction, visit_ids: Iterable[str]) -> None:
        """Forget closed visits; their events stay in the journals that recorded them."""
        rows = [(visit_id,) for visit_id in visit_ids]
        work.executemany("DELETE FROM mirror_event WHERE visit_id = ?", rows)
        work.executemany("DELETE FROM mirror_doc WHERE kind = 'visit' AND id = ?", rows)
        work.executemany("DELETE FROM code_try WHERE visit_id = ?", rows)

    def put_tag_fact(self, work: Transaction, fact: TagFact) -> None:
        """Store what this station did to a tag."""
        self.put_doc(work, _OWN_TAG, str(fact.seq), fact.to_doc())

    def drop_tag_facts(self, work: Transaction, seqs: Iterable[int]) -> None:
        """Forget them; the events stay in the journal."""
        work.executemany(
            "DELETE FROM mirror_doc WHERE kind = ? AND id = ?",
            [(_OWN_TAG, str(seq)) for seq in seqs],
        )

    def tag_facts(self) -> Iterator[TagFact]:
        """What this station did to tags and the cloud has not answered."""
        rows = self._db.rows("SELECT id, body FROM mirror_doc WHERE kind = ?", (_OWN_TAG,))
        yield from self._readable(rows, lambda row: TagFact(**json.loads(row["body"])))

    def facts(self) -> Iterator[Fact]:
        """Every stored fact, in no order."""
        rows = self._db.rows("SELECT journal_id, at, event FROM mirror_event")
        yield from self._readable(rows, _fact_of)

    def docs(self, kind: str, read: Callable[[dict[str, Any]], T]) -> Iterator[tuple[str, T]]:
        """Every stored document of a kind, as `read` makes it, with its id."""
        rows = self._db.rows("SELECT id, body FROM mirror_doc WHERE kind = ?", (kind,))
        yield from self._readable(rows, lambda row: (row["id"], read(self._opened(kind, row))))

    def _opened(self, kind: str, row: Any) -> Any:
        return open_doc(self._db.box, f"{kind}\n{row['id']}", row["body"])

    def _readable(self, rows: Iterable[Any], read: Callable[[Any], T]) -> Iterator[T]:
        for row in rows:
            try:
                yield read(row)
            except _NOT_READABLE as error:
                self.damaged += 1
                _log.error("mirror.row_damaged", error=type(error).__name__)


def _fact_of(row: Any) -> Fact:
    event = restore_event(json.loads(row["event"]))
    return Fact(row["journal_id"], event, datetime.fromisoformat(row["at"]))


def _event_text(event: Event) -> str:
    # By name, because `dataclasses.asdict` copies everything that is in it.
    body = {name: getattr(event, name) for name in _EVENT_NAMES}
    return json.dumps(body | {"wall": event.wall.isoformat()}, ensure_ascii=False)
