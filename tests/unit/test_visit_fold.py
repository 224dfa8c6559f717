"""The fold: one visit out of its facts, the same in whatever order they came."""

from __future__ import annotations

import itertools

import pytest

from schemas import states
from schemas.visit import Fact, Visit, fold
from tests.visit_facts import (
    cancelled,
    handed_over,
    parked,
    ready,
    received,
    requested,
    resolved,
    taken,
    whole_stay,
)


def _fold(*facts: Fact) -> Visit:
    visit = fold(facts)
    assert visit is not None
    return visit


def test_nothing_is_known_of_a_visit_before_somebody_tells_of_its_reception() -> None:
    assert fold([]) is None
    assert fold([taken(2, "herrera", "norte", "park"), parked(3)]) is None


def test_a_car_just_received_stands_at_the_booth_with_its_key_on_the_hook() -> None:
    visit = _fold(received())
    assert (visit.state, visit.place_id) == (states.AT_BOOTH, "herrera")
    assert (visit.key_holder.kind, visit.key_holder.id) == (states.HOOK, "herrera")
    assert visit.is_open


def test_a_whole_stay_ends_handed_over_without_a_dispute() -> None:
    visit = _fold(*whole_stay())
    assert visit.state == states.HANDED_OVER
    assert not visit.is_open
    assert visit.key_holder.kind == states.GUEST
    assert [leg.kind for leg in visit.legs] == ["park", "retrieve"]
    assert all(leg.done_at is not None for leg in visit.legs)
    assert [request.status for request in visit.requests] == ["done"]
    assert visit.proof == "code"


@pytest.mark.parametrize("length", range(1, 8))
def test_every_order_of_a_stay_so_far_tells_the_same(length: int) -> None:
    so_far = whole_stay()[:length]
    first = _fold(*so_far)
    orders = itertools.islice(itertools.permutations(so_far), 200)
    assert all(_fold(*order) == first for order in orders)


def test_the_runner_holds_the_key_while_driving() -> None:
    visit = _fold(received(), taken(2, "herrera", "norte", "park", actor="rosa"))
    assert (visit.key_holder.kind, visit.key_holder.id) == (states.PERSON, "rosa")
    assert (visit.state, visit.destination_id) == (states.TO_LOT, "norte")


def test_a_resting_car_that_was_asked_for_is_requested() -> None:
    assert _fold(received(), requested(2)).state == states.REQUESTED
    assert _fold(received(), requested(2)).car == states.AT_BOOTH
    visit = _fold(received(), requested(2), taken(3, "herrera", "norte", "park"))
    assert visit.state == states.TO_LOT


def test_a_second_request_replaces_the_first() -> None:
    visit = _fold(received(), requested(2, "bolivar"), requested(3, "francia"))
    assert [request.status for request in visit.requests] == ["replaced", "open"]
    assert visit.request is not None
    assert visit.request.booth_id == "francia"


def test_a_cancelled_request_leaves_the_car_where_it_rests() -> None:
    visit = _fold(received(), requested(2), cancelled(3))
    assert visit.state == states.AT_BOOTH
    assert visit.request is None


def test_a_lot_may_tell_before_the_booth_that_the_car_came_from() -> None:
    visit = _fold(received(), parked(2))
    assert (visit.state, visit.place_id) == (states.PARKED, "norte")


def test_a_taking_that_is_told_late_takes_its_place_in_the_story() -> None:
    late = taken(2, "herrera", "norte", "park")
    assert _fold(received(), parked(3), late).state == states.PARKED
    assert len(_fold(received(), parked(3), late).legs) == 1


def test_a_car_requested_while_still_at_the_kerb_becomes_ready_there() -> None:
    visit = _fold(received(), requested(2, "herrera"), ready(3, "herrera"))
    assert (visit.state, visit.place_id) == (states.READY, "herrera")


def test_a_drive_that_nobody_tapped_is_proved_by_the_tap_at_its_end() -> None:
    brought = _fold(received(), parked(2), requested(3), ready(4))
    assert (brought.state, brought.place_id) == (states.READY, "bolivar")
    sent_back = _fold(received(), parked(2), requested(3), ready(4), parked(5))
    assert (sent_back.state, sent_back.request) == (states.PARKED, None)


def test_a_ready_car_that_went_back_to_the_lot_waits_to_be_asked_for_anew() -> None:
    facts = (*whole_stay()[:6], taken(7, "bolivar", "norte", "park"))
    assert _fold(*facts).state == states.REPARKING
    visit = _fold(*facts, parked(8))
    assert visit.state == states.PARKED
    assert visit.request is None


def test_who_asks_while_the_car_is_taken_back_has_asked_anew() -> None:
    facts = (*whole_stay()[:6], taken(7, "bolivar", "norte", "park"))
    visit = _fold(*facts, requested(8, "francia"), parked(9))
    assert visit.state == states.REQUESTED
    assert visit.request is not None
    assert visit.request.booth_id == "francia"


def test_a_car_that_is_brought_back_on_the_way_to_the_lot_is_still_asked_for() -> None:
    facts = (*whole_stay()[:6], taken(7, "bolivar", "norte", "park"))
    assert _fold(*facts, ready(8), handed_over(9)).state == states.HANDED_OVER


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ((received(1, journal="a"), received(1, "bolivar", journal="b")), "received_twice"),
        ((received(), ready(2), handed_over(3)), "handed_over_without_request"),
        ((*whole_stay()[:6], handed_over(7, "francia")), "handed_over_elsewhere"),
        ((received(), requested(2), handed_over(3)), "visit_handed_over_when_at_booth"),
        ((received(), taken(2, "bolivar", "norte", "park")), "taken_elsewhere"),
        ((received(), parked(2, "norte"), parked(3, "sur")), "seen_at_two_places"),
        ((received(), ready(2, "herrera"), ready(3, "bolivar")), "seen_at_two_places"),
    ],
)
def test_facts_that_disagree_hold_the_visit(facts: tuple[Fact, ...], reason: str) -> None:
    visit = _fold(*facts)
    assert visit.state == states.HELD
    assert visit.conflicts[0].reason == reason
    assert visit.is_open


def test_what_comes_after_a_dispute_is_kept_but_moves_only_the_key() -> None:
    visit = _fold(received(), parked(2, "norte"), parked(3, "sur"), parked(4, "sur"))
    assert [conflict.reason for conflict in visit.conflicts][1:] == ["while_held"]
    assert visit.key_holder.id == "sur"
    assert visit.place_id == "norte"


def test_a_person_decides_and_the_story_goes_on() -> None:
    held = (received(), parked(2, "norte"), parked(3, "sur"))
    visit = _fold(*held, resolved(4, states.PARKED, "sur"))
    assert (visit.state, visit.place_id) == (states.PARKED, "sur")
    assert visit.key_holder.id == "sur"
    back = _fold(
        *held,
        resolved(4, states.PARKED, "sur"),
        requested(5),
        taken(6, "sur", "bolivar", "retrieve"),
        ready(7),
        handed_over(8),
    )
    assert back.state == states.HANDED_OVER


def test_a_request_that_crossed_the_hand_over_is_moot() -> None:
    visit = _fold(*whole_stay(), requested(8))
    assert visit.state == states.HANDED_OVER
    assert visit.request is None


def _moves(visit: Visit) -> list[str]:
    return [leg.kind for leg in visit.legs]


def test_a_car_moved_between_lots_stays_parked() -> None:
    visit = _fold(received(), parked(2), taken(3, "norte", "sur", "relocate"), parked(4, "sur"))
    assert (visit.state, visit.place_id, _moves(visit)) == (states.PARKED, "sur", ["relocate"])
