"""Closures: when a place or a way is shut for cars, once or every week."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from server import clock
from server.administration import closures
from server.app import services
from server.manager import admin_form
from server.manager.admin_deed import do, submit
from server.manager.admin_form import Draft, fresh, sent
from server.manager.admin_words import days_in_words, in_words
from server.manager.blueprint import blueprint, viewer
from server.models import ClosureRow
from server.permissions import Permission, needs

_NEW: dict[str, Any] = {"name": "", "weekdays": []} | dict.fromkeys(closures.EDITED[1:6])
_NEW |= {"weekdays": [], "from_time": None, "until_time": None}


@blueprint.get("/admin/closures")
@needs(Permission.CLOSURES)
def admin_closures() -> str:
    """All closures: those that still count, then those that are over."""
    rows = services().database.read(
        lambda session: session.scalars(select(ClosureRow).order_by(ClosureRow.name)).all()
    )
    view, now = viewer(), clock.now()
    counting = [row for row in rows if row.is_active and _is_ahead(row, now)]
    return render_template(
        "manager/admin/closures.html",
        closures=counting,
        over=[row for row in rows if row not in counting],
        days=lambda row: days_in_words(view, row.weekdays),
        now=now,
    )


@blueprint.get("/admin/closures/new")
@needs(Permission.CLOSURES)
def new_closure() -> AnyResponse:
    """The form of a new closure."""
    return _form(None, fresh(_NEW))


@blueprint.post("/admin/closures/new")
@needs(Permission.CLOSURES)
def add_closure() -> AnyResponse:
    """Make it; whoever plans obeys from now on."""
    config, draft = services().config, sent(request.form, _typed())
    again = submit(draft, lambda session, act: closures.add(session, config, draft.values, act))
    if again is not None:
        return _form(None, again)
    return redirect(url_for("manager.admin_closures", said="changed"), 303)


@blueprint.get("/admin/closures/<closure_id>")
@needs(Permission.CLOSURES)
def edit_closure(closure_id: str) -> AnyResponse:
    """The form of a closure."""
    row = services().database.read(lambda session: closures.get(session, closure_id))
    return _form(row, fresh(closures.values_of(row)))


@blueprint.post("/admin/closures/<closure_id>")
@needs(Permission.CLOSURES)
def save_closure(closure_id: str) -> AnyResponse:
    """Change it."""
    found = services()
    row = found.database.read(lambda session: closures.get(session, closure_id))
    draft = sent(request.form, _typed())
    again = submit(
        draft,
        lambda session, act: closures.save(
            session, found.config, closure_id, draft.values, draft.edition, act
        ),
    )
    if again is not None:
        return _form(row, again)
    return redirect(url_for("manager.edit_closure", closure_id=closure_id, said="changed"), 303)


@blueprint.post("/admin/closures/<closure_id>/archive")
@needs(Permission.CLOSURES)
def archive_closure(closure_id: str) -> AnyResponse:
    """Open the way again (`action` archive), or bring the closure back (restore)."""
    config, is_active = services().config, request.form.get("action") != "archive"
    do(
        lambda session, act: closures.set_active(
            session, config, closure_id, act, is_active=is_active
        )
    )
    return redirect(url_for("manager.admin_closures", said="changed"), 303)


def _is_ahead(row: ClosureRow, now: Any) -> bool:
    return row.until_at is None or row.until_at > now


def _typed() -> dict[str, Any]:
    form, zone = request.form, viewer().zone
    is_way, is_weekly = form.get("where") == "way", form.get("when") == "weekly"
    values: dict[str, Any] = dict.fromkeys(closures.EDITED)
    values |= {"name": admin_form.text(form, "name"), "weekdays": []}
    for name in ("from_place_id", "to_place_id") if is_way else ("place_id",):
        values[name] = admin_form.text_or_none(form, name)
    if is_weekly:
        values["weekdays"] = admin_form.weekdays(form, "weekdays")
        for name in ("from_time", "until_time"):
            values[name] = admin_form.text_or_none(form, name)
    else:
        for name in ("from_at", "until_at"):
            values[name] = admin_form.moment(form, name, zone)
    return values


def _form(row: ClosureRow | None, draft: Draft) -> AnyResponse:
    view, form = viewer(), request.form
    values = draft.values
    is_way = form.get("where") == "way" if form else values["from_place_id"] is not None
    is_weekly = form.get("when") == "weekly" if form else bool(values["weekdays"])
    page = render_template(
        "manager/admin/closure.html",
        row=row,
        draft=draft,
        is_way=is_way,
        is_weekly=is_weekly,
        places=sorted(
            (place for place in view.places.values() if place.archived_at is None),
            key=lambda place: place.name,
        ),
        local=lambda value: admin_form.local(value, view.zone),
        words=lambda name, value: in_words(view, name, value),
    )
    return Response(page, draft.status)
