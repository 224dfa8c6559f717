"""Events as they were received, the journals they stand in, and what could not be read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class JournalRow(Table):
    """One journal of a station, or the cloud's own (`station_id` null).

    `head_seq`, `head_hash`: the last event taken in; the hash is null when that line could
    not be read. `broken_at_seq`: the first event whose `prev` did not name the head.
    """

    __tablename__ = "journals"

    id: Mapped[str] = mapped_column(primary_key=True)
    station_id: Mapped[str | None] = mapped_column(index=True)
    head_seq: Mapped[int]
    head_hash: Mapped[str | None]
    broken_at_seq: Mapped[int | None]


class EventRow(Table):
    """One event. `line` is the sealed line as sent; the other columns are read out of it.

    `at` is the best time known and `time_source` where it came from (wall, anchored or
    received); `position` is the district version at which stations hear of it. `tag_id`: the
    tag that an enrolment or a mark is about.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("uq_events_event_id", "event_id", unique=True),
        Index("ix_events_visit_id", "visit_id", "journal_id", "position"),
        Index("ix_events_position", "position"),
        Index(
            "ix_events_tag_id",
            "tag_id",
            sqlite_where=text("tag_id IS NOT NULL"),
            postgresql_where=text("tag_id IS NOT NULL"),
        ),
        Index(
            "ix_events_key_seen",
            "position",
            sqlite_where=text("type = 'key.seen'"),
            postgresql_where=text("type = 'key.seen'"),
        ),
        Index(
            "ix_events_pin_locked",
            "received_at",
            sqlite_where=text("type = 'pin.locked'"),
            postgresql_where=text("type = 'pin.locked'"),
        ),
    )

    journal_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str]
    type: Mapped[str]
    visit_id: Mapped[str | None]
    tag_id: Mapped[str | None]
    place_id: Mapped[str | None]
    actor: Mapped[str | None]
    at: Mapped[datetime]
    time_source: Mapped[str]
    received_at: Mapped[datetime]
    position: Mapped[int]
    line: Mapped[bytes] = mapped_column(LargeBinary)


class QuarantineRow(Table):
    """A line that was refused, kept raw for a person."""

    __tablename__ = "quarantine"

    id: Mapped[str] = mapped_column(primary_key=True)
    journal_id: Mapped[str] = mapped_column(index=True)
    seq: Mapped[int]
    code: Mapped[str]
    detail: Mapped[str]
    received_at: Mapped[datetime]
    line: Mapped[bytes] = mapped_column(LargeBinary)
