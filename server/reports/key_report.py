"""Keys and tags: what checks of all keys found, how shifts were closed, and what there is now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.figures.of_places import CHECK, CLOSE
from server.models import KeyCheckFigureRow, TagRow, VisitRow
from server.reports import sheet, tally
from server.reports.asked import Asked
from server.reports.finding import found
from server.reports.sheet import BARS, Cell, Chart, Column, Sheet
from server.reports.tally import Group
from server.visit_rows import VISIT_IS_OPEN

_K, _T, _V = table_of(KeyCheckFigureRow), table_of(TagRow), table_of(VisitRow)
_FOUND = ("found", "missing", "extra", "misplaced")
_CLOSED = ("missing", "carried", "tags_counted", "tags_expected")


def keys(session: Session, _config: Config, asked: Asked, _now: datetime) -> list[Sheet]:
    """Key checks and closed shifts by place; the tags and the keys as they are at present, of
    whatever days is asked."""
    return [_checks(session, asked), _closings(session, asked), _tags(session), _held(session)]


def _told(
    session: Session, asked: Asked | None, kind: str, names: tuple[str, ...]
) -> Mapping[Group, Group]:
    """By place: how many events, and the sums of these columns."""
    if asked is None:
        return {}
    where = (_K.c.kind == kind) & tally.in_days(_K.c.day, asked)
    if asked.booth_id or asked.lot_id:
        where &= _K.c.place_id.in_([asked.booth_id or "", asked.lot_id or ""])
    rows = tally.counts(
        session, [_K.c.place_id], where, *(tally.total(_K.c[each]) for each in names)
    )
    return {group: tuple(map(int, row)) for group, row in rows.items()}


def _checks(session: Session, asked: Asked) -> Sheet:
    now, before = (_told(session, each, CHECK, _FOUND) for each in (asked, asked.before))
    none = (0,) * (1 + len(_FOUND))
    places = tally.merged(now, before)
    whole = [sum(each) for each in zip(*now.values(), strict=True)] or [*none]
    missing_before = sum(row[2] for row in before.values())
    return Sheet(
        key="keys_checked",
        finding=found(
            "keys_checked",
            whole[0],
            (sheet.COUNT, missing_before) if before else None,
            checks=(sheet.COUNT, whole[0]),
            found=(sheet.COUNT, whole[1]),
            missing=(sheet.COUNT, whole[2]),
            odd=(sheet.COUNT, whole[3] + whole[4]),
        ),
        columns=(
            Column("place", sheet.PLACE),
            Column("checks"),
            *(Column(f"keys_{name}") for name in _FOUND),
            Column("checks_before"),
            Column("keys_missing_before"),
        ),
        rows=[
            (each[0], *now.get(each, none), before.get(each, none)[0], before.get(each, none)[2])
            for each in places
        ],
        n=whole[0],
        counted="manage.counted.checks",
        how="manage.how.keys_checked",
        chart=Chart(BARS, "place", ("keys_missing", "keys_misplaced")),
        below=[{"rows": "checks", "place": each[0]} for each in places],
    )


def _closings(session: Session, asked: Asked) -> Sheet:
    now, before = (_told(session, each, CLOSE, _CLOSED) for each in (asked, asked.before))
    none = (0,) * (1 + len(_CLOSED))
    places = tally.merged(now, before)

    def lacking(row: Group) -> int:
        return int(row[4] - row[3])

    whole = [sum(each) for each in zip(*now.values(), strict=True)] or [*none]
    return Sheet(
        key="keys_closed",
        finding=found(
            "keys_closed",
            whole[0],
            (sheet.COUNT, sum(map(lacking, before.values()))) if before else None,
            closings=(sheet.COUNT, whole[0]),
            carried=(sheet.COUNT, whole[2]),
            lacking=(sheet.COUNT, lacking(tuple(whole))),
        ),
        columns=(
            Column("place", sheet.PLACE),
            Column("closings"),
            Column("keys_missing"),
            Column("carried"),
            Column("tags_counted"),
            Column("tags_expected"),
            Column("tags_lacking"),
            Column("closings_before"),
            Column("tags_lacking_before"),
        ),
        rows=[
            (
                each[0],
                *now.get(each, none),
                lacking(now.get(each, none)),
                before.get(each, none)[0],
                lacking(before.get(each, none)),
            )
            for each in places
        ],
        n=whole[0],
        counted="manage.counted.closings",
        how="manage.how.keys_closed",
        below=[{"rows": "closings", "place": each[0]} for each in places],
    )


def _tags(session: Session) -> Sheet:
    rows = session.connection().execute(
        select(_T.c.kind, _T.c.status, func.count()).group_by(_T.c.kind, _T.c.status)
    )
    counted: dict[str, dict[str, int]] = {}
    for kind, status, count in rows:
        counted.setdefault(kind, {})[status] = count
    statuses = ("active", "lost", "retired")
    n = sum(sum(each.values()) for each in counted.values())
    return Sheet(
        key="tags_now",
        finding=found(
            "tags_now",
            n,
            None,
            n=(sheet.COUNT, n),
            lost=(sheet.COUNT, sum(each.get("lost", 0) for each in counted.values())),
            retired=(sheet.COUNT, sum(each.get("retired", 0) for each in counted.values())),
        ),
        columns=(
            Column("tag_kind", sheet.TEXT),
            *(Column(f"tags_{status}") for status in statuses),
            Column("tags_all"),
        ),
        rows=[
            (
                f"manage.tags.kinds.{kind}",
                *(counted[kind].get(status, 0) for status in statuses),
                sum(counted[kind].values()),
            )
            for kind in sorted(counted)
        ],
        n=n,
        counted="manage.counted.tags",
        how="manage.how.tags_now",
    )


def _held(session: Session) -> Sheet:
    """Where the keys of all cars are that the district has now."""
    rows = session.connection().execute(
        select(_V.c.key_holder_kind, _V.c.key_holder_id, func.count())
        .where(VISIT_IS_OPEN)
        .group_by(_V.c.key_holder_kind, _V.c.key_holder_id)
    )
    places: dict[tuple[str, str], int] = {(kind, holder or ""): n for kind, holder, n in rows}
    n = sum(places.values())
    with_people = sum(count for (kind, _), count in places.items() if kind == "person")
    lines: list[tuple[Cell, ...]] = [
        (f"manage.key_holder.{kind}", holder if kind == "hook" else None, None, count)
        if kind != "person"
        else (f"manage.key_holder.{kind}", None, holder, count)
        for (kind, holder), count in sorted(places.items())
    ]
    return Sheet(
        key="keys_now",
        finding=found(
            "keys_now",
            n,
            None,
            n=(sheet.COUNT, n),
            people=(sheet.COUNT, with_people),
        ),
        columns=(
            Column("key_holder", sheet.TEXT),
            Column("place", sheet.PLACE),
            Column("person", sheet.PERSON),
            Column("keys"),
        ),
        rows=lines,
        n=n,
        counted="manage.counted.keys",
        how="manage.how.keys_now",
        below=_holders(places),
    )


def _holders(places: Mapping[tuple[str, str], Any]) -> list[dict[str, str]]:
    return [{"rows": "keys", "holder": kind, "held_by": who} for kind, who in sorted(places)]
