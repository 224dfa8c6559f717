"""The way down: the visits, drives, messages or events that a row of a report was counted from.

A row's `Sheet.below` names a list (`rows`) and what it is narrowed to; together with what the
report was asked for it is the query of the page that shows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date as Date
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, func, null, or_, select
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.bulk import table_of
from server.config import Config
from server.models import VisitRow
from server.reports import sheet, tally
from server.reports.asked import Asked, Range
from server.reports.below_lists import BELOW, Below, Shown, events_of
from server.reports.day import parse_date, zone_of
from server.reports.sheet import Cell, Column, Finding, Sheet

_VISITS = table_of(VisitRow)
_NOTHING: Any = null()
_VISIT = Column("visit", sheet.TEXT)
_AT_ONCE = 1000
_DAY, _HOUR = Column("day", sheet.DAY), Column("hour", sheet.HOUR)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of what is behind a row. `sheet.n`: how many there are on all pages."""

    sheet: Sheet
    page: int
    pages: int


def below(
    session: Session, config: Config, asked: Asked, query: Mapping[str, str], page: int = 1
) -> Page:
    """The cases behind a row, the first by time unless `sort` names a length of time: then the
    longest. Raises `Refusal("bad_choice")` for a list that there is not."""
    listed, asked = _listed(asked, query)
    where = _where(session, config, listed, asked, query)
    connection = session.connection()
    source = listed.source
    n = connection.scalar(select(func.count()).select_from(source).where(where)) or 0
    pages = max(1, -(-n // config.page_rows))
    page = min(max(1, page), pages)
    rows = connection.execute(
        _chosen(listed, query)
        .where(where)
        .limit(config.page_rows)
        .offset((page - 1) * config.page_rows)
    ).all()
    return Page(_sheet(listed, rows, n), page, pages)


@dataclass(frozen=True, slots=True)
class Whole:
    """All that is behind a row: the columns, and the rows as they are fetched."""

    columns: Sequence[Column]
    rows: Iterator[tuple[Cell, ...]]


def whole(session: Session, config: Config, asked: Asked, query: Mapping[str, str]) -> Whole:
    """The same as `below` on one page without an end, which is not in memory as a whole. Raises
    `Refusal("bad_choice")` for a list that there is not."""
    listed, asked = _listed(asked, query)
    chosen = _chosen(listed, query).where(_where(session, config, listed, asked, query))
    rows = session.connection().execute(chosen, execution_options={"yield_per": _AT_ONCE})
    return Whole(_columns(listed), (_cells(listed, row) for row in rows))


def _listed(asked: Asked, query: Mapping[str, str]) -> tuple[Below, Asked]:
    """The list, and what was asked for without the days that the row is not of."""
    if "day" in query:
        day = parse_date(query["day"])
        asked = replace(asked, range=Range(day, day))
    name = query.get("rows", "")
    listed = events_of(asked.range.first, asked.range.last) if name == "events" else BELOW.get(name)
    if listed is None:
        raise Refusal("bad_choice")
    return listed, asked


def _sorted_by(listed: Below, query: Mapping[str, str]) -> Any:
    """The length of time that goes first, None for the order of time."""
    wanted = query.get("sort")
    return next((each.column for each in listed.shown if each.heading.key == wanted), None)


def _chosen(listed: Below, query: Mapping[str, str]) -> Any:
    """What is fetched of every row, in order."""
    shown = [each.column.label(f"shown_{at}") for at, each in enumerate(listed.shown)]
    return _ordered(listed, query).add_columns(*shown)


def _ordered(listed: Below, query: Mapping[str, str]) -> Any:
    source = listed.source
    visit_id = _NOTHING if listed.visit_id is None else listed.visit_id
    if not listed.has_visits and listed.visit_id is not None:
        source = source.outerjoin(_VISITS, _VISITS.c.id == visit_id)
    code = _NOTHING if listed.visit_id is None else _VISITS.c.code
    chosen = select(listed.day, listed.hour, visit_id, code).select_from(source)
    by_time = ([listed.day, listed.hour] if listed.is_dated else []) + [*listed.keys]
    longest = _sorted_by(listed, query)
    return (
        chosen.order_by(*by_time) if longest is None else chosen.order_by(longest.desc(), *by_time)
    )


def _where(
    session: Session, config: Config, listed: Below, asked: Asked, query: Mapping[str, str]
) -> Any:
    wanted = [listed.condition] if listed.condition is not None else []
    longest = _sorted_by(listed, query)
    if longest is not None:
        wanted.append(longest.is_not(None))
    if listed.stands and "hour" in query:
        wanted.append(_standing(config, listed, asked, query))
    elif listed.at is not None:
        span = asked.range.span(zone_of(session), config.day_starts_hour)
        wanted += [listed.at >= span.start, listed.at < span.end]
    elif listed.is_dated:
        wanted.append(tally.in_days(listed.day, asked))
    for column, place_id in ((listed.booth, asked.booth_id), (listed.lot, asked.lot_id)):
        if column is not None and place_id is not None:
            wanted.append(column == place_id)
    if listed.place is not None and (asked.booth_id or asked.lot_id):
        wanted.append(listed.place.in_([asked.booth_id or "", asked.lot_id or ""]))
    for name, column in listed.filters.items():
        value = query.get(name)
        if value is None or (listed.stands and name == "hour"):
            continue
        if value == listed.none:
            wanted.append(column.is_(None))
        else:
            wanted.append(column == (_number(value) if name == "hour" else value))
    return and_(*wanted)


def _standing(config: Config, listed: Below, asked: Asked, query: Mapping[str, str]) -> Any:
    """Who stood there when that hour ended, of one day or of all that are one weekday."""
    hour = (_number(query["hour"]) - config.day_starts_hour) % 24
    days = [asked.range.first + timedelta(days=day) for day in range(asked.range.days)]
    if "weekday" in query:
        days = [day for day in days if day.isoweekday() == _number(query["weekday"])]
    columns = listed.source.c
    moments = (24 * day.toordinal() + hour for day in days)
    return or_(
        *(
            and_(
                columns.from_slot <= slot,
                or_(columns.until_slot.is_(None), columns.until_slot > slot),
            )
            for slot in moments
        )
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise Refusal("bad_choice")
    return int(text)


def _columns(listed: Below) -> tuple[Column, ...]:
    dated = (_DAY, _HOUR) if listed.is_dated else ()
    visit = (_VISIT,) if listed.visit_id is not None else ()
    return (*visit, *dated, *(each.heading for each in listed.shown))


def _sheet(listed: Below, rows: Sequence[Any], n: int) -> Sheet:
    return Sheet(
        key="below",
        finding=Finding("manage.finding.below", {"n": (sheet.COUNT, n)}),
        columns=_columns(listed),
        rows=[_cells(listed, row) for row in rows],
        n=n,
        counted=listed.counted,
        how="manage.how.below",
        below=[None if row[2] is None else {"visit": row[2]} for row in rows],
    )


def _cells(listed: Below, row: Any) -> tuple[Cell, ...]:
    day, hour, _, code = row[:4]
    cells: list[Cell] = [] if listed.visit_id is None else [code]
    if listed.is_dated:
        cells += [None if day is None else Date.fromordinal(day), hour]
    return (
        *cells,
        *(_cell(each, value) for each, value in zip(listed.shown, row[4:], strict=True)),
    )


def _cell(shown: Shown, value: Any) -> Cell:
    if shown.words is not None and value is not None:
        return shown.words(str(value))
    cell: Cell = value
    return cell
