"""What a report's address asks for: days, booth, lot, comparison, and quick ways to other days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date as Date
from datetime import datetime, timedelta

from flask import request

from server.app import services
from server.district import get_place
from server.manager.blueprint import viewer
from server.reports.asked import Asked, Range, asked_of
from server.reports.day import day_at


@dataclass(frozen=True, slots=True)
class Choice:
    """A quick choice of days: `manage.report.quick.{key}`."""

    key: str
    asked: Asked
    is_chosen: bool


def asked_for(now: datetime) -> Asked:
    """The filters in the address; yesterday without any, the last day that is whole.

    Two days the wrong way round are turned. Raises `Refusal`: `bad_time`, `unknown_place`.
    """
    query = {name: request.args.get(name, "") for name in ("first", "last", "booth", "lot")}
    query["compare"] = request.args.get("compare", "")
    if query["first"] and query["last"] and query["last"] < query["first"]:
        query["first"], query["last"] = query["last"], query["first"]
    asked = asked_of(query, today_of(now) - timedelta(days=1))
    for place_id in (asked.booth_id, asked.lot_id):
        if place_id is not None:
            _check_place(place_id)
    return asked


def today_of(now: datetime) -> Date:
    """The district's present day."""
    return day_at(now, viewer().zone, services().config.day_starts_hour).date


def quick_choices(asked: Asked, today: Date) -> Iterator[Choice]:
    """The days that are asked for most, with the other filters as they are."""
    yesterday = today - timedelta(days=1)
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    for key, first, last in (
        ("today", today, today),
        ("yesterday", yesterday, yesterday),
        ("last_7", today - timedelta(days=7), yesterday),
        ("last_28", today - timedelta(days=28), yesterday),
        ("this_month", month, today),
        ("last_month", before.replace(day=1), before),
    ):
        days = Range(first, last)
        yield Choice(key, replace(asked, range=days), days == asked.range)


def _check_place(place_id: str) -> None:
    services().database.read(lambda session: get_place(session, place_id))
