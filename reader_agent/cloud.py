"""The cloud as a station sees it: one call, and the ways in which it can fail."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from schemas.card_keys import CardKeys

UNREACHABLE: Final = "unreachable"
BUSY: Final = "busy"
SERVER_ERROR: Final = "server_error"
TURNED_AWAY: Final = "turned_away"
TOO_LARGE: Final = "too_large"
BAD_REQUEST: Final = "bad_request"
BAD_ANSWER: Final = "bad_answer"

Answer = Mapping[str, Any]
"""A loaded `schemas.sync.SyncAnswerSchema`."""


class CloudLost(Exception):
    """No answer that can be used. `code` is one of the constants above.

    `problem` is the cloud's own problem code where it gave one; `retry_after_s` what it asked
    for. Whether the cloud took the events in is unknown: they are sent again, which is harmless.
    """

    def __init__(
        self, code: str, *, problem: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(code if problem is None else f"{code}: {problem}")
        self.code = code
        self.problem = problem
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the header (JSON-ready, see `SyncHeaderSchema`) and the sealed event lines.

    `acked_seq` and `cursor` are what the station had when it asked: an answer is judged by them.
    `packed` are the lines as `pack` makes them, where that was done ahead.
    """

    header: Mapping[str, Any]
    lines: Sequence[bytes]
    acked_seq: int
    cursor: int
    wait_s: int = 0
    packed: bytes | None = None

    @property
    def journal_id(self) -> str:
        """The journal that the lines are of, and the answer's `ack_seq`."""
        return str(self.header["journal_id"])

    @property
    def last_seq(self) -> int:
        """The number of the last line; without lines `acked_seq`."""
        return self.acked_seq + len(self.lines)

    def packed_at(self, level: int) -> Asked:
        """The same with its lines packed, unless nothing is (level 0)."""
        return replace(self, packed=pack(self.lines, level)) if level else self

    def body(self, header_line: bytes) -> bytes:
        """The request's body: `header_line` and the events, each on its own line."""
        return b"\n".join((header_line, *self.lines)) + b"\n"


def pack(lines: Sequence[bytes], level: int) -> bytes:
    """Lines, each ended by a line feed, as gzip. Two of these, one behind the other, are the gzip
    of all their lines (RFC 1952, section 2.2)."""
    return gzip.compress(b"\n".join(lines) + b"\n", compresslevel=level, mtime=0)


class KeySource(Protocol):
    """Who gives a card the keys that are its own."""

    def card_keys(self, tag: str, actor_id: str) -> CardKeys:
        """The keys of the card `tag`, asked for by a person. Raises `CloudLost`."""


class Cloud(Protocol):
    """Whom `sync` talks to."""

    def exchange(self, asked: Asked) -> Answer:
        """Ask and wait for the answer. Raises `CloudLost`."""

    def close(self) -> None:
        """Break off what is under way, from another thread too; nothing is asked afterwards."""
