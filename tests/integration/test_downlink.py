"""What a station is told: everything once, what changed after that, and nothing left out.

The mirror here is the station's own, so that what the cloud says and what a station understands
cannot drift apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy.orm import Session

from reader_agent.guests import Guests
from reader_agent.mirror import Mirror
from reader_agent.station_db import StationDB
from schemas import district as districts
from schemas import states
from schemas.sync import ChangeSchema
from server import requests
from server.database import Database
from server.district import current_version, load_district
from server.downlink import CODE_KEY, News, news
from server.models import VisitRow
from server.rebuild import rebuild
from tests.cloud_kit import CloudKit
from tests.visit_story import (
    BOOTHS,
    KEY,
    LOTS,
    SUPERVISOR,
    Story,
    StoryVisit,
    key_tag,
    settings,
    small_district,
)


@pytest.fixture
def kit(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """An empty cloud on each database."""
    database = Database(database_url)
    yield CloudKit(database, settings(tmp_path, database_url))
    database.close()


class Far:
    """A station somewhere that only listens."""

    def __init__(self, kit: CloudKit, folder: Path, name: str = "far") -> None:
        self._kit = kit
        self._db = StationDB(folder / f"{name}.sqlite3")
        self.mirror = Mirror(self._db, Guests(self._db), f"journal-{name}")
        self.pages = 0

    def listen(self, limit: int = 500) -> list[dict[str, Any]]:
        """Everything that is new, page by page."""
        heard: list[dict[str, Any]] = []
        while True:
            page = self.page(limit)
            heard += page.changes
            if not page.more:
                return heard
            assert page.cursor > 0

    def page(self, limit: int) -> News:
        """One answer, as it comes over the wire, taken into the mirror."""
        cursor = self.mirror.cursor
        page = self._kit.database.read(lambda session: news(session, KEY, cursor, limit))
        assert page.cursor >= cursor
        changes = ChangeSchema(many=True).load(json.loads(json.dumps(page.changes)))
        with structlog.testing.capture_logs() as logs, self._db.transaction() as work:
            self.mirror.apply(work, changes, page.cursor)
        assert logs == []
        gone = self.mirror.closed(0)
        with self._db.transaction() as work:
            self.mirror.drop(work, gone)
        self.pages += 1
        return page

    def close(self) -> None:
        """Let the file go."""
        self._db.close()


@pytest.fixture
def far(kit: CloudKit, tmp_path: Path) -> Iterator[Far]:
    """A station that has heard nothing yet."""
    station = Far(kit, tmp_path)
    yield station
    station.close()


def same_as_cloud(kit: CloudKit, station: Far) -> None:
    """The station knows exactly the open visits, as the cloud has them."""
    rows = {row.id: row for row in kit.rows(VisitRow) if row.is_open}
    mirror = station.mirror
    assert {visit.id for visit in mirror.visits()} == set(rows)
    for visit_id, row in rows.items():
        visit, terms = mirror.visit(visit_id), mirror.terms(visit_id)
        assert visit is not None
        assert terms is not None
        told = (visit.state, visit.place_id, visit.step, visit.key_tag, visit.ready_at)
        assert told == (row.state, row.place_id, row.step, row.key_tag, row.ready_at)
        assert terms.tag_shared == row.tag_shared
        assert terms.code_key == KEY.derive(CODE_KEY, visit_id)


def some_cars(kit: CloudKit, count: int = 4) -> tuple[Story, list[StoryVisit]]:
    """A district with so many cars in a lot."""
    story = Story(kit.database, kit.config)
    visits = []
    for number in range(count):
        story.wait(minutes=1)
        visits.append(story.receive(BOOTHS[number % 3]).take(LOTS[number % 2]))
        story.wait(minutes=6)
        visits[-1].park()
    return story, visits


def test_a_station_that_starts_from_nothing_hears_all(kit: CloudKit, far: Far) -> None:
    story, visits = some_cars(kit)
    story.receive("francia", phone=None, plate="CD9999")
    visits[0].request("bolivar")
    far.listen()
    same_as_cloud(kit, far)
    roster = far.mirror.roster
    assert set(roster.places) == {*BOOTHS, *LOTS}
    assert key_tag(40) in roster.tags
    assert far.mirror.plate(visits[0].id) == "AB1234"
    assert far.mirror.has_phone(visits[0].id)
    assert not far.mirror.has_phone(story.visits[-1].id)
    terms = far.mirror.terms(visits[0].id)
    assert terms is not None
    assert terms.promise is not None
    assert terms.move is not None
    assert (terms.move.kind, terms.move.to_place_id) == (states.RETRIEVE, "bolivar")


def test_only_what_changed_comes_the_next_time(kit: CloudKit, far: Far) -> None:
    story, visits = some_cars(kit)
    far.listen()
    assert far.listen() == []
    story.wait(minutes=1)
    visits[1].request("francia")
    heard = far.listen()
    assert [(change["kind"], change["body"].get("visit_id")) for change in heard] == [
        ("event", None),
        ("visit", visits[1].id),
    ]
    same_as_cloud(kit, far)


def test_a_visit_that_closes_leaves_and_its_plate_is_not_sent_again(
    kit: CloudKit, far: Far
) -> None:
    story = Story(kit.database, kit.config)
    visit = story.receive("herrera")
    far.listen()
    visit.play_whole()
    heard = [change for change in far.listen() if change["kind"] == "visit"]
    assert heard[-1]["body"]["is_open"] is False
    assert heard[-1]["body"]["plate"] is None
    assert heard[-1]["body"]["code_key"] is None
    same_as_cloud(kit, far)
    assert far.mirror.visits() == []


def test_a_station_that_starts_late_hears_nothing_of_what_is_over(kit: CloudKit, far: Far) -> None:
    story = Story(kit.database, kit.config)
    for _ in range(3):
        story.receive("herrera").play_whole()
    last = story.receive("bolivar")
    heard = far.listen(limit=2)
    told = {change["body"]["visit_id"] for change in heard if change["kind"] == "visit"}
    assert told == {last.id}
    assert sum(change["kind"] == "event" for change in heard) == 1


def told_closed(kit: CloudKit, cursor: int, journal_id: str | None = None) -> set[str]:
    """The visits that somebody with this cursor and journal is told are over."""
    page = kit.database.read(lambda session: news(session, KEY, cursor, 500, journal_id))
    views = [change["body"] for change in page.changes if change["kind"] == "visit"]
    return {view["visit_id"] for view in views if not view["is_open"]}


def test_that_a_visit_is_over_is_told_to_those_who_can_have_heard_of_it(kit: CloudKit) -> None:
    story = Story(kit.database, kit.config)
    known = story.receive("herrera")
    heard_of = kit.database.read(current_version)
    known.play_whole()
    story.wait(minutes=1)
    later = story.receive("bolivar").play_whole()
    after = kit.database.read(current_version)
    journals = {place: journal.id for place, journal in story.journals.items()}

    assert told_closed(kit, heard_of) == {known.id}
    assert told_closed(kit, heard_of, journals["francia"]) == {known.id}
    # Both have recorded something of the second car that they have not seen in any news.
    assert told_closed(kit, heard_of, journals["bolivar"]) == {known.id, later.id}
    assert told_closed(kit, heard_of, journals["lote-norte"]) == {known.id, later.id}
    assert told_closed(kit, after, journals["bolivar"]) == set()


def test_after_a_rebuild_everybody_is_told_once_more_what_is_over(kit: CloudKit) -> None:
    story = Story(kit.database, kit.config)
    story.receive("herrera").play_whole()
    cursor = kit.database.read(current_version)
    open_still = story.receive("bolivar")
    later = story.receive("bolivar").play_whole()
    assert told_closed(kit, cursor) == set()
    assert kit.database.write(rebuild) == []
    assert told_closed(kit, cursor) == {story.visits[0].id, later.id}
    page = kit.database.read(lambda session: news(session, KEY, cursor, 500))
    assert open_still.id in {change["body"].get("visit_id") for change in page.changes}


def test_a_visit_that_opens_again_comes_whole_to_everybody_who_has_forgotten_it(
    kit: CloudKit, far: Far, tmp_path: Path
) -> None:
    story = Story(kit.database, kit.config)
    visit = story.receive("herrera").play_whole()
    far.listen()
    new = Far(kit, tmp_path, "new")
    new.listen()
    story.wait(minutes=1)
    visit.park("lote-sur")
    for station in (far, new):
        heard = station.listen()
        assert sum(change["kind"] == "event" for change in heard) == visit.step
        same_as_cloud(kit, station)
    new.close()


def test_a_station_hears_of_its_own_events_too_so_that_it_can_forget_and_learn_again(
    kit: CloudKit, tmp_path: Path
) -> None:
    story = Story(kit.database, kit.config)
    visit = story.receive("herrera").play_whole()
    herrera = Far(kit, tmp_path, "herrera")
    herrera.mirror._journal_id = story.journals["herrera"].id
    herrera.listen()
    assert herrera.mirror.visits() == []
    visit.park("lote-sur")
    herrera.listen()
    (again,) = herrera.mirror.visits()
    assert (again.id, again.state) == (visit.id, states.HELD)
    herrera.close()


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_pages_reach_the_end_and_miss_nothing(
    kit: CloudKit, far: Far, tmp_path: Path, limit: int
) -> None:
    story, visits = some_cars(kit)
    other = Far(kit, tmp_path, f"by-{limit}")
    other.listen(limit)
    same_as_cloud(kit, other)
    assert other.pages > 1
    story.wait(minutes=1)
    visits[0].request("bolivar").take("bolivar").ready().hand_over()
    visits[1].request("francia")
    story.receive("herrera")
    other.listen(limit)
    far.listen()
    same_as_cloud(kit, other)
    same_as_cloud(kit, far)
    other.close()


def test_changes_between_two_pages_are_not_missed(kit: CloudKit, far: Far) -> None:
    story, visits = some_cars(kit)
    turn = 0
    while far.page(limit=1).more:
        story.wait(minutes=1)
        if turn < 4:
            visits[turn].request("bolivar")
        turn += 1
    assert turn > 4
    same_as_cloud(kit, far)


def test_a_version_is_never_cut_in_two(kit: CloudKit, far: Far) -> None:
    Story(kit.database, kit.config)
    page = far.page(limit=1)
    tags = [change for change in page.changes if change["kind"] == "tag"]
    assert len(tags) == 80


def test_a_page_ends_at_the_limit_when_there_is_more(kit: CloudKit, far: Far) -> None:
    some_cars(kit, count=6)
    far.page(limit=1)
    for _ in range(3):
        page = far.page(limit=1)
        assert page.more
        assert sum(change["kind"] == "event" for change in page.changes) <= 1


def test_a_plan_that_changes_for_another_reason_is_told_as_well(kit: CloudKit, far: Far) -> None:
    story = Story(kit.database, kit.config)
    visit = story.receive("herrera")
    far.listen()
    terms = far.mirror.terms(visit.id)
    assert terms is not None
    assert terms.move is not None
    before = terms.move.runner_id
    story.wait(minutes=1)
    story.tell("lote-norte", "shift.signed_off", before)
    far.listen()
    terms = far.mirror.terms(visit.id)
    assert terms is not None
    assert terms.move is not None
    assert terms.move.runner_id not in (None, before)


def test_a_car_that_has_nowhere_to_go_is_told_without_a_plan(kit: CloudKit, far: Far) -> None:
    story = Story(kit.database, kit.config)
    district = small_district()
    shut = [replace(place, is_open=place.kind == districts.BOOTH) for place in district.places]
    full = replace(district, places=tuple(shut))
    kit.database.write(lambda session: load_district(session, full))
    visit = story.receive("herrera")
    far.listen()
    terms = far.mirror.terms(visit.id)
    assert terms is not None
    assert terms.move is None
    same_as_cloud(kit, far)


def test_a_held_visit_that_is_settled_is_told(kit: CloudKit, far: Far) -> None:
    story = Story(kit.database, kit.config)
    visit = story.receive("herrera").ready()
    story.wait(minutes=1)
    visit.hand_over()
    far.listen()
    same_as_cloud(kit, far)

    def settle(session: Session) -> VisitRow:
        return requests.resolve(
            session,
            kit.config,
            KEY,
            visit.id,
            states.HANDED_OVER,
            "herrera",
            "visto",
            SUPERVISOR,
            story.now,
        )

    kit.database.write(settle)
    far.listen()
    same_as_cloud(kit, far)
    assert far.mirror.visits() == []


def load(kit: CloudKit, district: districts.District) -> None:
    """Take in a changed district file."""
    kit.database.write(lambda session: load_district(session, district))


def test_a_district_that_is_loaded_again_unchanged_is_no_news(kit: CloudKit, far: Far) -> None:
    load(kit, small_district())
    far.listen()
    load(kit, small_district())
    assert far.listen() == []
    assert kit.database.read(current_version) == far.mirror.cursor


def test_a_badge_that_changes_hands_is_told_of_both(kit: CloudKit, far: Far) -> None:
    load(kit, small_district())
    far.listen()
    people = list(small_district().people)
    ana, rosa = people[0], people[1]
    people[0] = replace(ana, badge_tag=rosa.badge_tag)
    people[1] = replace(rosa, badge_tag=ana.badge_tag)
    load(kit, replace(small_district(), people=tuple(people)))
    heard = {change["id"]: change["body"]["badge_tag"] for change in far.listen()}
    assert heard == {"ana": rosa.badge_tag, "rosa": ana.badge_tag}
    load(kit, replace(small_district(), people=(replace(people[4], badge_tag=ana.badge_tag),)))
    heard = {change["id"]: change["body"]["badge_tag"] for change in far.listen()}
    assert heard == {"luis": ana.badge_tag, "rosa": None}


def test_a_shorter_way_to_a_lot_is_told_of_the_places_where_it_matters(
    kit: CloudKit, far: Far
) -> None:
    load(kit, small_district())
    far.listen()
    shorter = districts.Travel("herrera", "lote-sur", 100, 90)
    load(kit, replace(small_district(), travel=(shorter,)))
    (heard,) = far.listen()
    assert (heard["id"], heard["body"]["near"]) == ("herrera", ["lote-sur", "lote-norte"])
