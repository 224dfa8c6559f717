"""Enrolments and marks become tag rows: the last one counts, in whatever order they come."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from schemas import states
from schemas.district import Tag
from server.database import Database
from server.district import current_version, load_district
from server.downlink import news
from server.ingest import Batch
from server.migrate import upgrade
from server.models import EventRow, PersonRow, TagRow, VisitRow
from tests.cloud_kit import CloudKit, open_cloud
from tests.station_lines import StationLines
from tests.tag_story import CARD, NOW, OTHER, Told, all_rows, badges, tag, take, told_to_stations
from tests.visit_story import KEY, SUPERVISOR, key_tag, small_district

BADGE_OF_ANA = "em4100:0A00000001"


@pytest.fixture
def cloud(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud on each database."""
    with open_cloud(tmp_path, database_url) as kit:
        yield kit


@pytest.fixture
def told() -> Told:
    """Nothing told yet."""
    return Told()


def test_a_station_enrols_a_tag_and_every_station_hears_of_it(cloud: CloudKit, told: Told) -> None:
    before = cloud.database.read(current_version)
    take(cloud, told.enrolled(1, is_secure=True, is_original=True))

    row = tag(cloud)
    assert (row.kind, row.label, row.status) == ("claim", "C100", "active")
    assert (row.is_secure, row.is_original) == (True, True)
    assert told_to_stations(cloud, before) == {
        CARD: {
            "id": CARD,
            "kind": "claim",
            "label": "C100",
            "status": "active",
            "is_secure": True,
        }
    }


def test_a_mark_is_heard_by_every_station_and_one_that_says_nothing_new_is_not(
    cloud: CloudKit, told: Told
) -> None:
    take(cloud, told.enrolled(1), told.marked(2, "lost"))
    before = cloud.database.read(current_version)
    take(cloud, told.marked(3, "lost"))
    assert told_to_stations(cloud, before) == {}

    take(cloud, told.marked(4, "active"))
    assert told_to_stations(cloud, before)[CARD]["status"] == "active"


def test_any_order_of_the_same_events_ends_in_the_same_rows(
    told: Told, tmp_path: Path, sqlite_url: str
) -> None:
    stories = [
        told.enrolled(1, "C100", is_secure=True),
        told.marked(2, "lost"),
        told.enrolled(3, "C200"),
        told.marked(3, "retired"),
    ]
    ends = every_end(tmp_path, sqlite_url, stories)
    assert len(ends) == 24
    assert all(end == ends[0] for end in ends)
    # A new label does not make a secure card a plain one.
    assert (CARD, "claim", "C200", "retired", True, None) in ends[0]


def every_end(
    folder: Path, sqlite_url: str, batches: Sequence[Batch]
) -> list[list[tuple[object, ...]]]:
    """How every order of the batches ends, each on an empty database of its own."""
    template = Path(sqlite_url.removeprefix("sqlite:///"))
    ends = []
    for order in itertools.permutations(batches):
        own = folder / "order.sqlite3"
        shutil.copyfile(template, own)
        with open_cloud(folder, f"sqlite:///{own}") as kit:
            take(kit, *order)
            ends.append(all_rows(kit))
            assert kit.rebuilt() == []
    return ends


def test_any_order_of_badges_ends_with_the_same_owners(
    told: Told, tmp_path: Path, sqlite_url: str
) -> None:
    stories = [
        told.enrolled(1, "B1", kind="badge", person_id="ana"),
        told.enrolled(2, "B2", kind="badge", person_id="ana", tag=OTHER),
        told.enrolled(3, "B2", kind="badge", person_id="rosa", tag=OTHER),
        told.enrolled(4, "B0", kind="badge", person_id="teo", tag=BADGE_OF_ANA),
    ]
    ends = every_end(tmp_path, sqlite_url, stories)
    assert all(end == ends[0] for end in ends)
    # Ana gave her first badge up for the second, which Rosa has now: she has none.
    for owner in (("ana", None), ("rosa", OTHER), ("teo", BADGE_OF_ANA)):
        assert owner in ends[0]


def test_events_that_come_backwards_end_as_those_that_come_in_order(
    cloud: CloudKit, told: Told
) -> None:
    take(
        cloud,
        told.marked(4, "retired"),
        told.enrolled(3, "B2", kind="badge", person_id="rosa"),
        told.marked(2, "lost"),
        told.enrolled(1, "B1", kind="badge", person_id="ana", is_secure=True),
    )

    row, owners = tag(cloud), badges(cloud)
    assert (row.label, row.status, row.is_secure) == ("B2", "retired", True)
    assert (owners["ana"], owners["rosa"]) == (None, CARD)
    assert cloud.rebuilt() == []


def test_a_badge_enrolled_for_somebody_leaves_whoever_had_it(cloud: CloudKit, told: Told) -> None:
    assert badges(cloud)["ana"] == BADGE_OF_ANA
    before = cloud.database.read(current_version)
    take(cloud, told.enrolled(1, "B9", kind="badge", person_id=SUPERVISOR, tag=BADGE_OF_ANA))

    assert badges(cloud)["ana"] is None
    assert badges(cloud)[SUPERVISOR] == BADGE_OF_ANA
    page = cloud.database.read(lambda session: news(session, KEY, before, 1000))
    heard = {change["id"] for change in page.changes if change["kind"] == "person"}
    assert heard == {"ana", SUPERVISOR}


def test_a_badge_that_becomes_a_key_tag_is_nobodys_badge(cloud: CloudKit, told: Told) -> None:
    take(cloud, told.enrolled(1, "K9", kind="key", tag=BADGE_OF_ANA, person_id="rosa"))

    assert badges(cloud)["ana"] is None
    assert BADGE_OF_ANA not in badges(cloud).values()


