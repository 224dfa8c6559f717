"""Accounts with a password, and the sessions of those who signed in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class AccountRow(Table):
    """Lets a person sign in on the web. `wrong_tries` and `locked_until` outlive a restart."""

    __tablename__ = "accounts"

    person_id: Mapped[str] = mapped_column(primary_key=True)
    password_hash: Mapped[str]
    wrong_tries: Mapped[int]
    locked_until: Mapped[datetime | None]


class SessionRow(Table):
    """A signed-in browser; the cookie's token is kept as its SHA-256.

    `stage`: `open`, or what is still lacking (`server.sessions`). It ends at `expires_at`, and at
    `idle_at` unless it is used before. `how`, `network` and `browser` are for its owner to know
    it by.
    """

    __tablename__ = "sessions"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    stage: Mapped[str] = mapped_column(server_default="open")
    seen_at: Mapped[datetime | None]
    idle_at: Mapped[datetime | None]
    how: Mapped[str | None]
    network: Mapped[str | None]
    browser: Mapped[str | None]
