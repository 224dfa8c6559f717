"""Windows learn how late cars are: nine in ten hold, also while everything gets slower."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator

import pytest

from server.conformal import Aim, Level, level, next_missed

AIM = Aim(missed=0.1, step=0.02, assumed=20)
MEMORY = 300


def played(
    late: Callable[[int, random.Random], float], cars: int, aim: Aim = AIM, seed: int = 1
) -> Iterator[tuple[bool, Level]]:
    """For car after car, whether its window held and the level after it. `late`: its score."""
    dice = random.Random(seed)
    scores: deque[float] = deque(maxlen=MEMORY)
    now = Level(aim.missed)
    for number in range(cars):
        score = late(number, dice)
        was_kept = score <= now.width
        scores.append(score)
        now = level(scores, next_missed(now.missed, aim, was_kept=was_kept), aim)
        yield was_kept, now


def share(kept: list[bool]) -> float:
    """How many held."""
    return sum(kept) / len(kept)


def ordinary(_number: int, dice: random.Random) -> float:
    """Late and early alike, a tail to the late side."""
    return dice.gauss(0, 0.6) + dice.expovariate(4)


def test_before_anything_was_learned_a_window_is_the_slack_of_the_settings() -> None:
    assert Level(0.1) == Level(missed=0.1, middle=0.0, width=1.0)
    # The first outcome moves little: it is one beside twenty that are assumed.
    one = level([0.0], 0.1, AIM)
    assert 0.8 < one.width < 1.3
    assert one.middle == 0.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nine_in_ten_hold_on_ordinary_evenings(seed: int) -> None:
    kept = [was_kept for was_kept, _ in played(ordinary, 2000, seed=seed)]
    assert 0.88 <= share(kept[300:]) <= 0.92


def test_windows_are_no_wider_than_they_need_be() -> None:
    *_, (_, now) = played(ordinary, 1500)
    dice = random.Random(9)
    exact = sorted(ordinary(0, dice) for _ in range(20_000))[18_000]
    assert now.width == pytest.approx(exact, abs=0.3)


def test_when_everything_gets_slower_nine_in_ten_hold_again_where_fixed_windows_do_not() -> None:
    def slower(number: int, dice: random.Random) -> float:
        return ordinary(number, dice) + (1.5 if number >= 1000 else 0)

    adaptive = [was_kept for was_kept, _ in played(slower, 1600)]
    fixed = list(played(ordinary, 1000))[-1][1].width
    dice = random.Random(4)
    as_before = [slower(1000, dice) <= fixed for _ in range(600)]
    assert share(as_before) < 0.5
    assert share(adaptive[1000:1200]) >= 0.8
    assert share(adaptive[1200:]) >= 0.88


def test_a_slow_drift_is_followed() -> None:
    kept = [
        was_kept
        for was_kept, _ in played(lambda number, dice: ordinary(0, dice) + number / 1000, 2000)
    ]
    assert 0.88 <= share(kept[300:]) <= 0.92


def test_the_middle_follows_the_mean_and_starts_at_the_plan() -> None:
    assert level([], 0.1, AIM).middle == 0.0
    assert level([1.0] * 20, 0.1, AIM).middle == pytest.approx(0.5)
    assert level([1.0] * 300, 0.1, AIM).middle == pytest.approx(300 / 320)
    # A car that was forgotten for hours counts as one that was very late.
    assert level([*[0.0] * 299, 500.0], 0.1, AIM).middle < 0.02


def test_a_miss_opens_the_window_nine_times_as_far_as_a_hit_closes_it() -> None:
    missed = next_missed(0.1, AIM, was_kept=False)
    hit = next_missed(0.1, AIM, was_kept=True)
    assert 0.1 - missed == pytest.approx(9 * (hit - 0.1))
    assert next_missed(0.0, AIM, was_kept=False) == 0.0
    assert next_missed(0.5, AIM, was_kept=True) == 0.5


def test_a_window_never_ends_before_the_estimate() -> None:
    assert level([-5.0] * 500, 0.5, AIM).width == 0.0
