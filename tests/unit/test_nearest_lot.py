"""Where a station sends a car that nobody planned: the nearest lot that is open by its hours."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest

from reader_agent.roster import Roster, check
from schemas import sync
from schemas.district import BOOTH, LOT, Place
from schemas.hours import Hours

# Friday, eight in the evening and two at night in Panama.
EVENING = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
UNTIL_MIDNIGHT = (Hours(tuple(range(7)), "18:00", "00:00"),)

BOOTH_HERE = Place("herrera", BOOTH, "Plaza Herrera", "H", 0, 0, 30, 4)
NEAR = Place("near", LOT, "Near", "N", 100, 0, 60, 0, 50)
FAR = Place("far", LOT, "Far", "F", 900, 0, 60, 0, 50)


def roster(*lots: Place, near: tuple[str, ...] = ()) -> Roster:
    """What a booth knows."""
    made = Roster()
    for place in (BOOTH_HERE, *lots):
        body = {**asdict(place), "near": [*near] if place is BOOTH_HERE else []}
        made.put(sync.CHANGE_PLACE, check(sync.CHANGE_PLACE, body))
    return made


@pytest.mark.parametrize("near", [(), ("near", "far")], ids=["by distance", "as the cloud says"])
def test_a_lot_that_is_closed_by_now_is_passed_over(near: tuple[str, ...]) -> None:
    known = roster(replace(NEAR, hours=UNTIL_MIDNIGHT), FAR, near=near)
    assert known.nearest_lot("herrera", EVENING) == "near"
    assert known.nearest_lot("herrera", NIGHT) == "far"


def test_where_every_lot_is_closed_a_car_goes_to_the_nearest_all_the_same() -> None:
    known = roster(*(replace(lot, hours=UNTIL_MIDNIGHT) for lot in (NEAR, FAR)))
    assert known.nearest_lot("herrera", NIGHT) == "near"


def test_a_lot_out_of_use_is_never_meant() -> None:
    assert roster(replace(NEAR, is_open=False), FAR).nearest_lot("herrera", EVENING) == "far"
    assert roster(replace(NEAR, is_open=False)).nearest_lot("herrera", EVENING) is None
