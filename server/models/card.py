"""Cards that prove themselves: how far each has counted, what was read, and who made them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class CardRow(Table):
    """One card, from its first proof on. `last_counter` is the highest that it proved; only a
    higher one is taken from then on."""

    __tablename__ = "cards"

    tag_id: Mapped[str] = mapped_column(primary_key=True)
    last_counter: Mapped[int]
    proved_at: Mapped[datetime | None]


class CardReadRow(Table):
    """What came of one reading: `source` tap, issue or hand_over; `verdict`: see `server.cards`.

    `event_id`: the event that told of it, null for a tap. `seen_by` looked at it and let it be.
    """

    __tablename__ = "card_reads"
    __table_args__ = (
        Index("ix_card_reads_at", "at"),
        Index("ix_card_reads_visit_id", "visit_id"),
        Index("uq_card_reads_event_id", "event_id", unique=True),
        Index(
            "ix_card_reads_open",
            "verdict",
            sqlite_where=text("seen_at IS NULL"),
            postgresql_where=text("seen_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    source: Mapped[str]
    verdict: Mapped[str]
    tag_id: Mapped[str | None]
    counter: Mapped[int | None]
    visit_id: Mapped[str | None]
    event_id: Mapped[str | None]
    seen_at: Mapped[datetime | None]
    seen_by: Mapped[str | None]


class CardKeyRow(Table):
    """A station was given the keys of one card: who asked, when, for which. Never the keys.

    `nonce`: of the signed request.
    """

    __tablename__ = "card_keys"
    __table_args__ = (
        Index("ix_card_keys_station_id", "station_id", "given_at"),
        Index("uq_card_keys_nonce", "station_id", "nonce", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    station_id: Mapped[str]
    actor: Mapped[str]
    tag_id: Mapped[str]
    given_at: Mapped[datetime]
    nonce: Mapped[str]


class TapFailureRow(Table):
    """How often somebody failed since `begun_at`. `key` is a keyed digest of an address or of a
    card, which nobody can turn back."""

    __tablename__ = "tap_failures"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    begun_at: Mapped[datetime] = mapped_column(index=True)
