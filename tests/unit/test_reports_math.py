"""The arithmetic of the reports: days, quantiles, waits, promises, and cells of a CSV."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.problems import Refusal
from server.manager.csv_file import harmless, written
from server.reports.day import Day, day_at, day_of, parse_date
from server.reports.figures import Share, concerns, count
from server.reports.quantile import MEDIAN, NINETIETH, nearest_rank
from server.reports.visit_lines import VisitLine

PANAMA = ZoneInfo("America/Panama")
DAY = day_of(date(2026, 11, 20), PANAMA, 6)
NINE = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def line(**changes: object) -> VisitLine:
    """A car received at Herrera at nine in the evening, changed."""
    plain = VisitLine(
        id="v",
        code="H-0001",
        state="at_booth",
        car="at_booth",
        booth_id="herrera",
        place_id="herrera",
        guest_ref="g",
        received_at=NINE,
        parked_at=None,
        ready_at=None,
        handed_over_at=None,
        proof=None,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def asked(ready_after_s: int | None, **changes: object) -> VisitLine:
    """A car asked for at nine at Bolívar, ready so many seconds later."""
    ready_at = None if ready_after_s is None else NINE + timedelta(seconds=ready_after_s)
    return line(
        request_id="r",
        request_booth_id="bolivar",
        requested_at=NINE,
        is_waiting=ready_at is None,
        ready_at=ready_at,
        **changes,
    )


def test_a_night_belongs_to_the_evening_on_which_it_began() -> None:
    five_in_the_morning = datetime(2026, 11, 21, 5, 59, 59, tzinfo=PANAMA)

    assert day_at(five_in_the_morning, PANAMA, 6) == DAY
    assert day_at(five_in_the_morning + timedelta(seconds=1), PANAMA, 6).date == date(2026, 11, 21)


def test_a_day_is_half_open_and_in_utc() -> None:
    assert (DAY.start, DAY.end) == (
        datetime(2026, 11, 20, 11, 0, tzinfo=UTC),
        datetime(2026, 11, 21, 11, 0, tzinfo=UTC),
    )
    assert DAY.holds(DAY.start)
    assert not DAY.holds(DAY.end)
    assert not DAY.holds(None)


def test_a_day_with_a_change_of_the_clock_has_an_hour_less() -> None:
    day = day_of(date(2026, 3, 7), ZoneInfo("America/New_York"), 6)

    assert day.end - day.start == timedelta(hours=23)


@pytest.mark.parametrize("text", ["", "21/11/2026", "2026-13-01", "0001-01-01", "9999-12-31"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="bad_time"):
        parse_date(text)


def test_no_values_have_no_quantile() -> None:
    assert nearest_rank([], MEDIAN) is None


@pytest.mark.parametrize(
    ("values", "median", "ninetieth"),
    [
        ([7], 7, 7),
        ([1, 2], 1, 2),
        ([3, 1, 2], 2, 3),
        ([4, 3, 2, 1], 2, 4),
        (list(range(1, 11)), 5, 9),
        (list(range(1, 12)), 6, 10),
    ],
)
def test_a_quantile_is_the_value_at_its_rank(
    values: list[int], median: int, ninetieth: int
) -> None:
    assert nearest_rank(values, MEDIAN) == median
    assert nearest_rank(values, NINETIETH) == ninetieth


@given(st.lists(st.integers(0, 10**6), min_size=1), st.integers(1, 100))
def test_a_quantile_is_the_least_value_that_enough_do_not_exceed(
    values: list[int], percent: int
) -> None:
    found = nearest_rank(values, percent)

    assert found is not None
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_a_wait_is_whole_seconds_from_the_request() -> None:
    visit = asked(90, parked_at=None)

    assert replace(visit, ready_at=NINE + timedelta(seconds=90.9)).wait_s == 90


def test_a_wait_begins_at_the_time_that_was_asked_for() -> None:
    later = NINE + timedelta(minutes=30)

    assert asked(45 * 60, wanted_at=later).wait_s == 15 * 60
    assert asked(20 * 60, wanted_at=later).wait_s == 0
    assert asked(60, wanted_at=NINE - timedelta(minutes=1)).wait_s == 60


def test_a_car_that_nobody_asked_for_or_that_is_not_ready_has_no_wait() -> None:
    assert line(ready_at=NINE).wait_s is None
    assert asked(None).wait_s is None


def test_a_promise_is_kept_up_to_its_last_second() -> None:
    by = NINE + timedelta(minutes=10)

    assert asked(600, first_ready_by=by).kept_first is True
    assert asked(601, first_ready_by=by).kept_first is False
    assert asked(600).kept_first is None


def test_percentages_are_rounded_down_and_none_of_nothing() -> None:
    assert Share(199, 200).percent == 99
    assert Share(2, 2).percent == 100
    assert Share(0, 0).percent is None


def test_figures_count_each_car_where_it_belongs() -> None:
    lines = [
        asked(300, handed_over_at=NINE + timedelta(minutes=9), place_id="bolivar"),
        asked(600, first_ready_by=NINE + timedelta(minutes=9)),
        line(received_at=DAY.start - timedelta(hours=1)),
    ]
    now = NINE + timedelta(hours=1)

    everywhere = count(lines, DAY, now, None)
    herrera, bolivar = (count(lines, DAY, now, booth) for booth in ("herrera", "bolivar"))

    assert (everywhere.inside, everywhere.received, everywhere.handed_over) == (2, 2, 1)
    assert (everywhere.waits_n, everywhere.wait_median_s, everywhere.wait_p90_s) == (2, 300, 600)
    assert everywhere.kept_first == Share(0, 1)
    assert (herrera.received, herrera.handed_over, herrera.waits_n) == (2, 0, 0)
    assert (bolivar.received, bolivar.handed_over, bolivar.waits_n) == (0, 1, 2)


def test_a_car_is_inside_from_its_reception_until_it_is_handed_over() -> None:
    visit = line(handed_over_at=NINE + timedelta(hours=1))

    assert not visit.is_inside(NINE)
    assert visit.is_inside(NINE + timedelta(hours=1))
    assert not visit.is_inside(NINE + timedelta(hours=1, microseconds=1))


def test_late_is_against_the_first_promise_and_again_against_the_last() -> None:
    first, last = NINE + timedelta(minutes=10), NINE + timedelta(minutes=20)
    waiting = asked(None, first_ready_by=first, last_ready_by=last)

    def late(at: datetime) -> tuple[int, int]:
        figures = count([waiting], DAY, at, None)
        return figures.late, figures.late_again

    assert late(first) == (0, 0)
    assert late(first + timedelta(seconds=1)) == (1, 0)
    assert late(last + timedelta(seconds=1)) == (1, 1)


def test_an_old_day_counts_who_was_inside_at_its_end() -> None:
    stayed = line(handed_over_at=DAY.end + timedelta(hours=2))

    assert count([stayed], DAY, DAY.end + timedelta(days=3), None).inside == 1


def test_a_visit_concerns_the_booths_it_was_received_asked_for_and_handed_over_at() -> None:
    visit = asked(60, handed_over_at=NINE + timedelta(minutes=9), place_id="francia")

    assert [concerns(visit, booth) for booth in (None, "herrera", "bolivar", "francia", "x")] == [
        True,
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx"])
def test_a_cell_that_a_spreadsheet_would_calculate_is_made_text(cell: str) -> None:
    assert harmless(cell) == "'" + cell


def test_csv_is_marked_as_utf8_and_quoted() -> None:
    content = b"".join(written([["placa", "caseta"], ["AB1234", 'Plaza "Bolívar", 2']]))

    assert content.decode("utf-8-sig").split("\r\n") == [
        "placa,caseta",
        'AB1234,"Plaza ""Bolívar"", 2"',
        "",
    ]
    assert content.startswith(b"\xef\xbb\xbf")


def test_a_day_that_is_over_is_told_up_to_its_own_end() -> None:
    assert DAY.upto(NINE) == NINE
    assert DAY.upto(DAY.end + timedelta(days=1)) == DAY.end
    assert isinstance(DAY, Day)
