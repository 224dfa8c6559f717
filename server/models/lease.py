"""Leases: who of several processes does what only one should do."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class LeaseRow(Table):
    """The lease of one piece of work. `holder` has it until `until`, by the database's clock.

    `epoch` rises whenever it changes hands or had run out: whoever has an older one has lost it.
    """

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    epoch: Mapped[int]
    until: Mapped[datetime]
