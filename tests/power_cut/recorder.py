"""Writes down, in order, what a station does to its folder and what it acknowledged.

One thread. Everything under `folder` is recorded, by whichever way it is done: SQLite's through
`sqlite_hooks`, the station's own through `os`. Files that are there before are the beginning.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.power_cut.operations import (
    Acknowledged,
    Began,
    Move,
    Name,
    Opened,
    Operation,
    Sync,
    SyncFolder,
    Truncate,
    Write,
)
from tests.power_cut.sqlite_hooks import SqliteHooks


class Recorder:
    """A `Watcher` that keeps everything. Starts with its making, for the rest of the process."""

    def __init__(self, folder: Path) -> None:
        self.operations: list[Operation] = []
        self._folder = folder.resolve()
        self._file_of: dict[str, int] = {}
        self._handles: dict[int, int | None] = {}
        self._count = 0
        self._record_what_is_there()
        self._hooks = SqliteHooks()
        self._hooks.on_files(self)
        self._hook_os()

    def acknowledge(self, seq: int, line_hash: str) -> None:
        """Note that an event was acknowledged."""
        self.operations.append(Acknowledged(seq, line_hash))

    def note_opened(self, journal_id: str) -> None:
        """Note that the station is up."""
        self.operations.append(Opened(journal_id))

    def save(self, path: Path) -> None:
        """Write the recording into a file outside of the folder."""
        path.write_bytes(pickle.dumps(self.operations))

    # What SQLite does.

    def opened(self, handle: int, path: str) -> None:
        """A file was opened or created."""
        name = self._name(path)
        if name is not None and name not in self._file_of:
            self._new(name)
        self._handles[handle] = self._file_of.get(name or "")

    def wrote(self, handle: int, offset: int, data: bytes) -> None:
        """Bytes were written."""
        if (file := self._handles[handle]) is not None:
            self.operations.append(Write(file, offset, data))

    def truncated(self, handle: int, size: int) -> None:
        """The file was made this long."""
        if (file := self._handles[handle]) is not None:
            self.operations.append(Truncate(file, size))

    def synced(self, handle: int) -> None:
        """The file was synced."""
        if (file := self._handles[handle]) is not None:
            self.operations.append(Sync(file))

    def deleted(self, path: str) -> None:
        """The name was removed."""
        name = self._name(path)
        if name is not None:
            del self._file_of[name]
            self.operations.append(Name(name, None))

    def synced_folder(self, path: str) -> None:
        """The folder of this file was synced."""
        if self._name(path) is not None:
            self.operations.append(SyncFolder())

    # What the station does itself.

    def _hook_os(self) -> None:
        self._after("unlink", lambda path, **_: self.deleted(os.fspath(path)))
        self._after("remove", lambda path, **_: self.deleted(os.fspath(path)))
        self._after("link", self._linked)
        self._after("rename", self._renamed)
        self._after("replace", self._renamed)
        self._after("fsync", self._synced_descriptor)
        self._after("fdatasync", self._synced_descriptor)

    def _after(self, name: str, note: Callable[..., None]) -> None:
        real = getattr(os, name)

        def done(*args: Any, **named: Any) -> Any:
            answer = real(*args, **named)
            note(*args, **named)
            return answer

        setattr(os, name, done)

    def _linked(self, before: Any, after: Any, **_: object) -> None:
        name = self._name(os.fspath(after))
        if name is not None:
            self._file_of[name] = self._file_of[self._name(os.fspath(before)) or ""]
            self.operations.append(Name(name, self._file_of[name]))

    def _renamed(self, before: Any, after: Any) -> None:
        old, new = self._name(os.fspath(before)), self._name(os.fspath(after))
        if old is not None and new is not None:
            self._file_of[new] = self._file_of.pop(old)
            self.operations.append(Move(old, new))

    def _synced_descriptor(self, descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path == self._folder:
            self.operations.append(SyncFolder())
        elif (name := self._name(str(path))) is not None:
            if name not in self._file_of:
                # The station writes a small file of its own at once, and syncs it.
                self._new(name)
                self.operations.append(Write(self._count, 0, path.read_bytes()))
            self.operations.append(Sync(self._file_of[name]))

    # Names.

    def _name(self, path: str) -> str | None:
        absolute = Path(path).absolute()
        return absolute.name if absolute.parent == self._folder else None

    def _new(self, name: str) -> None:
        self._count += 1
        self._file_of[name] = self._count
        self.operations.append(Name(name, self._count))

    def _record_what_is_there(self) -> None:
        # The photos beside the database are no part of what is replayed.
        for path in sorted(path for path in self._folder.iterdir() if path.is_file()):
            self._new(path.name)
            self.operations += [Write(self._count, 0, path.read_bytes()), Sync(self._count)]
        self.operations += [SyncFolder(), Began()]


def load(path: Path) -> list[Operation]:
    """The recording in a file."""
    # Our own child wrote it a moment ago.
    operations: list[Operation] = pickle.loads(path.read_bytes())  # noqa: S301
    return operations
