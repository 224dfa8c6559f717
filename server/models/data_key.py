"""The keys that data is sealed with, themselves sealed with the master key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class DataKeyRow(Table):
    """One data key. `id`: 16 hex digits, which stand before whatever is sealed with it. The one
    that was made last seals."""

    __tablename__ = "data_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime]
