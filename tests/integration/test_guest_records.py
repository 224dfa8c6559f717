"""A guest record counts only if it is the one that its event names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.guest import Guest
from server import guests
from server.models import GuestRow, MessageRow, OtherGuestRow
from server.reports.visit_story import visit_story
from tests.cloud_kit import CloudKit, open_cloud
from tests.station_lines import PHONE, SALT, StationLines, minutes_later, visit_id_of
from tests.visit_story import KEY, steady_uuid

NOW = minutes_later(5)
OTHER_PHONE = "+50769999999"


@pytest.fixture
def cloud(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """A cloud on each database."""
    with open_cloud(tmp_path, database_url) as kit:
        yield kit


@pytest.fixture
def herrera() -> StationLines:
    """A booth's journal."""
    return StationLines("herrera")


def phone_of(cloud: CloudKit, ref: str) -> str | None:
    """The number that messages would go to."""
    guest = cloud.database.read(lambda session: guests.load(session, KEY, ref))
    return None if guest is None else guest.phone


def changed(guest: Guest) -> Guest:
    """The record with somebody else's number."""
    return replace(guest, phone=OTHER_PHONE)


def test_the_record_that_the_event_names_is_used(cloud: CloudKit, herrera: StationLines) -> None:
    cloud.take(herrera.batch([herrera.received(1)]), NOW)
    assert phone_of(cloud, herrera.guests[0].ref) == PHONE
    assert (cloud.count(MessageRow), cloud.count(OtherGuestRow)) == (1, 0)
    visit_id = herrera.guests[0].visit_id
    story = cloud.database.read(lambda session: visit_story(session, visit_id))
    assert not story.has_other_guest


def again(herrera: StationLines, number: int, plate: str) -> bytes:
    """A car comes again, and its record refers to the number of the first."""
    first = herrera.guests[0]
    ref = steady_uuid("guest", str(number))
    guest = Guest(ref, visit_id_of(number), plate, None, SALT, phone_ref=first.ref)
    line = herrera.received(number, data={"guest": {"ref": ref, "digest": guest.digest()}})
    herrera.guests[-1] = guest
    return line


def test_a_number_that_is_in_the_cloud_is_used_again_by_its_reference(
    cloud: CloudKit, herrera: StationLines
) -> None:
    # Both in one batch, as after a night without a network; and once more on another night.
    lines = [herrera.received(1), again(herrera, 2, herrera.guests[0].plate)]
    cloud.take(herrera.batch(lines), NOW)
    late = again(herrera, 3, herrera.guests[0].plate)
    cloud.take(herrera.batch([late], guests=(herrera.guests[2],)), NOW)
    other = again(herrera, 4, "ZZ9999")
    cloud.take(herrera.batch([other], guests=(herrera.guests[3],)), NOW)

    first, second, third, strange = herrera.guests
    assert [phone_of(cloud, one.ref) for one in (first, second, third)] == [PHONE] * 3
    # Not of another car, and never instead of what the event says.
    assert phone_of(cloud, strange.ref) is None
    assert (cloud.count(MessageRow), cloud.count(OtherGuestRow)) == (3, 0)


def test_another_record_is_set_apart_and_never_used(cloud: CloudKit, herrera: StationLines) -> None:
    line = herrera.received(1)
    wrong = changed(herrera.guests[0])
    cloud.take(herrera.batch([line], guests=(wrong,)), NOW)
    assert phone_of(cloud, wrong.ref) is None
    assert (cloud.count(GuestRow), cloud.count(MessageRow)) == (0, 0)
    apart = cloud.one(OtherGuestRow)
    assert (apart.ref, apart.digest, apart.visit_id) == (wrong.ref, wrong.digest(), wrong.visit_id)
    assert OTHER_PHONE.encode() not in (apart.sealed or b"")
    # Whoever looks at the visit is told.
    story = cloud.database.read(lambda session: visit_story(session, wrong.visit_id))
    assert story.has_other_guest


def test_a_record_that_comes_after_its_event_is_compared_too(
    cloud: CloudKit, herrera: StationLines
) -> None:
    line = herrera.received(1)
    right = herrera.guests[0]
    cloud.take(herrera.batch([line], guests=()), NOW)
    cloud.take(herrera.batch([], guests=(changed(right),)), NOW)
    assert phone_of(cloud, right.ref) is None
    cloud.take(herrera.batch([], guests=(right,)), NOW)
    assert phone_of(cloud, right.ref) == PHONE
    assert cloud.count(OtherGuestRow) == 1


def test_a_record_that_came_before_its_event_is_compared_when_that_comes(
    cloud: CloudKit, herrera: StationLines
) -> None:
    lines = [herrera.received(1), herrera.received(2)]
    right, other = herrera.guests
    cloud.take(herrera.batch([], guests=(right, changed(other))), NOW)
    assert (cloud.count(GuestRow), cloud.count(OtherGuestRow)) == (2, 0)
    cloud.take(herrera.batch(lines, guests=()), NOW)
    assert (phone_of(cloud, right.ref), phone_of(cloud, other.ref)) == (PHONE, None)
    assert cloud.one(OtherGuestRow).ref == other.ref
    assert cloud.count(MessageRow) == 1


def test_the_same_wrong_record_again_is_set_apart_once(
    cloud: CloudKit, herrera: StationLines
) -> None:
    line = herrera.received(1)
    batch = herrera.batch([line], guests=(changed(herrera.guests[0]),))
    for _ in range(2):
        cloud.take(batch, NOW)
    assert cloud.count(OtherGuestRow) == 1
