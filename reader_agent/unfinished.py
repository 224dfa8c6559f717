"""What somebody at the screen is in the middle of, as small documents that outlive a power cut."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reader_agent.station_db import StationDB, Transaction

_PREFIX = "unfinished."


class Unfinished:
    """Documents by name, JSON-ready. Guarded by the station's lock; memory follows the commit."""

    def __init__(self, db: StationDB) -> None:
        self._db = db
        rows = db.rows("SELECT key, value FROM meta WHERE key GLOB ?", (f"{_PREFIX}*",))
        self._docs = {row["key"].removeprefix(_PREFIX): json.loads(row["value"]) for row in rows}

    def get(self, name: str) -> dict[str, Any] | None:
        """The document, or None where nothing is under way."""
        return self._docs.get(name)

    def put(self, name: str, doc: Mapping[str, Any], work: Transaction | None = None) -> None:
        """Keep `doc`, as part of `work` if that is given. Raises `Refusal` when storage fails."""
        if work is None:
            with self._db.transaction() as own:
                self.put(name, doc, own)
            return
        kept = dict(doc)
        text = json.dumps(kept, ensure_ascii=False)
        work.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_PREFIX + name, text))
        work.after_commit(lambda: self._docs.__setitem__(name, kept))

    def drop(self, name: str, work: Transaction | None = None) -> None:
        """It is over."""
        if work is None:
            with self._db.transaction() as own:
                self.drop(name, own)
            return
        work.execute("DELETE FROM meta WHERE key = ?", (_PREFIX + name,))
        work.after_commit(lambda: self._docs.pop(name, None))
