"""Questions "what if" as rows: asked by a person, played by a worker, seed by seed.

1. `ask` writes the night and the change down; one question at a time is open.
2. A worker claims it by compare-and-set, for `what_if_lease_s`, and plays both nights of one seed.
3. Their figures are written down, the lease is renewed, and so on with the next seed. Whoever
   claims it after a crash goes on with the seeds that are missing.

The same seed gives both nights the same chance, so what differs is the change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from schemas.ids import uuid7
from schemas.problems import Refusal
from server.config import Config
from server.database import Database
from server.dispatch.plan import Planner
from server.dispatch.scenario_file import ScenarioError, scenario_of
from server.dispatch.twin_figures import figures
from server.dispatch.twin_play import play_night
from server.dispatch.twin_promises import LiveWindows
from server.dispatch.what_if_change import changed, planner_of
from server.models import WhatIfRow

WAITING = "waiting"
RUNNING = "running"
DONE = "done"
FAILED = "failed"

TOO_LONG = "too_long"
BROKEN = "broken"

Figures = dict[str, float]


def ask(
    session: Session,
    config: Config,
    source: str,
    night: Mapping[str, Any],
    change: Mapping[str, Any],
    by: str,
    now: datetime,
) -> str:
    """Put a question; its id. Raises `Refusal`: `what_if_busy` while another one is open,
    `bad_choice` for a change that cannot be made to this night."""
    if is_open(session):
        raise Refusal("what_if_busy")
    try:
        scenario_of(changed(night, change))
    except ScenarioError:
        raise Refusal("bad_choice") from None
    row = WhatIfRow(
        id=uuid7(now),
        made_by=by,
        made_at=now,
        source=source,
        night=dict(night),
        change=dict(change),
        seeds=config.what_if_seeds,
        state=WAITING,
        played=[],
        spent_s=0,
    )
    session.add(row)
    session.flush()
    return row.id


def get(session: Session, what_if_id: str) -> WhatIfRow:
    """The question, or `Refusal("unknown_what_if")`."""
    row = session.get(WhatIfRow, what_if_id)
    if row is None:
        raise Refusal("unknown_what_if")
    return row


def is_open(session: Session) -> bool:
    """Whether a question waits for its answer."""
    waiting = select(WhatIfRow.id).where(WhatIfRow.done_at.is_(None)).limit(1)
    return session.scalar(waiting) is not None


def claim(session: Session, config: Config, worker: str, now: datetime) -> str | None:
    """Take the oldest open question, unless somebody is at it; its id."""
    row = session.execute(
        select(WhatIfRow.id, WhatIfRow.lease_until)
        .where(WhatIfRow.done_at.is_(None))
        .order_by(WhatIfRow.made_at, WhatIfRow.id)
        .limit(1)
    ).first()
    if row is None or (row.lease_until is not None and row.lease_until > now):
        return None
    return session.scalar(
        update(WhatIfRow)
        .where(WhatIfRow.id == row.id, WhatIfRow.done_at.is_(None))
        .where(or_(WhatIfRow.lease_until.is_(None), WhatIfRow.lease_until <= now))
        .values(
            state=RUNNING,
            claimed_by=worker,
            lease_until=now + timedelta(seconds=config.what_if_lease_s),
        )
        .returning(WhatIfRow.id)
    )


def release(session: Session, worker: str) -> None:
    """Let go of what this worker has: another one may go on with it at once."""
    session.execute(
        update(WhatIfRow)
        .where(WhatIfRow.claimed_by == worker, WhatIfRow.done_at.is_(None))
        .values(state=WAITING, claimed_by=None, lease_until=None)
    )


def fail(session: Session, worker: str, fault: str, now: datetime) -> None:
    """This worker gives its question up: with the seeds that are played, if there are any."""
    for row in session.scalars(
        select(WhatIfRow).where(WhatIfRow.claimed_by == worker, WhatIfRow.done_at.is_(None))
    ):
        _end(row, fault, now)


def play(
    database: Database, config: Config, worker: str, what_if_id: str, now: Callable[[], datetime]
) -> None:
    """Play what is missing of a question that this worker has claimed, until it is done or its time
    is over."""
    row = database.read(lambda session: get(session, what_if_id))
    sides = _sides(row.night, row.change)
    for seed in range(len(row.played) + 1, row.seeds + 1):
        begun = now()
        pair = [_played(config, night, planner, seed) for night, planner in sides]
        ended = now()
        took_s = max(1, round((ended - begun).total_seconds()))
        found = {"seed": seed, "without": pair[0], "with": pair[1]}
        if not database.write(_writing(config, worker, what_if_id, found, took_s, ended)):
            return


def _writing(
    config: Config, worker: str, what_if_id: str, found: dict[str, Any], took_s: int, now: datetime
) -> Callable[[Session], bool]:
    def write(session: Session) -> bool:
        """Whether to go on."""
        row = session.get(WhatIfRow, what_if_id)
        # Whose lease ran out may find that somebody else has gone on.
        if row is None or row.claimed_by != worker or row.done_at is not None:
            return False
        row.played = [*row.played, found]
        row.spent_s += took_s
        row.lease_until = now + timedelta(seconds=config.what_if_lease_s)
        is_whole = len(row.played) >= row.seeds
        if is_whole or row.spent_s >= config.what_if_s:
            _end(row, None if is_whole else TOO_LONG, now)
            return False
        return True

    return write


def _end(row: WhatIfRow, fault: str | None, now: datetime) -> None:
    """Done with what there is; a spread needs two seeds at least."""
    row.state = DONE if len(row.played) > 1 or fault is None else FAILED
    row.fault, row.done_at = fault, now
    row.claimed_by = row.lease_until = None


def _sides(
    night: Mapping[str, Any], change: Mapping[str, Any]
) -> Sequence[tuple[Mapping[str, Any], Planner]]:
    return (night, planner_of(None)), (changed(night, change), planner_of(change))


def _played(config: Config, night: Mapping[str, Any], planner: Planner, seed: int) -> Figures:
    scenario = scenario_of(night)
    played = play_night(scenario, planner, seed, None, LiveWindows(config))
    found = figures(scenario, played, 0.0)
    return {
        "cars": found["cars_asked_for"],
        "left": found["left"],
        "wait_median_min": found["wait"]["median_min"],
        "wait_p90_min": found["wait"]["p90_min"],
        "overflow_min": found["overflow_min"],
        "cost_min": found["cost_min"],
        "kept_percent": round(100 * found["promises"].get("kept", 0.0), 1),
    }
