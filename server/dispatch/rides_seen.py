"""Rides as they happen. Nobody taps for one: the taps of who drives tell it all.

A ride begins when the car is driven off by whom the plan had drive it, and the runner who was told
to go along was last seen where it left. It ends when the car arrives: the runner is there then.
Whoever taps meanwhile was not in it, and goes by own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from server.bulk import table_of
from server.dispatch.given_moves import Given
from server.models import MoveRow, RideRow, ShiftRow
from server.one_of import one_of
from server.visit_rows import DONE, TAKEN

_MOVES, _RIDES, _SHIFTS = table_of(MoveRow), table_of(RideRow), table_of(ShiftRow)

UNDER_WAY = select(_RIDES.c.passenger_id).where(_RIDES.c.ended_at.is_(None)).exists()
"""SQL: whether anybody rides now, as far as was noted."""

Found = Row[*tuple[Any, ...]]

_ARRIVED = select(_MOVES.c.to_place_id, _MOVES.c.done_at).where(_MOVES.c.state == DONE)
_SEEN = select(_SHIFTS.c.person_id, _SHIFTS.c.place_id, _SHIFTS.c.seen_at).where(
    one_of(_SHIFTS.c.person_id, "ids"), _SHIFTS.c.is_on
)


def note_rides(connection: Connection, given: Given) -> None:
    """Let rides begin and end by what the cars did. `given`: the moves that somebody drives or is
    to drive."""
    taken = [move for move in given if move.state == TAKEN]
    # The reason goes when somebody else than planned drives off with the car.
    shared = [move for move in taken if move.passengers and move.why is not None]
    under_way = {(move.visit_id, move.ordinal) for move in taken}
    begun = [ride for ride in _rides(connection).values() if ride.ended_at is None]
    if begun:
        on = _still_on(connection, begun)
        _end(connection, [each for each in on if (each.visit_id, each.ordinal) not in under_way])
    rides = _rides(connection)
    new = [
        (name, move)
        for move in shared
        for name in move.passengers
        if name not in rides
        or (rides[name].visit_id, rides[name].ordinal) != (move.visit_id, move.ordinal)
    ]
    if new:
        drivers = {move.runner_id for move in taken}
        _begin(connection, [each for each in new if each[0] not in drivers], rides)


def _rides(connection: Connection) -> dict[str, Found]:
    return {ride.passenger_id: ride for ride in connection.execute(select(_RIDES))}


def _end(connection: Connection, rides: Iterable[Found]) -> None:
    """The cars of these rides are not driven any more: they arrived, or were never taken."""
    for ride in rides:
        leg = _ARRIVED.where(_MOVES.c.visit_id == ride.visit_id, _MOVES.c.ordinal == ride.ordinal)
        found = connection.execute(leg).one_or_none()
        is_of = _RIDES.c.passenger_id == ride.passenger_id
        if found is None:
            connection.execute(delete(_RIDES).where(is_of))
        else:
            ended = {"ended_at": found.done_at, "to_place_id": found.to_place_id}
            connection.execute(update(_RIDES).where(is_of).values(ended))


def _still_on(connection: Connection, rides: Sequence[Found]) -> list[Found]:
    """Of these rides, those whose passengers were not seen since; the others are over, or never
    were."""
    ids = [ride.passenger_id for ride in rides]
    seen = {row.person_id: row.seen_at for row in connection.execute(_SEEN, {"ids": ids})}
    gone = [ride.passenger_id for ride in rides if _is_later(seen, ride)]
    connection.execute(delete(_RIDES).where(_RIDES.c.passenger_id.in_(gone)))
    return [ride for ride in rides if ride.passenger_id not in gone]


def _is_later(seen: Mapping[str, datetime], ride: Found) -> bool:
    at = seen.get(ride.passenger_id)
    return at is not None and at > ride.begun_at


def _begin(
    connection: Connection, told: list[tuple[str, Found]], rides: Mapping[str, Found]
) -> None:
    """Whoever of those told stood there when the car left is in it."""
    ids = [name for name, _ in told]
    seen = {row.person_id: row for row in connection.execute(_SEEN, {"ids": ids})}
    for name, move in told:
        shift, ride = seen.get(name), rides.get(name)
        if shift is None:
            continue
        place_id, seen_at = shift.place_id, shift.seen_at
        if ride is not None and ride.ended_at is not None and ride.ended_at >= seen_at:
            place_id, seen_at = ride.to_place_id, ride.ended_at
        if place_id != move.from_place_id or seen_at > move.taken_at:
            continue
        connection.execute(delete(_RIDES).where(_RIDES.c.passenger_id == name))
        connection.execute(
            insert(_RIDES).values(
                passenger_id=name,
                visit_id=move.visit_id,
                ordinal=move.ordinal,
                to_place_id=move.to_place_id,
                begun_at=move.taken_at,
                ended_at=None,
            )
        )
