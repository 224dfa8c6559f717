"""Visits: the fold of their events, one row each."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas import states
from server.models.table import JSONText, Table

_LIVE = "is_open AND NOT tag_shared"
STAYED_LONG = {
    "sqlite": "julianday(handed_over_at) - julianday(received_at) > 1",
    "postgresql": "handed_over_at - received_at > interval '1 day'",
}
"""By database: a car was here for more than a day. Written just so, a query goes by its index."""


class VisitRow(Table):
    """One car's stay, see `schemas.visit.Visit`. `conflicts`: pairs of event id and reason.

    `is_grounded`: nobody may drive the car. `handling`: what a runner has to know of it.
    `leaves_at`: when its driver thought, at reception, to want it back.

    `tag_shared`: another open visit claims one of its tags, so both are held. The partial
    unique indexes keep a tag on at most one open visit otherwise. `known_version`: the district's
    version at which the visit became known, 0 where nobody can say.
    """

    __tablename__ = "visits"
    __table_args__ = (
        Index(
            "uq_visits_key_tag_live",
            "key_tag",
            unique=True,
            sqlite_where=text(_LIVE),
            postgresql_where=text(_LIVE),
        ),
        Index(
            "uq_visits_claim_tag_live",
            "claim_tag",
            unique=True,
            sqlite_where=text(f"{_LIVE} AND claim_tag IS NOT NULL"),
            postgresql_where=text(f"{_LIVE} AND claim_tag IS NOT NULL"),
        ),
        Index("ix_visits_key_tag", "key_tag", "received_at"),
        Index("ix_visits_claim_tag", "claim_tag", "received_at"),
        Index("ix_visits_received_at", "received_at"),
        Index("ix_visits_ready_at", "ready_at"),
        Index("ix_visits_handed_over_at", "handed_over_at", "received_at"),
        Index(
            "ix_visits_stayed_long",
            "handed_over_at",
            sqlite_where=text(STAYED_LONG["sqlite"]),
            postgresql_where=text(STAYED_LONG["postgresql"]),
        ),
        Index(
            "ix_visits_open",
            "version",
            sqlite_where=text("is_open"),
            postgresql_where=text("is_open"),
        ),
        Index(
            "ix_visits_closed",
            "version",
            "known_version",
            sqlite_where=text("NOT is_open"),
            postgresql_where=text("NOT is_open"),
        ),
        CheckConstraint("key_holder_kind IN ('guest', 'hook', 'person')", "key_holder_kind"),
        CheckConstraint("(key_holder_kind = 'guest') = (key_holder_id IS NULL)", "key_holder_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(index=True)
    state: Mapped[str]
    car: Mapped[str]
    is_open: Mapped[bool]
    tag_shared: Mapped[bool]
    booth_id: Mapped[str]
    place_id: Mapped[str]
    destination_id: Mapped[str | None]
    stall: Mapped[str | None]
    key_tag: Mapped[str]
    claim_tag: Mapped[str | None]
    key_holder_kind: Mapped[str]
    key_holder_id: Mapped[str | None]
    guest_ref: Mapped[str]
    guest_digest: Mapped[str]
    language: Mapped[str]
    step: Mapped[int]
    conflicts: Mapped[list[list[str]]] = mapped_column(JSONText)
    received_by: Mapped[str]
    received_at: Mapped[datetime]
    parked_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None]
    handed_over_at: Mapped[datetime | None]
    handed_over_by: Mapped[str | None]
    proof: Mapped[str | None]
    is_grounded: Mapped[bool] = mapped_column(server_default=false())
    handling: Mapped[list[str]] = mapped_column(JSONText, server_default="[]")
    leaves_at: Mapped[datetime | None]
    version: Mapped[int]
    known_version: Mapped[int] = mapped_column(server_default=text("0"))

    @property
    def shown_state(self) -> str:
        """The state that people are shown: a visit whose tag another one claims is held."""
        return states.HELD if self.tag_shared else self.state
