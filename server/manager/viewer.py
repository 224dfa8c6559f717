"""Who reads a manager's page: in which language, by which clock, with which place names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.catalog import LANGUAGES, Catalog, pick_language
from server.app import Services
from server.guarding import cookies
from server.models import DistrictRow, PlaceRow
from server.reports.day import zone_of

_KEEP_S = 365 * 24 * 3600
_COOKIE = "language"
_NO_BREAK = "\u00a0"


@dataclass(frozen=True, slots=True)
class Viewer:
    """What templates call to put keys, times and ids into words."""

    catalog: Catalog
    language: str
    zone: ZoneInfo
    district: str
    places: Mapping[str, PlaceRow]

    def t(self, key: str, /, **values: object) -> str:
        """The words for a key in this viewer's language."""
        return self.catalog.text(self.language, key, **values)

    def time(self, at: datetime) -> str:
        """A time of day, by 24 hours: `18:05`."""
        return f"{at.astimezone(self.zone):%H:%M}"

    def window(self, start: datetime, end: datetime) -> str:
        """A window of time on one day: `18:05–18:20`."""
        first, last = self.time(start), self.time(end)
        return last if first == last else f"{first}–{last}"

    def date(self, day: Date) -> str:
        """`sábado 21 nov 2026`: written out, so that no order of numbers is guessed."""
        week_day = self.t(f"manage.weekday.{day.isoweekday()}")
        return f"{week_day} {self.short_date(day)}"

    def date_of(self, text: str) -> str:
        """The same of a date in an address; the text itself if it is none."""
        try:
            return self.date(Date.fromisoformat(text))
        except ValueError:
            return text

    def short_date(self, day: Date) -> str:
        """`21 nov 2026`."""
        month = self.t(f"manage.month.{day.month}")
        return _NO_BREAK.join((str(day.day), month, str(day.year)))

    def day_of(self, at: datetime) -> str:
        """The date on which something was."""
        return self.short_date(at.astimezone(self.zone).date())

    def moment(self, at: datetime) -> str:
        """Date and time."""
        return f"{self.day_of(at)}, {self.time(at)}"

    def iso(self, at: datetime | None) -> str:
        """Local time with its offset for machines, to the second; empty for no time."""
        return "" if at is None else at.astimezone(self.zone).isoformat(timespec="seconds")

    def seconds(self, at: datetime) -> str:
        """A time of day to the second, for a timeline."""
        return f"{at.astimezone(self.zone):%H:%M:%S}"

    def span(self, span_s: int | None) -> str:
        """Whole seconds as `45 s`, `6 min 10 s` or `1 h 5 min`; a dash for no value."""
        if span_s is None:
            return "–"
        minutes, seconds = divmod(span_s, 60)
        hours, minutes = divmod(minutes, 60)
        parts = [(hours, "h"), (minutes, "min"), (seconds if hours == 0 else 0, "s")]
        words = [f"{count}{_NO_BREAK}{unit}" for count, unit in parts if count]
        return " ".join(words) or f"0{_NO_BREAK}s"

    def place(self, place_id: str | None) -> str:
        """A place's name; its id if nobody knows it, a dash for none."""
        if place_id is None:
            return "–"
        row = self.places.get(place_id)
        return place_id if row is None else row.name

    def of_kind(self, kind: str) -> list[PlaceRow]:
        """The places of a kind by name."""
        rows = [row for row in self.places.values() if row.kind == kind]
        return sorted(rows, key=lambda row: row.name)

    def fault(self, code: str) -> str:
        """Why a message did not go out; a carrier's own code stays as it is."""
        key = f"manage.fault.{code}"
        words = self.t(key)
        return code if words == key else words

    def reason(self, reason: str) -> str:
        """Why a fact does not fit; most reasons are made of an event and the car's state."""
        event, is_pair, state = reason.rpartition("_when_")
        if not is_pair:
            return self.t(f"manage.clash.{reason}")
        return self.t(
            "manage.clash.when",
            event=self.t(f"manage.event.{event.replace('_', '.', 1)}"),
            state=self.t(f"manage.state.{state}"),
        )


def viewer_of(asked: Request, found: Services) -> Viewer:
    """The language that was chosen, or else the browser's; the district's clock and places."""

    def read(session: Session) -> tuple[ZoneInfo, str, dict[str, PlaceRow]]:
        name = session.scalar(select(DistrictRow.name)) or ""
        places = {row.id: row for row in session.scalars(select(PlaceRow))}
        return zone_of(session), name, places

    zone, district, places = found.database.read(read)
    return Viewer(found.catalog, language_of(asked), zone, district, places)


def language_of(asked: Request) -> str:
    """The language that was chosen, or else the browser's."""
    said = asked.headers.get("Accept-Language", "")
    return pick_language(cookies.read(asked, _COOKIE), said)


def keep_language(asked: Request, answer: Response, language: str) -> None:
    """Remember a chosen language; what is none is ignored."""
    if language in LANGUAGES:
        cookies.give(asked, answer, _COOKIE, language, _KEEP_S)
