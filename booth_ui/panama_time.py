"""Times as they are read in Panama: `10:21 p. m.`, always five hours behind UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from schemas.catalog import Catalog

# America/Panama has had no daylight saving since 1908, and a station may lack a zone database.
PANAMA = timezone(timedelta(hours=-5), "America/Panama")
NARROW = "\u00a0"
NIGHT_FROM_HOUR, NIGHT_TO_HOUR = 18, 6


def clock_words(words: Catalog, language: str, at: datetime) -> str:
    """An aware time as twelve-hour words in a language; its parts never break over lines."""
    local = at.astimezone(PANAMA)
    half = words.text(language, "time.am" if local.hour < 12 else "time.pm")
    hour = local.hour % 12 or 12
    return f"{hour}:{local.minute:02d}{NARROW}{half.replace(' ', NARROW)}"


def is_night(at: datetime) -> bool:
    """Whether the dark theme is the better one at this time, where nobody chose."""
    hour = at.astimezone(PANAMA).hour
    return hour >= NIGHT_FROM_HOUR or hour < NIGHT_TO_HOUR


def age_words(words: Catalog, language: str, age_s: float | None) -> str:
    """A duration in seconds as `12 s`, `4 min` or `3 h`; None as "never"."""
    if age_s is None:
        return words.text(language, "time.never")
    if age_s < 90:
        return words.text(language, "time.seconds", count=int(age_s))
    if age_s < 5400:
        return words.text(language, "time.minutes", count=round(age_s / 60))
    return words.text(language, "time.hours", count=round(age_s / 3600))
