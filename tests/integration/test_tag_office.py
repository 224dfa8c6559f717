"""The office enrols and marks tags: by events of the cloud's own journal, all or none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from schemas import events
from server import enrolment
from server.enrolment import Entry, NotEnrolled
from server.models import EventRow
from tests.cloud_kit import CloudKit, open_cloud
from tests.station_lines import StationLines
from tests.tag_story import CARD, NOW, OTHER, Told, badges, tag, take
from tests.visit_story import MANAGER, key_tag


@pytest.fixture
def cloud(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud on each database."""
    with open_cloud(tmp_path, database_url) as kit:
        yield kit


@pytest.fixture
def told() -> Told:
    """Nothing told yet."""
    return Told()


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
