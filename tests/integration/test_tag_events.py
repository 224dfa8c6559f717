"""Enrolments and marks become tag rows: the last one counts, in whatever order they come."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from schemas import events, states
from schemas.district import Tag
from server import enrolment
from server.database import Database
from server.district import current_version, load_district
from server.downlink import news
from server.enrolment import Entry, NotEnrolled
from server.ingest import Batch
from server.migrate import upgrade
from server.models import EventRow, PersonRow, TagRow, VisitRow
from tests.cloud_kit import CloudKit, open_cloud
from tests.station_lines import StationLines, minutes_later
from tests.visit_story import EVENING, KEY, MANAGER, SUPERVISOR, key_tag, small_district

NOW = minutes_later(60)
CARD, OTHER = "nfca:04A1B2C3D4E5F6", "nfca:04112233445566"
BADGE_OF_ANA = "em4100:0A00000001"


@pytest.fixture
def cloud(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud on each database."""
    with open_cloud(tmp_path, database_url) as kit:
        yield kit


class Told:
    """Tag events of several stations, each to be sent when the test likes."""

    def __init__(self) -> None:
        self.stations: list[StationLines] = []

    def say(self, event: str, minute: float, **data: Any) -> Batch:
        """One event, alone in the journal of a station of its own."""
        station = StationLines("herrera", name=f"journal-{len(self.stations)}")
        station.station_id += f"-{len(self.stations)}"
        wall = (EVENING + timedelta(minutes=minute)).isoformat()
        line = station.line(event, wall=wall, actor=SUPERVISOR, data={"tag": CARD, **data})
        self.stations.append(station)
        return station.batch([line])

    def enrolled(self, minute: float, label: str = "C100", **data: Any) -> Batch:
        """A tag was enrolled."""
        content = {"kind": "claim", "label": label, **data}
        return self.say(events.TAG_ENROLLED, minute, **content)

    def marked(self, minute: float, status: str, **data: Any) -> Batch:
        """A tag was lost, found or retired."""
        return self.say(events.TAG_MARKED, minute, status=status, reason="visto", **data)


@pytest.fixture
def told() -> Told:
    """Nothing told yet."""
    return Told()


def take(cloud: CloudKit, *batches: Batch) -> None:
    """Send what stations have to say, in this order."""
    for batch in batches:
        cloud.take(batch, NOW)


def tag(cloud: CloudKit, tag_id: str = CARD) -> TagRow:
    """The row of a tag that there is."""
    row = cloud.database.read(lambda session: session.get(TagRow, tag_id))
    assert row is not None
    return row


def badges(cloud: CloudKit) -> dict[str, str | None]:
    """The badge of everybody."""
    return {person.id: person.badge_tag for person in cloud.rows(PersonRow)}


def all_rows(cloud: CloudKit) -> list[tuple[object, ...]]:
    """Everything that tag events decide, without the versions."""
    tags = [
        (row.id, row.kind, row.label, row.status, row.is_secure, row.is_original)
        for row in cloud.rows(TagRow)
    ]
    return [*tags, *sorted(badges(cloud).items())]


def told_to_stations(cloud: CloudKit, cursor: int) -> dict[str, dict[str, Any]]:
    """The tag documents after a cursor."""
    page = cloud.database.read(lambda session: news(session, KEY, cursor, 1000))
    return {change["id"]: change["body"] for change in page.changes if change["kind"] == "tag"}


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


