"""What every peer is: a name, what it needs, and one drain of an outbox into a sink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

A_COMMIT = 500
"""So many events to a transaction at the most, at the edge and in the sink: as ours by default."""


@dataclass(frozen=True, slots=True)
class Run:
    """One round: a folder of its own, an empty database, and the events as they lie at the edge."""

    folder: Path
    database_url: str
    lines: Sequence[bytes]


class Peer(Protocol):
    """One way to do it."""

    @property
    def name(self) -> str:
        """As it stands in the figures."""

    def missing(self) -> str | None:
        """What this machine lacks to run it and how to get that; None if nothing."""

    def drain(self, run: Run) -> float:
        """Seconds from the first read of the outbox until the edge has marked everything and the
        sink has committed everything, whichever is later. Raises where an event is not there once.
        """
