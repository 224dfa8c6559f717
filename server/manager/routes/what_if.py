"""What if: a night with one change, put as a question and answered by the worker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.district import BOOTH
from schemas.problems import Refusal
from server import clock
from server.app import services
from server.dispatch import what_if_jobs
from server.dispatch.scenario_file import SCENARIOS, content_of
from server.dispatch.what_if_answer import differences
from server.dispatch.what_if_change import (
    CLOSED,
    NEW_BOOTH,
    RULES,
    RUNNERS,
    STAGING,
    places_of,
    read_change,
)
from server.dispatch.what_if_night import past_night
from server.manager.blueprint import blueprint, person, viewer
from server.models import PersonRow, WhatIfRow
from server.permissions import Permission, needs
from server.reports.day import day_at, day_of, parse_date
from server.reports.day_report import DayReport, day_report

MADE = "made:"
_LISTED = 30


@blueprint.get("/what-if")
@needs(Permission.WHAT_IF)
def what_if() -> str:
    """Choose a night, then what to change in it; and the questions so far."""
    found, now = services(), clock.now()
    source = request.args.get("night", "")

    def read(session: Session) -> dict[str, object]:
        night = _night(session, source) if source else None
        rows = session.execute(
            select(WhatIfRow, PersonRow.name)
            .outerjoin(PersonRow, PersonRow.id == WhatIfRow.made_by)
            .order_by(WhatIfRow.made_at.desc(), WhatIfRow.id.desc())
            .limit(_LISTED)
        )
        return {"night": night, "asked": [(row, name or row.made_by) for row, name in rows]}

    yesterday = day_at(now, viewer().zone, found.config.day_starts_hour).date - timedelta(days=1)
    values = found.database.read(read)
    night = values["night"]
    return render_template(
        "manager/what_if.html",
        **values,
        source=source,
        scenarios=SCENARIOS,
        booths=places_of(night, BOOTH) if isinstance(night, dict) else (),
        rules=RULES,
        seeds=found.config.what_if_seeds,
        last_date=yesterday.isoformat(),
        first_date=(yesterday - timedelta(days=found.config.what_if_days)).isoformat(),
    )


@blueprint.get("/what-if/night")
@needs(Permission.WHAT_IF)
def what_if_of_date() -> AnyResponse:
    """The form of past nights: on to the night of its date."""
    return redirect(url_for("manager.what_if", night=request.args.get("date", "")), 303)


@blueprint.post("/what-if")
@needs(Permission.WHAT_IF)
def ask_what_if() -> AnyResponse:
    """Put the question; the answer comes bit by bit on its own page."""
    found, now, actor = services(), clock.now(), person().id
    source = request.form.get("night", "")
    change = _change(request.form)

    # To learn a night's ways takes a while, and no lock.
    night = found.database.read(lambda session: _night(session, source))
    asked = found.database.write(
        lambda session: what_if_jobs.ask(session, found.config, source, night, change, actor, now)
    )
    return redirect(url_for("manager.what_if_answer", what_if_id=asked), 303)


@blueprint.get("/what-if/<what_if_id>")
@needs(Permission.WHAT_IF)
def what_if_answer(what_if_id: str) -> str:
    """The answer as far as it is known."""
    found = services()

    def read(session: Session) -> dict[str, object]:
        row = what_if_jobs.get(session, what_if_id)
        asker = session.get(PersonRow, row.made_by)
        return {
            "row": row,
            "asker": row.made_by if asker is None else asker.name,
            "truth": _truth(session, row.source),
        }

    values = found.database.read(read)
    row = values["row"]
    assert isinstance(row, WhatIfRow)
    names = {place["id"]: place["name"] for place in row.night["district"]["places"]}
    return render_template(
        "manager/what_if_answer.html",
        **values,
        names=names,
        differences=differences(row.played),
        cars=row.played[0]["without"]["cars"] if row.played else None,
    )


@blueprint.get("/what-if/<what_if_id>/night.json")
@needs(Permission.WHAT_IF)
def what_if_night(what_if_id: str) -> Response:
    """The night without the change, as a scenario file."""
    row = services().database.read(lambda session: what_if_jobs.get(session, what_if_id))
    content = json.dumps(row.night, ensure_ascii=False, indent=1)
    return Response(
        content,
        content_type="application/json; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="night.json"'},
    )


def _night(session: Session, source: str) -> dict[str, Any]:
    """The night that a source names: a date, or `made:` and a scenario. Raises `Refusal`."""
    found, now = services(), clock.now()
    if source.startswith(MADE):
        name = source.removeprefix(MADE)
        if name not in SCENARIOS:
            raise Refusal("bad_choice")
        return content_of(name)
    zone, hour = viewer().zone, found.config.day_starts_hour
    date = parse_date(source)
    today = day_at(now, zone, hour).date
    if not timedelta() < today - date <= timedelta(days=found.config.what_if_days + 1):
        raise Refusal("bad_time")
    return past_night(session, found.config, day_of(date, zone, hour))


def _change(form: Mapping[str, str]) -> dict[str, Any]:
    """The change that the form says: of all its fields those that belong to the chosen kind."""
    kind = form.get("kind", "")
    document: dict[str, Any] = {"kind": kind}
    if kind == RUNNERS:
        document["more"] = form.get("more", "")
    elif kind == CLOSED:
        document["from_place_id"] = form.get("from_place_id", "")
        document["to_place_id"] = form.get("to_place_id") or None
    elif kind == NEW_BOOTH:
        document |= {name: form.get(name, "") for name in ("near", "kerb_spaces", "share_percent")}
    elif kind == STAGING:
        document["place_id"] = form.get("place_id") or None
        document["spaces"] = form.get("spaces", "")
    else:
        document["rule"] = form.get("rule", "")
    return read_change(document)


def _truth(session: Session, source: str) -> DayReport | None:
    """What truly was on a past night, to be set beside the played one."""
    if source.startswith(MADE):
        return None
    found, now = services(), clock.now()
    day = day_of(parse_date(source), viewer().zone, found.config.day_starts_hour)
    return day_report(session, found.config, day, None, now)
