"""Problems out of files, with what is known of them: dispatch snapshots and queues of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from schemas import states
from server.dispatch.route_problem import Drive, Prices, RouteProblem


class CaseFileError(ValueError):
    """A file that does not hold what it should."""


@dataclass(frozen=True, slots=True)
class Case:
    """A problem, the names of its drives, and the least cost known of it (None: none is known)."""

    name: str
    problem: RouteProblem
    ids: Sequence[int | str]
    best_known: float | None

    @property
    def size(self) -> str:
        """Drives and runners, to group by."""
        return f"{len(self.problem.moves)}x{len(self.problem.free_min)}"


class _Plain(Schema):
    class Meta:
        unknown = EXCLUDE


class _RunnerSchema(_Plain):
    free_min = fields.Float(required=True)
    to_node_min = fields.List(fields.Float(), required=True)


class _MoveSchema(_Plain):
    id = fields.Raw(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(states.MOVE_KINDS))
    origin = fields.Integer(required=True, validate=validate.Range(min=0))
    destination = fields.Integer(required=True, validate=validate.Range(min=0))
    loaded_min = fields.Float(required=True, validate=validate.Range(min=0))
    known_min = fields.Float(required=True)
    release_min = fields.Float(required=True)
    due_min = fields.Float(required=True)
    weight = fields.Float(load_default=1.0, validate=validate.Range(min=0))


class _SnapshotSchema(_Plain):
    name = fields.String(required=True)
    runners = fields.List(fields.Nested(_RunnerSchema), required=True)
    empty_min = fields.List(fields.List(fields.Float()), required=True)
    moves = fields.List(fields.Nested(_MoveSchema), required=True)
    best_known_objective = fields.Float(load_default=None)


def read_snapshots(file: Path) -> list[Case]:
    """The snapshots of a JSON file: a list of objects with name, runners, empty_min and moves."""
    try:
        found = _SnapshotSchema(many=True).load(json.loads(file.read_bytes()))
    except (ValueError, ValidationError) as error:
        raise CaseFileError(f"{file}: {error}") from None
    return [_case(file, snapshot) for snapshot in found]


def _case(file: Path, snapshot: dict[str, Any]) -> Case:
    nodes = len(snapshot["empty_min"])
    moves = [{**move} for move in snapshot["moves"]]
    ids = [move.pop("id") for move in moves]
    problem = RouteProblem(
        free_min=[runner["free_min"] for runner in snapshot["runners"]],
        arrival_min=[runner["to_node_min"] for runner in snapshot["runners"]],
        empty_min=snapshot["empty_min"],
        moves=[Drive(**move) for move in moves],
    )
    rows = [*problem.empty_min, *problem.arrival_min]
    places = {place for move in problem.moves for place in (move.origin, move.destination)}
    if any(len(row) != nodes for row in rows) or any(place >= nodes for place in places):
        raise CaseFileError(f"{file}: {snapshot['name']} names a place without times")
    if moves and not problem.free_min:
        raise CaseFileError(f"{file}: {snapshot['name']} has drives and nobody to drive")
    return Case(snapshot["name"], problem, ids, snapshot["best_known_objective"])


def read_queues(file: Path) -> list[Case]:
    """Single-machine weighted tardiness in OR-Library form, as one runner's queue.

    The name says how many jobs an instance has (`wt40.txt`); each is so many processing times, as
    many weights and as many due times. `wtopt40.txt` beside it has the least costs.
    """
    try:
        jobs = int(file.stem.removeprefix("wt"))
        numbers = [int(word) for word in file.read_text().split()]
    except ValueError as error:
        raise CaseFileError(f"{file}: {error}") from None
    if jobs < 1 or not numbers or len(numbers) % (3 * jobs):
        raise CaseFileError(f"{file}: not a whole number of instances of {jobs} jobs")
    known = file.with_name(f"wtopt{jobs}.txt")
    costs = [float(word) for word in known.read_text().split()] if known.exists() else []
    return [
        Case(
            name=f"{file.stem}-{at + 1}",
            problem=_queue(numbers[3 * jobs * at : 3 * jobs * (at + 1)], jobs),
            ids=range(1, jobs + 1),
            best_known=costs[at] if at < len(costs) else None,
        )
        for at in range(len(numbers) // (3 * jobs))
    ]


def _queue(numbers: Sequence[int], jobs: int) -> RouteProblem:
    rows = zip(numbers[:jobs], numbers[jobs : 2 * jobs], numbers[2 * jobs :], strict=True)
    return RouteProblem(
        free_min=[0.0],
        arrival_min=[[0.0]],
        empty_min=[[0.0]],
        moves=[Drive(states.RETRIEVE, 0, 0, time, 0.0, 0.0, due, w) for time, w, due in rows],
        prices=Prices(early=0.0, empty=0.0),
    )
