"""One's own account: where one is signed in, the password, the authenticator app."""

from __future__ import annotations

from typing import Any

from flask import make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from schemas.problems import Refusal
from server import clock
from server.accounts import check_password
from server.administration import people
from server.administration.record import Act
from server.app import services
from server.driver.qr import qr_svg
from server.manager.blueprint import blueprint, person, viewer
from server.models import AccountRow
from server.permissions import Permission, needs, only_own
from server.sessions import (
    close_named,
    give_cookie,
    is_of,
    name_of,
    open_session,
    sessions_of,
    token_of,
)
from server.sign_in import passkeys, record, second_factor
from server.sign_in.browsers import kept_as
from server.sign_in.steps import origin_of

OWN = "own"
"""The reason on record for what people change of their own."""


@blueprint.get("/account")
@needs(Permission.OWN)
def account() -> Response:
    """Everything that is one's own."""
    return account_page()


@blueprint.post("/account/sessions")
@needs(Permission.OWN)
@only_own
def end_session() -> Response:
    """Sign out one browser."""
    name, who = request.form.get("session", ""), person().id
    services().database.write(lambda session: close_named(session, who, name))
    return redirect(url_for("manager.account", said="changed"), 303)


@blueprint.post("/account/password")
@needs(Permission.OWN)
@only_own
def change_password() -> Response:
    """A new one, for who knows the present one; all other browsers are signed out."""
    found, now, who = services(), clock.now(), person().id
    new = request.form.get("new", "")
    try:
        check_password(found.database, found.config, who, request.form.get("present", ""), now)
    except Refusal:
        return account_page(problem="manage.account.password_wrong")

    def work(session: Session) -> str:
        people.change_own_password(session, who, new, Act(who, OWN, now))
        origin = origin_of(request, record.BY_PASSWORD)
        return open_session(session, found.config, who, now, origin)

    try:
        token = found.database.write(work)
    except Refusal:
        return account_page(problem="manage.account.password_weak")
    answer = make_response(redirect(url_for("manager.account", said="changed"), 303))
    give_cookie(request, answer, token, found.config)
    return answer


@blueprint.post("/account/app")
@needs(Permission.OWN)
@only_own
def set_up_app() -> Response:
    """Take an authenticator app into use: without a code its QR code is shown."""
    found, now, who = services(), clock.now(), person().id
    code = request.form.get("code", "")[:40]
    if not code:
        return _app_page()
    try:
        codes = second_factor.confirm(found.database, found.config, found.key, who, code, now)
    except Refusal as refusal:
        return _app_page(refusal)
    return _codes_page(codes)


@blueprint.post("/account/codes")
@needs(Permission.OWN)
@only_own
def new_recovery_codes() -> Response:
    """New recovery codes, for who shows a code of the app."""
    found, now, who = services(), clock.now(), person().id
    code = request.form.get("code", "")[:40]
    try:
        second_factor.check(found.database, found.config, found.key, who, code, now)
    except Refusal as refusal:
        return account_page(problem=f"manage.problem.{refusal.code}")
    codes = found.database.write(
        lambda session: second_factor.make_recovery_codes(session, found.key, who, now)
    )
    return _codes_page(codes)


@blueprint.post("/account/app/forget")
@needs(Permission.OWN)
@only_own
def forget_app() -> Response:
    """Take the app out of use, for who shows one more code; where the role asks for one, another
    is set up at the next sign-in."""
    found, now, who = services(), clock.now(), person().id
    code = request.form.get("code", "")[:40]
    try:
        second_factor.check(found.database, found.config, found.key, who, code, now)
    except Refusal as refusal:
        return account_page(problem=f"manage.problem.{refusal.code}")
    found.database.write(lambda session: second_factor.reset(session, who))
    return redirect(url_for("manager.account", said="changed"), 303)


def account_page(problem: str | None = None) -> Response:
    """Everything that is one's own; `problem`: the key of what went wrong."""
    found, now, who, token = services(), clock.now(), person(), token_of(request)

    def read(session: Session) -> dict[str, Any]:
        rows = sessions_of(session, who.id, now)
        return {
            "sessions": [
                (name_of(row), row, kept_as(row.browser), is_of(row, token)) for row in rows
            ],
            "sign_ins": record.last_of(session, who.id),
            "has_password": session.get(AccountRow, who.id) is not None,
            "has_app": second_factor.is_kept(session, who.id),
            "passkeys": passkeys.passkeys_of(session, who.id),
        }

    values = found.database.read(read)
    page = render_template(
        "manager/account.html",
        problem=problem,
        has_passkeys=passkeys.site_of(found.config) is not None,
        name_max=passkeys.NAME_CHARS,
        **values,
    )
    return make_response(page, 200 if problem is None else 422)


def _app_page(refusal: Refusal | None = None) -> Response:
    found, now, who = services(), clock.now(), person().id
    secret = found.database.write(lambda session: second_factor.begin(session, found.key, who, now))
    address = second_factor.address_of(secret, who, viewer().district or "Valet")
    page = render_template(
        "manager/account_app.html", refusal=refusal, secret=secret, qr=qr_svg(address)
    )
    return make_response(page, 200 if refusal is None else refusal.status)


def _codes_page(codes: list[str]) -> Response:
    after = url_for("manager.account")
    return make_response(render_template("manager/recovery_codes.html", codes=codes, next=after))
