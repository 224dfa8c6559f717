"""The bill: whole minutes, never rounded up, and our own delay costs nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.tariff import Tariff, bill, ended_at, money

EIGHT = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
PRICES = Tariff(flat_cents=100, minute_cents=3, free_min=10, most_cents=500, tax_percent=7)


def after(minutes: float) -> datetime:
    return EIGHT + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("minutes", "price", "tax"),
    [(0, 0, 0), (10, 0, 0), (10.99, 0, 0), (11, 103, 7), (60, 250, 17), (500, 500, 35)],
)
def test_whole_minutes_after_the_free_ones_and_then_the_tax(
    minutes: float, price: int, tax: int
) -> None:
    made = bill(PRICES, EIGHT, after(minutes), is_over=True)

    assert (made.price_cents, made.tax_cents, made.total_cents) == (price, tax, price + tax)
    assert made.is_most == (minutes == 500)


TIMES = st.floats(0, 2000, allow_nan=False)


@given(TIMES, TIMES, TIMES)
def test_a_bill_never_rises_with_our_delay(asked: float, delay: float, longer: float) -> None:
    request, soon = after(asked), after(asked + delay)
    late = soon + timedelta(minutes=longer)
    totals = []
    for handed_over in (soon, late):
        until, is_over = ended_at(
            late, asked_at=request, wanted_at=None, handed_over_at=handed_over
        )
        assert is_over
        totals.append(bill(PRICES, EIGHT, until, is_over=True).total_cents)
    assert totals[0] == totals[1]


@given(TIMES)
def test_a_bill_is_never_rounded_up(minutes: float) -> None:
    made = bill(PRICES, EIGHT, after(minutes), is_over=False)
    exact = min(100 + 3 * max(minutes - 10, 0), 500) if minutes > 10 else 0

    assert made.price_cents <= exact
    assert made.tax_cents <= made.price_cents * 7 / 100


def test_time_runs_until_the_driver_asks_and_for_a_booked_time_until_then() -> None:
    nothing = {"asked_at": None, "wanted_at": None, "handed_over_at": None}
    now = after(60)

    assert ended_at(now, **nothing) == (now, False)
    assert ended_at(now, **{**nothing, "asked_at": after(30)}) == (after(30), True)
    booked = {"asked_at": after(30), "wanted_at": after(90), "handed_over_at": None}
    assert ended_at(now, **booked) == (now, False)
    assert ended_at(after(95), **booked) == (after(90), True)
    assert ended_at(now, **{**booked, "handed_over_at": after(50)}) == (after(50), True)


def test_money_is_written_as_in_panama() -> None:
    assert money(1234) == "B/.\u00a012.34"
    assert money(5) == "B/.\u00a00.05"
