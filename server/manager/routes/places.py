"""Places: booths and lots, with what they hold and when they are open."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.district import BOOTH, LOT
from schemas.hours import is_open_at
from schemas.problems import Refusal
from server import clock
from server.administration import places
from server.administration.record import Act
from server.app import services
from server.district import get_place
from server.manager import admin_form
from server.manager.admin_deed import do, submit
from server.manager.admin_form import Draft, fresh, sent
from server.manager.admin_words import hours_in_words, in_words
from server.manager.blueprint import blueprint, viewer
from server.models import PlaceRow
from server.permissions import Permission, needs

_NEW: dict[str, Any] = {
    "name": "",
    "letter": "",
    "x_m": 0,
    "y_m": 0,
    "hooks": 0,
    "kerb_spaces": 0,
    "staging_spaces": 0,
    "stalls": 0,
    "is_open": True,
    "hours": [],
    "rows": [],
}


@blueprint.get("/admin/places")
@needs(Permission.PLACES)
def admin_places() -> str:
    """All places, those in use first."""
    rows = services().database.read(
        lambda session: session.scalars(
            select(PlaceRow).order_by(PlaceRow.archived_at.is_not(None), PlaceRow.name)
        ).all()
    )
    view, local = viewer(), clock.now().astimezone(viewer().zone)
    return render_template(
        "manager/admin/places.html",
        places=[row for row in rows if row.archived_at is None],
        archived=[row for row in rows if row.archived_at is not None],
        is_open=lambda row: is_open_at(row, local),
        hours_of=lambda row: hours_in_words(view, places.values_of(row)["hours"]),
    )


@blueprint.get("/admin/places/new")
@needs(Permission.PLACES)
def new_place() -> AnyResponse:
    """The form of a new place; `kind` says of which kind."""
    return _form(None, _kind(request.args.get("kind", BOOTH)), fresh(_NEW))


@blueprint.post("/admin/places/new")
@needs(Permission.PLACES)
def add_place() -> AnyResponse:
    """Make it."""
    config = services().config
    kind, draft = _kind(request.form.get("kind", "")), sent(request.form, _typed())
    again = submit(draft, lambda session, act: places.add(session, config, kind, draft.values, act))
    if again is not None:
        return _form(None, kind, again)
    return redirect(url_for("manager.admin_places", said="changed"), 303)


@blueprint.get("/admin/places/<place_id>")
@needs(Permission.PLACES)
def edit_place(place_id: str) -> AnyResponse:
    """The form of a place."""
    row = services().database.read(lambda session: get_place(session, place_id))
    return _form(row, row.kind, fresh(places.values_of(row)))


@blueprint.post("/admin/places/<place_id>")
@needs(Permission.PLACES)
def save_place(place_id: str) -> AnyResponse:
    """Change it."""
    found = services()
    row = found.database.read(lambda session: get_place(session, place_id))
    draft = sent(request.form, _typed())
    again = submit(
        draft,
        lambda session, act: places.save(
            session, found.config, place_id, draft.values, draft.edition, act
        ),
    )
    if again is not None:
        return _form(row, row.kind, again)
    return redirect(url_for("manager.edit_place", place_id=place_id, said="changed"), 303)


@blueprint.post("/admin/places/<place_id>/archive")
@needs(Permission.PLACES)
def archive_place(place_id: str) -> AnyResponse:
    """Take it out of use (`action` archive) or bring it back (restore)."""
    config, is_over = services().config, request.form.get("action") == "archive"

    def work(session: Session, act: Act) -> None:
        if is_over:
            places.archive(session, config, place_id, act)
        else:
            places.restore(session, place_id, act)

    do(work)
    return redirect(url_for("manager.admin_places", said="changed"), 303)


def _kind(kind: str) -> str:
    if kind not in (BOOTH, LOT):
        raise Refusal("bad_choice")
    return kind


def _typed() -> dict[str, Any]:
    form = request.form
    numbers = ("x_m", "y_m", "hooks", "kerb_spaces", "staging_spaces", "stalls")
    return {
        "name": admin_form.text(form, "name"),
        "letter": admin_form.text(form, "letter").upper(),
        **{name: admin_form.whole(form, name) for name in numbers},
        "is_open": form.get("is_open") == "yes",
        "hours": admin_form.hours(form),
        "rows": admin_form.rows(form),
    }


def _form(row: PlaceRow | None, kind: str, draft: Draft) -> AnyResponse:
    view = viewer()
    page = render_template(
        "manager/admin/place.html",
        row=row,
        kind=kind,
        draft=draft,
        spare=admin_form.SPARE_ROWS,
        words=lambda name, value: in_words(view, name, value),
    )
    return Response(page, draft.status)
