"""A dispute that a person settles leaves a visit that is whole: no traces of what was not true."""

from __future__ import annotations

from schemas import states
from schemas.visit import Visit, fold
from tests.visit_facts import handed_over, parked, ready, received, requested, resolved, taken

GIVEN_AWAY = [received(1), requested(2, "herrera"), ready(3, "herrera"), handed_over(4, "herrera")]
DISPUTED = [*GIVEN_AWAY, parked(5, "norte")]


def settled(state: str, place_id: str) -> Visit:
    """The disputed visit after a person's word."""
    visit = fold([*DISPUTED, resolved(6, state, place_id)])
    assert visit is not None
    return visit


def test_a_hand_over_that_was_none_is_forgotten() -> None:
    visit = settled(states.PARKED, "norte")
    assert (visit.is_open, visit.state, visit.place_id) == (True, states.PARKED, "norte")
    assert (visit.handed_over_at, visit.handed_over_by, visit.proof) == (None, None, None)
    assert visit.parked_at is not None
    assert visit.ready_at is None


def test_a_hand_over_that_was_true_stays_as_it_was_recorded() -> None:
    visit = settled(states.HANDED_OVER, "herrera")
    before = fold(GIVEN_AWAY)
    assert before is not None
    assert (visit.is_open, visit.key_holder.kind) == (False, states.GUEST)
    told = (visit.handed_over_at, visit.handed_over_by, visit.proof)
    assert told == (before.handed_over_at, before.handed_over_by, before.proof)
    assert visit.proof == states.PROOF_CODE


def test_a_hand_over_that_only_a_person_knows_of_is_that_persons_word() -> None:
    seen = [received(1), ready(2, "herrera"), handed_over(3, "bolivar")]
    visit = fold([*seen, resolved(4, states.HANDED_OVER, "bolivar")])
    assert visit is not None
    assert (visit.proof, visit.handed_over_by) == (states.PROOF_SUPERVISOR, "sofia")


def test_a_car_that_is_said_to_be_ready_is_ready_since_then() -> None:
    visit = settled(states.READY, "herrera")
    assert visit.ready_at is not None
    assert visit.key_holder.kind == states.HOOK


def test_a_drive_that_was_under_way_ends_with_the_word_that_the_car_stands() -> None:
    out = [received(1), taken(2, "herrera", "norte", states.PARK), handed_over(3, "herrera")]
    visit = fold([*out, resolved(4, states.PARKED, "sur")])
    assert visit is not None
    assert visit.destination_id is None
    assert visit.legs[-1].done_at is not None
