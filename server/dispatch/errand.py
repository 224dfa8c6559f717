"""Wanted moves with all decided but their runner: where to, how long, not before when.

Both planners begin here, so they differ in nothing but who drives what when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import states
from server.dispatch.snapshot import BlockingRow, Parked, Runner, Snapshot, WantedMove, Window
from server.dispatch.stall_choice import choose_stall


@dataclass(frozen=True, slots=True)
class Errand:
    """A move and where it goes. `loaded_s` holds the drive, its handling and moving the cars
    `blocked_by` out of the way; `shut`: when its way is, in order. `is_expected`: nobody has
    asked for it, and nobody drives it."""

    move: WantedMove
    to_place_id: str
    loaded_s: int
    shut: Sequence[Window] = ()
    to_stall: str | None = None
    blocked_by: Sequence[str] = ()
    is_expected: bool = False

    def may_be_done_by(self, runner: Runner) -> bool:
        """Whether this runner may drive this car."""
        return self.move.needs <= runner.licences

    @property
    def loaded(self) -> timedelta:
        """How long the runner is taken."""
        return timedelta(seconds=self.loaded_s)


def errands(snapshot: Snapshot) -> list[Errand]:
    """The moves that have somewhere to go and somebody who may drive them, whose turn it is first
    by when they could first be driven."""
    stalls = dict(snapshot.free_stalls)
    rows = {lot: _open_rows(each) for lot, each in snapshot.rows.items()}
    known_licences = {runner.licences for runner in snapshot.runners}
    found = []
    for move in sorted(snapshot.moves, key=_turn):
        if not any(move.needs <= licences for licences in known_licences):
            continue
        lot = move.to_place_id or _lot(snapshot, move, stalls)
        if lot is None:
            continue
        to_stall = None
        if move.kind != states.RETRIEVE:
            stalls[lot] = stalls.get(lot, 0) - 1
            to_stall = _put_in_row(rows.get(lot, []), move)
        found.append(_errand(snapshot, move, lot, to_stall))
    return found


def expected_errands(snapshot: Snapshot) -> list[Errand]:
    """What the forecast expects to be driven; keys are unlike those of any visit."""
    found = []
    for number, each in enumerate(sorted(snapshot.expected, key=lambda each: each.at)):
        move = WantedMove(
            visit_id=f"expected/{number}",
            kind=each.kind,
            from_place_id=each.from_place_id,
            to_place_id=each.to_place_id,
            known_at=each.at,
            release_at=each.at,
            due_at=_soonest_end(snapshot, each.from_place_id, each.to_place_id, each.at)
            if each.kind == states.RETRIEVE
            else None,
            weight=each.weight,
        )
        loaded_s = _loaded_s(snapshot, each.from_place_id, each.to_place_id)
        found.append(Errand(move, each.to_place_id, loaded_s, is_expected=True))
    return found


def earliest_start(
    errand: Errand, arrival: datetime, way: timedelta = timedelta(), breaks: Sequence[Window] = ()
) -> datetime:
    """The first moment at which a runner who is there at `arrival` can drive off: the car is
    released, the way open until the drive's end, and the runner, who needs `way` to get there,
    has no break meanwhile."""
    start = max(arrival, errand.move.release_at)
    if not errand.shut and not breaks:
        return start
    # On a break nobody is on the way either.
    keeping = [*errand.shut, *(Window(each.from_at, each.until_at + way) for each in breaks)]
    for window in sorted(keeping, key=lambda window: (window.from_at, window.until_at)):
        if start < window.until_at and start + errand.loaded > window.from_at:
            start = window.until_at
    return start


def _turn(move: WantedMove) -> tuple[datetime, datetime, str]:
    return max(move.known_at, move.release_at), move.known_at, move.visit_id


def _errand(snapshot: Snapshot, move: WantedMove, to: str, to_stall: str | None) -> Errand:
    blocked_by = _blocked_by(snapshot, move)
    return Errand(
        move=move,
        to_place_id=to,
        loaded_s=_loaded_s(snapshot, move.from_place_id, to) + snapshot.shuffle_s * len(blocked_by),
        shut=_shut(snapshot, move.from_place_id, to),
        to_stall=to_stall,
        blocked_by=blocked_by,
    )


def _loaded_s(snapshot: Snapshot, origin: str, to: str) -> int:
    return snapshot.between(origin, to).drive_s + snapshot.handling_s


def _soonest_end(snapshot: Snapshot, origin: str, to: str, at: datetime) -> datetime:
    return at + timedelta(seconds=_loaded_s(snapshot, origin, to))


def _shut(snapshot: Snapshot, origin: str, to: str) -> tuple[Window, ...]:
    windows = [each.window for each in snapshot.shut if each.stops(origin, to)]
    return tuple(sorted(windows, key=lambda window: (window.from_at, window.until_at)))


def _lot(snapshot: Snapshot, move: WantedMove, stalls: dict[str, int]) -> str | None:
    """The lot with room that the car gets into first: the nearest unless its way is shut."""
    near = snapshot.lots_near.get(move.from_place_id, sorted(stalls))
    with_room = [lot for lot in near if stalls.get(lot, 0) > 0]
    if not with_room or not snapshot.shut:
        return with_room[0] if with_room else None
    start = max(snapshot.now, move.release_at)

    def there_at(lot: str) -> datetime:
        errand = _errand(snapshot, move, lot, None)
        return earliest_start(errand, start) + errand.loaded

    return min(with_room, key=there_at)


def _blocked_by(snapshot: Snapshot, move: WantedMove) -> tuple[str, ...]:
    if move.stall is None:
        return ()
    for row in snapshot.rows.get(move.from_place_id, ()):
        if move.stall in row.stalls:
            return tuple(row.in_front_of(move.stall))
    return ()


def _open_rows(rows: Sequence[BlockingRow]) -> list[BlockingRow]:
    return [BlockingRow(row.stalls, dict(row.cars)) for row in rows]


def _put_in_row(rows: list[BlockingRow], move: WantedMove) -> str | None:
    """Choose a stall for the car and let it stand there for those that come after it."""
    chosen = choose_stall(rows, move.leaves_at)
    if chosen is None:
        return None
    index, stall = chosen
    row = rows[index]
    parked = {stall: Parked(move.visit_id, move.leaves_at)}
    rows[index] = BlockingRow(row.stalls, {**row.cars, **parked})
    return stall
