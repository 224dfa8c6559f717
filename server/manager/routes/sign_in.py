"""Signing in and out."""

from __future__ import annotations

from flask import make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from schemas.problems import Refusal
from server import clock
from server.accounts import check_password
from server.app import services
from server.manager.blueprint import blueprint, safe_path
from server.permissions import for_everybody
from server.sessions import close_session, give_cookie, open_session, take_cookie, token_of


@blueprint.get("/sign-in")
@for_everybody
def sign_in_form() -> str:
    """The form."""
    return render_template(
        "manager/sign_in.html", next=safe_path(request.args.get("next")), wrong=False
    )


@blueprint.post("/sign-in")
@for_everybody
def sign_in() -> Response:
    """Check the password and give a session, always a new one."""
    found, now = services(), clock.now()
    after = safe_path(request.form.get("next"))
    person_id = request.form.get("person", "").strip().lower()
    try:
        person = check_password(
            found.database, found.config, person_id, request.form.get("password", ""), now
        )
    except Refusal as refusal:
        page = render_template("manager/sign_in.html", next=after, wrong=True, typed=person_id)
        return make_response(page, refusal.status)
    old = token_of(request)

    def work(session: Session) -> str:
        close_session(session, old)
        return open_session(session, found.config, person.id, now)

    answer = make_response(redirect(after, 303))
    give_cookie(request, answer, found.database.write(work), found.config)
    return answer


@blueprint.post("/sign-out")
@for_everybody
def sign_out() -> Response:
    """End the session here and in the database."""
    token = token_of(request)
    services().database.write(lambda session: close_session(session, token))
    answer = make_response(redirect(url_for("manager.sign_in_form"), 303))
    take_cookie(request, answer)
    return answer
