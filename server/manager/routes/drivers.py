"""What the law gives drivers who come to the office (Ley 81 of 2019): all that is known of them, as
a file, and to have it erased. Plate and phone come by POST and stand in no address."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.problems import Refusal
from server import clock, guest_looks, guests
from server.administration.record import Act
from server.app import services
from server.data_rights import office
from server.data_rights.held import held
from server.manager.admin_deed import do
from server.manager.blueprint import blueprint, person
from server.manager.routes.search import name_of
from server.models import VisitRow
from server.permissions import Permission, needs, only_asks
from server.reports import search as finding
from server.reports.search import Wanted

_TEXT_MAX = 60


@blueprint.get("/admin/drivers")
@needs(Permission.DRIVERS)
def admin_drivers() -> str:
    """The form, and what is held of who was asked for. It counts as a look at the records."""
    found, now, by = services(), clock.now(), person().id
    code, token = request.args.get("code", ""), request.args.get("found", "")
    plates, phones = finding.opened(found.key, by, token, now) if token else ((), ())
    wanted = Wanted(code=code or None, plates=plates, phones=phones)

    def read(session: Session) -> dict[str, Any]:
        answer = finding.search(session, found.config, found.key, wanted, now)
        visits = held(session, found.key, [visit.id for visit in answer.visits])
        guest_looks.note(session, [visit.id for visit in visits], by, guest_looks.OFFICE, now)
        is_one = wanted.code is not None and len(visits) == 1
        return {
            "visits": visits,
            "same_phone": _same_phone(session, visits[0].id) if is_one else None,
        }

    nobody: dict[str, Any] = {"visits": None, "same_phone": None}
    return render_template(
        "manager/admin/drivers.html",
        **(nobody if wanted.is_by_time else found.database.write(read)),
        is_unknown="unknown" in request.args,
        text_max=_TEXT_MAX,
    )


@blueprint.post("/admin/drivers")
@only_asks
@needs(Permission.DRIVERS)
def ask_driver() -> AnyResponse:
    """Go on to what is held, under an address that says nothing of what was typed unless it is a
    visit's code."""
    text = request.form.get("text", "").strip()[:_TEXT_MAX]
    named: dict[str, Any] = {**name_of(text, clock.now())} if text else {}
    if not named.keys() & {"code", "found"}:
        named = {"unknown": "1"}
    return redirect(url_for("manager.admin_drivers", **named), 303)


@blueprint.post("/admin/drivers/export")
@only_asks
@needs(Permission.DRIVERS)
def export_driver() -> Response:
    """All that is known of the visits that were chosen, as a file. A look at each of them."""
    found, now, by, chosen = services(), clock.now(), person().id, _chosen()
    made = found.database.write(
        lambda session: office.export_visits(
            session, found.config, found.key, _visits(session, chosen), by, now
        )
    )
    return Response(
        json.dumps(made, indent=1, ensure_ascii=False),
        content_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="driver-data.json"'},
    )


@blueprint.post("/admin/drivers/erase")
@needs(Permission.DRIVERS)
def erase_driver() -> AnyResponse:
    """Erase what is known of the drivers of the visits that were chosen. Refused as a whole while
    any of it is still needed."""
    chosen, is_settled = _chosen(), request.form.get("settled") == "1"

    def work(session: Session, act: Act) -> None:
        office.erase_visits(session, _visits(session, chosen), act, is_settled=is_settled)

    do(work)
    return redirect(url_for("manager.admin_drivers", said="changed"), 303)


def _chosen() -> Sequence[str]:
    """The ids of the visits that are ticked, no more than a page can show."""
    return request.form.getlist("visit")[: services().config.page_rows]


def _visits(session: Session, chosen: Sequence[str]) -> Sequence[VisitRow]:
    """Their rows, the oldest first. Raises `Refusal("bad_choice")` without any, and
    `unknown_visit`."""
    if not chosen:
        raise Refusal("bad_choice")
    rows = session.scalars(
        select(VisitRow)
        .where(VisitRow.id.in_(chosen))
        .order_by(VisitRow.received_at, VisitRow.id)
        .with_for_update()
    ).all()
    if len(rows) != len(set(chosen)):
        raise Refusal("unknown_visit")
    return rows


def _same_phone(session: Session, visit_id: str) -> str | None:
    """A token for all visits with this visit's phone; None where nobody knows one."""
    found, now = services(), clock.now()
    guest = guests.load(session, found.key, session.get_one(VisitRow, visit_id).guest_ref)
    if guest is None or guest.phone is None:
        return None
    until = now + timedelta(seconds=found.config.session_s)
    return finding.asked_for(found.key, person().id, guest.phone, until)
