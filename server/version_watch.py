"""The district's version for many waiting requests: one look serves them all."""

from __future__ import annotations

import threading

from server import clock
from server.database import Database
from server.district import current_version

LOOK_EVERY_S = 0.2


class VersionWatch:
    """Reads the version at most every `LOOK_EVERY_S`, however many threads ask."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._looked_at_s = -LOOK_EVERY_S
        self._version = 0

    def version(self) -> int:
        """The district's version, at most `LOOK_EVERY_S` old."""
        with self._lock:
            if clock.mono_s() - self._looked_at_s >= LOOK_EVERY_S:
                self._version = self._database.read(current_version)
                self._looked_at_s = clock.mono_s()
            return self._version
