"""Stations: the computers at the places, and when each was last heard of."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class StationRow(Table):
    """One station. `public_key` is its Ed25519 key as 64 hex digits."""

    __tablename__ = "stations"

    id: Mapped[str] = mapped_column(primary_key=True)
    place_id: Mapped[str]
    public_key: Mapped[str]
    is_revoked: Mapped[bool]
    enrolled_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    depth: Mapped[int]
    version: Mapped[str]
