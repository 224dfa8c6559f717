"""The way down: the visits, drives, messages or events behind a row of a report, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date as Date

from flask import render_template, request
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server import clock
from server.app import services
from server.manager.blueprint import blueprint, viewer
from server.manager.report_request import asked_for
from server.permissions import Permission, needs
from server.reports import sheet
from server.reports.below import Page, below
from server.reports.catalogue import REPORTS
from server.reports.wording import Wording, read_wording

# What a list is narrowed to, where that can be said in words.
_KINDS = {
    "hour": sheet.HOUR,
    "place": sheet.PLACE,
    "booth": sheet.PLACE,
    "lot": sheet.PLACE,
    "from_place": sheet.PLACE,
    "to_place": sheet.PLACE,
    "person": sheet.PERSON,
}


@blueprint.get("/reports/<name>/rows")
@needs(Permission.REPORTS)
def report_rows(name: str) -> str:
    """One page of what is behind a row; `rows` and its filters as `Sheet.below` has them."""
    if name not in REPORTS:
        raise Refusal("unknown_report")
    found, asked = services(), asked_for(clock.now())
    query = request.args.to_dict()
    number = query.pop("page", "1")
    page_number = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 1

    def read(session: Session) -> tuple[Page, Wording]:
        words = read_wording(session, found.catalog, viewer().language)
        return below(session, found.config, asked, query, page_number), words

    page, words = found.database.read(read)
    return render_template(
        "manager/report_rows.html",
        name=name,
        asked=asked,
        query=query,
        page=page,
        words=words,
        narrowed=list(_narrowed(query, words)),
    )


def _narrowed(query: Mapping[str, str], words: Wording) -> Iterator[str]:
    """What the list is narrowed to, in words."""
    if "day" in query:
        yield words.weekday_date(Date.fromisoformat(query["day"]))
    if query.get("weekday", "") in map(str, range(1, 8)):
        yield words.t(f"manage.weekday.{query['weekday']}")
    for name, kind in _KINDS.items():
        value = query.get(name)
        if value:
            is_hour = kind == sheet.HOUR and value.isdecimal()
            yield words.cell(kind, int(value) if is_hour else value)
