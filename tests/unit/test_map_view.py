"""The map of the district: what is near stays apart, what is outside is at the edge."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

from schemas import states
from schemas.district import BOOTH, LOT
from server.reports.map_view import WIDTH, Landmark, MapView, landmarks_around, map_view
from server.reports.today_now import DriveNow, PlaceNow

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
CATHEDRAL = (8.9526453, -79.5353495)


def place(name: str, x_m: int, y_m: int, kind: str = BOOTH) -> PlaceNow:
    """A place with nothing to say but where it is."""
    return PlaceNow(
        id=name,
        kind=kind,
        name=name,
        letter=name[0].upper(),
        x_m=x_m,
        y_m=y_m,
        is_open=True,
        room=4,
        standing=0,
        ready=0,
        coming=0,
        shut_until=None,
        station=None,
    )


def drive(origin: str, to: str, share: float) -> DriveNow:
    """A car on its way."""
    return DriveNow(
        "v1", "H-0001", states.PARK, origin, to, "Rosa", NOW, NOW, share, is_overdue=False
    )


HERRERA, FRANCIA = place("herrera", -160, -60), place("francia", 340, -220)
FAR = place("santa-ana", -2900, 325, LOT)


def drawn(view: MapView, name: str) -> tuple[float, float]:
    """Where a place is drawn."""
    return next((each.x, each.y) for each in view.places if each.now.id == name)


def test_north_is_up_and_west_is_left() -> None:
    view = map_view([HERRERA, FRANCIA], [], [])
    (x, y), (to_x, to_y) = drawn(view, "herrera"), drawn(view, "francia")
    assert x < to_x
    assert y < to_y
    metres = math.dist((-160, -60), (340, -220))
    assert math.isclose((to_x - x) / 500, math.dist((x, y), (to_x, to_y)) / metres, rel_tol=0.01)


def test_a_lot_far_away_is_drawn_at_the_edge_and_makes_nothing_smaller() -> None:
    without, view = map_view([HERRERA, FRANCIA], [], []), map_view([HERRERA, FRANCIA, FAR], [], [])
    assert drawn(view, "francia") == drawn(without, "francia")
    x, y = drawn(view, "santa-ana")
    assert 0 < x < 100
    assert 0 < y < view.height
    assert [each.is_outside for each in view.places] == [False, False, True]


def test_places_on_one_spot_can_be_told_apart() -> None:
    crowd = [replace(HERRERA, id=f"p{index}", letter=str(index)) for index in range(4)]
    view = map_view(crowd, [], [])
    spots = [(each.x, each.y) for each in view.places]
    gaps = [math.dist(one, other) for index, one in enumerate(spots) for other in spots[:index]]
    assert min(gaps) > 80
    assert all(0 < x < WIDTH and 0 < y < view.height for x, y in spots)


def test_a_car_moves_along_its_way_and_keeps_to_its_right() -> None:
    def at(origin: str, to: str, share: float) -> tuple[float, float]:
        (car,) = map_view([HERRERA, FRANCIA], [drive(origin, to, share)], []).cars
        return car.x, car.y

    xs = [at("herrera", "francia", share)[0] for share in (0.0, 0.3, 0.7, 1.0)]
    assert xs == sorted(xs)
    view = map_view([HERRERA, FRANCIA], [], [])
    assert drawn(view, "herrera")[0] < xs[0]
    assert xs[-1] < drawn(view, "francia")[0]
    assert at("herrera", "francia", 0.5) != at("francia", "herrera", 0.5)


def test_a_car_to_a_place_that_nobody_knows_is_not_drawn() -> None:
    view = map_view([HERRERA, FRANCIA], [drive("herrera", "gone", 0.5)], [])
    assert view.cars == []
    assert view.ways == []


def test_landmarks_are_those_of_the_old_town_and_far_ones_are_left_out() -> None:
    around = landmarks_around(*CATHEDRAL)
    assert around.attribution == "© OpenStreetMap contributors"
    by_name = {mark.name: mark for mark in around.points}
    assert (by_name["Catedral"].x_m, by_name["Catedral"].y_m) == (0.0, 0.0)
    # As published with the points: metres from the cathedral.
    assert abs(by_name["Teatro Nacional"].x_m - 244) < 2
    assert abs(by_name["Iglesia San José"].y_m + 140) < 2
    elsewhere = map_view([HERRERA, FRANCIA], [], landmarks_around(40.0, -3.0).points)
    assert elsewhere.landmarks == []


def test_words_of_landmarks_never_cover_each_other_or_a_place() -> None:
    marks = [Landmark(f"Un nombre largo {index}", -160 + index, -60) for index in range(5)]
    view = map_view([HERRERA, FRANCIA], [], marks)
    assert view.landmarks == []
    spread = [Landmark("Norte", 100, 90), Landmark("Norte otra vez", 101, 91)]
    assert [mark.name for mark in map_view([HERRERA, FRANCIA], [], spread).landmarks] == ["Norte"]


def test_a_district_without_places_is_an_empty_sheet() -> None:
    view = map_view([], [], [])
    assert view.places == ()
    assert view.height > 0


def test_what_a_place_says_of_itself() -> None:
    full = replace(HERRERA, standing=4)
    assert (full.is_full, full.over) == (True, 0)
    assert replace(full, standing=6).over == 2
    assert replace(full, standing=6, room=0).over == 0
    assert not full.is_dead
