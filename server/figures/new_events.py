"""The events that the figures do not know yet, by the versions at which they became known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, select

from schemas import events
from server.bulk import table_of
from server.event_times import RECEIVED
from server.models import EventRow

_EVENTS = table_of(EventRow)
_TOLD = (events.KEYS_CHECKED, events.PLACE_CLOSED)
"""What is read of these is in their lines."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as far as figures need it; see `EventRow`. `line`: of those that are counted by
    what they say."""

    journal_id: str
    seq: int
    event_id: str
    type: str
    visit_id: str | None
    place_id: str | None
    actor: str | None
    at: datetime
    time_source: str
    received_at: datetime
    position: int
    line: bytes | None

    @property
    def is_dated(self) -> bool:
        """Whether anybody knows when it was."""
        return self.time_source != RECEIVED


_NAMES = ("journal_id", "seq", "event_id", "type", "visit_id", "place_id", "actor", "at")
_NEW: Any = select(
    *(_EVENTS.c[name] for name in (*_NAMES, "time_source", "received_at", "position")),
    case((_EVENTS.c.type.in_(_TOLD), _EVENTS.c.line)).label("line"),
)
_LAST = (
    select(_EVENTS.c.position)
    .where(_EVENTS.c.position > bindparam("after"))
    .order_by(_EVENTS.c.position)
    .offset(bindparam("most"))
    .limit(1)
)


def read(
    connection: Connection, after: int, upto: int, most: int
) -> tuple[Sequence[NewEvent], int]:
    """The events of the versions behind `after`, about `most` of them, and the version that they
    reach to: `upto`, the district's own, where there are no more. A version is never cut."""
    behind = connection.scalar(_LAST, {"after": after, "most": most})
    if behind is not None:
        upto = min(upto, max(after + 1, behind - 1))
    rows = connection.execute(
        _NEW.where(_EVENTS.c.position > after, _EVENTS.c.position <= upto).order_by(
            _EVENTS.c.journal_id, _EVENTS.c.seq
        )
    )
    return [NewEvent(*row) for row in rows], upto
