"""The rotating code: against the RFC's own vectors, at the turn of a step, and typed badly."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta

import pytest

from schemas.handover_code import DIGITS, STEP_S, _code, code_at, is_code

KEY = bytes(range(32))
# The beginning of a step.
NOON = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("unix_s", "number"),
    [
        (59, "46119246"),
        (1111111109, "68084774"),
        (1234567890, "91819424"),
        (2000000000, "90698825"),
    ],
)
def test_the_digits_are_the_last_of_the_rfc_6238_vectors(unix_s: int, number: str) -> None:
    # Appendix B, SHA-256: eight digits in steps of 30 s; ours are the same number cut shorter.
    secret = b"12345678901234567890123456789012"
    assert _code(secret, unix_s // 30) == number[-DIGITS:]


def test_a_code_counts_during_its_step_and_the_two_beside_it() -> None:
    code = code_at(KEY, NOON)
    counts = [
        is_code(KEY, code, NOON + timedelta(seconds=seconds))
        for seconds in (-STEP_S - 1, -STEP_S, 0, STEP_S - 1, 2 * STEP_S - 1, 2 * STEP_S)
    ]
    assert counts == [False, True, True, True, True, False]


def test_another_visit_has_another_code() -> None:
    other = hmac.digest(KEY, b"other", "sha256")
    same = sum(
        code_at(KEY, NOON + timedelta(seconds=STEP_S * n))
        == code_at(other, NOON + timedelta(seconds=STEP_S * n))
        for n in range(200)
    )
    assert same < 5


@pytest.mark.parametrize("typed", ["", "12", "١٢٣٤", "12é4", "\ud800", "0000000", "None"])
def test_anything_typed_is_answered(typed: str) -> None:
    assert is_code(KEY, typed, NOON) is False


@pytest.mark.parametrize("year", [1969, 1970, 2199])
def test_a_clock_that_was_never_set_gives_a_code_too(year: int) -> None:
    now = datetime(year, 1, 1, 0, 1, tzinfo=UTC)
    code = code_at(KEY, now)
    assert len(code) == DIGITS
    assert is_code(KEY, code, now)
