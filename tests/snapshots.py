"""Snapshots for tests of planners: a small district with round numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import states
from server.dispatch.snapshot import Runner, Snapshot, Travel, WantedMove, Window

NOW = datetime(2030, 1, 1, 20, 0, tzinfo=UTC)
HANDLING_S = 60
FAR = Travel(600, 600)
PLACES = ("bolivar", "herrera", "norte", "sur")
# Driving and walking seconds; lots are further from the booths than the booths are apart.
TRAVEL = {
    ("bolivar", "herrera"): Travel(120, 90),
    ("bolivar", "norte"): Travel(300, 240),
    ("bolivar", "sur"): Travel(400, 320),
    ("herrera", "norte"): Travel(360, 280),
    ("herrera", "sur"): Travel(280, 220),
    ("norte", "sur"): Travel(200, 180),
}
BOTH_WAYS = TRAVEL | {(to, origin): leg for (origin, to), leg in TRAVEL.items()}
LOTS_NEAR = {"bolivar": ["norte", "sur"], "herrera": ["sur", "norte"]}


def at(minutes: float) -> datetime:
    """So many minutes from now."""
    return NOW + timedelta(minutes=minutes)


def runner(name: str, place_id: str = "bolivar", free_in: float = 0, **facts: Any) -> Runner:
    """Somebody who is free in so many minutes."""
    return Runner(name, place_id, at(free_in), **facts)


def window(from_in: float, until_in: float) -> Window:
    """From and until so many minutes from now."""
    return Window(at(from_in), at(until_in))


def park(
    visit_id: str,
    origin: str = "bolivar",
    *,
    known: float = -5,
    release: float = -5,
    **facts: Any,
) -> WantedMove:
    """A car that stands at a booth and goes to whichever lot."""
    return WantedMove(visit_id, states.PARK, origin, None, at(known), at(release), None, **facts)


def retrieve(
    visit_id: str,
    origin: str = "norte",
    to: str = "bolivar",
    *,
    known: float = -5,
    release: float = -5,
    due: float = 0,
    **facts: Any,
) -> WantedMove:
    """A car in a lot that somebody wants at a booth."""
    known_at, release_at, due_at = at(known), at(release), at(due)
    return WantedMove(visit_id, states.RETRIEVE, origin, to, known_at, release_at, due_at, **facts)


def snapshot(
    runners: Sequence[Runner],
    moves: Sequence[WantedMove],
    free_stalls: Mapping[str, int] | None = None,
    **facts: Any,
) -> Snapshot:
    """These people and these moves; room for ten in each lot unless told."""
    return Snapshot(
        now=NOW,
        runners=runners,
        moves=moves,
        travel=BOTH_WAYS,
        far=FAR,
        lots_near=LOTS_NEAR,
        free_stalls={"norte": 10, "sur": 10} if free_stalls is None else free_stalls,
        handling_s=HANDLING_S,
        arrivals=facts.pop("arrivals", {}),
        **facts,
    )
