"""News for many stations that have waited at the same cursor: worked out once for all of them.

When a car is received, every other station of the district wants to hear the same at the same
moment. What they are told follows from the cursor and from rows that carry the district's version
(`server.downlink`); who asks counts only if it has recorded something itself since the cursor.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.bulk import table_of
from server.database import Database
from server.downlink import News, news
from server.master_key import MasterKey
from server.models import EventRow

_KEPT = 64
_EVENTS = table_of(EventRow)
_RECORDED = select(_EVENTS.c.journal_id).where(_EVENTS.c.position > bindparam("cursor")).distinct()


@dataclass(slots=True)
class _Made:
    """News beyond a cursor, as they were at a version or later; made by who comes first."""

    version: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    told: News | None = None
    journals: Collection[str] = ()


class SharedNews:
    """The last of them, by their cursors."""

    def __init__(self, database: Database, key: MasterKey, limit: int) -> None:
        self._database = database
        self._key = key
        self._limit = limit
        self._lock = threading.Lock()
        self._made: dict[int, _Made] = {}

    def since(self, cursor: int, version: int, journal_id: str) -> News:
        """What changed after the cursor; at least up to `version`, which is known to be there."""
        made = self._of(cursor, version)
        with made.lock:
            if made.told is None:
                made.told, made.journals = self._database.read(lambda s: self._read(s, cursor))
            told, journals = made.told, made.journals
        if journal_id not in journals:
            return told
        return self._database.read(lambda s: news(s, self._key, cursor, self._limit, journal_id))

    def _of(self, cursor: int, version: int) -> _Made:
        with self._lock:
            made = self._made.get(cursor)
            if made is None or made.version < version:
                self._made.pop(cursor, None)
                while len(self._made) >= _KEPT:
                    del self._made[next(iter(self._made))]
                made = self._made[cursor] = _Made(version)
            return made

    def _read(self, session: Session, cursor: int) -> tuple[News, Collection[str]]:
        journals = session.connection().scalars(_RECORDED, {"cursor": cursor}).all()
        return news(session, self._key, cursor, self._limit), frozenset(journals)
