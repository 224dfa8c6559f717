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
from server.administration.record import Act
from server.app import services
from server.manager import admin_form
from server.manager.admin_deed import do, submit
from server.manager.admin_form import Draft, fresh, sent
from server.manager.admin_words import in_words
from server.manager.blueprint import blueprint, person, viewer
from server.models import AccountRow, PersonRow, SecondFactorRow, StaffPinRow, TagRow
from server.permissions import Permission, needs
from server.sign_in import pins, record
from server.sign_in.lockouts import lockouts
from server.sign_in.passkeys import passkeys_of

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
    config, draft, made = services().config, sent(request.form, _typed()), list[str]()

    def work(session: Session, act: Act) -> None:
        made[:] = [people.add(session, config, draft.values, act)]

    again = submit(draft, work)
    if again is not None:
        return _form(None, again)
    return _back_to(made[0])


@blueprint.get("/admin/people/<person_id>")
@needs(Permission.PEOPLE)
def edit_person(person_id: str) -> AnyResponse:
    """The form of somebody."""
    row = _row(person_id)
    return _form(row, fresh(people.values_of(row)))


@blueprint.post("/admin/people/<person_id>")
@needs(Permission.PEOPLE)
def save_person(person_id: str) -> AnyResponse:
    """Change them."""
    config, row, draft = services().config, _row(person_id), sent(request.form, _typed())
    again = submit(
        draft,
        lambda session, act: people.save(
            session, config, person_id, draft.values, draft.edition, act
        ),
    )
    return _form(row, again) if again is not None else _back_to(person_id)


@blueprint.post("/admin/people/<person_id>/archive")
@needs(Permission.PEOPLE)
def archive_person(person_id: str) -> AnyResponse:
    """They work here no more (`action` archive), or again (restore)."""
    config, is_active = services().config, request.form.get("action") != "archive"
    do(lambda session, act: people.set_active(session, config, person_id, act, is_active=is_active))
    return redirect(url_for("manager.admin_people", said="changed"), 303)


@blueprint.post("/admin/people/<person_id>/password")
@needs(Permission.PEOPLE)
def reset_password(person_id: str) -> AnyResponse:
    """Make a new password and show it this once: no address leads to it."""
    password = do(lambda session, act: people.reset_password(session, person_id, act))
    row = _row(person_id)
    return _form(row, fresh(people.values_of(row)), password)


@blueprint.post("/admin/people/<person_id>/pin")
@needs(Permission.PEOPLE)
def give_pin(person_id: str) -> AnyResponse:
    """Make a PIN to begin with and show it this once."""
    found, pin = services(), random_pin()
    # Outside of the transaction: it is slow by design.
    verifier = hash_pin(pin, pins.cost_of(found.config))
    do(lambda session, act: pins.give(session, found.key, person_id, verifier, act))
    row = _row(person_id)
    return _form(row, fresh(people.values_of(row)), pin=pin)


@blueprint.post("/admin/people/<person_id>/lock")
@needs(Permission.PEOPLE)
def lock_person(person_id: str) -> AnyResponse:
    """They sign in nowhere (`action` lock), or again (unlock)."""
    is_locked = request.form.get("action") == "lock"
    do(lambda session, act: people.lock(session, person_id, act, is_locked=is_locked))
    return _back_to(person_id)


@blueprint.post("/admin/people/<person_id>/second-factor")
@needs(Permission.PEOPLE)
def reset_second_factor(person_id: str) -> AnyResponse:
    """Forget the authenticator app of somebody who lost it."""
    do(lambda session, act: people.reset_second_factor(session, person_id, act))
    return _back_to(person_id)


def _row(person_id: str) -> PersonRow:
    return services().database.read(lambda session: people.get(session, person_id))


def _back_to(person_id: str) -> AnyResponse:
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
    view, now = viewer(), clock.now()

    def read(session: Session) -> dict[str, Any]:
        if row is None:
            return {"badge": None, "account": None}
        return {
            "badge": None if row.badge_tag is None else session.get(TagRow, row.badge_tag),
            "account": session.get(AccountRow, row.id),
            "staff_pin": session.get(StaffPinRow, row.id),
            "factor": session.get(SecondFactorRow, row.id),
            "passkeys": passkeys_of(session, row.id),
            "sign_ins": record.last_of(session, row.id),
            "lockouts": lockouts(session, now, row.id),
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
        now=now,
    )
    return Response(page, draft.status)
