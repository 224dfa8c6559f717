"""When each space at a kerb is needed: from which minute on a car that still stands there costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas import states
from server.dispatch.errand import Errand
from server.dispatch.policy_kerb import Kerb, kerb_line, overdue_min
from server.dispatch.snapshot import Booth, Snapshot

# How far kerbs are looked at, in steps of minutes; and the minutes that are looked at most
# closely: when a runner can be there.
AHEAD_MIN = 40
STEP_MIN = 2
LINE_FROM_MIN = 12
LINE_TO_MIN = 28
LEAST_WEIGHT = 0.4
_S_PER_MIN = 60


@dataclass(frozen=True, slots=True)
class KerbNeed:
    """From `due_min` minutes from now on, each minute costs `weight` of the kerb's price."""

    due_min: float
    weight: float


def kerb_needs(
    snapshot: Snapshot, errands: Sequence[Errand], kerb_min: float
) -> dict[int, KerbNeed]:
    """Per errand that drives a car away from a counted kerb, by its index: the first of a kerb
    gives up the space that is missed first. No car is let stand for more than `kerb_min`."""
    leaving: dict[str, list[int]] = {}
    for index, errand in enumerate(errands):
        booth = snapshot.booths.get(errand.move.from_place_id)
        if errand.move.kind == states.PARK and booth is not None and booth.room > 0:
            leaving.setdefault(errand.move.from_place_id, []).append(index)
    needs = {}
    for booth_id, indices in leaving.items():
        kerb = _kerb(snapshot, errands, booth_id)
        for index, sums in zip(indices, overdue_min(kerb, len(indices)), strict=True):
            line = kerb_line(sums, LINE_FROM_MIN // STEP_MIN, LINE_TO_MIN // STEP_MIN, LEAST_WEIGHT)
            release = errands[index].move.release_at
            patient = (release - snapshot.now).total_seconds() / _S_PER_MIN + kerb_min
            needs[index] = KerbNeed(min(line.due_min * STEP_MIN, patient), line.weight)
    return needs


def _kerb(snapshot: Snapshot, errands: Sequence[Errand], booth_id: str) -> Kerb:
    """The kerb's next minutes if none of its cars were driven away."""
    booth: Booth = snapshot.booths[booth_id]
    steps = AHEAD_MIN // STEP_MIN + 1
    standing, expected = [float(booth.standing)] * steps, [0.0] * steps

    def change(row: list[float], at_min: float, by: float) -> None:
        for step in range(max(0, int(at_min // STEP_MIN)), steps):
            row[step] += by

    for at in booth.leave_at:
        change(standing, (at - snapshot.now).total_seconds() / _S_PER_MIN, -1.0)
    for at in booth.arrive_at:
        change(standing, (at - snapshot.now).total_seconds() / _S_PER_MIN, 1.0)
    for errand in errands:
        move = errand.move
        if move.kind == states.RETRIEVE and errand.to_place_id == booth_id:
            row, weight = (expected, move.weight) if errand.is_expected else (standing, 1.0)
            soonest = max(move.release_at, snapshot.now) + errand.loaded
            change(row, (soonest - snapshot.now).total_seconds() / _S_PER_MIN, weight)
        elif errand.is_expected and move.from_place_id == booth_id:
            change(expected, (move.release_at - snapshot.now).total_seconds() / _S_PER_MIN, 1.0)
    return Kerb(booth.room, [round(cars) for cars in standing], expected)
