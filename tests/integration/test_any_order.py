"""Whatever comes late, twice or crosswise: the same events end in the same rows, or held."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from schemas import events, states
from server.models import (
    EventRow,
    GuestRow,
    JournalRow,
    LinkRow,
    MessageRow,
    MoveRow,
    PromiseRow,
    QuarantineRow,
    RequestRow,
    ShiftRow,
    VisitRow,
)
from server.rebuild import folded_rows
from tests.cloud_kit import CloudKit, open_cloud
from tests.station_lines import StationLines, minutes_later, visit_id_of
from tests.visit_story import OTHER_RUNNER, RUNNER

pytestmark = pytest.mark.usefixtures("unmeasured")

NOW = minutes_later(30)
RECORDED = (
    *(EventRow, GuestRow, JournalRow, LinkRow, MessageRow, MoveRow, PromiseRow),
    *(QuarantineRow, RequestRow, ShiftRow, VisitRow),
)


@pytest.fixture
def cloud(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud on each database."""
    with open_cloud(tmp_path, database_url) as kit:
        yield kit


@dataclass
class Evening:
    """Four stations and what they recorded, in the order in which it happened."""

    stations: dict[str, StationLines] = field(
        default_factory=lambda: {
            place_id: StationLines(place_id)
            for place_id in ("herrera", "bolivar", "francia", "lote-norte")
        }
    )
    told: list[tuple[str, bytes]] = field(default_factory=list)

    def tell(self, place_id: str, method: str, *arguments: Any, **changes: Any) -> None:
        """One event at one place."""
        line = getattr(self.stations[place_id], method)(*arguments, **changes)
        self.told.append((place_id, line))

    def of_station(self, place_id: str) -> list[bytes]:
        """A station's lines in their order."""
        return [line for place, line in self.told if place == place_id]


def one_evening() -> Evening:
    """Six cars: two that go well, one asked for at two booths, one claimed by two booths, one
    parked again after its hand-over, and one with the tags of another."""
    evening = Evening()
    for number, booth in ((1, "herrera"), (2, "bolivar"), (3, "herrera"), (4, "herrera")):
        evening.tell(booth, "received", number)
        evening.tell(booth, "taken", number, 2, states.PARK, "lote-norte")
        evening.tell("lote-norte", "parked", number, 3)
    back(evening, 1, "bolivar")
    back(evening, 2, "bolivar")
    evening.tell("herrera", "requested", 3, 4, "herrera")
    evening.tell("francia", "requested", 3, 4, "francia")
    evening.tell("lote-norte", "taken", 3, 5, states.RETRIEVE, "francia")
    evening.tell("francia", "of", events.CAR_READY, 3, 6, actor=OTHER_RUNNER)
    evening.tell("herrera", "requested", 4, 4, "herrera")
    evening.tell("herrera", "of", events.CAR_READY, 4, 5, actor=RUNNER)
    evening.tell("francia", "of", events.CAR_READY, 4, 5, actor=OTHER_RUNNER)
    evening.tell("herrera", "handed_over", 4, 6)
    evening.tell("francia", "handed_over", 4, 6)
    evening.tell("francia", "received", 5)
    evening.tell("francia", "requested", 5, 2, "francia")
    evening.tell("francia", "of", events.CAR_READY, 5, 3, actor=RUNNER)
    evening.tell("francia", "handed_over", 5, 4)
    evening.tell("lote-norte", "parked", 5, 5)
    evening.tell("bolivar", "received", 6, data={"key_tag": "em4100:0B00000003"})
    return evening


def back(evening: Evening, number: int, booth: str) -> None:
    """A parked car is asked for, comes and goes."""
    evening.tell(booth, "requested", number, 4, booth)
    evening.tell("lote-norte", "taken", number, 5, states.RETRIEVE, booth)
    evening.tell(booth, "of", events.CAR_READY, number, 6, actor=RUNNER)
    evening.tell(booth, "handed_over", number, 7)


def wipe(cloud: CloudKit) -> None:
    """Forget all that was recorded; the district stays."""

    def work(session: Session) -> None:
        for table in RECORDED:
            session.execute(delete(table))

    cloud.database.write(work)


def folded(cloud: CloudKit) -> dict[str, dict[str, Any]]:
    """All rows that follow from events."""
    return cloud.database.read(folded_rows)


