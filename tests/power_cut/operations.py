"""What can be done to a station's folder, as it is recorded and replayed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes written into a file. `file` is a number: names come and go, it stays."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file was made this long."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """What was written to this file before is on the card when this is over."""

    file: int


@dataclass(frozen=True, slots=True)
class Name:
    """A name now means this file; None: the name is gone. Names are relative to the folder."""

    name: str
    file: int | None


@dataclass(frozen=True, slots=True)
class Move:
    """One name became another, in one step."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class SyncFolder:
    """All names are on the card when this is over."""


@dataclass(frozen=True, slots=True)
class Began:
    """The recording begins: what was there before is on the card."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The station is up; its journal is this one from here on."""

    journal_id: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The call that recorded this event has returned: somebody heard the beep."""

    seq: int
    line_hash: str


Operation = Write | Truncate | Sync | Name | Move | SyncFolder | Began | Opened | Acknowledged
