"""Visits that were held because two things could not both be true, and how that ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.models import HeldFigureRow
from server.reports import sheet, tally
from server.reports.asked import Asked
from server.reports.finding import found
from server.reports.sheet import BARS, Cell, Chart, Column, Sheet
from server.reports.tally import NOTHING, Group, Ranks

_H = table_of(HeldFigureRow)
_WHEN = "_when_"
STILL = "still"


def held(session: Session, _config: Config, asked: Asked, _now: datetime) -> list[Sheet]:
    """By the reason, and by what a person decided."""
    return [_by_reason(session, asked), _by_ending(session, asked)]


def _where(asked: Asked) -> Any:
    wanted = tally.in_days(_H.c.day, asked)
    if asked.booth_id or asked.lot_id:
        wanted &= _H.c.place_id.in_([asked.booth_id or "", asked.lot_id or ""])
    return wanted


def _counts(session: Session, asked: Asked | None, column: Any) -> Mapping[Group, Group]:
    if asked is None:
        return {}
    ended = tally.how_many(_H.c.ended_as.is_not(None))
    rows = tally.counts(session, [column], _where(asked), ended)
    return {group: tuple(map(int, row)) for group, row in rows.items()}


def _ranks(session: Session, asked: Asked, column: Any) -> Mapping[Group, Ranks]:
    return tally.ranks(session, _H.c.held_s, [column], _where(asked))


def _by_reason(session: Session, asked: Asked) -> Sheet:
    now, before = (_counts(session, each, _H.c.reason) for each in (asked, asked.before))
    lasted = _ranks(session, asked, _H.c.reason)
    reasons = tally.merged(now, before)
    most = max(reasons, key=lambda reason: now.get(reason, (0, 0))[0], default=("",))
    n, ended = (sum(row[place] for row in now.values()) for place in (0, 1))
    return Sheet(
        key="held_by_reason",
        finding=found(
            "held_by_reason",
            n,
            (sheet.COUNT, sum(row[0] for row in before.values())) if asked.compare else None,
            n=(sheet.COUNT, n),
            reason=(sheet.TEXT, reason_key(most[0])),
            most=(sheet.COUNT, now.get(most, (0, 0))[0]),
            open=(sheet.COUNT, n - ended),
        ),
        columns=(
            Column("event", sheet.TEXT),
            Column("car", sheet.TEXT),
            Column("held"),
            Column("decided"),
            Column("open"),
            Column("held_median_s", sheet.SECONDS),
            Column("held_p90_s", sheet.SECONDS),
            Column("held_before"),
        ),
        rows=[
            (
                reason_key(reason[0]),
                _car(reason[0]),
                *now.get(reason, (0, 0)),
                _open(now.get(reason, (0, 0))),
                lasted.get(reason, NOTHING).median,
                lasted.get(reason, NOTHING).p90,
                before.get(reason, (0, 0))[0],
            )
            for reason in reasons
        ],
        n=n,
        counted="manage.counted.held",
        how="manage.how.held_by_reason",
        chart=Chart(BARS, "event", ("held", "held_before")),
        below=[{"rows": "held", "reason": reason[0]} for reason in reasons],
    )


def reason_key(reason: str) -> str:
    """The catalog key of what did not fit."""
    return f"manage.hold.{reason.split(_WHEN)[0]}"


def _car(reason: str) -> Cell:
    """The catalog key of what was believed of the car; None where that is not the reason."""
    _, when, state = reason.partition(_WHEN)
    return f"manage.state.{state}" if when else None


def _open(row: Group) -> int:
    return int(row[0] - row[1])


def _by_ending(session: Session, asked: Asked) -> Sheet:
    now, before = (
        {(group[0] or STILL,): row for group, row in _counts(session, each, _H.c.ended_as).items()}
        for each in (asked, asked.before)
    )
    lasted = _ranks(session, asked, _H.c.ended_as)
    endings = tally.merged(now, before)
    whole = [row for group, row in now.items() if group[0] != STILL]
    most = max(
        (each for each in endings if each[0] != STILL),
        key=lambda ending: now.get(ending, (0,))[0],
        default=(STILL,),
    )
    n = sum(row[0] for row in whole)
    ranks = lasted.get(most, NOTHING)
    return Sheet(
        key="held_by_ending",
        finding=found(
            "held_by_ending",
            n,
            (sheet.COUNT, before.get(most, (0,))[0]) if asked.compare else None,
            n=(sheet.COUNT, n),
            ending=(sheet.TEXT, _ending_key(most[0])),
            most=(sheet.COUNT, now.get(most, (0,))[0]),
            median=(sheet.SECONDS, ranks.median),
        ),
        columns=(
            Column("ending", sheet.TEXT),
            Column("held"),
            Column("held_median_s", sheet.SECONDS),
            Column("held_p90_s", sheet.SECONDS),
            Column("held_before"),
        ),
        rows=[
            (
                _ending_key(ending[0]),
                now.get(ending, (0,))[0],
                lasted.get(ending, NOTHING).median,
                lasted.get(ending, NOTHING).p90,
                before.get(ending, (0,))[0],
            )
            for ending in endings
        ],
        n=n,
        counted="manage.counted.decided",
        how="manage.how.held_by_ending",
        below=[{"rows": "held", "ending": ending[0]} for ending in endings],
    )


def _ending_key(ending: str) -> str:
    return "manage.hold.still" if ending == STILL else f"manage.state.{ending}"
