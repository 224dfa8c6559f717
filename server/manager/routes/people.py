"""People: who works here, in which roles, with which licences, and who may sign in."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.district import ROLES
from schemas.reception import RESTRICTING
from schemas.staff_pin import hash_pin, random_pin
from server import clock
from server.accounts import may_sign_in
from server.administration import people
from server.administration.record import act_of
from server.app import services
from server.manager import admin_form
from server.manager.admin_form import Draft, attempt, fresh, sent
from server.manager.admin_words import in_words
from server.manager.blueprint import blueprint, person, viewer
from server.models import AccountRow, PersonRow, SecondFactorRow, StaffPinRow, TagRow
from server.permissions import Permission, needs
from server.sign_in import pins, record

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


@blueprint.post("/admin/people/<person_id>/pin")
@needs(Permission.PEOPLE)
def give_pin(person_id: str) -> AnyResponse:
    """Make a PIN to begin with and show it this once."""
    found = services()
    act = act_of(person().id, request.form.get("reason", ""), clock.now())
    pin = random_pin()
    # Outside of the transaction: it is slow by design.
    verifier = hash_pin(pin, pins.cost_of(found.config))
    found.database.write(
        lambda session: pins.give(session, found.key, person_id, verifier, act), in_turn=True
    )
    row = found.database.read(lambda session: people.get(session, person_id))
    return _form(row, fresh(people.values_of(row)), pin=pin)


@blueprint.post("/admin/people/<person_id>/lock")
@needs(Permission.PEOPLE)
def lock_person(person_id: str) -> AnyResponse:
    """They sign in nowhere (`action` lock), or again (unlock)."""
    act = act_of(person().id, request.form.get("reason", ""), clock.now())
    is_locked = request.form.get("action") == "lock"
    services().database.write(
        lambda session: people.lock(session, person_id, act, is_locked=is_locked), in_turn=True
    )
    return redirect(url_for("manager.edit_person", person_id=person_id, said="changed"), 303)


@blueprint.post("/admin/people/<person_id>/second-factor")
@needs(Permission.PEOPLE)
def reset_second_factor(person_id: str) -> AnyResponse:
    """Forget the authenticator app of somebody who lost it."""
    act = act_of(person().id, request.form.get("reason", ""), clock.now())
    services().database.write(
        lambda session: people.reset_second_factor(session, person_id, act), in_turn=True
    )
    return redirect(url_for("manager.edit_person", person_id=person_id, said="changed"), 303)


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


def _form(
    row: PersonRow | None, draft: Draft, password: str | None = None, pin: str | None = None
) -> AnyResponse:
    view = viewer()

    def read(session: Session) -> dict[str, Any]:
        if row is None:
            return {"badge": None, "account": None}
        return {
            "badge": None if row.badge_tag is None else session.get(TagRow, row.badge_tag),
            "account": session.get(AccountRow, row.id),
            "staff_pin": session.get(StaffPinRow, row.id),
            "factor": session.get(SecondFactorRow, row.id),
            "sign_ins": record.last_of(session, row.id),
        }

    page = render_template(
        "manager/admin/person.html",
        row=row,
        draft=draft,
        **services().database.read(read),
        pin=pin,
        has_station=row is not None and row.is_active and pins.has_station(row),
        is_oneself=row is not None and row.id == person().id,
        has_pages=row is not None and may_sign_in(row),
        password=password,
        roles=ROLES,
        restricting=RESTRICTING,
        spare=admin_form.SPARE_ROWS,
        words=lambda name, value: in_words(view, name, value),
        now=clock.now(),
    )
    return Response(page, draft.status)