def send_in_order(cloud: CloudKit, evening: Evening) -> None:
    """Every event by itself, as it happened."""
    for place_id, line in evening.told:
        cloud.take(evening.stations[place_id].batch([line]), NOW)


def send_mixed(cloud: CloudKit, evening: Evening, mix: random.Random) -> Iterator[None]:
    """Batches of any length from any station, some of them again, until all is there."""
    lines = {place_id: evening.of_station(place_id) for place_id in evening.stations}
    sent = dict.fromkeys(lines, 0)
    while any(sent[place_id] < len(lines[place_id]) for place_id in lines):
        place_id = mix.choice([one for one in lines if sent[one] < len(lines[one])])
        upto = mix.randint(sent[place_id] + 1, len(lines[place_id]))
        since = mix.randint(0, sent[place_id])
        batch = evening.stations[place_id].batch(lines[place_id][since:upto])
        assert cloud.take(batch, NOW).ack_seq == upto
        sent[place_id] = upto
        yield


@pytest.mark.parametrize("seed", range(6))
def test_any_interleaving_prefix_and_repetition_ends_in_the_same_rows(
    cloud: CloudKit, seed: int
) -> None:
    evening = one_evening()
    send_in_order(cloud, evening)
    expected = folded(cloud)
    wipe(cloud)
    for _ in send_mixed(cloud, evening, random.Random(seed)):
        check_no_wrong_hand_over(cloud)
    assert folded(cloud) == expected
    assert cloud.rebuilt() == []


def check_no_wrong_hand_over(cloud: CloudKit) -> None:
    """A car counts as given back only by the booth where it stood ready and was asked for."""
    for row in cloud.rows(VisitRow):
        if row.is_open:
            continue
        assert row.id in {visit_id_of(1), visit_id_of(2), visit_id_of(4), visit_id_of(5)}
        told = {
            event.type: event.place_id
            for event in cloud.rows(EventRow)
            if event.visit_id == row.id and event.place_id == row.place_id
        }
        assert told[events.CAR_READY] == told[events.VISIT_HANDED_OVER] == row.place_id


def test_what_the_evening_ends_in(cloud: CloudKit) -> None:
    send_in_order(cloud, one_evening())
    shown = {row.id: row.shown_state for row in cloud.rows(VisitRow)}
    assert shown == {
        visit_id_of(1): states.HANDED_OVER,
        visit_id_of(2): states.HANDED_OVER,
        visit_id_of(3): states.HELD,
        visit_id_of(4): states.HELD,
        visit_id_of(5): states.HELD,
        visit_id_of(6): states.HELD,
    }
    open_requests = [row.visit_id for row in cloud.rows(RequestRow) if row.status == "open"]
    assert len(open_requests) == len(set(open_requests))


def test_two_booths_that_both_gave_a_car_away_end_held_in_either_order(cloud: CloudKit) -> None:
    for first, second in (("herrera", "francia"), ("francia", "herrera")):
        wipe(cloud)
        evening = one_evening()
        for place_id in ("lote-norte", first, second, "bolivar"):
            batch = evening.stations[place_id].batch(evening.of_station(place_id))
            cloud.take(batch, NOW)
        row = next(row for row in cloud.rows(VisitRow) if row.id == visit_id_of(4))
        assert (row.state, row.is_open) == (states.HELD, True)
        assert {reason for _, reason in row.conflicts} >= {"seen_at_two_places"}


def test_a_disagreement_that_a_late_event_explains_is_no_longer_held(cloud: CloudKit) -> None:
    herrera, bolivar, francia = map(StationLines, ("herrera", "bolivar", "francia"))
    cloud.take(herrera.batch([herrera.received(1)]), NOW)
    asked = bolivar.requested(1, 2, "francia")
    ready = francia.of(events.CAR_READY, 1, 3, actor=RUNNER)
    receipt = cloud.take(francia.batch([ready, francia.handed_over(1, 4)]), NOW)
    assert [word["code"] for word in receipt.verdicts] == ["handed_over_without_request"]
    assert cloud.one(VisitRow).state == states.HELD
    cloud.take(bolivar.batch([asked]), NOW)
    row = cloud.one(VisitRow)
    assert (row.state, row.is_open, row.conflicts) == (states.HANDED_OVER, False, [])
    assert cloud.one(RequestRow).status == "done"
