"""Stations: the computers at the places, who they prove to be, and when each was heard of."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class StationRow(Table):
    """One station. `public_key` is its Ed25519 key as 64 hex digits, `next_public_key` the one
    that it has announced: the first request under it makes it the key.

    `boot_id`, `journal_id`: of who spoke last. `cloned_at`: since when two machines are known to
    use its key. `turned_away_at`: when it spoke last after it was shut out.
    """

    __tablename__ = "stations"

    id: Mapped[str] = mapped_column(primary_key=True)
    place_id: Mapped[str]
    public_key: Mapped[str]
    is_revoked: Mapped[bool]
    enrolled_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    depth: Mapped[int]
    version: Mapped[str]
    key_since: Mapped[datetime | None]
    next_public_key: Mapped[str | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    revoked_reason: Mapped[str | None]
    turned_away_at: Mapped[datetime | None]
    boot_id: Mapped[str | None]
    journal_id: Mapped[str | None]
    cloned_at: Mapped[datetime | None]


class StationKeyRow(Table):
    """A public key that a station has or had: none is enrolled twice."""

    __tablename__ = "station_keys"
    __table_args__ = (Index("ix_station_keys_public_key", "public_key"),)

    station_id: Mapped[str] = mapped_column(primary_key=True)
    public_key: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]


class StationCodeRow(Table):
    """A one-time code that lets a station in, kept as a keyed digest. `used_key`: the public key
    that it let in."""

    __tablename__ = "station_codes"
    __table_args__ = (Index("ix_station_codes_station_id", "station_id"),)

    digest: Mapped[str] = mapped_column(primary_key=True)
    station_id: Mapped[str]
    place_id: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_key: Mapped[str | None]


class EnrolTryRow(Table):
    """How often a code was tried since `begun_at`, by an address or by all. `key` is a keyed
    digest."""

    __tablename__ = "enrol_tries"

    key: Mapped[str] = mapped_column(primary_key=True)
    tries: Mapped[int]
    begun_at: Mapped[datetime] = mapped_column(index=True)


class StationNonceRow(Table):
    """A signed request that was taken: the same one is not taken again."""

    __tablename__ = "station_nonces"

    station_id: Mapped[str] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]


class StationLifeRow(Table):
    """One boot of whoever uses a station's key, with one journal: from `from_ns` to `upto_ns` on
    the monotonic clock that began at `booted_at`."""

    __tablename__ = "station_lives"

    station_id: Mapped[str] = mapped_column(primary_key=True)
    boot_id: Mapped[str] = mapped_column(primary_key=True)
    journal_id: Mapped[str] = mapped_column(primary_key=True)
    booted_at: Mapped[datetime]
    from_ns: Mapped[int]
    upto_ns: Mapped[int]
