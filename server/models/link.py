"""Links: the driver's page behind a token."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, false
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class LinkRow(Table):
    """A token (kept as its SHA-256) that opens the page of one visit until `expires_at`.

    `by_tap`: it stands for a tap of the claim card, lives in a cookie, and never shows what
    releases the car. `share_nonce`: the driver has made it for somebody else, who sees less, and
    what releases the car only if `may_fetch`; its token is derived from the nonce.
    """

    __tablename__ = "links"
    __table_args__ = (Index("ix_links_visit_id", "visit_id"),)

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    visit_id: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    by_tap: Mapped[bool] = mapped_column(server_default=false())
    share_nonce: Mapped[str | None]
    may_fetch: Mapped[bool] = mapped_column(server_default=false())
