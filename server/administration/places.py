"""Places as administrators change them. Who plans and who answers drivers obeys at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from schemas.district import BOOTH, Place, PlaceSchema
from schemas.problems import Refusal
from server.administration.names import free_id
from server.administration.record import (
    ARCHIVED,
    CHANGED,
    CREATED,
    PLACE,
    RESTORED,
    Act,
    BadForm,
    Subject,
    Values,
    check_edition,
    note,
)
from server.config import Config
from server.dispatch.replan import replan
from server.district import get_place, next_version
from server.models import PlaceRow, RequestRow, TravelRow, VisitRow
from server.visit_rows import REQUEST_IS_OPEN

EDITED = (
    "name",
    "letter",
    "x_m",
    "y_m",
    "hooks",
    "kerb_spaces",
    "staging_spaces",
    "stalls",
    "is_open",
    "hours",
    "rows",
)
_SCHEMA = PlaceSchema()
# Until a way has been driven often enough to be known: streets are no straight lines, nobody drives
# fast in them, and who has no car walks.
_DETOUR, _DRIVE_M_S, _WALK_M_S = 1.6, 4.2, 1.3
_TRAVEL_S_MAX = 7200


def values_of(row: PlaceRow) -> dict[str, Any]:
    """What a form shows and changes, as JSON has it."""
    values: dict[str, Any] = {name: getattr(row, name) for name in EDITED}
    values["hours"] = [{**asdict(each), "weekdays": list(each.weekdays)} for each in row.hours]
    return values


def add(session: Session, config: Config, kind: str, typed: Values, act: Act) -> str:
    """A new place, with ways to all others as far as they can be guessed; its id.

    Raises `BadForm`.
    """
    version = next_version(session)
    place_id = free_id(session, PlaceRow, str(typed.get("name", "")), kind)
    place = _read(place_id, kind, typed)
    _check_letter(session, place)
    others = _present(session)
    row = PlaceRow(id=place_id, kind=kind, version=version, edited_at=act.now)
    _fill(row, place)
    session.add(row)
    for other in others:
        session.merge(_way(place, other))
        session.merge(_way(other, place))
    # Stations hold each place with its ways.
    _tell(session, others, version)
    note(session, act, _subject(row), CREATED, None, values_of(row))
    session.flush()
    replan(session, config, version, act.now)
    return place_id


def save(
    session: Session, config: Config, place_id: str, typed: Values, edition: str, act: Act
) -> None:
    """Change a place. Raises `Refusal` `unknown_place`, `Stale`, `BadForm`."""
    version = next_version(session)
    row = get_place(session, place_id)
    before = values_of(row)
    check_edition(before, edition)
    place = _read(row.id, row.kind, typed)
    if row.archived_at is None:
        _check_letter(session, place)
    _fill(row, place)
    if values_of(row) == before:
        return
    row.version, row.edited_at = version, act.now
    note(session, act, _subject(row), CHANGED, before, values_of(row))
    session.flush()
    replan(session, config, version, act.now)


def archive(session: Session, config: Config, place_id: str, act: Act) -> None:
    """Take a place out of use: it is closed and in no list. Raises `Refusal` `unknown_place`,
    `place_in_use` while a car is there, is driven there or is wanted there."""
    version = next_version(session)
    row = get_place(session, place_id)
    if row.archived_at is not None:
        return
    if _is_in_use(session, place_id):
        raise Refusal("place_in_use")
    before = {"is_archived": False, "is_open": row.is_open}
    row.archived_at, row.is_open, row.version, row.edited_at = act.now, False, version, act.now
    note(session, act, _subject(row), ARCHIVED, before, {"is_archived": True, "is_open": False})
    session.flush()
    replan(session, config, version, act.now)


def restore(session: Session, place_id: str, act: Act) -> None:
    """Bring an archived place back, closed: somebody opens it when it is ready. Raises `Refusal`
    `unknown_place`, `BadForm` `letter_in_use`."""
    version = next_version(session)
    row = get_place(session, place_id)
    if row.archived_at is None:
        return
    _check_letter(session, _read(row.id, row.kind, values_of(row)))
    row.archived_at, row.version, row.edited_at = None, version, act.now
    note(session, act, _subject(row), RESTORED, {"is_archived": True}, {"is_archived": False})


def _present(session: Session) -> Sequence[PlaceRow]:
    return session.scalars(select(PlaceRow).where(PlaceRow.archived_at.is_(None))).all()


def _subject(row: PlaceRow) -> Subject:
    return Subject(PLACE, row.id, row.name)


def _read(place_id: str, kind: str, typed: Values) -> Place:
    document = {name: typed[name] for name in EDITED if name in typed}
    try:
        place: Place = _SCHEMA.load({**document, "id": place_id, "kind": kind})
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {}
        raise BadForm(map(str, messages)) from None
    return place


def _fill(row: PlaceRow, place: Place) -> None:
    for name in EDITED:
        setattr(row, name, getattr(place, name))
    row.rows = [list(stalls) for stalls in place.rows]


def _check_letter(session: Session, place: Place) -> None:
    """Tickets of two booths must not look alike. Two at once wait for each other: all changes hold
    the district's version."""
    if place.kind != BOOTH:
        return
    others = select(PlaceRow.id).where(
        PlaceRow.kind == BOOTH,
        PlaceRow.letter == place.letter,
        PlaceRow.id != place.id,
        PlaceRow.archived_at.is_(None),
    )
    if session.scalar(others.limit(1)) is not None:
        raise BadForm(("letter",), code="letter_in_use")


def _is_in_use(session: Session, place_id: str) -> bool:
    here = or_(VisitRow.place_id == place_id, VisitRow.destination_id == place_id)
    cars = select(VisitRow.id).where(VisitRow.is_open, here).limit(1)
    wanted = select(RequestRow.event_id).where(REQUEST_IS_OPEN, RequestRow.booth_id == place_id)
    return any(session.scalar(each) is not None for each in (cars, wanted.limit(1)))


def _way(origin: Place | PlaceRow, to: Place | PlaceRow) -> TravelRow:
    metres = math.hypot(origin.x_m - to.x_m, origin.y_m - to.y_m) * _DETOUR
    return TravelRow(
        from_place_id=origin.id,
        to_place_id=to.id,
        drive_s=min(round(metres / _DRIVE_M_S), _TRAVEL_S_MAX),
        empty_s=min(round(metres / _WALK_M_S), _TRAVEL_S_MAX),
    )


def _tell(session: Session, places: Sequence[PlaceRow], version: int) -> None:
    ids = [place.id for place in places]
    session.execute(update(PlaceRow).where(PlaceRow.id.in_(ids)).values(version=version))
