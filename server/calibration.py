"""What outcomes have taught about windows, kind by kind: kept, read and moved on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server import conformal
from server.bulk import table_of
from server.config import Config
from server.conformal import Aim, Level
from server.models import CalibrationRow, PromiseOutcomeRow

_LEVELS, _OUTCOMES = table_of(CalibrationRow), table_of(PromiseOutcomeRow)
_PPM, _PERMILLE = 1_000_000, 1000


def aim(config: Config) -> Aim:
    """What the settings aim at."""
    return Aim(
        missed=1 - config.promise_kept_percent / 100,
        step=config.promise_step_permille / _PERMILLE,
        assumed=config.promise_assumed_cars,
    )


def untaught(config: Config) -> Level:
    """The level before anything was learned: the plan's estimate, and the slack of the settings."""
    return Level(aim(config).missed)


def levels(session: Session, config: Config, kinds: Collection[str]) -> dict[str, Level]:
    """The present level of each of these kinds."""
    known = session.connection().execute(select(_LEVELS).where(_LEVELS.c.kind.in_(kinds)))
    found = dict.fromkeys(kinds, untaught(config))
    for row in known:
        found[row.kind] = Level(
            missed=row.missed_ppm / _PPM,
            middle=row.middle_permille / _PERMILLE,
            width=row.width_permille / _PERMILLE,
        )
    return found


def learn(
    session: Session, config: Config, kind: str, was_kept: Sequence[bool], now: datetime
) -> None:
    """Move a kind's level on by new outcomes, in the order in which the cars were ready. Their
    rows are written already."""
    goal = aim(config)
    row = session.get(CalibrationRow, kind)
    if row is None:
        row = CalibrationRow(kind=kind, missed_ppm=round(goal.missed * _PPM), cars=0)
        session.add(row)
    missed = row.missed_ppm / _PPM
    for kept in was_kept:
        missed = conformal.next_missed(missed, goal, was_kept=kept)
    learned = conformal.level(_scores(session, config, kind), missed, goal)
    row.missed_ppm = round(missed * _PPM)
    row.middle_permille = round(learned.middle * _PERMILLE)
    row.width_permille = round(learned.width * _PERMILLE)
    row.cars += len(was_kept)
    row.learned_at = now
    session.flush()


def _scores(session: Session, config: Config, kind: str) -> list[float]:
    last = (
        select(_OUTCOMES.c.score_permille)
        .where(_OUTCOMES.c.kind == kind)
        .order_by(_OUTCOMES.c.ready_at.desc(), _OUTCOMES.c.promise_id.desc())
        .limit(config.promise_memory_cars)
    )
    return [score / _PERMILLE for score in session.connection().scalars(last)]
