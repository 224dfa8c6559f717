"""The data keys: random, wrapped by the master key, in a table that every process reads.

1. `add` makes a new one. Each process seals with it at the latest `REFRESH_S` later, and opens what
   stands under it at once: an id that it does not know makes it look.
2. The worker then seals anew what stands under an older one (`server.keys.reseal`).
3. `drop` takes an old one away, once nothing stands under it.
"""

from __future__ import annotations

import secrets
import threading
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server import clock
from server.database import Database
from server.master_key import MasterKey
from server.models import DataKeyRow

REFRESH_S = 60
_PURPOSE = "data-key"


class DataKeys:
    """The data keys of one database, as `server.master_key.SealKeys`. Threads may share it."""

    def __init__(self, database_url: str, root: MasterKey) -> None:
        self._url = database_url
        self._root = root
        self._lock = threading.Lock()
        self._secrets: dict[str, bytes] = {}
        self._newest: str | None = None
        self._fresh_until_ns: int | None = None

    def newest(self) -> tuple[str, bytes] | None:
        """See `SealKeys`."""
        with self._lock:
            if self._fresh_until_ns is None or clock.mono_ns() >= self._fresh_until_ns:
                self._look()
            return None if self._newest is None else (self._newest, self._secrets[self._newest])

    def find(self, key_id: str) -> bytes | None:
        """See `SealKeys`."""
        with self._lock:
            if key_id not in self._secrets:
                self._look()
            return self._secrets.get(key_id)

    def _look(self) -> None:
        # Not from the pool: whoever asks holds one of its connections.
        database = Database(self._url, connections=1)
        try:
            rows = database.read(lambda session: session.execute(_BY_AGE).all())
        finally:
            database.close()
        for key_id, wrapped in rows:
            if key_id not in self._secrets:
                self._secrets[key_id] = self._root.unseal(_PURPOSE, key_id, wrapped)
        self._newest = rows[-1][0] if rows else None
        self._fresh_until_ns = clock.mono_ns() + REFRESH_S * 10**9


_BY_AGE = select(DataKeyRow.id, DataKeyRow.wrapped).order_by(DataKeyRow.made_at, DataKeyRow.id)


def add(session: Session, root: MasterKey, now: datetime) -> str:
    """Make a data key, which seals from now on; its id."""
    key_id = secrets.token_hex(8)
    wrapped = MasterKey(root.secret).seal(_PURPOSE, key_id, secrets.token_bytes(32))
    session.add(DataKeyRow(id=key_id, wrapped=wrapped, made_at=now))
    return key_id


def newest_row(session: Session) -> DataKeyRow | None:
    """The data key that seals; None while the master key itself does."""
    newest = select(DataKeyRow).order_by(DataKeyRow.made_at.desc(), DataKeyRow.id.desc()).limit(1)
    return session.scalar(newest)


def is_in_force(row: DataKeyRow, now: datetime) -> bool:
    """Whether every process seals with it by now."""
    return row.made_at + timedelta(seconds=2 * REFRESH_S) <= now


def ids(session: Session) -> list[str]:
    """All data keys, oldest first."""
    return [key_id for key_id, _ in session.execute(_BY_AGE)]
