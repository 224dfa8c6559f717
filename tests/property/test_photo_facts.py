"""Photos fit everywhere: whatever is told of a car, they change nothing but themselves."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from schemas import events
from schemas.photo import PhotoRef
from schemas.visit import Fact, fold
from tests.property.test_visit_fold import stories
from tests.visit_facts import fact

PLACES = ("herrera", "bolivar", "norte", "sur")


def photographed(step: int, place_id: str, number: int) -> Fact:
    """Somebody took a photo."""
    ref = PhotoRef(f"{number:064x}", 1_000 + number)
    return fact(events.VISIT_PHOTOGRAPHED, step, place_id, photos=[ref.to_wire()])


PHOTOS = st.builds(photographed, st.integers(2, 12), st.sampled_from(PLACES), st.integers(0, 2**32))


@given(stories(), st.lists(PHOTOS, max_size=6))
def test_photos_change_nothing_of_a_visit(story: list[Fact], photos: list[Fact]) -> None:
    plain, with_photos = fold(story), fold([*photos, *story])

    assert plain is not None
    assert with_photos is not None
    assert len(with_photos.photos) == len(photos)
    assert replace(with_photos, photos=[], step=plain.step) == plain


@given(st.lists(PHOTOS, max_size=6), st.randoms(use_true_random=False))
def test_photos_come_in_the_same_order_everywhere(photos: list[Fact], random: object) -> None:
    story = [*photos, fact(events.CAR_PARKED, 2, "norte", stall=None)]
    received = fact(
        events.VISIT_RECEIVED,
        1,
        code="H-0001",
        key_tag="em4100:0B00000001",
        guest={"ref": "ref", "digest": "0" * 64},
        language="es",
    )
    shuffled = list(story)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert fold([received, *shuffled]) == fold([*story, received])
