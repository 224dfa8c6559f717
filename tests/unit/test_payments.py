"""Amounts as people write them."""

from __future__ import annotations

import pytest

from schemas.problems import Refusal
from server.payments import read_cents


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("2.67", 267),
        ("2,67", 267),
        (" 3 ", 300),
        ("B/. 0.05", 5),
        ("-1.50", -150),
        ("10000", 10**6),
    ],
)
def test_an_amount_is_read_to_the_cent(text: str, cents: int) -> None:
    assert read_cents(text) == cents


@pytest.mark.parametrize(
    "text", ["", "0", "0.00", "1.5", "2.671", "10000.01", "1e3", "\u0661", "x"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_cents(text)

    assert refused.value.code == "bad_amount"
