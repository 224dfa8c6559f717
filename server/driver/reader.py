"""Who reads a page, and how things are said to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.catalog import Catalog
from schemas.problems import Refusal
from server.local_time import clock_text

# What the page has words for; anything else is told as `problem.other`.
_TOLD = (
    "already_on_its_way",
    "booth_closed",
    "unknown_place",
    "bad_choice",
    "bad_time",
    "wrong_state",
    "reason_needed",
    "bad_photo",
    "photo_heic",
    "photo_too_large",
    "too_many_photos",
    "too_many_tries",
    "photo_store_lost",
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the language and the words in it, when, and how far ahead they may ask."""

    catalog: Catalog
    language: str
    now: datetime
    lead_s_max: int

    def say(self, key: str, **values: object) -> str:
        """The words for a key of the driver's catalog."""
        return self.catalog.text(self.language, f"driver.{key}", **values)

    def problem(self, refusal: Refusal) -> str:
        """Why something was not done."""
        return self.fault(refusal.code, **refusal.context)

    def fault(self, code: str, **context: object) -> str:
        """The words for the code of a refusal, or of what was not kept of a form."""
        key = code if code in _TOLD else "other"
        return self.say(f"problem.{key}", **context)

    def time(self, at: datetime, zone: ZoneInfo) -> str:
        """The time of day; with the day itself where that is not today."""
        local, today = at.astimezone(zone), self.now.astimezone(zone)
        clock = clock_text(self.catalog, self.language, at, zone)
        if local.date() == today.date():
            return clock
        month = self.say(f"month.{local.month}")
        return self.say("date", day=local.day, month=month, time=clock)

    def day(self, at: datetime, zone: ZoneInfo) -> str:
        """The day with its year, as it stands on paper."""
        local = at.astimezone(zone)
        month = self.say(f"month.{local.month}")
        return self.say("day", day=local.day, month=month, year=local.year)
