"""Two booths that were cut off tell two stories of one car; a supervisor at a screen ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reader_agent.clock import FakeClock
from reader_agent.presence import Arrival
from reader_agent.station import Station
from schemas import states
from server import clock as cloud_clock
from server.models import VisitRow
from tests.booth_client import client_of, submit, text_of
from tests.cloud_kit import CloudKit
from tests.fault.cloud_door import CloudDoor
from tests.station_kit import ANA, BOLIVAR, HERRERA, NORTE, ROSA, config_of
from tests.visit_story import EVENING, SUPERVISOR, claim_tag, key_tag, small_district

SOFIA = "em4100:0A00000009"
FRANCIA = "francia"
PLACES = (HERRERA, BOLIVAR, FRANCIA, NORTE)
KEY, CLAIM = key_tag(1), claim_tag(1)


class Street:
    """Four real stations and the real cloud; they meet only when they are told to."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.clock = FakeClock(mono_ns=10**12, wall=EVENING)
        self.door = CloudDoor(folder / "cloud", database_url)
        district = small_district()
        people = tuple(
            replace(person, badge_tag=SOFIA) if person.id == SUPERVISOR else person
            for person in district.people
        )
        stations = [(f"{place_id}-1", place_id) for place_id in PLACES]
        self.door.load(replace(district, people=people), *stations)
        self.kit = CloudKit(self.door.services.database, self.door.services.config)
        self.stations = {
            place_id: Station(config_of(folder, place_id), self.clock) for place_id in PLACES
        }

    def meet(self, *place_ids: str) -> None:
        """These stations tell and hear everything, one after the other."""
        for place_id in place_ids:
            self.door.meet(f"{place_id}-1", self.stations[place_id])

    def tap(self, place_id: str, *tags: str) -> str | None:
        """Tags come to a reader; what was recorded of the last one."""
        recorded = None
        for tag in tags:
            self.clock.advance(10)
            arrival = Arrival(tag, "em125", self.clock.mono_ns(), confirmed=True)
            recorded = self.stations[place_id].on_arrival(arrival).event_type
        return recorded

    def park_a_car(self) -> str:
        """A car that everybody knows, in the lot; its visit's id."""
        self.tap(HERRERA, ANA, KEY)
        booth = self.stations[HERRERA]
        booth.edit_draft(plate="AB1234", no_phone=True, claim_tag=CLAIM)
        visit_id = booth.receive().visit_id
        self.tap(HERRERA, ROSA, KEY)
        self.meet(*PLACES)
        self.tap(NORTE, ROSA)
        assert self.tap(NORTE, KEY) == "car.parked"
        self.meet(*PLACES, *PLACES)
        return visit_id

    def give_back(self, place_id: str, visit_id: str) -> None:
        """The car is asked for, brought and handed over at a booth."""
        self.tap(place_id, ANA)
        self.stations[place_id].request_car(visit_id, place_id)
        assert self.tap(place_id, KEY) == "car.ready"
        assert self.tap(place_id, KEY, CLAIM) == "visit.handed_over"

    def page(self, place_id: str, path: str) -> str:
        """What the screen at a place says, to somebody who is signed in."""
        self.tap(place_id, ANA)
        return text_of(client_of(self.stations[place_id]).get(path))

    def cars(self, visit_id: str) -> set[str]:
        """Where all stations and the cloud say that the car is."""
        visits = [station._mirror.visit(visit_id) for station in self.stations.values()]
        (row,) = (row for row in self.kit.rows(VisitRow) if row.id == visit_id)
        return {visit.car for visit in visits if visit is not None} | {row.car}

    def states(self, visit_id: str) -> set[str | None]:
        """What all stations and the cloud say of the visit; None where it is gone."""
        visits = [station._mirror.visit(visit_id) for station in self.stations.values()]
        (row,) = (row for row in self.kit.rows(VisitRow) if row.id == visit_id)
        return {None if visit is None else visit.state for visit in visits} | {row.state}

    def close(self) -> None:
        """End all of it."""
        for station in self.stations.values():
            station.close()
        self.door.close()


@pytest.fixture
def street(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    """Three booths and a lot that know the district."""
    streets: list[Street] = []
    monkeypatch.setattr(cloud_clock, "now", lambda: streets[0].clock.wall() if streets else EVENING)
    streets.append(Street(tmp_path, database_url))
    streets[0].meet(*PLACES)
    yield streets[0]
    streets[0].close()


def test_a_car_handed_over_twice_is_held_everywhere_until_a_supervisor_decides_at_a_screen(
    street: Street,
) -> None:
    visit_id = street.park_a_car()
    # Both booths are cut off, and each gives the car back.
    street.give_back(HERRERA, visit_id)
    street.clock.advance(300)
    street.give_back(BOLIVAR, visit_id)
    street.meet(HERRERA, BOLIVAR, *PLACES)
    assert street.states(visit_id) == {states.HELD}
    for place_id in PLACES:
        shown = street.page(place_id, f"/tickets/{visit_id}")
        assert "Por revisar" in shown
        assert "Plaza Herrera" in shown
        assert "Entregado · Plaza Bolívar" in shown
        assert "Ana Ríos" in shown

    # Cut off again, a supervisor decides at the third booth: true there at once.
    path = f"/tickets/{visit_id}/resolve"
    assert "Solo un supervisor puede decidir" in street.page(FRANCIA, path)
    street.tap(FRANCIA, SOFIA)
    screen = client_of(street.stations[FRANCIA])
    ending = f"{states.HANDED_OVER}@{HERRERA}"
    assert submit(screen, path, ending=ending, reason="was_told").status_code == 303
    decided = street.stations[FRANCIA]._mirror.visit(visit_id)
    assert decided is not None
    assert decided.state == states.HANDED_OVER
    street.meet(FRANCIA, *PLACES)
    assert street.states(visit_id) <= {states.HANDED_OVER, None}
    assert street.kit.rebuilt() == []


def test_a_decision_that_the_car_is_still_here_makes_it_a_car_like_any_other(
    street: Street,
) -> None:
    visit_id = street.park_a_car()
    street.give_back(BOLIVAR, visit_id)
    street.tap(HERRERA, ANA)
    street.stations[HERRERA].request_car(visit_id, HERRERA)
    assert street.tap(HERRERA, KEY) == "car.ready"
    street.meet(BOLIVAR, HERRERA, *PLACES)
    assert street.states(visit_id) == {states.HELD}
    street.tap(HERRERA, SOFIA)
    herrera = street.stations[HERRERA]
    stands = next(one for one in herrera.disputes.endings(visit_id) if one.place_id == HERRERA)
    herrera.disputes.settle(visit_id, stands.value, "La veo en la acera")
    street.meet(*PLACES, *PLACES)
    assert street.cars(visit_id) == {stands.state}
    if stands.state != states.READY:
        herrera.request_car(visit_id, HERRERA)
        assert street.tap(HERRERA, KEY) == "car.ready"
    assert street.tap(HERRERA, KEY, CLAIM) == "visit.handed_over"
    street.meet(*PLACES, *PLACES)
    assert street.states(visit_id) <= {states.HANDED_OVER, None}
    assert street.kit.rebuilt() == []
