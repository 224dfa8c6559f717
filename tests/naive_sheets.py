"""The sheets of all reports, counted anew from `tests.naive_district` by plain loops."""

from __future__ import annotations

from datetime import date, datetime

from tests.naive_care import held, incidents, keys
from tests.naive_cars import kerb, lots, promises, volume, waits
from tests.naive_days import Days, Told
from tests.naive_district import District
from tests.naive_work import messages, runners, stations


def expected(
    district: District, first: date, last: date, booth: str | None, lot: str | None, now: datetime
) -> dict[str, Told]:
    """By sheet: n, rows, and the values of the finding."""
    days = Days(district, first, last, booth, lot)
    made: dict[str, Told] = {}
    for part in (volume, waits, promises, runners, kerb, keys, incidents, messages):
        made.update(part(days, days.before()))
    made.update(held(days, days.before()))
    made.update(stations(days, days.before()))
    made.update(lots(days, days.before(), now))
    return made
