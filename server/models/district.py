"""The district and what it is made of. `version` is the district version of the last change."""

from __future__ import annotations

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import JSONText, Table


class DistrictRow(Table):
    """One row. `version` rises with every change: it is the cursor of all stations, and
    whoever raises it holds the row until the commit, so versions become visible in order."""

    __tablename__ = "districts"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    timezone: Mapped[str]
    is_illustrative: Mapped[bool]
    version: Mapped[int]


class Mirrored(Table):
    """What every station holds a copy of, by id."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(index=True)


class PlaceRow(Mirrored):
    """A booth or a lot, see `schemas.district.Place`."""

    __tablename__ = "places"

    kind: Mapped[str]
    name: Mapped[str]
    letter: Mapped[str]
    x_m: Mapped[int]
    y_m: Mapped[int]
    hooks: Mapped[int]
    kerb_spaces: Mapped[int]
    stalls: Mapped[int]
    is_open: Mapped[bool]


class PersonRow(Mirrored):
    """Somebody who works here. A badge belongs to one person at a time."""

    __tablename__ = "people"
    __table_args__ = (
        Index(
            "uq_people_badge_tag",
            "badge_tag",
            unique=True,
            sqlite_where=text("badge_tag IS NOT NULL"),
            postgresql_where=text("badge_tag IS NOT NULL"),
        ),
    )

    name: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(JSONText)
    badge_tag: Mapped[str | None]
    is_active: Mapped[bool]


class TagRow(Mirrored):
    """An enrolled tag."""

    __tablename__ = "tags"

    kind: Mapped[str]
    label: Mapped[str]


class TravelRow(Table):
    """Seconds from one place to another, with a car and without."""

    __tablename__ = "travel"

    from_place_id: Mapped[str] = mapped_column(primary_key=True)
    to_place_id: Mapped[str] = mapped_column(primary_key=True)
    drive_s: Mapped[int]
    empty_s: Mapped[int]
