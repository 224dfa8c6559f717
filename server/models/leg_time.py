"""Travel times as the district's own drives have shown them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class LegTimeRow(Table):
    """Seconds from one place to another as they are in the hour at `learned_at`.

    The same meaning as in the district file (`TravelRow`): `drive_s` without the handling that the
    settings add to each drive. `drives`, `empties`: on how many ways of just this leg it rests.
    """

    __tablename__ = "leg_times"

    from_place_id: Mapped[str] = mapped_column(primary_key=True)
    to_place_id: Mapped[str] = mapped_column(primary_key=True)
    drive_s: Mapped[int]
    empty_s: Mapped[int]
    drives: Mapped[int]
    empties: Mapped[int]
    learned_at: Mapped[datetime]
