"""Signing in, by password and second factor or with the city's account, and signing out."""

from __future__ import annotations

import structlog
from flask import make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from schemas.problems import Refusal
from server import clock
from server.app import services
from server.driver.qr import qr_svg
from server.guarding import cookies
from server.manager.blueprint import blueprint, safe_path, viewer
from server.permissions import for_everybody
from server.sessions import (
    APP_LACKING,
    CODE_LACKING,
    OPEN,
    close_session,
    give_cookie,
    take_cookie,
    token_of,
)
from server.sign_in import city, record, second_factor, steps
from server.sign_in.city_people import person_of
from server.sign_in.passkeys import site_of

log = structlog.get_logger()
_CITY_COOKIE = "valet-city"
_PAGE_OF = {CODE_LACKING: "manager.ask_code", APP_LACKING: "manager.ask_app"}


@blueprint.get("/sign-in")
@for_everybody
def sign_in_form() -> str:
    """The form."""
    return sign_in_page(safe_path(request.args.get("next")))


@blueprint.post("/sign-in")
@for_everybody
def sign_in() -> Response:
    """Check the password and give a session, always a new one."""
    after = safe_path(request.form.get("next"))
    person_id = request.form.get("person", "").strip().lower()
    password = request.form.get("password", "")
    try:
        step = steps.with_password(
            services(),
            token_of(request),
            person_id,
            password,
            steps.origin_of(request, record.BY_PASSWORD),
            clock.now(),
        )
    except Refusal as refusal:
        page = sign_in_page(after, problem="manage.sign_in.wrong", typed=person_id)
        return make_response(page, refusal.status)
    return go_on(step, after)


@blueprint.get("/sign-in/code")
@for_everybody
def ask_code() -> Response:
    """The code of the authenticator app."""
    return _ask_code()


@blueprint.post("/sign-in/code")
@for_everybody
def take_code() -> Response:
    """Check it, or a recovery code."""
    after, now = safe_path(request.form.get("next")), clock.now()
    code, origin = request.form.get("code", "")[:40], steps.origin_of(request, second_factor.BY_APP)
    try:
        step = steps.with_code(services(), token_of(request), code, origin, now)
    except Refusal as refusal:
        return _ask_code(refusal)
    return go_on(step, after)


@blueprint.get("/sign-in/app")
@for_everybody
def ask_app() -> Response:
    """An authenticator app is to be set up first."""
    return _ask_app()


@blueprint.post("/sign-in/app")
@for_everybody
def take_app() -> Response:
    """It shows the right code: go on, with the recovery codes shown this once."""
    found, after, now = services(), safe_path(request.form.get("next")), clock.now()
    code, origin = request.form.get("code", "")[:40], steps.origin_of(request, second_factor.BY_APP)
    try:
        step, codes = steps.with_new_app(found, token_of(request), code, origin, now)
    except Refusal as refusal:
        return _ask_app(refusal)
    page = render_template("manager/recovery_codes.html", codes=codes, next=after)
    answer = make_response(page)
    give_cookie(request, answer, step.token, found.config)
    return answer


@blueprint.get("/sign-in/city")
@for_everybody
def leave_for_city() -> Response:
    """Send the browser to the city's own sign-in. A link, not a form: our policy lets forms go to
    ourselves only."""
    found, after = services(), safe_path(request.args.get("next"))
    if not found.config.city.is_on:
        return redirect(url_for("manager.sign_in_form"), 303)
    try:
        leaving = city.begin(found.database, found.config, _callback(), after, clock.now())
    except city.CityFault as fault:
        return _city_failed(fault, after)
    answer = make_response(redirect(leaving.url, 303))
    cookies.give(request, answer, _CITY_COOKIE, leaving.cookie, found.config.sign_in_step_s)
    return answer


@blueprint.get("/sign-in/city/back")
@for_everybody
def back_from_city() -> Response:
    """The browser comes back from the city with a code."""
    found, now = services(), clock.now()
    cookie = cookies.read(request, _CITY_COOKIE)
    if not found.config.city.is_on or not cookie:
        return redirect(url_for("manager.sign_in_form"), 303)
    try:
        arrived = city.finish(found.database, found.config, _callback(), cookie, request.args, now)
    except city.CityFault as fault:
        return _city_failed(fault, safe_path(None))
    except Refusal as refusal:
        page = sign_in_page(safe_path(None), problem="manage.sign_in.city_over")
        return make_response(page, refusal.status)
    claims, after = arrived.claims, safe_path(arrived.after)
    person_id = found.database.write(
        lambda session: person_of(session, found.config.city, claims, now)
    )
    if person_id is None:
        return make_response(sign_in_page(after, problem="manage.sign_in.city_nobody"), 403)
    origin = steps.origin_of(request, record.BY_CITY)
    step = steps.with_city_account(found, token_of(request), person_id, origin, now)
    answer = go_on(step, after)
    cookies.take_back(request, answer, _CITY_COOKIE)
    return answer


@blueprint.post("/sign-out")
@for_everybody
def sign_out() -> Response:
    """End the session here and in the database."""
    token = token_of(request)

    def work(session: Session) -> None:
        close_session(session, token)

    services().database.write(work)
    answer = make_response(redirect(url_for("manager.sign_in_form"), 303))
    take_cookie(request, answer)
    # Whatever this browser still has of our pages.
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


def sign_in_page(after: str, problem: str | None = None, typed: str = "") -> str:
    """The page of all ways in; `problem`: the key of what went wrong."""
    found = services().config
    return render_template(
        "manager/sign_in.html",
        next=after,
        problem=problem,
        typed=typed,
        city=found.city,
        has_passkeys=site_of(found) is not None,
    )


def go_on(step: steps.Step, after: str) -> Response:
    """On to the page that was asked for, or to the step that is lacking."""
    place = after if step.stage == OPEN else url_for(_PAGE_OF[step.stage], next=after)
    answer = make_response(redirect(place, 303))
    give_cookie(request, answer, step.token, services().config)
    return answer


def _ask_code(refusal: Refusal | None = None) -> Response:
    try:
        steps.at_step(services(), token_of(request), CODE_LACKING, clock.now())
    except Refusal:
        return redirect(url_for("manager.sign_in_form"), 303)
    after = safe_path(request.values.get("next"))
    page = render_template("manager/sign_in_code.html", next=after, refusal=refusal)
    return make_response(page, 200 if refusal is None else refusal.status)


def _ask_app(refusal: Refusal | None = None) -> Response:
    found, now = services(), clock.now()
    try:
        here = steps.at_step(found, token_of(request), APP_LACKING, now)
    except Refusal:
        return redirect(url_for("manager.sign_in_form"), 303)
    after, person_id = safe_path(request.values.get("next")), here.person.id
    secret = found.database.write(
        lambda session: second_factor.begin(session, found.key, person_id, now)
    )
    address = second_factor.address_of(secret, person_id, viewer().district or "Valet")
    page = render_template(
        "manager/sign_in_app.html", next=after, refusal=refusal, secret=secret, qr=qr_svg(address)
    )
    return make_response(page, 200 if refusal is None else refusal.status)


def _city_failed(fault: city.CityFault, after: str) -> Response:
    log.error("city_sign_in_failed", why=str(fault))
    return make_response(sign_in_page(after, problem="manage.sign_in.city_lost"), 503)


def _callback() -> str:
    return services().config.public_url.rstrip("/") + url_for("manager.back_from_city")
