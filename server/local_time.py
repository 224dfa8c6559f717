"""Times as people in the district read them: `10:21 p. m.` or `10:21 pm`."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.catalog import Catalog

_NO_BREAK = "\u00a0"


def clock_text(catalog: Catalog, language: str, at: datetime, zone: ZoneInfo) -> str:
    """An aware time as twelve-hour words; its parts never break over two lines."""
    local = at.astimezone(zone)
    return f"{_digits(local)}{_NO_BREAK}{_half(catalog, language, local)}"


def window_text(
    catalog: Catalog, language: str, start: datetime, end: datetime, zone: ZoneInfo
) -> str:
    """A window of time as `10:21 – 10:29 p. m.`; what both ends share is said once."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    ending = clock_text(catalog, language, end, zone)
    if _digits(first) == _digits(last):
        return ending
    same_half = (first.hour < 12) == (last.hour < 12)
    opening = _digits(first) if same_half else clock_text(catalog, language, start, zone)
    return f"{opening}{_NO_BREAK}– {ending}"


def _digits(local: datetime) -> str:
    return f"{local.hour % 12 or 12}:{local.minute:02d}"


def _half(catalog: Catalog, language: str, local: datetime) -> str:
    words = catalog.text(language, "time.am" if local.hour < 12 else "time.pm")
    return words.replace(" ", _NO_BREAK)
