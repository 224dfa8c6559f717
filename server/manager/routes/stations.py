"""The stations: how each is, and letting one in or shutting it out."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from server import clock
from server import stations as keeping
from server.administration import record
from server.administration.record import Act, Subject
from server.app import services
from server.manager.blueprint import blueprint, person, signed_in
from server.models import PlaceRow
from server.permissions import Permission, needs
from server.reports.station_states import count_alarms, station_states, waiting_codes
from server.station_codes import NewCode, make_code

_PLACES = select(PlaceRow).where(PlaceRow.archived_at.is_(None)).order_by(PlaceRow.name)


@blueprint.context_processor
def _alarms() -> dict[str, object]:
    """Every page says how many stations need somebody."""
    if signed_in() is None:
        return {}
    return {"station_alarms": services().database.read(count_alarms)}


@blueprint.get("/stations")
@needs(Permission.STATIONS)
def stations() -> str:
    """All stations, what is wrong with any, and the forms."""
    return _page(None)


@blueprint.get("/stations/code")
@needs(Permission.STATIONS)
def no_station_code() -> AnyResponse:
    """A code is never shown again: who comes back to its address finds the stations."""
    return redirect(url_for("manager.stations"), 303)


@blueprint.post("/stations/code")
@needs(Permission.STATIONS)
def make_station_code() -> AnyResponse:
    """Make a code for a station, new or known, for a reason, and show it this once: no address
    leads to it."""
    found, now, form = services(), clock.now(), request.form
    station_id, place_id = form.get("station", "").strip(), form.get("place", "")
    act = Act(person().id, keeping.check_reason(form.get("reason", "")), now)

    def work(session: Session) -> NewCode:
        made = make_code(session, found.config, found.key, station_id, place_id, act.by, now)
        subject = Subject(record.STATION, station_id, station_id)
        record.note(session, act, subject, record.ENROLLED, None, {"place_id": place_id})
        return made

    return Response(_page(found.database.write(work)))


@blueprint.post("/stations/revoke")
@needs(Permission.STATIONS)
def revoke_station() -> AnyResponse:
    """Shut a station out, for a reason."""
    now, actor, form = clock.now(), person().id, request.form
    reason = keeping.check_reason(form.get("reason", ""))
    station_id = form.get("station", "")

    def work(session: Session) -> None:
        keeping.revoke_station(session, station_id, by=actor, reason=reason, now=now)
        subject = Subject(record.STATION, station_id, station_id)
        record.note(session, Act(actor, reason, now), subject, record.REVOKED, None, None)

    services().database.write(work)
    return redirect(url_for("manager.stations", said="revoked"), 303)


def _page(code: NewCode | None) -> str:
    found, now = services(), clock.now()

    def read(session: Session) -> dict[str, object]:
        return {
            "stations": station_states(session, found.config, now),
            "waiting": waiting_codes(session, now),
            "places": session.scalars(_PLACES).all(),
        }

    return render_template(
        "manager/stations.html",
        **found.database.read(read),
        code=code,
        code_left_s=0 if code is None else int((code.expires_at - now).total_seconds()),
        code_minutes=found.config.station_code_s // 60,
    )
