"""How the cells of a report are put into words: on the screen, in print and in files.

Reports say times by the 24-hour clock and write months out, so that no order of numbers is
guessed. Spans are said as on the other pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.catalog import Catalog
from server.models import DistrictRow, PersonRow, PlaceRow
from server.reports.day import zone_of
from server.reports.sheet import (
    HOUR,
    PERCENT,
    PERSON,
    PLACE,
    SECONDS,
    USD,
    Cell,
    Column,
    Finding,
    Sheet,
)

NO_VALUE = "–"
_NO_BREAK = "\u00a0"
_PLACES = {SECONDS: 0, HOUR: 0, USD: 2}


@dataclass(frozen=True, slots=True)
class Wording:
    """A language, the district's clock, and the names behind ids."""

    catalog: Catalog
    language: str
    zone: ZoneInfo
    district: str
    places: Mapping[str, str]
    people: Mapping[str, str]

    def t(self, key: str, /, **values: object) -> str:
        """The words for a key."""
        return self.catalog.text(self.language, key, **values)

    def cell(self, kind: str, value: Cell) -> str:
        """A cell as a person reads it; a dash for no value."""
        if value is None:
            return NO_VALUE
        if isinstance(value, bool):
            return self.t("manage.yes" if value else "manage.no")
        if isinstance(value, datetime):
            return self.moment(value)
        if isinstance(value, Date):
            return self.weekday_date(value)
        if isinstance(value, str):
            return self.named(kind, value)
        return self.number(kind, value)

    def number(self, kind: str, value: float) -> str:
        """A number with its unit, by the point that Panama writes."""
        shown = figure(kind, value)
        if kind == SECONDS:
            return span(int(shown))
        if kind == HOUR:
            return f"{shown:02d}:00"
        if kind == USD:
            return f"{'-' if shown < 0 else ''}B/.{_NO_BREAK}{abs(shown):,.2f}"
        return f"{shown:,}{_NO_BREAK}%" if kind == PERCENT else f"{shown:,}"

    def named(self, kind: str, value: str) -> str:
        """A text: the name behind an id, the words behind a catalog key, or itself."""
        if kind == PLACE:
            return self.places.get(value, value)
        if kind == PERSON:
            return self.people.get(value, value)
        return self.t(value) if value.startswith("manage.") else value

    def heading(self, column: Column) -> str:
        """What a column is called."""
        return self.t(f"manage.column.{column.key}")

    def heading_with_unit(self, column: Column) -> str:
        """The same with the unit of its bare numbers, for files."""
        units = {SECONDS: "s", PERCENT: "%", USD: "B/."}
        unit = units.get(column.kind)
        return self.heading(column) if unit is None else f"{self.heading(column)} ({unit})"

    def finding(self, found: Finding) -> str:
        """The sentence that says what was found."""
        words = {name: self.cell(kind, value) for name, (kind, value) in found.values.items()}
        return self.t(found.key, **words)

    def counted(self, sheet: Sheet) -> str:
        """`n = 1,204 visits`: how many cases are behind a sheet, and of what."""
        return f"n{_NO_BREAK}={_NO_BREAK}{sheet.n:,} {self.t(sheet.counted)}"

    def date(self, day: Date) -> str:
        """`21 nov 2026`."""
        month = self.t(f"manage.month.{day.month}")
        return _NO_BREAK.join((str(day.day), month, str(day.year)))

    def weekday(self, day: Date) -> str:
        """`sábado`."""
        return self.t(f"manage.weekday.{day.isoweekday()}")

    def weekday_date(self, day: Date) -> str:
        """`sábado 21 nov 2026`."""
        return f"{self.weekday(day)} {self.date(day)}"

    def short_day(self, day: Date) -> str:
        """`21 nov`, for an axis."""
        return f"{day.day}{_NO_BREAK}{self.t(f'manage.month.{day.month}')}"

    def span_of_days(self, first: Date, last: Date) -> str:
        """`sábado 21 nov 2026`, or `1 nov 2026 – 30 nov 2026`."""
        if first == last:
            return self.weekday_date(first)
        return f"{self.date(first)} – {self.date(last)}"

    def iso_days(self, first: str, last: str) -> str:
        """The same of two dates written YYYY-MM-DD."""
        return self.span_of_days(Date.fromisoformat(first), Date.fromisoformat(last))

    def moment(self, at: datetime) -> str:
        """`21 nov 2026, 18:05`."""
        local = at.astimezone(self.zone)
        return f"{self.date(local.date())}, {local:%H:%M}"

    def iso(self, at: datetime) -> str:
        """Local time with its offset for machines, to the second."""
        return at.astimezone(self.zone).isoformat(timespec="seconds")


def span(span_s: int) -> str:
    """Whole seconds as `45 s`, `6 min 10 s`, `1 h 5 min` or `-2 min`."""
    sign, rest = ("-", -span_s) if span_s < 0 else ("", span_s)
    minutes, seconds = divmod(rest, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (seconds if hours == 0 else 0, "s")]
    words = [f"{count}{_NO_BREAK}{unit}" for count, unit in parts if count]
    return sign + (" ".join(words) or f"0{_NO_BREAK}s")


def figure(kind: str, value: float) -> int | float:
    """The number that is shown for a value, on the screen and in every file: whole seconds and
    hours, cents, and else at most one place."""
    rounded = round(float(value), _PLACES.get(kind, 1))
    return int(rounded) if rounded == int(rounded) else rounded


def read_wording(session: Session, catalog: Catalog, language: str) -> Wording:
    """The wording of a language with the district's present names."""
    return Wording(
        catalog=catalog,
        language=language,
        zone=zone_of(session),
        district=session.scalar(select(DistrictRow.name)) or "",
        places={row.id: row.name for row in session.execute(select(PlaceRow.id, PlaceRow.name))},
        people={row.id: row.name for row in session.execute(select(PersonRow.id, PersonRow.name))},
    )
