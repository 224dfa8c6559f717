"""The fold under any order, any repetition and any loss of what came last."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from schemas import events, states
from schemas.visit import Fact, fold
from tests.visit_facts import (
    called,
    cancelled,
    delayed,
    handed_over,
    parked,
    ready,
    received,
    reported,
    requested,
    resolved,
    seen_parked,
    taken,
    unclaimed,
    undone,
)

BOOTHS = ("herrera", "bolivar")
LOTS = ("norte", "sur")
STEPS = st.integers(2, 9)

_booth, _lot = st.sampled_from(BOOTHS), st.sampled_from(LOTS)
_place = st.sampled_from((*BOOTHS, *LOTS))
LATER_FACTS = st.one_of(
    st.builds(requested, STEPS, _booth, _place),
    st.builds(cancelled, STEPS, _place),
    st.builds(taken, STEPS, _place, _place, st.sampled_from(states.MOVE_KINDS)),
    st.builds(parked, STEPS, _lot),
    st.builds(seen_parked, _lot),
    st.builds(ready, STEPS, _booth),
    st.builds(handed_over, STEPS, _booth, st.sampled_from(states.PROOFS)),
    st.builds(resolved, STEPS, st.sampled_from(tuple(states.CAR)), _place),
    st.builds(received, st.integers(1, 3), _booth),
    st.builds(called, STEPS, st.integers(1, 2), _booth),
    st.builds(delayed, STEPS, st.sampled_from((5, 10))),
    st.builds(reported, STEPS, st.sampled_from(states.INCIDENTS), is_over=st.booleans()),
    st.builds(unclaimed, STEPS, _place),
)


@st.composite
def stories(draw: st.DrawFn) -> list[Fact]:
    """A reception and then anything at all, some of it impossible."""
    story = [received(1), *draw(st.lists(LATER_FACTS, max_size=12))]
    regretted = draw(st.lists(st.sampled_from(story), max_size=3))
    return [*story, *(undone(draw(STEPS), one) for one in regretted)]


@given(stories(), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_gives_the_same_visit(
    story: list[Fact], random: object
) -> None:
    # A mirror keys facts by event id, so a repetition is the same fact once more.
    shuffled = list(story)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    by_id = {fact.event.id: fact for fact in [*shuffled, *shuffled[::2]]}
    assert fold(by_id.values()) == fold(story)


@given(stories(), st.data())
def test_no_subset_of_the_facts_hands_a_car_over_without_saying_so(
    story: list[Fact], data: st.DataObject
) -> None:
    known = [fact for fact in story if data.draw(st.booleans())]
    visit = fold(known)
    if visit is None or visit.state != states.HANDED_OVER:
        return
    kinds = {fact.event.type for fact in known}
    says_so = any(
        fact.event.type == events.VISIT_RESOLVED and fact.event.data["state"] == states.HANDED_OVER
        for fact in known
    )
    assert events.VISIT_HANDED_OVER in kinds or says_so
    assert visit.proof in states.PROOFS
    assert visit.key_tag
    assert visit.key_holder.kind == states.GUEST


@given(stories())
def test_a_key_has_one_holder_and_a_visit_at_most_one_open_request(story: list[Fact]) -> None:
    visit = fold(story)
    assert visit is not None
    assert (visit.key_holder.id is None) == (visit.key_holder.kind == states.GUEST)
    assert sum(request.status == "open" for request in visit.requests) <= 1
    assert sum(leg.done_at is None for leg in visit.legs[:-1]) == 0


@given(stories(), st.data())
def test_what_is_taken_back_never_was(story: list[Fact], data: st.DataObject) -> None:
    plain = [fact for fact in story if fact.event.type != events.VISIT_UNDONE]
    what = data.draw(st.sampled_from(plain))
    visit, other = fold([*plain, undone(9, what)]), fold([*plain, undone(9, plain[0])])
    assert visit is not None
    assert other is not None
    if what.event.type in states.UNDOABLE:
        without = fold([*(fact for fact in plain if fact is not what), undone(9, plain[0])])
        assert visit == without
    else:
        assert visit == other


@given(st.integers(1, 3), st.data())
def test_a_key_that_a_lot_saw_before_it_knew_the_car_parks_it_behind_its_drive(
    asks: int, data: st.DataObject
) -> None:
    before = [called(2 + number) for number in range(asks)]
    drive = taken(2 + asks, "herrera", "norte", "park")
    after = [requested(3 + asks), ready(4 + asks)]
    seen = seen_parked("norte")
    # What the lot has heard of meanwhile makes no difference to what it saw.
    known = data.draw(st.permutations([received(1), *before, drive, seen, *after]))

    visit = fold(known)

    assert visit is not None
    assert visit.state == states.READY
    assert visit.parked_at == datetime.fromisoformat(seen.event.data["seen_at"])
    assert [leg.to_place_id for leg in visit.legs] == ["norte"]
    at_rest = fold([fact for fact in known if fact not in after])
    assert at_rest is not None
    assert (at_rest.state, at_rest.place_id, at_rest.stall) == (states.PARKED, "norte", "7")


@given(
    st.permutations(
        [taken(3, "norte", "bolivar", "retrieve"), taken(3, "sur", "herrera", "retrieve")]
    )
)
def test_two_lots_that_both_let_the_car_go_end_held(disagreeing: list[Fact]) -> None:
    visit = fold([received(1), parked(2, "norte"), *disagreeing])
    assert visit is not None
    assert visit.state == states.HELD


@given(st.sampled_from(BOOTHS), st.sampled_from(BOOTHS), st.booleans())
def test_two_booths_that_both_hand_the_car_over_never_end_handed_over_quietly(
    first: str, second: str, is_first_told_first: bool
) -> None:
    story = [received(1), requested(2, first), ready(3, first)]
    both = [handed_over(4, first), handed_over(4, second)]
    visit = fold([*story, *(both if is_first_told_first else reversed(both))])
    assert visit is not None
    assert visit.state == states.HELD


@given(stories(), stories())
def test_what_two_stations_know_together_is_known_alike(
    here: list[Fact], there: list[Fact]
) -> None:
    assert fold([*here, *there]) == fold([*there, *here])
