"""The periods of a report that is made by itself: which days, and from when on it is due."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from datetime import date as Date
from zoneinfo import ZoneInfo

from server.reports.asked import Range

YESTERDAY = "yesterday"
LAST_WEEK = "last_week"
LAST_MONTH = "last_month"
SPANS = (YESTERDAY, LAST_WEEK, LAST_MONTH)


def period_from(span: str, first: Date) -> Range:
    """The period that begins with a date: a day, a week from Monday, or a month from the 1st."""
    days = {YESTERDAY: 1, LAST_WEEK: 7}.get(span)
    if days is None:
        days = calendar.monthrange(first.year, first.month)[1]
    return Range(first, first + timedelta(days=days - 1))


def first_of(span: str, today: Date) -> Date:
    """The first date of the period that a date lies in."""
    if span == LAST_WEEK:
        return today - timedelta(days=today.weekday())
    return today.replace(day=1) if span == LAST_MONTH else today


def next_first(span: str, first: Date) -> Date:
    """The first date of the period after the one that begins with `first`."""
    return period_from(span, first).last + timedelta(days=1)


def due_at(period: Range, at_hour: int, zone: ZoneInfo, starts_hour: int) -> datetime:
    """From when on (UTC) a period is made: at the wanted local hour after its last night, which
    may end later than that hour."""
    ended = period.span(zone, starts_hour).end
    date = period.last + timedelta(days=1)
    wanted = datetime(date.year, date.month, date.day, at_hour, tzinfo=zone).astimezone(UTC)
    return max(ended, wanted)
