"""The cloud is away for four hours; the booths go on, and afterwards all are of one mind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from schemas import states
from server import clock, requests
from server.models import EventRow, JournalRow, QuarantineRow, VisitRow
from tests.booth_client import client_of, text_of
from tests.fault.five_booths import ANA, BOOTHS, OUTAGE_S, Car, FiveBooths, five_booths
from tests.visit_story import LOTS, SUPERVISOR

KNOWN_BEFORE = 40
VISITS = 200
CONVERGED_WITHIN_S = 60.0
SEED = 11

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture
def district(tmp_path: Path, sqlite_url: str) -> Iterator[FiveBooths]:
    """Five booths, two lots and a cloud, all on line, and cars that everybody knows."""
    (tmp_path / "stations").mkdir()
    with five_booths(tmp_path / "stations", sqlite_url) as opened:
        lots = cycle(LOTS)
        for booth_id in cycle(BOOTHS):
            if len(opened.cars) == KNOWN_BEFORE:
                break
            car = opened.receive(booth_id)
            lot_id = next(lots)
            opened.drive_off(car, booth_id, lot_id)
            opened.meet_at(booth_id, lot_id)
            opened.park(car, lot_id)
        opened.evening_goes_on()
        assert opened.is_converged()
        yield opened


def play_outage(district: FiveBooths) -> tuple[list[Car], list[Car], Car]:
    """Four hours without a cloud: who went away where the car was known, and from the booth that
    took it in; and one car of which two booths will tell different stories."""
    began_ns = district.clock.mono_ns()
    known, disputed = district.cars[:-1], district.cars[-1]
    elsewhere: list[Car] = []
    here: list[Car] = []
    booths = cycle(BOOTHS)
    for number in range(VISITS):
        booth_id = next(booths)
        car = district.receive(booth_id)
        if number % 2:
            district.make_ready(car, booth_id)
            district.hand_over(car, booth_id)
            here.append(car)
        elif number % 4:
            district.drive_off(car, booth_id, LOTS[0])
        if number % 6 == 0:
            elsewhere.append(return_elsewhere(district, known[len(elsewhere)]))
        # The night goes on evenly.
        due_ns = began_ns + (number + 1) * OUTAGE_S * 10**9 // VISITS
        district.clock.advance(max(0, due_ns - district.clock.mono_ns()) / 10**9)
    district.make_ready(disputed, "herrera")
    district.hand_over(disputed, "herrera")
    district.make_ready(disputed, "bolivar")
    return elsewhere, here, disputed


def return_elsewhere(district: FiveBooths, car: Car) -> Car:
    """A car that was parked before is fetched and handed over at another booth than its own."""
    booth_id = BOOTHS[(BOOTHS.index(car.booth_id) + 2) % len(BOOTHS)]
    lot = district.stations[LOTS[(car.number - 1) % len(LOTS)]]
    district.drive_off(car, lot.place_id, booth_id)
    district.make_ready(car, booth_id)
    district.hand_over(car, booth_id)
    return car


def test_two_hundred_visits_without_a_cloud_and_all_agree_within_a_minute_of_its_return(
    district: FiveBooths,
) -> None:
    district.cloud_dies()
    elsewhere, here, disputed = play_outage(district)
    unsent = sum(station.status().unsent for station in district.stations.values())
    assert unsent > 3 * VISITS
    assert len(elsewhere) > 30

    took_s = district.cloud_returns(SEED)

    print(f"{unsent} events of {len(district.cars)} visits, converged in {took_s:.1f} s")
    assert took_s < CONVERGED_WITHIN_S
    check_everything_once(district)
    rows = {row.id: row for row in district.kit.rows(VisitRow)}
    assert len(rows) == KNOWN_BEFORE + VISITS
    for car in (*elsewhere, *here):
        assert rows[car.visit_id].state == states.HANDED_OVER
        assert rows[car.visit_id].proof == states.PROOF_CLAIM_TAG
    held = [row.id for row in rows.values() if row.state == states.HELD]
    assert held == [disputed.visit_id], "nothing else is in dispute"
    check_dispute(district, disputed)


def check_everything_once(district: FiveBooths) -> None:
    """Each journal in the cloud as it is at its station."""
    rows = district.kit.rows(EventRow)
    heads = {row.id: row for row in district.kit.rows(JournalRow)}
    for station in district.stations.values():
        journal = station._journal
        lines = [line for _, line in journal.lines()]
        assert [row.line for row in rows if row.journal_id == journal.journal_id] == lines
        assert heads[journal.journal_id].broken_at_seq is None
        assert heads[journal.journal_id].head_seq == len(lines) == journal.acked_seq
    assert Counter(row.event_id for row in rows).most_common(1)[0][1] == 1
    # A clock that is a minute from the cloud's is not believed, but its time is known.
    assert {row.time_source for row in rows} <= {"wall", "anchored"}
    assert district.kit.count(QuarantineRow) == 0
    assert district.kit.rebuilt() == []


def check_dispute(district: FiveBooths, car: Car) -> None:
    """Held on every screen with both facts, until one decision ends it everywhere."""
    for place_id, station in district.stations.items():
        assert station.card(car.visit_id).state == states.HELD
        district.tap(place_id, ANA)
        page = text_of(client_of(station).get(f"/tickets/{car.visit_id}"))
        assert "Por revisar" in page, page
        facts = [fact.event for fact in station._mirror._facts[car.visit_id].values()]
        told = {(event.type, event.place_id) for event in facts}
        assert {
            ("car.ready", "herrera"),
            ("visit.handed_over", "herrera"),
            ("car.ready", "bolivar"),
        } <= told
    services = district.kit
    services.database.write(
        lambda session: requests.resolve(
            session,
            services.config,
            district.master_key,
            car.visit_id,
            states.HANDED_OVER,
            "herrera",
            "the driver has it",
            SUPERVISOR,
            clock.now(),
        )
    )

    def is_settled_everywhere() -> bool:
        visits = [one._mirror.visit(car.visit_id) for one in district.stations.values()]
        return all(visit is None or visit.state == states.HANDED_OVER for visit in visits)

    district.until(is_settled_everywhere, "the decision has reached every booth")
    (row,) = [row for row in district.kit.rows(VisitRow) if row.id == car.visit_id]
    assert (row.state, row.is_open) == (states.HANDED_OVER, False)
    district.until(district.is_converged, "all agree again")
    assert district.kit.rebuilt() == []