def test_an_enrolment_for_somebody_unknown_gives_the_badge_to_nobody(
    cloud: CloudKit, told: Told
) -> None:
    take(cloud, told.enrolled(1, "B9", kind="badge", person_id="nobody"))

    assert tag(cloud).kind == "badge"
    assert CARD not in badges(cloud).values()


def test_a_mark_without_an_enrolment_waits_for_it(cloud: CloudKit, told: Told) -> None:
    take(cloud, told.marked(2, "lost"))
    assert cloud.database.read(lambda session: session.get(TagRow, CARD)) is None

    take(cloud, told.enrolled(1))
    assert tag(cloud).status == "lost"


def test_a_badge_that_only_the_list_of_people_knows_can_be_lost(
    cloud: CloudKit, told: Told
) -> None:
    before = cloud.database.read(current_version)
    take(cloud, told.marked(2, "lost", tag=BADGE_OF_ANA))

    row = tag(cloud, BADGE_OF_ANA)
    assert (row.kind, row.label, row.status) == ("badge", "Ana Ríos", "lost")
    assert told_to_stations(cloud, before)[BADGE_OF_ANA]["status"] == "lost"
    cloud.database.write(lambda session: load_district(session, small_district()))
    assert tag(cloud, BADGE_OF_ANA).status == "lost"
    assert cloud.rebuilt() == []


def test_a_mark_waits_for_the_district_file_too(cloud: CloudKit, told: Told) -> None:
    take(cloud, told.marked(2, "lost"))
    content = small_district()
    longer = replace(content, tags=(*content.tags, Tag(CARD, "claim", "C500")))
    cloud.database.write(lambda session: load_district(session, longer))

    assert (tag(cloud).label, tag(cloud).status) == ("C500", "lost")


def test_the_district_file_gives_a_new_label_but_brings_nothing_back(
    cloud: CloudKit, told: Told
) -> None:
    take(
        cloud,
        told.enrolled(1, is_secure=True),
        told.marked(2, "retired"),
        told.marked(2, "lost", tag=key_tag(1)),
    )
    content = small_district()
    again = replace(content, tags=(*content.tags, Tag(CARD, "key", "K500")))
    cloud.database.write(lambda session: load_district(session, again))

    row = tag(cloud)
    assert (row.kind, row.label) == ("key", "K500")
    assert (row.status, row.is_secure) == ("retired", True)
    assert tag(cloud, key_tag(1)).status == "lost"
    # What somebody does later does not bring the old label back.
    take(cloud, told.marked(9, "active"))
    assert (tag(cloud).label, tag(cloud).status) == ("K500", "active")
    assert cloud.rebuilt() == []


def test_the_district_file_does_not_undo_a_badge_that_was_enrolled(
    cloud: CloudKit, told: Told
) -> None:
    take(cloud, told.enrolled(1, "B9", kind="badge", person_id="ana"))
    take(cloud, told.enrolled(2, "B8", kind="badge", person_id="rosa", tag=BADGE_OF_ANA))

    cloud.database.write(lambda session: load_district(session, small_district()))

    assert (badges(cloud)["ana"], badges(cloud)["rosa"]) == (CARD, BADGE_OF_ANA)


@pytest.mark.parametrize("bad", ["nfca:08A1B2C3", "nfca:88A1B2C3", "nfca:00000000", "no tag"])
def test_an_id_that_is_none_for_good_becomes_no_tag_though_the_fact_is_kept(
    cloud: CloudKit, told: Told, bad: str
) -> None:
    tags = cloud.count(TagRow)
    take(cloud, told.enrolled(1, tag=bad))

    assert cloud.count(TagRow) == tags
    assert cloud.one(EventRow).tag_id is None


def test_a_lost_tag_stays_in_its_open_visit(cloud: CloudKit, told: Told) -> None:
    herrera = StationLines("herrera")
    cloud.take(herrera.batch([herrera.received(1)]), NOW)
    take(cloud, told.marked(5, "lost", tag=key_tag(1)))

    visit = cloud.one(VisitRow)
    assert (visit.key_tag, visit.is_open, visit.state) == (key_tag(1), True, states.AT_BOOTH)
    assert tag(cloud, key_tag(1)).status == "lost"


def test_a_tag_row_that_somebody_touched_is_named_by_a_rebuild(cloud: CloudKit, told: Told) -> None:
    take(cloud, told.enrolled(1, "B9", kind="badge", person_id="ana"), told.marked(2, "lost"))

    def touch(session: Session) -> None:
        session.execute(update(TagRow).where(TagRow.id == CARD).values(status="active"))
        session.execute(update(PersonRow).where(PersonRow.id == "ana").values(badge_tag=None))

    cloud.database.write(touch)
    assert cloud.rebuilt() == ["people/ana.badge_tag", f"tags/{CARD}.status"]


def test_rows_of_before_are_active_plain_tags_and_plain_links(empty_database_url: str) -> None:
    upgrade(empty_database_url, "0001")
    database = Database(empty_database_url)
    with database.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO tags (id, kind, label, version) VALUES ('t', 'key', 'K1', 1)")
        )
        connection.execute(
            text(
                "INSERT INTO links (token_hash, visit_id, created_at) "
                "VALUES ('h', 'v', '2026-11-20 12:00:00')"
            )
        )
    upgrade(empty_database_url)
    row = database.read(lambda session: session.scalars(select(TagRow)).one())
    assert (row.status, row.is_secure, row.is_original, row.enrolled_event) == (
        "active",
        False,
        None,
        None,
    )
    with database.engine.connect() as connection:
        assert not connection.scalar(text("SELECT by_tap FROM links"))
    database.close()
