"""The versions of the tariff. One that has come into force never changes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import JSONText, Table


class TariffRow(Table):
    """Prices in cents before the tax, see `server.tariff.Tariff`, for the cars received from
    `valid_from` on, until the next version.

    `posted`: the wording that has to be posted, by language. `withdrawn_at`: taken back before it
    came into force.
    """

    __tablename__ = "tariffs"
    __table_args__ = (
        Index(
            "uq_tariffs_valid_from",
            "valid_from",
            unique=True,
            sqlite_where=text("withdrawn_at IS NULL"),
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[datetime]
    flat_cents: Mapped[int]
    minute_cents: Mapped[int]
    free_min: Mapped[int]
    most_cents: Mapped[int]
    tax_percent: Mapped[int]
    posted: Mapped[dict[str, str]] = mapped_column(JSONText)
    withdrawn_at: Mapped[datetime | None]
