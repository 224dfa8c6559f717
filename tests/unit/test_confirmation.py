"""The policy against phantom tags."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reader_agent.confirmation import Confirmation, Mode, Verdict

MS = 1_000_000
TAG = "em4100:010063E9AE"
PHANTOMS = [
    f"em4100:{text[:10]}"
    for text in json.loads(
        (Path(__file__).parents[1] / "data" / "em125.json").read_text(encoding="utf-8")
    )["phantoms"]["text_forms"]
]


def confirmation(mode: Mode, *enrolled: str) -> Confirmation:
    return Confirmation(mode, lambda tag: tag in enrolled)


@pytest.mark.parametrize("phantom", PHANTOMS)
@pytest.mark.parametrize("mode", list(Mode))
def test_one_read_of_a_phantom_is_never_confirmed(phantom: str, mode: Mode) -> None:
    assert confirmation(mode, TAG).judge(phantom, 0, None) is not Verdict.CONFIRMED


@pytest.mark.parametrize("mode", list(Mode))
def test_zeros_are_a_phantom_however_often_read_and_even_if_enrolled(mode: Mode) -> None:
    zeros = "em4100:0000000000"
    assert confirmation(mode, zeros).judge(zeros, 65 * MS, 0) is Verdict.PHANTOM


@pytest.mark.parametrize(
    ("mode", "enrolled", "gap_ms", "verdict"),
    [
        (Mode.REPEATING, False, None, Verdict.UNCONFIRMED),
        (Mode.REPEATING, True, None, Verdict.UNCONFIRMED),
        (Mode.REPEATING, False, 65, Verdict.CONFIRMED),
        (Mode.REPEATING, False, 300, Verdict.CONFIRMED),
        (Mode.REPEATING, False, 301, Verdict.UNCONFIRMED),
        (Mode.SINGLE, False, None, Verdict.UNCONFIRMED),
        (Mode.SINGLE, True, None, Verdict.CONFIRMED),
        (Mode.SINGLE, False, 65, Verdict.UNCONFIRMED),
        (Mode.AUTO, False, None, Verdict.UNCONFIRMED),
        (Mode.AUTO, True, None, Verdict.CONFIRMED),
        (Mode.AUTO, False, 65, Verdict.CONFIRMED),
        (Mode.AUTO, False, 301, Verdict.UNCONFIRMED),
    ],
)
def test_a_read_is_confirmed_by_the_proof_that_the_mode_asks_for(
    mode: Mode, enrolled: bool, gap_ms: int | None, verdict: Verdict
) -> None:
    policy = confirmation(mode, TAG) if enrolled else confirmation(mode)
    previous_ns = None if gap_ms is None else 1000 * MS - gap_ms * MS
    assert policy.judge(TAG, 1000 * MS, previous_ns) is verdict
