"""What people say of a visit beside where its car is: calls, delays, incidents, sealed bags."""

from __future__ import annotations

from schemas import states
from schemas.visit import Visit, fold
from tests.visit_facts import (
    called,
    cancelled,
    delayed,
    fact,
    handed_over,
    parked,
    ready,
    received,
    reported,
    requested,
    resolved,
    taken,
    unclaimed,
)


def visit_of(*facts: object) -> Visit:
    """The visit that these facts tell of."""
    visit = fold(facts)  # type: ignore[arg-type]
    assert visit is not None
    return visit


def test_calls_are_counted_until_the_car_goes_on() -> None:
    waiting = [received(1), requested(2), ready(3)]

    assert visit_of(*waiting).calls == 0
    again = visit_of(*waiting, called(4), called(5, 2))
    assert (again.calls, again.called_at is not None) == (2, True)
    seen_again = visit_of(*waiting, called(4), ready(5))
    assert seen_again.calls == 1
    gone = visit_of(*waiting, called(4), called(5, 2), taken(6, "bolivar", "norte", "park"))
    assert (gone.calls, gone.called_at, gone.car) == (0, None, states.REPARKING)
    assert visit_of(*waiting, called(4), resolved(5, states.PARKED, "norte")).calls == 0


def test_two_stations_that_each_called_once_called_once() -> None:
    facts = [received(1), requested(2), ready(3), called(4), called(4, 1, "herrera")]

    assert visit_of(*facts).calls == 1


def test_a_delay_is_of_the_request_that_is_open_and_ends_with_it() -> None:
    late = [received(1), requested(2), delayed(3)]

    assert visit_of(received(1), delayed(2)).delay is None
    delay = visit_of(*late).delay
    assert delay is not None
    assert (delay.minutes, delay.reason) == (10, "rain")
    assert visit_of(*late, requested(4, "herrera")).delay is None
    assert visit_of(*late, cancelled(4)).delay is None
    assert visit_of(*late, ready(4), handed_over(5)).delay is None


def test_an_incident_is_open_until_it_is_said_to_be_over() -> None:
    told = [received(1), reported(2, states.DAMAGE), reported(3, states.DO_NOT_DRIVE)]

    assert [one.kind for one in visit_of(*told).reports] == [states.DAMAGE, states.DO_NOT_DRIVE]
    settled = visit_of(*told, reported(4, states.DAMAGE, is_over=True))
    assert [one.kind for one in settled.reports] == [states.DO_NOT_DRIVE]
    twice = visit_of(*told, reported(4, states.DAMAGE))
    assert [one.kind for one in twice.reports] == [states.DO_NOT_DRIVE, states.DAMAGE]


def test_a_sealed_bag_is_opened_when_the_car_or_its_key_goes_on() -> None:
    left = [received(1), parked(2), unclaimed(3, "norte")]

    assert visit_of(*left).bag == "41"
    assert visit_of(*left, taken(4, "norte", "herrera", "retrieve")).bag is None
    assert visit_of(*left, resolved(4, states.HANDED_OVER, "norte")).bag is None


def test_a_key_hangs_on_the_hook_that_was_told_until_somebody_takes_it() -> None:
    there = [received(1, hook=4), fact("car.parked", 2, "norte", stall="9", hook=12)]

    assert visit_of(*there[:1]).key_holder.hook == 4
    assert visit_of(*there).key_holder.hook == 12
    assert visit_of(*there, taken(3, "norte", "herrera", "retrieve")).key_holder.hook is None
