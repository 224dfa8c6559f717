"""The rows of a visit: itself, where it stood, its drives, requests, holds and incidents."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select

from schemas import states
from schemas.visit import Leg, Request
from server import bulk
from server.bulk import table_of
from server.event_times import RECEIVED
from server.figures import shared_tags
from server.figures.district_time import DistrictTime, Slot, seconds
from server.figures.visit_facts import load
from server.figures.visit_history import History, Hold, Incident, Stand, history_of
from server.models import (
    DriveFigureRow,
    HeldFigureRow,
    IncidentFigureRow,
    MoveRow,
    PromiseOutcomeRow,
    PromiseRow,
    RequestFigureRow,
    StandFigureRow,
    VisitFigureRow,
)
from server.one_of import one_of

Columns = dict[str, Any]

_VISITS, _STANDS = table_of(VisitFigureRow), table_of(StandFigureRow)
_DRIVES, _REQUESTS = table_of(DriveFigureRow), table_of(RequestFigureRow)
_HOLDS, _INCIDENTS = table_of(HeldFigureRow), table_of(IncidentFigureRow)
_OF_VISITS = (_VISITS, _STANDS, _DRIVES, _REQUESTS, _HOLDS, _INCIDENTS)
_MOVES, _PROMISES = table_of(MoveRow), table_of(PromiseRow)
_OUTCOMES = table_of(PromiseOutcomeRow)
_LONG = timedelta(days=2)
_ANSWERED = ("open", "done")


@dataclass(slots=True)
class VisitRows:
    """The rows of some visits, by table; `days`: the days that people drove them."""

    rows: dict[str, list[Columns]] = field(default_factory=dict)
    days: set[tuple[str, int]] = field(default_factory=set)

    def add(self, table: str, row: Columns) -> None:
        """One more row of a table."""
        self.rows.setdefault(table, []).append(row)


@dataclass(frozen=True, slots=True)
class _Decided:
    """What was planned and promised: `sent` by visit and ordinal of the drive, promises by
    request."""

    sent: Mapping[tuple[str, int], datetime | None]
    promises: Mapping[str, Columns]


def read(connection: Connection, time: DistrictTime, visit_ids: Collection[str]) -> VisitRows:
    """Make the rows of these visits."""
    made = VisitRows()
    if not visit_ids:
        return made
    ids = {"ids": list(visit_ids)}
    decided = _Decided(
        {(row.visit_id, row.ordinal): row.sent_at for row in connection.execute(_SENT, ids)},
        {row["request_id"]: dict(row) for row in connection.execute(_JUDGED, ids).mappings()},
    )
    shared = shared_tags.rivals(connection, visit_ids)
    for visit_id, (facts, sources) in load(connection, visit_ids).items():
        history = history_of(facts)
        if history is not None:
            history.share(shared.get(visit_id, ()))
            # What came of a time that nobody knows is no length of time.
            history.is_doubted |= RECEIVED in sources
            _add(made, time, visit_id, history, decided)
    return made


_SENT = select(_MOVES.c.visit_id, _MOVES.c.ordinal, _MOVES.c.sent_at).where(
    one_of(_MOVES.c.visit_id, "ids")
)
_JUDGED = (
    select(
        _PROMISES.c.request_id,
        _PROMISES.c.ready_from,
        _PROMISES.c.ready_by,
        _OUTCOMES.c.kind,
        _OUTCOMES.c.ready_at,
        _OUTCOMES.c.late_s,
    )
    .join(_OUTCOMES, _OUTCOMES.c.promise_id == _PROMISES.c.id)
    .where(one_of(_PROMISES.c.visit_id, "ids"))
)


def _add(
    made: VisitRows, time: DistrictTime, visit_id: str, history: History, decided: _Decided
) -> None:
    visit = history.visit
    made.add(_VISITS.name, _visit_row(time, history))
    for ordinal, stand in enumerate(history.stands, start=1):
        made.add(_STANDS.name, _stand_row(time, visit_id, ordinal, stand))
    for ordinal, leg in enumerate(visit.legs, start=1):
        row = _drive_row(time, visit_id, ordinal, leg)
        made.add(_DRIVES.name, row)
        if leg.runner_id is not None:
            made.days.add((leg.runner_id, row["day"]))
    for ordinal, hold in enumerate(history.holds, start=1):
        made.add(_HOLDS.name, _hold_row(time, visit_id, ordinal, hold))
    for incident in history.incidents:
        made.add(_INCIDENTS.name, _incident_row(time, visit_id, incident))
    for request in visit.requests:
        made.add(_REQUESTS.name, _request_row(time, history, request, decided))


def _visit_row(time: DistrictTime, history: History) -> Columns:
    visit = history.visit
    came = time.slot(visit.received_at)
    left = None if visit.handed_over_at is None else time.slot(visit.handed_over_at)
    first = visit.legs[0] if visit.legs and not history.is_doubted else None
    is_parking = first is not None and first.kind == states.PARK
    return {
        "visit_id": visit.id,
        "day": came.day,
        "hour": came.hour,
        "booth_id": visit.booth_id,
        "lot_id": history.lot_id,
        "out_day": None if left is None else left.day,
        "out_hour": None if left is None else left.hour,
        "out_place_id": None if left is None else visit.place_id,
        "stay_s": None if history.is_doubted else seconds(visit.received_at, visit.handed_over_at),
        "take_s": None if first is None else seconds(visit.received_at, first.taken_at),
        "park_s": seconds(first.taken_at, first.done_at) if first and is_parking else None,
        "stars": history.stars,
    }


def _stand_row(time: DistrictTime, visit_id: str, ordinal: int, stand: Stand) -> Columns:
    began = time.slot(stand.since)
    ended = None if stand.until is None else time.slot(stand.until)
    return {
        "visit_id": visit_id,
        "ordinal": ordinal,
        "kind": stand.kind,
        "place_id": stand.place_id,
        **_when(began),
        "from_slot": began.number,
        "until_slot": None if ended is None else ended.number,
        "stood_s": seconds(stand.since, stand.until),
        "is_long": stand.until is None or stand.until - stand.since > _LONG,
    }


def _drive_row(time: DistrictTime, visit_id: str, ordinal: int, leg: Leg) -> Columns:
    return {
        "visit_id": visit_id,
        "ordinal": ordinal,
        **_when(time.slot(leg.taken_at)),
        "kind": leg.kind,
        "from_place_id": leg.from_place_id,
        "to_place_id": leg.to_place_id,
        "runner_id": leg.runner_id,
        "taken_at": leg.taken_at,
        "done_at": leg.done_at,
        "drive_s": seconds(leg.taken_at, leg.done_at),
    }


def _hold_row(time: DistrictTime, visit_id: str, ordinal: int, hold: Hold) -> Columns:
    return {
        "visit_id": visit_id,
        "ordinal": ordinal,
        **_when(time.slot(hold.since)),
        "place_id": hold.place_id,
        "reason": hold.reason,
        "held_s": seconds(hold.since, hold.until),
        "ended_as": hold.ended_as,
        "ended_by": hold.ended_by,
    }


def _incident_row(time: DistrictTime, visit_id: str, incident: Incident) -> Columns:
    return {
        "event_id": incident.event_id,
        "visit_id": visit_id,
        **_when(time.slot(incident.since)),
        "place_id": incident.place_id,
        "kind": incident.kind,
        "is_own": incident.is_own,
        "told_by": incident.told_by,
        "settled_s": seconds(incident.since, incident.until),
    }


def _request_row(
    time: DistrictTime, history: History, request: Request, decided: _Decided
) -> Columns:
    visit = history.visit
    made_at, wanted_at = request.made_at, request.wanted_at
    is_last = request is visit.requests[-1] and request.status in _ANSWERED
    is_answered = is_last and visit.ready_at is not None and not history.is_doubted
    judged = decided.promises.get(request.event_id) if is_answered else None
    return {
        "request_id": request.event_id,
        "visit_id": visit.id,
        **_when(time.slot(made_at)),
        "booth_id": request.booth_id,
        "lot_id": history.stood_in.get(request.event_id),
        "source": request.source,
        "status": request.status,
        "is_booked": wanted_at is not None and wanted_at > made_at,
        **(_legs(history, request, decided) if is_answered else dict.fromkeys(_LEGS)),
        **(dict.fromkeys(_JUDGEMENT) if judged is None else _judgement(judged)),
    }


_LEGS = ("wait_s", "assigned_s", "fetched_s", "driven_s", "collected_s")
_JUDGEMENT = ("promise_kind", "is_kept", "is_early", "late_s", "width_s")


def _legs(history: History, request: Request, decided: _Decided) -> Columns:
    """The legs of an answered request. The drive that answers it is the last one, if the car was
    ready by it; a car that was at the kerb all the time has none."""
    visit = history.visit
    asked_at = max(request.made_at, request.wanted_at or request.made_at)
    legs: Columns = dict.fromkeys(_LEGS)
    legs["wait_s"] = seconds(asked_at, visit.ready_at)
    legs["collected_s"] = seconds(visit.ready_at, visit.handed_over_at)
    drive = visit.legs[-1] if visit.legs else None
    if drive is None or drive.kind != states.RETRIEVE or drive.done_at != visit.ready_at:
        return legs
    sent_at = decided.sent.get((visit.id, len(visit.legs)))
    legs["assigned_s"] = seconds(asked_at, sent_at)
    legs["fetched_s"] = seconds(max(asked_at, sent_at or asked_at), drive.taken_at)
    legs["driven_s"] = seconds(max(asked_at, drive.taken_at), visit.ready_at)
    return legs


def _judgement(judged: Mapping[str, Any]) -> Columns:
    ready_at = judged["ready_at"]
    return {
        "promise_kind": judged["kind"],
        "is_kept": ready_at <= judged["ready_by"],
        "is_early": ready_at < judged["ready_from"],
        "late_s": judged["late_s"],
        "width_s": seconds(judged["ready_from"], judged["ready_by"]),
    }


def _when(slot: Slot) -> Columns:
    return {"day": slot.day, "hour": slot.hour}


def write(connection: Connection, visit_ids: Collection[str], made: VisitRows) -> None:
    """Let the rows of these visits be the ones that were made."""
    ids = {"ids": list(visit_ids)}
    for table in _OF_VISITS:
        connection.execute(delete(table).where(one_of(table.c.visit_id, "ids")), ids)
        bulk.append(connection, table, made.rows.get(table.name, []))


def days_driven(connection: Connection, visit_ids: Collection[str]) -> set[tuple[str, int]]:
    """Who drove these visits' cars on which days, by the rows that there are."""
    rows = connection.execute(_DRIVEN, {"ids": list(visit_ids)})
    return {(row.runner_id, row.day) for row in rows}


_DRIVEN = select(_DRIVES.c.runner_id, _DRIVES.c.day).where(
    one_of(_DRIVES.c.visit_id, "ids"), _DRIVES.c.runner_id.is_not(None)
)
