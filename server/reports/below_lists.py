"""What the rows of reports were counted from: which table, by which columns, shown how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date as Date
from typing import Any

from sqlalchemy import func, null, select

from server.bulk import table_of
from server.figures.of_places import CHECK, CLOSE
from server.figures.visit_history import KERB, LOT
from server.models import (
    DriveFigureRow,
    EventRow,
    HeldFigureRow,
    IncidentFigureRow,
    KeyCheckFigureRow,
    MessageRow,
    RequestFigureRow,
    StandFigureRow,
    StationFigureRow,
    StationRow,
    VisitFigureRow,
    VisitRow,
)
from server.reports import sheet
from server.reports.held_report import STILL, reason_key
from server.reports.sheet import Column
from server.visit_rows import VISIT_IS_OPEN

_V, _R, _D = map(table_of, (VisitFigureRow, RequestFigureRow, DriveFigureRow))
_S, _H, _I = map(table_of, (StandFigureRow, HeldFigureRow, IncidentFigureRow))
_K, _M, _VISITS = map(table_of, (KeyCheckFigureRow, MessageRow, VisitRow))
_E, _F, _T = map(table_of, (EventRow, StationFigureRow, StationRow))
_NOTHING: Any = null()


@dataclass(frozen=True, slots=True)
class Shown:
    """One column of a list. `words`: makes a catalog key of its value."""

    heading: Column
    column: Any
    words: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Below:
    """A list: its table, the columns of its day and hour or (`at`) of its time, those that a booth
    or a lot narrows (or `place` either), and the further filters by their names in a query.

    `stands`: with an hour, it is who stood there at its end. `none`: the value of a filter that
    asks for what is not known. `has_visits`: the source is of visits themselves.
    """

    source: Any
    counted: str
    shown: Sequence[Shown]
    keys: Sequence[Any]
    visit_id: Any = None
    day: Any = _NOTHING
    hour: Any = _NOTHING
    at: Any = None
    booth: Any = None
    lot: Any = None
    place: Any = None
    condition: Any = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    stands: bool = False
    none: str | None = None
    has_visits: bool = False

    @property
    def is_dated(self) -> bool:
        """Whether it goes by district days."""
        return self.day is not _NOTHING


def _words(prefix: str) -> Callable[[str], str]:
    return lambda value: f"manage.{prefix}.{value}"


def _place(key: str, column: Any) -> Shown:
    return Shown(Column(key, sheet.PLACE), column)


def _person(column: Any) -> Shown:
    return Shown(Column("person", sheet.PERSON), column)


def _text(key: str, column: Any, prefix: str) -> Shown:
    return Shown(Column(key, sheet.TEXT), column, _words(prefix))


def _counts(table: Any, names: Mapping[str, str]) -> list[Shown]:
    return [Shown(Column(heading), table.c[name]) for name, heading in names.items()]


def _seconds(table: Any, *names: str) -> list[Shown]:
    return [Shown(Column(name, sheet.SECONDS), table.c[name]) for name in names]


def _of(table: Any, counted: str, shown: Sequence[Shown], **more: Any) -> Below:
    """A list of a table that is by district day and hour."""
    told = {
        "keys": list(table.primary_key),
        "day": table.c.day,
        "hour": table.c.hour,
        "visit_id": table.c.get("visit_id"),
        **more,
    }
    told["filters"] = {"hour": told["hour"], **told.get("filters", {})}
    return Below(table, f"manage.counted.{counted}", shown, **told)


_PLACES: dict[str, Any] = {"booth": _V.c.booth_id, "lot": _V.c.lot_id}
_STAY = [
    _place("booth", _V.c.booth_id),
    _place("lot", _V.c.lot_id),
    *_seconds(_V, "take_s", "park_s", "stay_s"),
]
_REQUEST = [_place("booth", _R.c.booth_id), _place("lot", _R.c.lot_id)]
_LEGS = ("assigned_s", "fetched_s", "driven_s", "wait_s", "collected_s")
_CHECKED = {name: f"keys_{name}" for name in ("found", "missing", "extra", "misplaced")}
_CLOSED = {"missing": "keys_missing", "carried": "carried"} | {
    name: name for name in ("tags_counted", "tags_expected")
}
_AT = Column("at", sheet.MOMENT)

BELOW: Mapping[str, Below] = {
    "received": _of(_V, "received", _STAY, **_PLACES),
    "handed_over": _of(
        _V,
        "received",
        [_place("booth", _V.c.out_place_id), *_STAY[1:]],
        **{**_PLACES, "booth": _V.c.out_place_id},
        day=_V.c.out_day,
        hour=_V.c.out_hour,
    ),
    "ratings": _of(
        _V,
        "ratings",
        [*_STAY[:2], Shown(Column("stars_mean"), _V.c.stars)],
        **_PLACES,
        condition=_V.c.stars.is_not(None),
    ),
    "waits": _of(
        _R,
        "answered",
        [*_REQUEST, *_seconds(_R, *_LEGS)],
        booth=_R.c.booth_id,
        lot=_R.c.lot_id,
        condition=_R.c.wait_s.is_not(None),
    ),
    "promises": _of(
        _R,
        "promises",
        [
            *_REQUEST,
            _text("promise_kind", _R.c.promise_kind, "promise_kind"),
            Shown(Column("kept", sheet.TEXT), _R.c.is_kept),
            Shown(Column("early", sheet.TEXT), _R.c.is_early),
            *_seconds(_R, "late_s", "width_s"),
        ],
        booth=_R.c.booth_id,
        lot=_R.c.lot_id,
        condition=_R.c.is_kept.is_not(None),
        filters={"promise_kind": _R.c.promise_kind},
    ),
    "drives": _of(
        _D,
        "drives",
        [
            _person(_D.c.runner_id),
            _place("from_place", _D.c.from_place_id),
            _place("to_place", _D.c.to_place_id),
            *_seconds(_D, "drive_s"),
        ],
        condition=_D.c.drive_s.is_not(None),
        filters={
            "person": _D.c.runner_id,
            "from_place": _D.c.from_place_id,
            "to_place": _D.c.to_place_id,
        },
    ),
    "kerb": _of(
        _S,
        "stands",
        [_place("booth", _S.c.place_id), *_seconds(_S, "stood_s")],
        booth=_S.c.place_id,
        condition=_S.c.kind == KERB,
    ),
    "lot": _of(
        _S,
        "arrivals",
        [_place("lot", _S.c.place_id), *_seconds(_S, "stood_s")],
        lot=_S.c.place_id,
        condition=_S.c.kind == LOT,
        stands=True,
    ),
    "incidents": _of(
        _I,
        "incidents",
        [
            _place("place", _I.c.place_id),
            _text("incident", _I.c.kind, "incident_kind"),
            _person(_I.c.told_by),
            *_seconds(_I, "settled_s"),
        ],
        place=_I.c.place_id,
        filters={"incident": _I.c.kind, "place": _I.c.place_id},
    ),
    "held": _of(
        _H,
        "held",
        [
            _place("place", _H.c.place_id),
            Shown(Column("event", sheet.TEXT), _H.c.reason, reason_key),
            _text("ending", _H.c.ended_as, "state"),
            _person(_H.c.ended_by),
            *_seconds(_H, "held_s"),
        ],
        place=_H.c.place_id,
        filters={"reason": _H.c.reason, "ending": _H.c.ended_as},
        none=STILL,
    ),
    "checks": _of(
        _K,
        "checks",
        [_place("place", _K.c.place_id), _person(_K.c.told_by), *_counts(_K, _CHECKED)],
        condition=_K.c.kind == CHECK,
        place=_K.c.place_id,
        filters={"place": _K.c.place_id},
    ),
    "closings": _of(
        _K,
        "closings",
        [_place("place", _K.c.place_id), _person(_K.c.told_by), *_counts(_K, _CLOSED)],
        condition=_K.c.kind == CLOSE,
        place=_K.c.place_id,
        filters={"place": _K.c.place_id},
    ),
    "messages": Below(
        _M.outerjoin(_V, _V.c.visit_id == _M.c.visit_id),
        "manage.counted.messages",
        [
            Shown(_AT, _M.c.created_at),
            _text("template", _M.c.template, "template"),
            _text("status", _M.c.status, "status"),
            Shown(Column("parts"), _M.c.parts),
        ],
        keys=[_M.c.created_at, _M.c.id],
        visit_id=_M.c.visit_id,
        at=_M.c.created_at,
        **_PLACES,
        filters={"template": _M.c.template, "status": _M.c.status},
    ),
    "keys": Below(
        _VISITS,
        "manage.counted.keys",
        [
            Shown(_AT, _VISITS.c.received_at),
            _place("place", _VISITS.c.place_id),
            _text("key_holder", _VISITS.c.key_holder_kind, "key_holder"),
        ],
        keys=[_VISITS.c.received_at, _VISITS.c.id],
        visit_id=_VISITS.c.id,
        condition=VISIT_IS_OPEN,
        filters={"holder": _VISITS.c.key_holder_kind, "held_by": _VISITS.c.key_holder_id},
        has_visits=True,
    ),
}


def events_of(first: Date, last: Date) -> Below:
    """The events of stations in these days. Where they lie in a journal is known, so that no
    others are looked at."""
    bounds = (
        select(
            _F.c.journal_id,
            _F.c.station_id,
            func.max(_T.c.place_id).label("place_id"),
            func.min(_F.c.first_seq).label("first_seq"),
            func.max(_F.c.last_seq).label("last_seq"),
        )
        .outerjoin_from(_F, _T, _T.c.id == _F.c.station_id)
        .where(_F.c.day.between(first.toordinal(), last.toordinal()))
        .group_by(_F.c.journal_id, _F.c.station_id)
        .subquery()
    )
    source = bounds.join(
        _E,
        (_E.c.journal_id == bounds.c.journal_id)
        & _E.c.seq.between(bounds.c.first_seq, bounds.c.last_seq),
    )
    return Below(
        source,
        "manage.counted.events",
        [
            Shown(_AT, _E.c.at),
            Shown(Column("station", sheet.TEXT), bounds.c.station_id),
            _text("what", _E.c.type, "event"),
            _person(_E.c.actor),
            Shown(Column("came", sheet.MOMENT), _E.c.received_at),
            _text("clock", _E.c.time_source, "clock"),
        ],
        keys=[_E.c.at, _E.c.journal_id, _E.c.seq],
        visit_id=_E.c.visit_id,
        at=_E.c.at,
        place=bounds.c.place_id,
        filters={"station": bounds.c.station_id},
    )
