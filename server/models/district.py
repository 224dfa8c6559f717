"""The district and what it is made of. `version` is the district version of the last change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Index, false, text, true
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapped, mapped_column

from schemas.district import TAG_ACTIVE
from schemas.hours import Hours, hours_of
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


class HoursText(JSONText):
    """Opening hours, kept as JSON and read back as `Hours`."""

    cache_ok = True

    def process_bind_param(self, value: Sequence[Hours] | None, dialect: Dialect) -> str | None:
        """Write them down."""
        documents = None if value is None else [asdict(each) for each in value]
        return super().process_bind_param(documents, dialect)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[Hours, ...]:
        """Read them back."""
        return hours_of(super().process_result_value(value, dialect) or ())


class PlaceRow(Mirrored):
    """A booth or a lot, see `schemas.district.Place`.

    `archived_at`: no longer in use, and in no list. `edited_at`: when an administrator last
    changed it here; from then on the district file says nothing of it any more. The same holds
    for people and closures.
    """

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
    rows: Mapped[list[list[str]]] = mapped_column(JSONText, server_default="[]")
    hours: Mapped[tuple[Hours, ...]] = mapped_column(HoursText, server_default="[]")
    staging_spaces: Mapped[int] = mapped_column(server_default="0")
    archived_at: Mapped[datetime | None]
    edited_at: Mapped[datetime | None]


class PersonRow(Mirrored):
    """Somebody who works here. A badge belongs to one person at a time.

    `badge_event`, `badge_at`: the last enrolment that named this person, null while the badge
    is the district file's word. `wait_place_id`: where a runner without a car is told to wait,
    since `wait_since`.
    """

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
    badge_event: Mapped[str | None]
    badge_at: Mapped[datetime | None]
    may_drive: Mapped[bool] = mapped_column(server_default=true())
    licences: Mapped[list[str] | None] = mapped_column(JSONText)
    licence_until: Mapped[str | None]
    breaks: Mapped[list[dict[str, str]]] = mapped_column(JSONText, server_default="[]")
    wait_place_id: Mapped[str | None]
    wait_since: Mapped[datetime | None]
    edited_at: Mapped[datetime | None]


class TagRow(Mirrored):
    """An enrolled tag, see `schemas.district.Tag`.

    `is_original`: whether its maker's signature holds, null where nobody could say.
    `enrolled_event`: the enrolment that says what it is, null while that is the file's word.
    """

    __tablename__ = "tags"

    kind: Mapped[str]
    label: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=TAG_ACTIVE)
    is_secure: Mapped[bool] = mapped_column(server_default=false())
    is_original: Mapped[bool | None]
    enrolled_event: Mapped[str | None]


class ClosureRow(Table):
    """When a place or a way is shut for cars, see `schemas.district.Closure`."""

    __tablename__ = "closures"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    place_id: Mapped[str | None]
    from_place_id: Mapped[str | None]
    to_place_id: Mapped[str | None]
    from_at: Mapped[datetime | None]
    until_at: Mapped[datetime | None]
    weekdays: Mapped[list[int]] = mapped_column(JSONText)
    from_time: Mapped[str | None]
    until_time: Mapped[str | None]
    is_active: Mapped[bool]
    edited_at: Mapped[datetime | None]


class TravelRow(Table):
    """Seconds from one place to another, with a car and without."""

    __tablename__ = "travel"

    from_place_id: Mapped[str] = mapped_column(primary_key=True)
    to_place_id: Mapped[str] = mapped_column(primary_key=True)
    drive_s: Mapped[int]
    empty_s: Mapped[int]
