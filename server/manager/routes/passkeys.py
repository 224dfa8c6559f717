"""Passkeys: one's own on one's account, and signing in with one. Scripts ask for what the browser
needs (`server/web/passkey.js`); what it answers comes as a form."""

from __future__ import annotations

import secrets
from typing import Any

from flask import jsonify, make_response, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from schemas.problems import Refusal
from server import clock
from server.accounts import check_password
from server.administration.record import Act
from server.app import services
from server.guarding import cookies
from server.manager.blueprint import blueprint, person, safe_path, viewer
from server.manager.routes.account import OWN, account_page
from server.manager.routes.sign_in import go_on, sign_in_page
from server.permissions import Permission, for_everybody, needs, only_own
from server.sessions import token_of
from server.sign_in import passkeys, steps
from server.sign_in.passkey_proofs import Site

_COOKIE = "valet-passkey"
_COOKIE_BYTES = 32


@blueprint.post("/account/passkeys/options")
@needs(Permission.OWN)
@only_own
def passkey_options() -> Response:
    """What a new passkey is to be like, for who knows the present password."""
    found, now, who, token = services(), clock.now(), person(), token_of(request)
    try:
        site = _site()
        check_password(found.database, found.config, who.id, request.form.get("password", ""), now)
        options = found.database.write(
            lambda session: passkeys.begin_making(
                session, found.config, found.key, site, who, token, now
            )
        )
    except Refusal as refusal:
        return _problem(refusal)
    return jsonify(options)


@blueprint.post("/account/passkeys")
@needs(Permission.OWN)
@only_own
def make_passkey() -> Response:
    """Keep the one that the device made, under the name that its owner gives it."""
    site, now, who, token = _site(), clock.now(), person(), token_of(request)
    name = " ".join(request.form.get("name", "").split())[: passkeys.NAME_CHARS]
    act, answer = Act(who.id, OWN, now), request.form.get("answer", "")
    name = name or viewer().t("manage.passkey.unnamed")
    is_kept = services().database.write(
        lambda session: passkeys.make(session, site, who, token, name, answer, act)
    )
    if not is_kept:
        return account_page(problem="manage.problem.bad_passkey")
    return redirect(url_for("manager.account", said="changed"), 303)


@blueprint.post("/account/passkeys/remove")
@needs(Permission.OWN)
@only_own
def remove_passkey() -> Response:
    """It opens nothing any more."""
    who, passkey_id = person(), request.form.get("passkey", "")
    act = Act(who.id, OWN, clock.now())

    def work(session: Session) -> None:
        passkeys.remove(session, who, passkey_id, act)

    services().database.write(work)
    return redirect(url_for("manager.account", said="changed"), 303)


@blueprint.post("/sign-in/passkey/options")
@for_everybody
def sign_in_passkey_options() -> Response:
    """What the device is to sign; a cookie binds it to this browser."""
    found, now, cookie = services(), clock.now(), secrets.token_urlsafe(_COOKIE_BYTES)
    try:
        site = _site()
    except Refusal as refusal:
        return _problem(refusal)
    options: dict[str, Any] = found.database.write(
        lambda session: passkeys.begin_sign_in(session, found.config, site, cookie, now)
    )
    answer = jsonify(options)
    cookies.give(request, answer, _COOKIE, cookie, found.config.sign_in_step_s)
    return answer


@blueprint.post("/sign-in/passkey")
@for_everybody
def sign_in_passkey() -> Response:
    """Check what it signed and give a session, always a new one."""
    found, after, now = services(), safe_path(request.form.get("next")), clock.now()
    origin = steps.origin_of(request, passkeys.BY_PASSKEY)
    cookie, answer = cookies.read(request, _COOKIE), request.form.get("answer", "")
    try:
        step = steps.with_passkey(found, _site(), token_of(request), cookie, answer, origin, now)
    except Refusal as refusal:
        page = sign_in_page(after, problem=f"manage.problem.{refusal.code}")
        return make_response(page, refusal.status)
    response = go_on(step, after)
    cookies.take_back(request, response, _COOKIE)
    return response


def _site() -> Site:
    """Raises `Refusal("bad_passkey")` where browsers know no passkeys."""
    site = passkeys.site_of(services().config)
    if site is None:
        raise Refusal("bad_passkey")
    return site


def _problem(refusal: Refusal) -> Response:
    words = viewer().t(f"manage.problem.{refusal.code}")
    return make_response(jsonify(problem=words), refusal.status)