def test_the_office_enrols_and_marks_by_events_with_its_name(cloud: CloudKit) -> None:
    def enrol(session: Session) -> None:
        entries = [Entry(1, "claim", "C900", CARD), Entry(2, "badge", "B900", OTHER, "ana")]
        enrolment.enrol(session, entries, MANAGER, NOW)

    cloud.database.write(enrol)
    later = NOW + timedelta(seconds=1)
    cloud.database.write(
        lambda session: enrolment.mark(session, CARD, "lost", " se cayó ", MANAGER, later)
    )

    assert (tag(cloud).label, tag(cloud).status) == ("C900", "lost")
    assert badges(cloud)["ana"] == OTHER
    rows = sorted(cloud.rows(EventRow), key=lambda row: row.seq)
    assert [(row.type, row.actor, row.tag_id) for row in rows] == [
        (events.TAG_ENROLLED, MANAGER, CARD),
        (events.TAG_ENROLLED, MANAGER, OTHER),
        (events.TAG_MARKED, MANAGER, CARD),
    ]
    assert json.loads(rows[2].line)["data"]["reason"] == "se cayó"
    assert cloud.rebuilt() == []


def faults_of(cloud: CloudKit, *entries: Entry) -> list[tuple[int, str]]:
    """Why these cannot be enrolled; nothing of them is."""
    count = cloud.count(EventRow)
    with pytest.raises(NotEnrolled) as refused:
        cloud.database.write(lambda session: enrolment.enrol(session, entries, MANAGER, NOW))
    assert cloud.count(EventRow) == count
    return [(fault.line, fault.code) for fault in refused.value.faults]


def test_one_faulty_line_keeps_all_of_them_out(cloud: CloudKit) -> None:
    herrera = StationLines("herrera")
    cloud.take(herrera.batch([herrera.received(1)]), NOW)

    assert faults_of(
        cloud,
        Entry(1, "claim", "C900", CARD),
        Entry(2, "claim", "c001", OTHER),
        Entry(3, "claim", "C901", key_tag(1)),
        Entry(4, "claim", "C902", CARD),
        Entry(5, "claim", "C900", "nfca:04999999999999"),
        Entry(6, "badge", "B900", "nfca:04888888888888", "nobody"),
    ) == [
        (2, "label_in_use"),
        (3, "tag_in_use"),
        (4, "tag_twice"),
        (5, "label_twice"),
        (6, "unknown_person"),
    ]


def test_a_label_is_free_again_when_its_tag_is_lost_but_not_both_can_have_it(
    cloud: CloudKit,
) -> None:
    owner = key_tag(3)
    label = tag(cloud, owner).label
    new = Entry(1, "key", label, CARD)
    assert faults_of(cloud, new) == [(1, "label_in_use")]

    def replace_it(session: Session) -> None:
        enrolment.mark(session, owner, "lost", "se perdió", MANAGER, NOW)
        enrolment.enrol(session, [new], MANAGER, NOW)

    cloud.database.write(replace_it)
    with pytest.raises(Exception, match="label_in_use"):
        cloud.database.write(
            lambda session: enrolment.mark(session, owner, "active", "apareció", MANAGER, NOW)
        )
    assert tag(cloud, owner).status == "lost"


def test_a_radio_tag_shares_the_label_of_the_key_tag_it_rides_with(cloud: CloudKit) -> None:
    label = tag(cloud, key_tag(3)).label
    rides = Entry(1, "key", label, "epc:E20000172211")
    cloud.database.write(lambda session: enrolment.enrol(session, [rides], MANAGER, NOW))

    assert tag(cloud, "epc:E20000172211").label == label
    second = Entry(1, "key", label, "epc:E20000172212")
    assert faults_of(cloud, second) == [(1, "label_in_use")]
    claim = Entry(1, "claim", tag(cloud, "em4100:0C00000001").label, "epc:E20000172213")
    assert faults_of(cloud, claim) == [(1, "label_in_use")]


def test_a_new_label_in_the_office_keeps_a_secure_card_secure(cloud: CloudKit, told: Told) -> None:
    take(cloud, told.enrolled(1, is_secure=True, is_original=True))
    entry = Entry(1, "claim", "C777", CARD)
    cloud.database.write(lambda session: enrolment.enrol(session, [entry], MANAGER, NOW))

    row = tag(cloud)
    assert (row.label, row.is_secure, row.is_original) == ("C777", True, True)


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
