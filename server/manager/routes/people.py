"""People: who works here, in which roles, with which licences, and who may sign in."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.district import ROLES
from schemas.reception import RESTRICTING
from server import clock
from server.accounts import may_sign_in
from server.administration import people
from server.administration.record import act_of
from server.app import services
from server.manager import admin_form
from server.manager.admin_form import Draft, attempt, fresh, sent
from server.manager.admin_words import in_words
from server.manager.blueprint import blueprint, person, viewer
from server.models import AccountRow, PersonRow, TagRow
from server.permissions import Permission, needs

_NEW: dict[str, Any] = {
    "name": "",
    "roles": [],
    "may_drive": True,
    "licences": None,
    "licence_until": None,
    "breaks": [],
}


@blueprint.get("/admin/people")
@needs(Permission.PEOPLE)
def admin_people() -> str:
    """Everybody, those who work here first."""

    def read(session: Session) -> dict[str, Any]:
        rows = session.scalars(select(PersonRow).order_by(PersonRow.name)).all()
        accounts = session.scalars(select(AccountRow)).all()
        badges = [row.badge_tag for row in rows if row.badge_tag is not None]
        labels = select(TagRow.id, TagRow.label).where(TagRow.id.in_(badges))
        return {
            "people": [row for row in rows if row.is_active],
            "archived": [row for row in rows if not row.is_active],
            "accounts": {account.person_id: account for account in accounts},
            "labels": {tag.id: tag.label for tag in session.execute(labels)},
        }

    now, view = clock.now(), viewer()
    return render_template(
        "manager/admin/people.html",
        **services().database.read(read),
        now=now,
        today=now.astimezone(view.zone).date().isoformat(),
        words=lambda name, value: in_words(view, name, value),
    )


@blueprint.get("/admin/people/new")
@needs(Permission.PEOPLE)
def new_person() -> AnyResponse:
    """The form of somebody new."""
    return _form(None, fresh(_NEW))


@blueprint.post("/admin/people/new")
@needs(Permission.PEOPLE)
def add_person() -> AnyResponse:
    """Take them in."""
    found, now, by = services(), clock.now(), person().id
    draft = sent(request.form, _typed())
    made: list[str] = []

    def work() -> None:
        act = act_of(by, draft.reason, now)
        made[:] = [
            found.database.write(
                lambda session: people.add(session, found.config, draft.values, act)
            )
        ]

    again = attempt(draft, work)
    if again is not None:
        return _form(None, again)
    return redirect(url_for("manager.edit_person", person_id=made[0], said="changed"), 303)


@blueprint.get("/admin/people/<person_id>")
@needs(Permission.PEOPLE)
def edit_person(person_id: str) -> AnyResponse:
    """The form of somebody."""
    row = services().database.read(lambda session: people.get(session, person_id))
    return _form(row, fresh(people.values_of(row)))


@blueprint.post("/admin/people/<person_id>")
@needs(Permission.PEOPLE)
def save_person(person_id: str) -> AnyResponse:
    """Change them."""
    found, now, by = services(), clock.now(), person().id
    row = found.database.read(lambda session: people.get(session, person_id))
    draft = sent(request.form, _typed())

    def work() -> None:
        act = act_of(by, draft.reason, now)
        found.database.write(
            lambda session: people.save(
                session, found.config, person_id, draft.values, draft.edition, act
            )
        )

    again = attempt(draft, work)
    if again is not None:
        return _form(row, again)
    return redirect(url_for("manager.edit_person", person_id=person_id, said="changed"), 303)


@blueprint.post("/admin/people/<person_id>/archive")
@needs(Permission.PEOPLE)
def archive_person(person_id: str) -> AnyResponse:
    """They work here no more (`action` archive), or again (restore)."""
    found, now = services(), clock.now()
    act = act_of(person().id, request.form.get("reason", ""), now)
    is_active = request.form.get("action") != "archive"
    found.database.write(
        lambda session: people.set_active(
            session, found.config, person_id, act, is_active=is_active
        )
    )
    return redirect(url_for("manager.admin_people", said="changed"), 303)


@blueprint.post("/admin/people/<person_id>/password")
@needs(Permission.PEOPLE)
def reset_password(person_id: str) -> AnyResponse:
    """Make a new password and show it this once: no address leads to it."""
    found = services()
    act = act_of(person().id, request.form.get("reason", ""), clock.now())
    password = found.database.write(lambda session: people.reset_password(session, person_id, act))
    row = found.database.read(lambda session: people.get(session, person_id))
    return _form(row, fresh(people.values_of(row)), password)


def _typed() -> dict[str, Any]:
    form = request.form
    ticked = form.getlist("roles")
    licences = form.getlist("licences")
    is_limited = form.get("licensed") == "some"
    return {
        "name": admin_form.text(form, "name"),
        "roles": [role for role in ROLES if role in ticked],
        "may_drive": form.get("may_drive") == "yes",
        "licences": [each for each in RESTRICTING if each in licences] if is_limited else None,
        "licence_until": admin_form.text_or_none(form, "licence_until"),
        "breaks": admin_form.breaks(form),
    }


def _form(row: PersonRow | None, draft: Draft, password: str | None = None) -> AnyResponse:
    view = viewer()

    def read(session: Session) -> tuple[TagRow | None, AccountRow | None]:
        if row is None:
            return None, None
        badge = None if row.badge_tag is None else session.get(TagRow, row.badge_tag)
        return badge, session.get(AccountRow, row.id)

    badge, account = services().database.read(read)
    page = render_template(
        "manager/admin/person.html",
        row=row,
        draft=draft,
        badge=badge,
        account=account,
        has_pages=row is not None and may_sign_in(row),
        password=password,
        roles=ROLES,
        restricting=RESTRICTING,
        spare=admin_form.SPARE_ROWS,
        words=lambda name, value: in_words(view, name, value),
        now=clock.now(),
    )
    return Response(page, draft.status)
