"""The district: loading it, and the version that every change raises."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from schemas.district import BOOTH, LOT, District, DistrictSchema, Person
from schemas.events import describe
from schemas.hours import is_open_at
from schemas.problems import Refusal
from server import clock, closures_told, tags
from server.bulk import table_of
from server.database import change_in_turn, tell_after_commit
from server.models import (
    ClosureRow,
    DistrictRow,
    Mirrored,
    PersonRow,
    PlaceRow,
    TagRow,
    TravelRow,
)

DISTRICT_ID = "district"
# What has happened to a tag since it was enrolled: an old file must not bring a lost one back.
_NOT_OF_THE_FILE = ("status", "is_secure")


_Table = type[PlaceRow] | type[PersonRow] | type[ClosureRow]
_Edited = tuple[_Table, str]

_DISTRICTS = table_of(DistrictRow)
_RAISE = (
    update(_DISTRICTS)
    .where(_DISTRICTS.c.id == DISTRICT_ID)
    .values(version=_DISTRICTS.c.version + 1)
    .returning(_DISTRICTS.c.version)
)
_VERSION = select(_DISTRICTS.c.version)


def next_version(session: Session) -> int:
    """Raise the district's version and hold it until the commit.

    Whoever changes anything calls this first: changes then commit one after the other in
    the order of their versions, so a station's cursor never passes an unseen change.
    """
    change_in_turn(session)
    session.flush()
    version: int | None = session.connection().scalar(_RAISE)
    if version is None:
        raise Refusal("bad_district", detail="none yet: run `valet-server district load FILE`")
    tell_after_commit(session, version)
    return version


def current_version(session: Session) -> int:
    """The version of the last change; 0 before a district was loaded."""
    return session.connection().scalar(_VERSION) or 0


def read_district(path: Path) -> District:
    """The district in a JSON file. Raises `Refusal("bad_district", detail=…)` with every fault."""
    try:
        content = json.loads(path.read_text())
        district: District = DistrictSchema().load(content)
    except OSError as error:
        raise Refusal("bad_district", detail=f"{path}: {error.strerror}") from None
    except RecursionError:
        raise Refusal("bad_district", detail=f"{path}: nested too deeply") from None
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {}
        raise Refusal("bad_district", detail=describe(messages)) from None
    except ValueError as error:
        raise Refusal("bad_district", detail=f"{path}: not JSON: {error}") from None
    return district


def load_district(session: Session, district: District) -> int:
    """Take a district in: add what is new, change what differs, delete nothing.

    What an administrator has changed stays as it is (`kept_from`), but for badges, which tags and
    the file go on to say. Returns the version under which stations will hear of it.
    """
    row = session.get(DistrictRow, DISTRICT_ID)
    if row is None:
        row = DistrictRow(id=DISTRICT_ID, name="", timezone="", is_illustrative=False, version=0)
        session.add(row)
        session.flush()
    version = next_version(session)
    session.refresh(row)
    row.name, row.timezone = district.name, district.timezone
    row.is_illustrative = district.is_illustrative
    near, shut = lots_nearest_first(session), closures_told.told(session, clock.now())
    people = _with_badges_as_enrolled(session, district.people)
    _free_badges(session, people, version)
    places = [
        {**asdict(place), "rows": [list(row) for row in place.rows], "hours": place.hours}
        for place in district.places
    ]
    edited = _edited(session)
    _put(session, PlaceRow, _not_among(edited, PlaceRow, places), version)
    _put(session, PersonRow, _told_of(edited, people), version)
    _put(session, TagRow, map(asdict, district.tags), version, _NOT_OF_THE_FILE)
    for leg in district.travel:
        session.merge(TravelRow(**asdict(leg)))
    for closure in _not_among(edited, ClosureRow, map(asdict, district.closures)):
        session.merge(ClosureRow(**closure))
    session.flush()
    # What was marked before anybody said what it is.
    tags.refold(session, [tag.id for tag in district.tags], version)
    _tell_nearest(session, near, version)
    closures_told.tell(session, shut, version, clock.now())
    return version


def kept_from(session: Session, district: District) -> list[str]:
    """The ids of what the file names and administrators have changed: there the file says nothing
    any more."""
    edited = _edited(session)
    rows = (
        (PlaceRow, district.places),
        (PersonRow, district.people),
        (ClosureRow, district.closures),
    )
    return [row.id for table, named in rows for row in named if (table, row.id) in edited]


def _edited(session: Session) -> set[_Edited]:
    return {
        (table, row_id)
        for table in (PlaceRow, PersonRow, ClosureRow)
        for row_id in session.scalars(select(table.id).where(table.edited_at.is_not(None)))
    }


def _not_among(
    edited: set[_Edited], table: _Table, rows: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    return [row for row in rows if (table, row["id"]) not in edited]


def _told_of(edited: set[_Edited], people: Iterable[Person]) -> Iterator[dict[str, Any]]:
    for person in people:
        values = _person_values(person)
        if (PersonRow, person.id) in edited:
            values = {name: values[name] for name in ("id", "badge_tag")}
        yield values


def _person_values(person: Person) -> dict[str, Any]:
    values = asdict(person)
    for name in ("roles", "licences", "breaks"):
        values[name] = None if values[name] is None else list(values[name])
    return values


def _with_badges_as_enrolled(session: Session, people: Sequence[Person]) -> list[Person]:
    """The file's people, but with the badges that somebody has enrolled since it was written."""
    known = {row.id: row for row in session.scalars(select(PersonRow))}
    enrolled = set(session.scalars(select(TagRow.id).where(TagRow.enrolled_event.is_not(None))))
    told = []
    for person in people:
        row = known.get(person.id)
        if person.badge_tag in enrolled or (row is not None and row.badge_event is not None):
            person = replace(person, badge_tag=None if row is None else row.badge_tag)
        told.append(person)
    return told


