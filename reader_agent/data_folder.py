"""The station's folder on the card: opened by one agent at a time, and its names made to last."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from reader_agent.station_db import StationDBError


class DataFolder:
    """The folder while its database is being opened. Used with `with`.

    SQLite's own lock keeps a second agent from an open database. This one keeps it from the
    moment before, in which a damaged database is set aside: a second agent would set aside the
    new one. Raises `StationDBError("in_use")`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> DataFolder:
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise StationDBError(
                "in_use", f"{self._path} is in use: another agent is just starting in this folder"
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def sync(self) -> None:
        """What was created, linked or removed in the folder outlives a power cut from here on."""
        os.fsync(self._descriptor)
