"""The rows of places and stations: checks of the keys, ends of shifts, and how events came here."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, tuple_

from schemas import events
from server import bulk
from server.bulk import table_of
from server.event_times import RECEIVED, WALL
from server.figures.district_time import DistrictTime
from server.figures.new_events import NewEvent
from server.models import EventRow, JournalRow, KeyCheckFigureRow, StationFigureRow
from server.one_of import one_of

Columns = dict[str, Any]
JournalDay = tuple[str, int]

CHECK = "check"
CLOSE = "close"
_KINDS = {events.KEYS_CHECKED: CHECK, events.PLACE_CLOSED: CLOSE}

_EVENTS, _JOURNALS = table_of(EventRow), table_of(JournalRow)
_CHECKS, _STATIONS = table_of(KeyCheckFigureRow), table_of(StationFigureRow)
_S = timedelta(seconds=1)


def read_checks(time: DistrictTime, found: Iterable[NewEvent]) -> list[Columns]:
    """The rows of the checks and ends of shifts among these events."""
    rows = []
    for each in found:
        kind = _KINDS.get(each.type)
        if kind is None or each.line is None:
            continue
        slot, data = time.slot(each.at), json.loads(each.line)["data"]
        row = {
            "event_id": each.event_id,
            "day": slot.day,
            "hour": slot.hour,
            "place_id": each.place_id,
            "kind": kind,
            "told_by": each.actor,
        }
        rows.append({**row, **(_checked(data) if kind == CHECK else _closed(data))})
    return rows


def _checked(data: Mapping[str, Any]) -> Columns:
    return {
        "found": data["found"],
        **{name: len(data[name]) for name in ("missing", "extra", "misplaced")},
        **dict.fromkeys(("carried", "tags_counted", "tags_expected")),
    }


def _closed(data: Mapping[str, Any]) -> Columns:
    return {
        "found": None,
        "missing": data["keys_missing"],
        "extra": None,
        "misplaced": None,
        "carried": len(data["carried"]),
        "tags_counted": sum(data["tags_counted"].values()),
        "tags_expected": sum(data["tags_expected"].values()),
    }


def write_checks(connection: Connection, rows: Sequence[Columns]) -> None:
    """Let the rows of these events be these."""
    if rows:
        ids = {"ids": [row["event_id"] for row in rows]}
        connection.execute(delete(_CHECKS).where(one_of(_CHECKS.c.event_id, "ids")), ids)
        bulk.append(connection, _CHECKS, rows)


def read_stations(
    connection: Connection, time: DistrictTime, late_s: int, found: Collection[NewEvent]
) -> list[Columns]:
    """Make the days anew that these events are of, for each station's journal.

    Where a day lies in a journal is known from its row, so that its events alone are read.
    """
    spans = _spans(connection, time, found)
    stations: dict[str, str] = {
        row.id: row.station_id
        for row in connection.execute(
            select(_JOURNALS.c.id, _JOURNALS.c.station_id).where(
                one_of(_JOURNALS.c.id, "ids"), _JOURNALS.c.station_id.is_not(None)
            ),
            {"ids": sorted({journal_id for journal_id, _ in spans})},
        )
    }
    rows = []
    for (journal_id, day), (first, last) in sorted(spans.items()):
        if journal_id not in stations:
            # What the cloud records itself comes from no station.
            continue
        where = {"id": journal_id, "first": first, "last": last}
        told = [row for row in connection.execute(_BETWEEN, where) if time.slot(row.at).day == day]
        key = {"journal_id": journal_id, "day": day, "station_id": stations[journal_id]}
        rows.append({**key, **_summary(told, late_s)} if told else {**key, "events": 0})
    return rows


def _spans(
    connection: Connection, time: DistrictTime, found: Collection[NewEvent]
) -> dict[JournalDay, tuple[int, int]]:
    spans: dict[JournalDay, tuple[int, int]] = {}
    seqs: dict[str, list[int]] = {}
    for each in found:
        _widen(spans, (each.journal_id, time.slot(each.at).day), each.seq, each.seq)
        seqs.setdefault(each.journal_id, []).append(each.seq)
    for journal_id, own in seqs.items():
        first, last = min(own), max(own)
        for row in connection.execute(_KNOWN, {"id": journal_id}):
            # An event that was dated anew may have left the day that it was counted in.
            if (journal_id, row.day) in spans or (row.first_seq <= last and row.last_seq >= first):
                _widen(spans, (journal_id, row.day), row.first_seq, row.last_seq)
    return spans


_KNOWN = select(_STATIONS.c.day, _STATIONS.c.first_seq, _STATIONS.c.last_seq).where(
    _STATIONS.c.journal_id == bindparam("id")
)


def _widen(
    spans: dict[JournalDay, tuple[int, int]], key: JournalDay, first: int, last: int
) -> None:
    before = spans.get(key, (first, last))
    spans[key] = min(before[0], first), max(before[1], last)


_BETWEEN = (
    select(*(_EVENTS.c[name] for name in ("seq", "type", "at", "time_source", "received_at")))
    .where(
        _EVENTS.c.journal_id == bindparam("id"),
        _EVENTS.c.seq.between(bindparam("first"), bindparam("last")),
    )
    .order_by(_EVENTS.c.seq)
)


def _summary(told: Sequence[Row[*tuple[Any, ...]]], late_s: int) -> Columns:
    dated = [row for row in told if row.time_source != RECEIVED]
    lags = [max(0, (row.received_at - row.at) // _S) for row in dated]
    times = [row.at for row in dated]
    waited = [
        (row.at, row.received_at) for row, lag_s in zip(dated, lags, strict=True) if lag_s > late_s
    ]
    return {
        "first_seq": told[0].seq,
        "last_seq": told[-1].seq,
        "events": len(told),
        "starts": sum(row.type == events.STATION_STARTED for row in told),
        "unset_clocks": sum(row.time_source != WALL for row in told),
        "unknown_times": len(told) - len(dated),
        "late_events": len(waited),
        "lag_sum_s": sum(lags),
        "lag_max_s": max(lags, default=0),
        "span_s": (max(times) - min(times)) // _S if times else 0,
        "cut_s": _covered_s(waited, max(times)) if waited else 0,
    }


def _covered_s(waited: Sequence[tuple[datetime, datetime]], end: datetime) -> int:
    """How many seconds lie in any of these spans, up to `end`."""
    covered, upto = timedelta(), min(since for since, _ in waited)
    for since, until in sorted(waited):
        begins, ends = max(since, upto), min(until, end)
        if ends > begins:
            covered += ends - begins
            upto = ends
    return covered // _S


def write_stations(connection: Connection, rows: Sequence[Columns]) -> None:
    """Let the rows of these days be these; a day without events has none."""
    days = [(row["journal_id"], row["day"]) for row in rows]
    if days:
        of_days = tuple_(_STATIONS.c.journal_id, _STATIONS.c.day).in_(days)
        connection.execute(delete(_STATIONS).where(of_days))
        bulk.append(connection, _STATIONS, [row for row in rows if row["events"]])
