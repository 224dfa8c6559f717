"""The periods of reports that are made by themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from datetime import date as Date
from zoneinfo import ZoneInfo

import pytest

from server.report_periods import (
    LAST_MONTH,
    LAST_WEEK,
    SPANS,
    YESTERDAY,
    due_at,
    first_of,
    next_first,
    period_from,
)

PANAMA = ZoneInfo("America/Panama")


@pytest.mark.parametrize(
    ("span", "today", "first", "last"),
    [
        (YESTERDAY, "2026-11-21", "2026-11-21", "2026-11-21"),
        (LAST_WEEK, "2026-11-21", "2026-11-16", "2026-11-22"),
        (LAST_WEEK, "2026-11-16", "2026-11-16", "2026-11-22"),
        (LAST_MONTH, "2026-11-21", "2026-11-01", "2026-11-30"),
        (LAST_MONTH, "2028-02-29", "2028-02-01", "2028-02-29"),
    ],
)
def test_a_date_lies_in_one_period(span: str, today: str, first: str, last: str) -> None:
    period = period_from(span, first_of(span, Date.fromisoformat(today)))

    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)


@pytest.mark.parametrize("span", SPANS)
def test_periods_follow_each_other_without_a_gap(span: str) -> None:
    first = first_of(span, Date(2027, 12, 30))
    for _ in range(40):
        following = next_first(span, first)
        assert (following - period_from(span, first).last).days == 1
        assert first_of(span, following) == following
        first = following


@pytest.mark.parametrize(
    ("hour", "due"),
    [
        # The night is over at six, however early it is wanted.
        (0, datetime(2026, 11, 22, 11, 0, tzinfo=UTC)),
        (6, datetime(2026, 11, 22, 11, 0, tzinfo=UTC)),
        (7, datetime(2026, 11, 22, 12, 0, tzinfo=UTC)),
        (23, datetime(2026, 11, 23, 4, 0, tzinfo=UTC)),
    ],
)
def test_a_period_is_due_when_its_last_night_is_over(hour: int, due: datetime) -> None:
    assert due_at(period_from(YESTERDAY, Date(2026, 11, 21)), hour, PANAMA, 6) == due