def _free_badges(session: Session, people: Sequence[Person], version: int) -> None:
    """A badge that the file gives to somebody else leaves whoever had it, before it is given."""
    owners = {person.badge_tag: person.id for person in people if person.badge_tag is not None}
    for row in session.scalars(select(PersonRow).where(PersonRow.badge_tag.in_(owners))).all():
        if owners.get(row.badge_tag or "") != row.id:
            row.badge_tag, row.version = None, version
    session.flush()


def _tell_nearest(session: Session, before: Mapping[str, list[str]], version: int) -> None:
    """Stations hold each place with its lots by driving time, which come out of other rows."""
    after = lots_nearest_first(session)
    places = after.keys() | before.keys()
    moved = [place_id for place_id in places if after.get(place_id) != before.get(place_id)]
    session.execute(update(PlaceRow).where(PlaceRow.id.in_(moved)).values(version=version))


def _put(
    session: Session,
    table: type[Mirrored],
    rows: Iterable[dict[str, Any]],
    version: int,
    settled: Collection[str] = (),
) -> None:
    """Add rows or change them; of a row that is known, the `settled` columns stay as they are."""
    known = {row.id: row for row in session.scalars(select(table))}
    for values in rows:
        row = known.get(values["id"])
        if row is None:
            session.add(table(**values, version=version))
            continue
        changes = {name: value for name, value in values.items() if name not in settled}
        if any(getattr(row, name) != value for name, value in changes.items()):
            for name, value in changes.items():
                setattr(row, name, value)
            row.version = version
    session.flush()


def get_place(session: Session, place_id: str) -> PlaceRow:
    """The place, or `Refusal("unknown_place")`."""
    place = session.get(PlaceRow, place_id)
    if place is None:
        raise Refusal("unknown_place", place=place_id[:40])
    return place


def get_booth(session: Session, booth_id: str, at: datetime | None = None) -> PlaceRow:
    """A booth that is open, by its hours too if `at` is given. `Refusal` `unknown_place` /
    `booth_closed`."""
    place = get_place(session, booth_id)
    if place.kind != BOOTH:
        raise Refusal("unknown_place")
    is_open = place.is_open if at is None else is_open_at(place, _local(session, at))
    if not is_open:
        raise Refusal("booth_closed", booth=place.name)
    return place


def open_booths(session: Session, at: datetime) -> list[PlaceRow]:
    """The booths that are open at a time, by name; none before a district was loaded."""
    found = booths(session)
    local = _local(session, at) if found else at
    return [booth for booth in found if is_open_at(booth, local)]


def _local(session: Session, at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(session.scalars(select(DistrictRow.timezone)).one()))


def booths(session: Session) -> Sequence[PlaceRow]:
    """All booths by name, those no longer in use among them."""
    return session.scalars(
        select(PlaceRow).where(PlaceRow.kind == BOOTH).order_by(PlaceRow.name)
    ).all()


def drive_times(session: Session) -> Mapping[str, dict[str, int]]:
    """For every place, how many seconds a car takes from it to each other one."""
    found: dict[str, dict[str, int]] = {}
    for leg in session.execute(
        select(TravelRow.from_place_id, TravelRow.to_place_id, TravelRow.drive_s)
    ):
        found.setdefault(leg.from_place_id, {})[leg.to_place_id] = leg.drive_s
    return found


def lots_nearest_first(session: Session) -> Mapping[str, list[str]]:
    """For every place, the ids of the lots by driving time from it."""
    lots = set(session.scalars(select(PlaceRow.id).where(PlaceRow.kind == LOT)))
    legs = session.execute(
        select(TravelRow.from_place_id, TravelRow.to_place_id)
        .where(TravelRow.to_place_id.in_(lots))
        .order_by(TravelRow.drive_s, TravelRow.to_place_id)
    )
    near: dict[str, list[str]] = {}
    for origin, lot in legs:
        near.setdefault(origin, []).append(lot)
    return near
