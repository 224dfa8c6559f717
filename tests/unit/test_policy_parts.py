"""What the policies are made of: kerb lines, pairs, expected work, orders. All pure."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest

from schemas import states
from server.dispatch.evening_rules import Twin
from server.dispatch.evening_seen import DriveCar, Go
from server.dispatch.policy_habits import Habits
from server.dispatch.policy_kerb import Kerb, kerb_line, overdue_min
from server.dispatch.policy_matching import cheapest_pairs
from server.dispatch.policy_sequence import carried_over
from server.dispatch.policy_steps import orders_of
from server.dispatch.policy_work import (
    EXPECTED_PARK,
    EXPECTED_RETRIEVE,
    Foresight,
    all_work,
    expected_retrievals,
)
from tests.evening_stage import CAR, GROUND, evening, until
from tests.unit.test_evening_rules import WHOLE


def test_a_car_too_many_is_overdue_at_once_and_one_with_room_by_chance() -> None:
    kerb = Kerb(spaces=2, standing=[3] * 11, expected=[0.1 * minute for minute in range(11)])
    first, second, third = overdue_min(kerb, 3)
    assert first == [float(minute) for minute in range(11)]
    assert first[10] > second[10] > third[10] > 0
    # The second is missing once one more car has come: 1 - exp(-mean), minute by minute.
    assert second[2] == pytest.approx(1 - 2.718281828**-0.1)


def test_a_kerb_that_nobody_comes_to_is_never_overdue() -> None:
    kerb = Kerb(spaces=4, standing=[4] * 40, expected=[0.0] * 40)
    sums = overdue_min(kerb, 1)[0]
    assert sums[-1] == 0
    assert kerb_line(sums, 12, 28, 0.4).due_min == 28


def test_the_line_goes_through_both_minutes() -> None:
    sums = [minute**2 / 80 for minute in range(61)]
    line = kerb_line(sums, 12, 28, 0.1)
    for minute in (12, 28):
        assert line.weight * (minute - line.due_min) == pytest.approx(sums[minute])


def test_the_pairs_cost_least_of_all() -> None:
    dice = Random(5)
    for _ in range(40):
        rows, columns = dice.randint(1, 4), dice.randint(1, 5)
        costs = [[dice.uniform(-5, 3) for _ in range(columns)] for _ in range(rows)]
        pairs = cheapest_pairs(costs)
        chosen = [column for column in pairs if column is not None]
        assert len(chosen) == len(set(chosen))
        total = sum(costs[r][c] for r, c in enumerate(pairs) if c is not None)
        padded = [row + [0.0] * rows for row in costs]
        least = min(
            sum(padded[r][c] for r, c in enumerate(order))
            for order in permutations(range(columns + rows), rows)
        )
        assert total == pytest.approx(least)
    assert cheapest_pairs([]) == []


def test_expected_work_has_no_car_and_weighs_less() -> None:
    twin = Twin(evening(CAR), 1)
    seen = until(twin, 13, WHOLE)
    sight = Foresight(ahead_min=60)
    (wanted,) = expected_retrievals(GROUND, seen, sight)
    # A fiftieth a minute: half a request is to be expected in 25 minutes, of the only car.
    assert (wanted.key[0], wanted.car) == (EXPECTED_RETRIEVE, None)
    assert (wanted.drive.release_min, wanted.drive.origin) == (13 + 25, CAR.lot)
    habits = Habits(GROUND)
    habits.learn(seen)
    work = all_work(GROUND, seen, habits, sight)
    parks = [each for each in work if each.key[0] == EXPECTED_PARK]
    assert parks
    assert all(each.drive.weight <= sight.park_weight for each in parks)
    none = Foresight(retrieve_weight=0, park_weight=0)
    assert not all_work(GROUND, seen, habits, none)


def test_habits_count_each_car_once() -> None:
    habits = Habits(GROUND)
    seen = until(Twin(evening(CAR), 1), 1, {})
    before = habits.share(0)
    habits.learn(seen)
    habits.learn(seen)
    assert (before, habits.share(0)) == (1 / 2, 2 / 3)


def test_orders_follow_the_first_drive_of_each_route() -> None:
    twin = Twin(evening(CAR), 2)
    seen = until(twin, 1, {})
    habits = Habits(GROUND)
    work = all_work(GROUND, seen, habits, Foresight(park_weight=0, retrieve_weight=0))
    assert [each.key for each in work] == [(states.PARK, 0, 0)]
    assert orders_of(seen, work, [[0], []]) == {0: DriveCar(0)}
    assert orders_of(seen, work, [[], [0]]) == {1: Go(0)}
    twin.obey({0: DriveCar(0)})
    assert orders_of(twin.next_minute(), work, [[0], []]) == {}


def test_a_plan_goes_on_without_what_is_done() -> None:
    seen = until(Twin(evening(CAR), 1), 1, {})
    work = all_work(GROUND, seen, Habits(GROUND), Foresight(park_weight=0))
    assert carried_over([[("park", 9, 0), ("park", 0, 0)], []], work) == [[0], []]
